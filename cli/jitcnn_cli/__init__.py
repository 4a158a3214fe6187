"""The command line of jitcnn."""
