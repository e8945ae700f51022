"""Labelled images, as the training knows them; they are read by `search/datasets/`."""

from __future__ import annotations

from search.datasets.labelled import Dataset, LabelledImages, check_fits, dataset_card
from search.datasets.read import read_dataset

__all__ = ["Dataset", "LabelledImages", "check_fits", "dataset_card", "read_dataset"]
