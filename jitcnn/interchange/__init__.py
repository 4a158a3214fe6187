"""Exchange of networks with other programs: ONNX, safetensors, Keras. The packages come with ``jitcnn[interchange]``."""
