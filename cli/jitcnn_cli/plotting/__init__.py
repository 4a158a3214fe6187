"""Subcommands of ``jitcnn plot``."""
