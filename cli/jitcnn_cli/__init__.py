"""Command-line interface of jitcnn."""
