"""How much a dataset may hold: what is beyond is an archive bomb, or would not fit into memory."""

from __future__ import annotations

from dataclasses import dataclass

MIB, GIB = 2**20, 2**30


@dataclass(frozen=True)
class Limits:
    """Bounds that honest datasets keep.

    Attributes:
        members: files and folders.
        file_bytes: of one file, unpacked; the largest that CIFAR's own archives have is 154 MB.
        unpacked_bytes: of everything in an archive.
        ratio: unpacked bytes for each byte of the archive, counted once `ratio_from_bytes` were unpacked. Images are
            packed already: a ratio of some hundred is no dataset.
        pixels: of one image.
        decoded_bytes: of all images together, in memory.
        classes: as many as a space may have.
    """

    members: int = 2_000_000
    file_bytes: int = 256 * MIB
    unpacked_bytes: int = 256 * GIB
    ratio: int = 200
    ratio_from_bytes: int = 256 * MIB
    pixels: int = 50_000_000
    decoded_bytes: int = 16 * GIB
    classes: int = 100_000

    def unpacked_fault(self, unpacked: int, packed: int) -> str | None:
        """Why so many unpacked bytes of an archive of `packed` bytes are too many; None where they are not."""
        if unpacked > self.unpacked_bytes:
            return f"holds more than {self.unpacked_bytes:,} bytes unpacked"
        if unpacked > self.ratio_from_bytes and unpacked > self.ratio * packed:
            return f"unpacks to more than {self.ratio} times its size, as no archive of images does"
        return None
