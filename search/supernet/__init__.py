"""Trained weights of a space: the artefact, cutting sub-networks, ONNX export, evaluation, measurement plans."""
