"""Labelled images from folders and archives, for training and for evaluating networks. No torch here."""
