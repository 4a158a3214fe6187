"""The kinds of picture that ``jitcnn plot`` draws."""
