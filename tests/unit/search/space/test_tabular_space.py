"""TabularSpace: published benchmarks in files, good and malformed."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from search import TabularFileError, TabularSpace, read_tabular_space


def _arrays(**changed: object) -> dict[str, object]:
    genes = np.stack(np.unravel_index(np.arange(12), (3, 2, 2)), axis=1).astype(np.int8)
    arrays: dict[str, object] = {
        "genes": genes,
        "n_choices": np.array([3, 2, 2], dtype=np.int8),
        "choice_names": np.array(["skip", "conv", "wide"]),
        "gene_names": np.array(["a", "b", "c"]),
        "error_test": np.linspace(40, 10, 12, dtype=np.float32),
        "latency_ms_board": np.linspace(1, 12, 12),
    }
    return {key: array for key, array in (arrays | changed).items() if array is not None}


def _write(path: Path, arrays: dict[str, object]) -> Path:
    np.savez(path, **{key: np.asarray(array) for key, array in arrays.items()})  # type: ignore[arg-type]
    return path


def _read(folder: Path, **changed: object) -> TabularSpace:
    return read_tabular_space(_write(folder / "bench.npz", _arrays(**changed)))


def _reason(folder: Path, **changed: object) -> str:
    with pytest.raises(TabularFileError) as caught:
        _read(folder, **changed)
    assert "bench.npz" in str(caught.value)
    return caught.value.reason


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    space = _read(tmp_path)
    assert (space.name, len(space), space.n_choices.tolist()) == ("bench", 12, [3, 2, 2])
    assert space.gene_names == ("a", "b", "c")
    assert space.choice_names == (("skip", "conv", "wide"), ("skip", "conv"), ("skip", "conv"))
    assert space.genomes.dtype == np.int64
    assert sorted(space.columns) == ["error_test", "latency_ms_board"]


def test_names_may_be_absent(tmp_path: Path) -> None:
    space = _read(tmp_path, choice_names=None, gene_names=None)
    assert space.gene_names == ("gene0", "gene1", "gene2")
    assert space.choice_names == (("0", "1", "2"), ("0", "1"), ("0", "1"))


def test_choices_may_be_named_for_each_gene(tmp_path: Path) -> None:
    space = _read(tmp_path, choice_names=np.array([["x", "y", "z"], ["k", "l", ""], ["m", "n", ""]]))
    assert space.choice_names == (("x", "y", "z"), ("k", "l"), ("m", "n"))


def test_percent_becomes_a_fraction_and_a_fraction_stays(tmp_path: Path) -> None:
    space = _read(tmp_path, share=np.linspace(0.4, 0.1, 12))
    np.testing.assert_allclose(space.error("error_test"), np.linspace(0.4, 0.1, 12), rtol=1e-6)
    np.testing.assert_allclose(space.error("share"), np.linspace(0.4, 0.1, 12))


def test_repeated_measurements_are_averaged(tmp_path: Path) -> None:
    repeats = np.linspace(40, 10, 12)[:, None] + np.array([-3.0, 0.0, 3.0])
    assert _read(tmp_path, repeats=repeats).error("repeats") == pytest.approx(np.linspace(0.4, 0.1, 12))


def test_repeats_that_are_missing_do_not_count(tmp_path: Path) -> None:
    repeats = np.full((12, 2), 30.0)
    repeats[0, 0], repeats[1] = np.nan, np.nan
    error = _read(tmp_path, repeats=repeats).error("repeats")
    assert error[0] == pytest.approx(0.3)
    assert np.isnan(error[1])
    assert np.isfinite(error[2:]).all()


@pytest.mark.parametrize("values", [np.linspace(-1, 40, 12), np.linspace(0, 101, 12)])
def test_errors_outside_percent_are_refused(tmp_path: Path, values: np.ndarray) -> None:
    with pytest.raises(TabularFileError, match="errors are fractions or percent"):
        _read(tmp_path, error_test=values).error("error_test")


def test_a_column_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(TabularFileError, match=re.escape("Columns: error_test, latency_ms_board")):
        _read(tmp_path).column("accuracy")


def test_keys_that_are_no_columns_do_not_matter_until_asked_for(tmp_path: Path) -> None:
    space = _read(tmp_path, source=np.array(["somewhere"]), short=np.ones(11), cube=np.ones((12, 2, 2)))
    for key, held in {"source": "<U9", "short": "(11,)", "cube": "(12, 2, 2)"}.items():
        with pytest.raises(TabularFileError, match=re.escape(held)):
            space.column(key)


def test_rows_without_a_usable_error_or_cost_are_dropped(tmp_path: Path) -> None:
    error, cost = np.linspace(40, 10, 12), np.linspace(5, 16, 12)
    error[0] = np.nan
    cost[[1, 2, 3, 4, 5]] = np.inf, np.nan, 0.0, -3.0, 0.1
    space = _read(tmp_path, error_test=error, latency_ms_board=cost)
    kept = space.without_broken("error_test", "latency_ms_board")
    np.testing.assert_array_equal(kept.genomes, space.genomes[6:])
    np.testing.assert_array_equal(kept.column("latency_ms_board"), cost[6:])


def test_a_file_without_broken_rows_stays_as_it_is(tmp_path: Path) -> None:
    space = _read(tmp_path)
    assert space.without_broken("error_test", "latency_ms_board") is space


def test_nothing_usable_is_told(tmp_path: Path) -> None:
    with pytest.raises(TabularFileError, match="0 rows have a usable"):
        _read(tmp_path, error_test=np.full(12, np.nan)).without_broken("error_test", "latency_ms_board")


def test_missing_keys_list_those_there_are(tmp_path: Path) -> None:
    reason = _reason(tmp_path, genes=None, n_choices=None)
    assert reason.startswith("lacks genes, n_choices. Keys: choice_names, error_test")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"genes": np.zeros((12, 3))}, "integers of shape (n, 3)"),
        ({"genes": np.zeros((12, 4), dtype=int)}, "shape (12, 4)"),
        ({"genes": np.zeros(12, dtype=int)}, "shape (12,)"),
        ({"genes": np.full((1, 3), 2)}, "gene 1 of row 0 is 2; it must be from 0 to 1"),
        ({"genes": np.full((1, 3), -1)}, "gene 0 of row 0 is -1"),
        ({"genes": np.array([[0, 0, 0], [1, 0, 0], [1, 0, 0]])}, "1 rows repeat another"),
        ({"n_choices": np.array([3, 0, 2])}, "n_choices must be positive"),
        ({"n_choices": np.array([3.0, 2.0, 2.0])}, "n_choices must be positive"),
        ({"n_choices": np.array(3)}, "n_choices must be positive"),
        ({"gene_names": np.array(["a", "b"])}, "gene_names has shape (2,)"),
        ({"choice_names": np.array(["a", "b"])}, "choice_names has shape (2,)"),
        ({"choice_names": np.array([["a", "b", "c"]])}, "choice_names has shape (1, 3)"),
        ({"choice_names": np.array("a")}, "choice_names has shape ()"),
    ],
)
def test_contradictions_are_told(tmp_path: Path, changed: dict[str, object], words: str) -> None:
    assert words in _reason(tmp_path, **changed)


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    pickled = np.array([{"a": 1}] * 12, dtype=object)
    assert "lacks genes" in _reason(tmp_path, genes=pickled)
    with pytest.raises(TabularFileError, match="Python objects"):
        _read(tmp_path, notes=pickled).column("notes")


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 cut short"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bench.npz"
    path.write_bytes(content)
    with pytest.raises(TabularFileError, match=r"not a whole \.npz archive"):
        read_tabular_space(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(TabularFileError, match="No such file"):
        read_tabular_space(tmp_path / "absent.npz")
    with pytest.raises(TabularFileError, match="cannot be read"):
        read_tabular_space(tmp_path)


def test_damaged_members_are_refused(tmp_path: Path) -> None:
    whole = _write(tmp_path / "bench.npz", _arrays()).read_bytes()
    cut = bytearray(whole)
    start = whole.index(b"genes.npy") + 170
    cut[start : start + 8] = b"\xff" * 8
    (tmp_path / "bench.npz").write_bytes(bytes(cut))
    with pytest.raises(TabularFileError):
        read_tabular_space(tmp_path / "bench.npz")


def test_members_that_are_no_arrays_do_not_count(tmp_path: Path) -> None:
    path = _write(tmp_path / "bench.npz", _arrays())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("README.txt", "about this file")
    assert "README.txt" not in read_tabular_space(path).columns


def test_files_that_unpack_to_too_much_are_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.space.tabular._MOST_BYTES", 100)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, genes=np.zeros((1000, 3), dtype=np.int8))
    (tmp_path / "bench.npz").write_bytes(buffer.getvalue())
    with pytest.raises(TabularFileError, match="unpacks to"):
        read_tabular_space(tmp_path / "bench.npz")
