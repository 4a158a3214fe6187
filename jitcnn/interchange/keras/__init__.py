"""The Keras reader: its files, their configuration and arrays, and a function for each kind of layer."""
