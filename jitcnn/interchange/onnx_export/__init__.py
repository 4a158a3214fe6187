"""The ONNX writer: nodes for each kind of layer, metadata, and the file."""
