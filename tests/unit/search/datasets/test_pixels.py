"""Pixels of image files: colours, depths, sizes."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from search.datasets.pixels import ImageFaultError, ImageFit, decode
from search.datasets.read import read_dataset
from search.errors import DatasetError
from tests.unit.search.datasets.conftest import as_tar, image, numbered


def png(made: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    made.save(buffer, "PNG", **options)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    pixels = decode(png(Image.new("RGB", (3, 2), (255, 255, 255)).convert(mode)), ImageFit())
    assert pixels.shape == (3, 2, 3)
    assert (pixels == 255).all()


def test_transparency_of_a_palette_is_dropped_without_a_warning() -> None:
    palette = Image.new("P", (2, 2), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    pixels = decode(png(palette, transparency=b"\x00\x80"), ImageFit())
    assert pixels[:, 0, 0].tolist() == [10, 20, 30]


def test_sixteen_bits_become_eight() -> None:
    wide = Image.fromarray(np.array([[0, 256 * 7, 65535]], dtype=np.uint16))
    assert decode(png(wide), ImageFit())[0, 0].tolist() == [0, 7, 255]


def test_floating_point_pixels_are_refused() -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((2, 2), dtype=np.float32)).save(buffer, "TIFF")
    with pytest.raises(ImageFaultError, match="floating-point"):
        decode(buffer.getvalue(), ImageFit())


def test_a_photograph_is_turned_as_its_camera_says() -> None:
    picture = Image.new("RGB", (4, 2), (0, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", exif=exif)
    assert decode(buffer.getvalue(), ImageFit()).shape == (3, 4, 2)


def test_a_space_of_one_channel_gets_grey_images() -> None:
    assert decode(image((50, 50, 50)), ImageFit((1, 4, 4))).tolist() == [[[50] * 4] * 4]


def striped(width: int, height: int) -> Image.Image:
    """Black with a white square in the middle, half as high."""
    made = Image.new("RGB", (width, height))
    side = height // 2
    made.paste((255, 255, 255), ((width - side) // 2, side // 2, (width + side) // 2, side // 2 + side))
    return made


@pytest.mark.parametrize(("width", "height"), [(64, 32), (320, 64), (16, 16), (2000, 1000)])
def test_an_image_is_scaled_and_cut_around_its_centre(width: int, height: int) -> None:
    pixels = decode(png(striped(width, height)), ImageFit((3, 32, 32), resize=True))
    assert pixels.shape == (3, 32, 32)
    assert pixels[:, 12:20, 12:20].min() > 200
    assert pixels[:, :4].max() < 60
    assert pixels[:, :, :4].max() < 60


def test_an_image_of_the_right_size_is_not_touched() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    pixels = decode(png(Image.fromarray(noise)), ImageFit((3, 8, 8), resize=True))
    assert np.array_equal(pixels.transpose(1, 2, 0), noise)


@pytest.mark.parametrize(
    ("odd", "shape", "words"),
    [
        ({"dog/odd.png": image(size=(5, 4))}, None, "different sizes (height x width: 4 x 4 (8), 4 x 5 (1))"),
        ({}, (3, 8, 8), "its images are 4 x 4, and 8 x 8 are needed"),
    ],
)
def test_other_sizes_are_refused_with_the_option_that_helps(
    tmp_path: Path, odd: dict[str, bytes], shape: tuple[int, int, int] | None, words: str
) -> None:
    path = as_tar(tmp_path / "a", {**numbered({"cat": 4, "dog": 4}), **odd})
    with pytest.raises(DatasetError) as caught:
        read_dataset(path, held_out=1, seed=0, fit=ImageFit(shape))
    assert words in str(caught.value)
    assert "--resize" in str(caught.value)
    fit = ImageFit(shape or (3, 4, 4), resize=True)
    dataset = read_dataset(path, held_out=1, seed=0, fit=fit)
    assert dataset.train.images.shape[1:] == fit.shape


def test_a_space_of_other_channels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="1 or 3 channels, and 4"):
        read_dataset(
            as_tar(tmp_path / "a", numbered({"cat": 4, "dog": 4})), held_out=1, seed=0, fit=ImageFit((4, 4, 4))
        )
