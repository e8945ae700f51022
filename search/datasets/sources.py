"""What a dataset is read from: a folder, a tar archive (plain, gz, bz2 or xz) or a zip archive, file by file.

Nothing is extracted to disk. Links and devices are refused: a dataset is folders and files.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from search.datasets.faults import Faults
from search.datasets.forward import ArchiveLimitError, ForwardReader
from search.datasets.limits import Limits
from search.datasets.names import Parts, is_ignored, to_parts

_OPENERS: dict[bytes, Callable[[BinaryIO], object]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OTHERS = {b"\x28\xb5\x2f\xfd": "zstd", b"7z\xbc\xaf": "7z", b"Rar!": "RAR"}
_EMPTY_BLOCK = b"\0" * 512


@dataclass(frozen=True)
class Entry:
    """A file of a dataset, or a folder (`read` is None); `fraction` of the dataset has been read when it comes.

    `read` is called at once or not at all.
    """

    parts: Parts
    read: Callable[[], bytes] | None
    fraction: float


def entries(path: Path, limits: Limits, faults: Faults) -> Iterator[Entry]:
    """The folders and files of a dataset, hidden ones left out; what is neither becomes a fault.

    A folder's come sorted by name, an archive's in its own order.

    Raises:
        DatasetError: it is of a kind that cannot be read.
        ArchiveLimitError: it holds more than `limits`.
        OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, ValueError, RuntimeError:
            it is not there or damaged.
    """
    for number, entry in enumerate(_raw_entries(path, limits, faults)):
        if number >= limits.members:
            raise ArchiveLimitError(f"holds more than {limits.members:,} files and folders")
        if entry.parts and not is_ignored(entry.parts):
            yield entry


def _raw_entries(path: Path, limits: Limits, faults: Faults) -> Iterator[Entry]:
    if path.is_dir():
        yield from _folder(path, limits, faults)
        return
    if not stat.S_ISREG(path.stat().st_mode):
        raise faults.fatal("is neither a folder nor a file")
    with path.open("rb") as file:
        beginning = file.read(8)
        other = next((name for magic, name in _OTHERS.items() if beginning.startswith(magic)), None)
        if other is not None:
            raise faults.fatal(f"is a {other} archive, which is not read; pack it as .tar, .tar.gz, .tar.xz or .zip")
        file.seek(0)
        reader = _zip if beginning.startswith(_ZIP) else _tar
        yield from reader(file, limits, faults)


def _parts(name: str, faults: Faults) -> Parts:
    """The path, or none for one that is refused."""
    try:
        return to_parts(name)
    except ValueError as error:
        faults.add(str(error), name)
        return ()


def _folder(path: Path, limits: Limits, faults: Faults) -> Iterator[Entry]:
    found = sorted(_walk(path, limits, faults), key=lambda item: item[0])
    for number, (parts, file) in enumerate(found):
        read = None if file is None else _file_reader(file, limits)
        yield Entry(parts, read, number / len(found))


def _walk(path: Path, limits: Limits, faults: Faults) -> Iterator[tuple[Parts, Path | None]]:
    seen = 0
    for folder, folders, files in os.walk(path, onerror=_raise):
        seen += len(folders) + len(files)
        if seen > limits.members:
            raise ArchiveLimitError(f"holds more than {limits.members:,} files and folders")
        here = Path(folder)
        folders[:] = [name for name in folders if not is_ignored((name,))]
        for name in (*folders, *files):
            place = here / name
            parts = _parts(place.relative_to(path).as_posix(), faults)
            if is_ignored(parts):
                continue
            mode = place.stat().st_mode
            if stat.S_ISREG(mode):
                yield parts, place
            elif stat.S_ISDIR(mode) and not place.is_symlink():
                yield parts, None
            else:
                faults.add("is a link to a folder or no file: a dataset holds folders and files", parts)


def _raise(error: OSError) -> None:
    raise error


def _file_reader(file: Path, limits: Limits) -> Callable[[], bytes]:
    def read() -> bytes:
        with file.open("rb") as opened:
            return _within(opened.read(limits.file_bytes + 1), limits)

    return read


def _within(content: bytes, limits: Limits) -> bytes:
    if len(content) > limits.file_bytes:
        raise ArchiveLimitError(f"holds a file of more than {limits.file_bytes:,} bytes")
    return content


def _tar(file: BinaryIO, limits: Limits, faults: Faults) -> Iterator[Entry]:
    packed = os.fstat(file.fileno()).st_size
    beginning = file.read(8)
    file.seek(0)
    opener = next((opener for magic, opener in _OPENERS.items() if beginning.startswith(magic)), None)
    stream = file if opener is None else cast("BinaryIO", opener(file))
    reader = ForwardReader(stream, packed, limits)
    with tarfile.open(fileobj=cast("BinaryIO", reader), mode="r:") as tar:
        while (member := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined]  # tarfile keeps every member; its stubs lack the list
            parts = _parts(member.name, faults)
            if member.isfile() and not member.issparse():
                yield Entry(parts, _tar_reader(reader, member), min(1.0, file.tell() / max(1, packed)))
            elif member.isdir():
                yield Entry(parts, None, min(1.0, file.tell() / max(1, packed)))
            elif not is_ignored(parts):
                faults.add("is a link, a device or a sparse file: a dataset holds folders and files", parts)
        # tarfile takes a damaged header for the end: only a block of zeros is one.
        if reader.last_block() != _EMPTY_BLOCK:
            raise tarfile.ReadError("it ends in the middle, or is damaged there")
        reader.drain()


def _tar_reader(reader: ForwardReader, member: tarfile.TarInfo) -> Callable[[], bytes]:
    def read() -> bytes:
        reader.seek(member.offset_data)
        content = reader.read(member.size)
        if len(content) < member.size:
            raise EOFError("it ends in the middle of a file")
        return content

    return read


def _zip(file: BinaryIO, limits: Limits, faults: Faults) -> Iterator[Entry]:
    packed = os.fstat(file.fileno()).st_size
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        fault = limits.unpacked_fault(sum(member.file_size for member in members), packed)
        if fault is not None:
            raise ArchiveLimitError(fault)
        for number, member in enumerate(members):
            # Some Windows programs write their own separator.
            parts = _parts(member.filename.replace("\\", "/"), faults)
            refused = None if is_ignored(parts) else _zip_fault(member, limits)
            if refused is not None:
                faults.add(refused, parts)
                continue
            read = None if member.is_dir() else _zip_reader(archive, member, limits)
            yield Entry(parts, read, number / len(members))


def _zip_fault(member: zipfile.ZipInfo, limits: Limits) -> str | None:
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        return "is a link or a device: a dataset holds folders and files"
    if member.flag_bits & 1:
        return "is encrypted"
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        return "is compressed in a way that is not read; use deflate or store"
    if member.file_size > limits.file_bytes:
        return f"holds more than {limits.file_bytes:,} bytes"
    return None


def _zip_reader(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limits: Limits) -> Callable[[], bytes]:
    def read() -> bytes:
        with archive.open(member) as opened:
            return _within(opened.read(limits.file_bytes + 1), limits)

    return read
