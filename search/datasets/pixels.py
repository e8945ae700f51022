"""From the bytes of an image file to pixels `(channels, height, width)` in uint8.

Palette and grey images become RGB (or grey, for one channel), transparency is dropped, 16 bits become 8, photographs
are turned as their camera says. Of several frames the first is taken.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from latency_tables import Shape
from search.datasets.limits import Limits

Pixels = npt.NDArray[np.uint8]
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Pillow knows more; each is one more decoder for a stranger's bytes."""
_MODES = {1: "L", 3: "RGB"}
_UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RuntimeError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
    Warning,
    Image.DecompressionBombError,
)
"""What Pillow's decoders raise for damaged files."""


class ImageFaultError(Exception):
    """An image that cannot be used, and why; only `read.py` sees it."""


@dataclass(frozen=True)
class ImageFit:
    """How the images of a dataset must look.

    Attributes:
        shape: `(channels, size, size)`; None for RGB of whatever size all images have.
        resize: scale images of another size until they cover `shape`, and cut out their centre.
        limits: what is too large.
    """

    shape: Shape | None = None
    resize: bool = False
    limits: Limits = field(default_factory=Limits)

    @property
    def channels(self) -> int:
        """1 or 3."""
        return 3 if self.shape is None else self.shape[0]


def decode(content: bytes, fit: ImageFit) -> Pixels:
    """The pixels of an image file; of another size than `fit.shape` where the image is and `fit.resize` is not set.

    Raises:
        ImageFaultError: it cannot be read, or is too large.
    """
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            width, height = image.size
            if width * height > fit.limits.pixels:
                raise ImageFaultError(f"has {width} x {height} pixels, more than {fit.limits.pixels:,}")
            return _fitted(image, fit)
    except _UNREADABLE as error:
        raise ImageFaultError(f"is no image that can be read: {_words(error)}") from error


def fit_pixels(pixels: Pixels, fit: ImageFit) -> Pixels:
    """RGB pixels `(3, h, w)` in the channels of `fit`, resized where it says so."""
    if fit.channels == len(pixels) and (not fit.resize or pixels.shape == fit.shape):
        return pixels
    return _fitted(Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))), fit)


def _words(error: BaseException) -> str:
    first = (str(error) or type(error).__name__).splitlines()[0]
    # Pillow's own words for an unknown format hold the address of a buffer.
    return "not a known format" if "cannot identify" in first else first[:100]


def _fitted(image: Image.Image, fit: ImageFit) -> Pixels:
    mode = _MODES[fit.channels]
    if fit.resize and fit.shape is not None:
        # JPEG can be decoded at an eighth of its size: photographs take a tenth of the time.
        image.draft(mode, (2 * fit.shape[2], 2 * fit.shape[1]))
    upright = ImageOps.exif_transpose(image) if "exif" in image.info else image
    plain = _converted(upright, mode)
    if fit.resize and fit.shape is not None and plain.size != (fit.shape[2], fit.shape[1]):
        plain = ImageOps.fit(plain, (fit.shape[2], fit.shape[1]), method=Image.Resampling.BICUBIC)
    pixels = np.asarray(plain, dtype=np.uint8)
    return pixels[None] if fit.channels == 1 else pixels.transpose(2, 0, 1)


def _converted(image: Image.Image, mode: str) -> Image.Image:
    if image.mode == "F":
        raise ValueError("floating-point pixels")
    if image.mode.startswith("I"):
        wide = np.asarray(image).astype(np.int64)
        # 16 bits per pixel: Pillow would cut everything above 255 to white.
        image = Image.fromarray(np.clip(wide >> 8, 0, 255).astype(np.uint8))
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert(mode)
