"""Kinds of blocks, one file each: shapes, costs, operator key, ONNX emission."""
