"""A prediction service: an ONNX model behind TensorFlow Serving's REST contract, and a page (README.md)."""
