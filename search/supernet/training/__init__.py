"""Training of supernets in PyTorch (extra `train`): the only place that imports torch."""
