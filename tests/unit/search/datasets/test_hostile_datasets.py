"""Archives that were damaged or made to harm: each is refused with a message, and none is extracted or followed."""

from __future__ import annotations

import io
import os
import stat
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from search.datasets import read as reading
from search.datasets.limits import Limits
from search.datasets.pixels import ImageFit
from search.datasets.read import read_dataset
from search.errors import DatasetError
from tests.unit.search.datasets.conftest import PACKERS, Pack, as_folder, as_tar, as_zip, image, numbered

GOOD = numbered({"train/cat": 4, "train/dog": 4, "test/cat": 1, "test/dog": 1})


def refused(path: Path, fit: ImageFit | None = None) -> str:
    with pytest.raises(DatasetError) as caught:
        read_dataset(path, held_out=2, seed=0, fit=fit)
    assert caught.value.path == str(path)
    return str(caught.value)


def limited(**limits: int) -> ImageFit:
    return ImageFit(limits=Limits(**limits))


@pytest.mark.parametrize("name", ["../evil.png", "train/../../evil.png", "/etc/evil.png", "C:/evil.png"])
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_paths_that_lead_out_of_an_archive(tmp_path: Path, kind: str, name: str) -> None:
    (tmp_path / "in").mkdir()
    message = refused(PACKERS[kind](tmp_path / "in" / "a", {**GOOD, name: image()}))
    assert f"{name} has a" in message
    assert "leads out of the archive" in message
    assert [path.name for path in tmp_path.rglob("*")] == ["in", "a"]


def test_a_link_in_a_zip(tmp_path: Path) -> None:
    path = as_zip(tmp_path / "a.zip", GOOD)
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("train/cat/link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/hostname")
    assert "train/cat/link.png is a link" in refused(path)


def test_links_and_pipes_in_a_folder(tmp_path: Path) -> None:
    path = as_folder(tmp_path / "d", GOOD)
    (path / "train" / "bird").symlink_to(path / "train" / "cat")
    os.mkfifo(path / "train" / "cat" / "pipe.png")
    message = refused(path)
    assert "train/bird is a link to a folder" in message
    assert "train/cat/pipe.png is a link to a folder or no file" in message


def test_a_linked_image_in_a_folder_is_read(tmp_path: Path) -> None:
    path = as_folder(tmp_path / "d", GOOD)
    (path / "train" / "cat" / "again.png").symlink_to(path / "train" / "cat" / "0.png")
    assert len(read_dataset(path, held_out=2, seed=0).train) == 7


def test_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    path = as_folder(tmp_path / "d", GOOD)
    (path / "train" / "cat" / "gone.png").symlink_to(path / "nowhere")
    assert "gone.png" in refused(path)


def test_a_name_that_comes_twice(tmp_path: Path) -> None:
    path = as_tar(tmp_path / "a.tar", GOOD)
    with tarfile.open(path, "a") as tar:
        member = tarfile.TarInfo("./train//cat/0.png")
        member.size = len(image())
        tar.addfile(member, io.BytesIO(image()))
    assert "train/cat/0.png comes twice" in refused(path)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (limited(members=9), "holds more than 9 files and folders"),
        (limited(decoded_bytes=300), "take more than 300 bytes of memory"),
        (limited(pixels=15), "has 4 x 4 pixels, more than 15"),
        (limited(classes=1), "has more than 1 classes"),
        (limited(file_bytes=40), "than 40 bytes"),
    ],
)
def test_more_than_a_dataset_may_hold(tmp_path: Path, pack: Pack, limits: ImageFit, words: str) -> None:
    assert words in refused(pack(tmp_path / "d", GOOD), limits)


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tar.xz", "zip"])
def test_a_file_that_unpacks_to_much_more_than_the_archive(tmp_path: Path, kind: str) -> None:
    path = PACKERS[kind](tmp_path / "a", {"train/zeros.txt": bytes(4_000_000), **GOOD})
    fit = limited(unpacked_bytes=1_000_000)
    assert "holds more than 1,000,000 bytes unpacked" in refused(path, fit)
    if kind != "tar":
        assert "200 times its size" in refused(path, limited(ratio_from_bytes=1_000_000))


def test_a_header_that_claims_more_than_there_is_takes_no_memory(tmp_path: Path) -> None:
    """A pax header is read as a whole before it is understood."""
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 10**11
    path = tmp_path / "a.tar"
    path.write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(2048))
    assert "holds a part of more than" in refused(path)


def test_an_image_that_says_it_is_huge_is_not_decoded(tmp_path: Path) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        message = refused(as_tar(tmp_path / "a", {**GOOD, "train/cat/bomb.png": bomb}))
    assert "train/cat/bomb.png" in message


@pytest.mark.parametrize(
    ("beginning", "kind"), [(b"\x28\xb5\x2f\xfd", "zstd"), (b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!\x1a\x07", "RAR")]
)
def test_archives_of_other_kinds_are_named(tmp_path: Path, beginning: bytes, kind: str) -> None:
    (tmp_path / "a").write_bytes(beginning + bytes(600))
    assert f"is a {kind} archive" in refused(tmp_path / "a")


def test_an_encrypted_zip(tmp_path: Path) -> None:
    path = as_zip(tmp_path / "a.zip", GOOD)
    content = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        place = content.find(magic)
        while place >= 0:
            content[place + offset] |= 1
            place = content.find(magic, place + 4)
    path.write_bytes(content)
    assert "train/cat/0.png is encrypted" in refused(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_compressed_in_another_way(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        for name, content in GOOD.items():
            archive.writestr(name, content)
    assert "use deflate or store" in refused(tmp_path / "a.zip")


def test_what_cannot_be_read_at_all(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    assert "neither a folder nor a file" in refused(tmp_path / "pipe")


def test_names_cannot_steer_a_terminal(tmp_path: Path) -> None:
    message = refused(as_tar(tmp_path / "a", {**GOOD, "train/cat/\x1b[2J\n.png": b"bad"}))
    assert "\x1b" not in message
    assert "train/cat/?[2J?.png is no image" in message


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    path = as_tar(tmp_path / "a", GOOD)
    with tarfile.open(path, "a", errors="surrogateescape") as tar:
        member = tarfile.TarInfo("train/cat/\udcff.png")
        tar.addfile(member, io.BytesIO())
    assert "has a name that is not UTF-8" in refused(path)


def test_a_plain_tar_without_its_end_mark_is_taken_for_cut_off(tmp_path: Path) -> None:
    path = as_tar(tmp_path / "a", GOOD)
    whole = path.read_bytes().rstrip(b"\0")
    path.write_bytes(whole + bytes(-len(whole) % 512))
    assert "damaged or incomplete" in refused(path)


def survives(path: Path) -> None:
    """Whatever comes, it is a dataset or a `DatasetError`, and no warning."""
    with suppress(DatasetError):
        read_dataset(path, held_out=2, seed=0, fit=limited(file_bytes=2**20, unpacked_bytes=2**22))


ARCHIVES = ("tar", "tar.gz", "tar.xz", "zip")


@pytest.mark.parametrize("kind", ARCHIVES)
def test_a_truncated_archive_never_passes(tmp_path: Path, kind: str) -> None:
    path = PACKERS[kind](tmp_path / "a", GOOD)
    whole = path.read_bytes()
    needed = len(whole.rstrip(b"\0")) if kind == "tar" else len(whole)
    for size in np.linspace(0, needed - 1, 60).astype(int).tolist():
        path.write_bytes(whole[:size])
        refused(path)


@pytest.mark.parametrize("kind", ARCHIVES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=6))
def test_flipped_bytes_never_pass_as_another_error(tmp_path: Path, kind: str, flips: list[tuple[float, int]]) -> None:
    path = PACKERS[kind](tmp_path / "a", GOOD)
    content = bytearray(path.read_bytes())
    for place, mask in flips:
        content[int(place * len(content))] ^= mask
    path.write_bytes(content)
    survives(path)


def made(kind: str) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, kind)
    return buffer.getvalue()


IMAGES = {kind: made(kind) for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")}


@pytest.mark.parametrize("kind", IMAGES)
@settings(max_examples=60, deadline=None)
@given(
    place=st.floats(0, 1, exclude_max=True), mask=st.integers(0, 255), cut=st.floats(0.3, 1), more=st.binary(max_size=8)
)
def test_damaged_images_are_images_or_faults(kind: str, place: float, mask: int, cut: float, more: bytes) -> None:
    content = bytearray(IMAGES[kind])
    content[int(place * len(content))] ^= mask
    damaged = bytes(content[: int(cut * len(content))]) + more
    with suppress(reading.ImageFaultError):
        pixels = reading.decode(damaged, limited(pixels=10_000))
        assert (len(pixels), pixels.dtype) == (3, np.uint8)


@pytest.mark.parametrize("cut", [lambda content: b"", lambda content: content[: len(content) // 2]])
@pytest.mark.parametrize("kind", IMAGES)
def test_a_truncated_image_is_named(tmp_path: Path, kind: str, cut: Callable[[bytes], bytes]) -> None:
    name = f"train/cat/cut.{kind.lower()}"
    files = {**GOOD, name: cut(IMAGES[kind])}
    assert f"{name} " in refused(as_tar(tmp_path / "a", files))
