"""Table files: what is written comes back, and nothing damaged comes in."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from latency_tables import (
    Honesty,
    LatencyTable,
    OperatorKey,
    TableFileError,
    Uncertainty,
    format_table,
    parse_table,
    read_table,
    shipped_tables,
    write_table,
)
from latency_tables.files import LARGEST_BYTES

ROW = "skip in=16x32x32 out=24x32x32 stride=1"
HONESTY = Honesty(2, 0.02, 0.9, 1.0, 0.95, 0.9, 0.01, 1.0, 0.97, (1.0, 2.0), (1.1, 2.1))


def sealed(content: dict[str, Any]) -> bytes:
    """A file whose sha256 is right, whatever is in it: what a careful but wrong program would write."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return json.dumps({"format": "lutnas-latency-table/2", "sha256": sha256, "table": content}).encode()


def changed(table: LatencyTable, **fields: Any) -> bytes:
    return sealed(table.content() | fields)


def refusal(data: bytes) -> str:
    with pytest.raises(TableFileError) as caught:
        parse_table(data, "board.json")
    assert "board.json" in str(caught.value)
    assert len(str(caught.value)) < 3000
    return caught.value.reason


@pytest.mark.parametrize("honesty", [None, HONESTY, dataclasses.replace(HONESTY, kendall_tau=None)])
@pytest.mark.parametrize("uncertain", [False, True])
def test_a_written_table_is_read_back_equal(
    table: LatencyTable, tmp_path: Path, honesty: Honesty | None, *, uncertain: bool
) -> None:
    factor = tuple((0.1, -0.25) for _ in range(1 + len(table.operator_ms)))
    uncertainty = Uncertainty(factor, 0.02, 1.7) if uncertain else None
    (first,), (last,) = table.operators, table.covers
    beside = {(first, last): -0.5, (last, last): 0.25} if uncertain else {}
    written = dataclasses.replace(table, honesty=honesty, uncertainty=uncertainty, neighbour_ms=beside)
    write_table(written, tmp_path / "new" / "board.json")
    assert read_table(tmp_path / "new" / "board.json") == written


def test_equal_tables_are_equal_files(table: LatencyTable, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_table(table, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_writing_replaces_the_old_file_and_leaves_nothing_else(table: LatencyTable, tmp_path: Path) -> None:
    path = tmp_path / "board.json"
    path.write_text("old")
    write_table(table, path)
    assert os.listdir(tmp_path) == ["board.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_failing_write_leaves_the_old_file(
    table: LatencyTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "board.json"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TableFileError, match="cannot be written: No space left on device"):
        write_table(table, path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["board.json"]


def test_a_table_that_breaks_the_format_is_not_written(table: LatencyTable, tmp_path: Path) -> None:
    with pytest.raises(TableFileError, match="fixed_ms"):
        write_table(dataclasses.replace(table, fixed_ms=-1.0), tmp_path / "board.json")
    with pytest.raises(TableFileError, match="NaN or infinite"):
        write_table(dataclasses.replace(table, fixed_ms=float("nan")), tmp_path / "board.json")
    assert os.listdir(tmp_path) == []


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(TableFileError, match=r"absent.json: cannot be read: No such file"):
        read_table(tmp_path / "absent.json")
    with pytest.raises(TableFileError, match="cannot be read: Is a directory"):
        read_table(tmp_path)


def test_every_truncation_is_refused(table: LatencyTable) -> None:
    data = format_table(table).encode()
    for length in range(0, len(data.rstrip()), 7):
        assert refusal(data[:length])


def test_every_flipped_byte_in_a_number_or_text_is_refused_or_harmless(table: LatencyTable) -> None:
    data = format_table(table).encode()
    for position in range(len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 0x01
        try:
            survived = parse_table(bytes(flipped), "board.json")
        except TableFileError:
            continue
        assert survived == table, position  # only space between values may change unnoticed


def test_a_wrong_sha256_shows_both_hashes(table: LatencyTable) -> None:
    data = format_table(table).replace('"fixed_ms": 1.5', '"fixed_ms": 1.6').encode()
    actual = dataclasses.replace(table, fixed_ms=1.6).sha256
    reason = refusal(data)
    assert "damaged" in reason
    assert table.sha256 in reason
    assert actual in reason


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_none_are_refused(table: LatencyTable, number: str) -> None:
    assert number in refusal(format_table(table).replace("2.0", number).encode())


def test_a_number_beyond_float_is_refused(table: LatencyTable) -> None:
    assert "out of range" in refusal(format_table(table).replace("2.0", "1e999").encode())


def test_a_number_of_5000_digits_is_refused(table: LatencyTable) -> None:
    assert "not a JSON file" in refusal(format_table(table).replace("2.0", "9" * 5000).encode())


@pytest.mark.parametrize("ms", [-0.001, 600_001.0, "2.0", None, True, [2.0]])
def test_a_latency_must_be_a_plausible_number(table: LatencyTable, ms: object) -> None:
    assert refusal(changed(table, operator_ms={ROW: ms})).startswith(f"table.operator_ms.{ROW}")


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"hello", b"[1]", b"null", b"[" * 100_000, b"\xef\xbb\xbf{}"])
def test_what_is_not_a_json_object_is_refused(data: bytes) -> None:
    assert refusal(data).startswith("is not a JSON file")


@pytest.mark.parametrize("version", ['"lutnas-latency-table/1"', "null", "7", '"' + "x" * 9999 + '"'])
def test_another_format_is_refused(table: LatencyTable, version: str) -> None:
    data = format_table(table).replace('"lutnas-latency-table/2"', version).encode()
    assert "this version reads 'lutnas-latency-table/2'" in refusal(data)


@pytest.mark.parametrize("content", [{}, {"table": []}, {"table": None}, {"table": {}}])
def test_a_file_without_a_table_is_refused(content: dict[str, Any]) -> None:
    assert refusal(json.dumps({"format": "lutnas-latency-table/2", **content}).encode())


def test_a_name_twice_is_refused(table: LatencyTable) -> None:
    row = f'"{ROW}": 2.0'
    assert "appears twice" in refusal(format_table(table).replace(row, f"{row}, {row}").encode())


@pytest.mark.parametrize("text", ["", "skip", "skip in=1x1 out=1x1x1", "Skip in=1x1x1 out=1x1x1", "x" * 5000])
def test_a_text_that_is_no_operator_key_is_refused(table: LatencyTable, text: str) -> None:
    assert "is not an operator key" in refusal(changed(table, operator_ms={text: 1.0}))


def test_unknown_and_missing_fields_are_all_named(table: LatencyTable) -> None:
    content = table.content() | {"extra": 1}
    del content["fixed_ms"]
    reason = refusal(sealed(content))
    assert "table.extra" in reason
    assert "table.fixed_ms" in reason


@pytest.mark.parametrize("name", ["", "../x", "Pi", "a/b", "a" * 65, ".hidden", "a\n", "a\u202eb"])
def test_names_must_be_safe(table: LatencyTable, name: str) -> None:
    assert "table.device" in refusal(changed(table, device=name))


def test_an_operator_cannot_be_covered_and_a_row(table: LatencyTable) -> None:
    assert "covers lists" in refusal(changed(table, covers=[ROW]))
    assert "covers lists" in refusal(changed(table, covers=["a in=1x1x1 out=1x1x1"] * 2))


def test_a_table_without_rows_is_refused(table: LatencyTable) -> None:
    assert "operator_ms" in refusal(changed(table, operator_ms={}))


def test_provenance_must_be_of_the_same_device(table: LatencyTable) -> None:
    assert "provenance.device is 'my-board'" in refusal(changed(table, device="other"))


def test_an_unknown_kind_of_provenance_is_refused(table: LatencyTable) -> None:
    provenance = table.content()["provenance"] | {"kind": "guessed"}
    assert "table.provenance.kind" in refusal(changed(table, provenance=provenance))


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(100 * LARGEST_BYTES)
    with pytest.raises(TableFileError, match="is larger than"):
        read_table(path)


def test_the_shipped_tables_are_whole_and_named_by_their_place() -> None:
    tables = shipped_tables()
    assert set(tables) == {("pixel-3", "fbnet-cifar10"), ("raspberry-pi-4", "fbnet-cifar10")}
    for (device, space), table in tables.items():
        assert (table.device, table.space, table.kind) == (device, space, "published")
        assert "HW-NAS-Bench" in table.provenance.source


def test_shipped_rows_are_parsed_keys() -> None:
    assert all(
        isinstance(key, OperatorKey) and ms > 0
        for table in shipped_tables().values()
        for key, ms in table.operator_ms.items()
    )
