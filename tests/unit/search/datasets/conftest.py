"""Small datasets as files by name, and the same in each kind of archive."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from PIL import Image

Files = Mapping[str, bytes]
Pack = Callable[[Path, Files], Path]


def image(color: tuple[int, int, int] = (200, 0, 9), size: tuple[int, int] = (4, 4), kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, kind)
    return buffer.getvalue()


def numbered(folders: Mapping[str, int]) -> dict[str, bytes]:
    """So many images in each folder; those of cats are red, all others green, the third channel numbers them."""
    files = {}
    for folder, count in folders.items():
        for number in range(count):
            first, second = (200, 0) if folder.endswith("cat") else (0, 200)
            files[f"{folder}/{number}.png"] = image((first, second, number))
    return files


def as_folder(path: Path, files: Files) -> Path:
    path.mkdir(exist_ok=True)
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def as_tar(path: Path, files: Files, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def as_zip(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


PACKERS: dict[str, Pack] = {
    "folder": as_folder,
    "tar": as_tar,
    "tar.gz": lambda path, files: as_tar(path, files, "w:gz"),
    "tar.xz": lambda path, files: as_tar(path, files, "w:xz"),
    "zip": as_zip,
}


@pytest.fixture(params=PACKERS)
def pack(request: pytest.FixtureRequest) -> Pack:
    return PACKERS[request.param]
