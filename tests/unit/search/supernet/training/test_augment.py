"""Augmentation: shifted and mirrored images, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from search.supernet.training.loop import augment, to_input

SHIFT = 4


def variants(image: np.ndarray) -> set[bytes]:
    """Every shift by up to 4 pixels of an image and of its mirror image."""
    size = image.shape[-1]
    found = set()
    for source in (image, image[:, :, ::-1]):
        padded = np.pad(source, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)))
        places = [(down, right) for down in range(2 * SHIFT + 1) for right in range(2 * SHIFT + 1)]
        found |= {padded[:, down : down + size, right : right + size].tobytes() for down, right in places}
    return found


@settings(max_examples=15, deadline=None)
@given(n=st.integers(0, 4), size=st.integers(1, 12), seed=st.integers(0, 2**32))
def test_images_are_only_shifted_and_mirrored(n: int, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, 3, size, size), dtype=np.uint8)
    before = images.copy()
    augmented = augment(images, rng.random(n) < 0.5, rng)
    assert (augmented.shape, augmented.dtype) == (images.shape, np.uint8)
    assert all(new.tobytes() in variants(old) for old, new in zip(images, augmented, strict=True))
    assert np.array_equal(images, before)


def test_every_shift_and_mirror_comes_up() -> None:
    image = np.random.default_rng(1).integers(1, 256, (3, 10, 10), dtype=np.uint8)
    augmented = augment(np.broadcast_to(image, (4000, 3, 10, 10)), np.arange(4000) % 2 == 0, np.random.default_rng(2))
    assert {new.tobytes() for new in augmented} == variants(image)


def test_images_of_a_batch_are_shifted_each_on_its_own() -> None:
    images = np.broadcast_to(np.random.default_rng(1).integers(0, 256, (3, 8, 8), dtype=np.uint8), (20, 3, 8, 8))
    assert len({new.tobytes() for new in augment(images, np.zeros(20, dtype=bool), np.random.default_rng(3))}) > 10


def test_only_the_images_named_are_mirrored() -> None:
    image = np.tile(np.arange(12, dtype=np.uint8), (3, 12, 1)) + 1
    images = np.broadcast_to(image, (40, 3, 12, 12))
    mirrored = np.arange(40) < 15
    rising = [bool((np.diff(row[row > 0].astype(int)) > 0).all()) for row in augment(
        images, mirrored, np.random.default_rng(0))[:, 0, 6]]  # fmt: skip
    assert rising == (~mirrored).tolist()


def test_the_same_generator_gives_the_same_images() -> None:
    images = np.random.default_rng(0).integers(0, 256, (9, 3, 8, 8), dtype=np.uint8)
    first, second, other = (augment(images, np.zeros(9, dtype=bool), np.random.default_rng(seed)) for seed in (7, 7, 8))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_an_input_is_float_in_0_to_1() -> None:
    pixels = torch.tensor([0, 51, 255], dtype=torch.uint8).reshape(1, 3, 1, 1)
    found = to_input(pixels)
    assert found.dtype == torch.float32
    assert found.flatten().tolist() == pytest.approx([0.0, 0.2, 1.0])
