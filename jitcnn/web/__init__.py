"""What a browser shows: the page of ``jitcnn play`` and the report of ``jitcnn report``."""
