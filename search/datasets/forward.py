"""ForwardReader: a decompressed archive as tarfile reads it, with limits on what comes out of it.

Compressed streams cannot go back but by starting again, and tarfile goes back by one byte at each member: the last
block is kept for that.
"""

from __future__ import annotations

from typing import BinaryIO

from search.datasets.limits import MIB, Limits

_KEPT = 512
"""A block of a tar archive."""
_STEP = MIB


class ArchiveLimitError(Exception):
    """An archive holds more than its reader takes; only `read.py` sees it."""


class ForwardReader:
    """What tarfile needs of a file: `read`, `seek`, `tell`."""

    def __init__(self, stream: BinaryIO, packed_bytes: int, limits: Limits) -> None:
        self._stream = stream
        self._packed_bytes = packed_bytes
        self._limits = limits
        self._position = 0
        self._end = 0
        self._tail = b""

    def tell(self) -> int:
        """Where the next byte comes from, unpacked."""
        return self._position

    def read(self, size: int = -1) -> bytes:
        """The next bytes, fewer at the end.

        Raises:
            ArchiveLimitError: more is asked for, or comes out, than an honest archive holds.
        """
        if not 0 <= size <= self._limits.file_bytes:
            raise ArchiveLimitError(f"holds a part of more than {self._limits.file_bytes:,} bytes")
        back = self._end - self._position
        again = self._tail[len(self._tail) - back :][:size] if back else b""
        content = again + self._pull(size - len(again))
        self._position += len(content)
        return content

    def seek(self, position: int) -> None:
        """Go forwards, or back within the last block; beyond the end it stays there.

        Raises:
            OSError: further back.
            ArchiveLimitError: as `read`.
        """
        if position < self._end - len(self._tail):
            raise OSError("the archive's parts overlap")
        while self._end < position and self._pull(min(_STEP, position - self._end)):
            pass
        self._position = min(position, self._end)

    def last_block(self) -> bytes:
        """The last 512 bytes that were read."""
        return self._tail

    def drain(self) -> None:
        """Read to the end, which is where compressed streams keep their checksums."""
        while self._pull(_STEP):
            pass

    def _pull(self, size: int) -> bytes:
        content = self._stream.read(size) if size else b""
        self._end += len(content)
        self._tail = content[-_KEPT:] if len(content) >= _KEPT else (self._tail + content)[-_KEPT:]
        fault = self._limits.unpacked_fault(self._end, self._packed_bytes)
        if fault is not None:
            raise ArchiveLimitError(fault)
        return content
