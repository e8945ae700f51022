"""The supernet artefact: what was written is read, and whatever is damaged or foreign is refused by name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from search import ArtefactError, ChainSpace, SearchError, load_space
from search.supernet.artefact import (
    CARD,
    EVALUATIONS,
    WEIGHTS,
    Evaluations,
    SupernetArtefact,
    read_artefact,
    write_artefact,
)
from tests.unit.search.supernet.conftest import CLASSES, card_of

FILES = (WEIGHTS, EVALUATIONS, CARD)


def refused(folder: Path, space: ChainSpace, name: str) -> ArtefactError:
    """The error that reading gives; it names the file."""
    with pytest.raises(ArtefactError) as caught:
        read_artefact(folder, space)
    error = caught.value
    assert isinstance(error, SearchError)
    assert error.path == str(folder / name)
    assert str(folder / name) in str(error)
    assert len(str(error)) < 1500
    return error


def replace(folder: Path, name: str, content: bytes) -> None:
    """Replace a file and write its hash into the card, as an attacker or a bug in the writer would."""
    (folder / name).write_bytes(content)
    card = json.loads((folder / CARD).read_text())
    card["files"][name] = hashlib.sha256(content).hexdigest()
    (folder / CARD).write_text(json.dumps(card))


def npz(path: Path, **arrays: object) -> bytes:
    np.savez(path, **arrays)
    return path.read_bytes()


def test_what_was_written_is_read(artefact: SupernetArtefact, folder: Path, evaluations: Evaluations) -> None:
    assert np.array_equal(artefact.evaluations.genomes, evaluations.genomes)
    assert artefact.evaluations.genomes.dtype == np.int64
    assert np.allclose(artefact.evaluations.error, evaluations.error, atol=1e-7)
    assert np.allclose(artefact.evaluations.cross_entropy, evaluations.cross_entropy, atol=1e-6)
    assert artefact.sha256 == hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    assert artefact.classes == tuple(CLASSES)
    assert artefact.directory == folder
    assert all(tensor.dtype == np.float16 for tensor in artefact.weights.values())


def test_the_card_names_the_hashes_of_both_files(folder: Path) -> None:
    files = json.loads((folder / CARD).read_text())["files"]
    assert files == {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (WEIGHTS, EVALUATIONS)}


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused(folder: Path, tiny: ChainSpace, name: str) -> None:
    (folder / name).unlink()
    assert "cannot be read" in refused(folder, tiny, name).reason


@pytest.mark.parametrize("name", [WEIGHTS, EVALUATIONS])
@pytest.mark.parametrize(
    "damage",
    [lambda content: content[:-1], lambda content: b"", lambda content: content + b"\0", lambda content: content[::-1]],
)
def test_a_damaged_file_is_refused_with_both_hashes(
    folder: Path, tiny: ChainSpace, name: str, damage: Callable[[bytes], bytes]
) -> None:
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(damage(whole))
    reason = refused(folder, tiny, name).reason
    assert hashlib.sha256(whole).hexdigest() in reason
    assert hashlib.sha256(damage(whole)).hexdigest() in reason


def test_one_flipped_bit_is_seen(folder: Path, tiny: ChainSpace) -> None:
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / WEIGHTS).write_bytes(bytes(content))
    assert "damaged" in refused(folder, tiny, WEIGHTS).reason


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "5", "{", "{}", '{"format": "lutnas-supernet/2"}', "[" * 100_000, "NaN", "9" * 5000],
)
def test_a_card_that_is_no_card_is_refused(folder: Path, tiny: ChainSpace, text: str) -> None:
    (folder / CARD).write_text(text)
    refused(folder, tiny, CARD)


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("format", {"format": None}),
        ("trained for space definition", {"space_sha256": "0" * 64}),
        ("trained for space definition", {"space_sha256": None}),
        ("names of 10 classes", {"classes": ["cat"]}),
        ("names of 10 classes", {"classes": None}),
        ("names of 10 classes", {"classes": 10}),
        ("names of 10 classes", {"classes": [*CLASSES[:9], 9]}),
        ("names of 10 classes", {"classes": [None] * 10}),
    ],
)
def test_a_card_for_something_else_is_refused(
    folder: Path, tiny: ChainSpace, reason: str, change: dict[str, Any]
) -> None:
    card = json.loads((folder / CARD).read_text()) | change
    (folder / CARD).write_text(json.dumps(card))
    assert reason in refused(folder, tiny, CARD).reason


@pytest.mark.parametrize("files", [None, [], {}, "x", {WEIGHTS: None}, {WEIGHTS: 7}])
def test_a_card_without_hashes_is_refused(folder: Path, tiny: ChainSpace, files: object) -> None:
    card = json.loads((folder / CARD).read_text()) | {"files": files}
    (folder / CARD).write_text(json.dumps(card))
    refused(folder, tiny, WEIGHTS)


def test_an_artefact_of_another_space_is_refused(folder: Path) -> None:
    space = load_space("fbnet-cifar10")
    with pytest.raises(ArtefactError, match="trained for space definition"):
        read_artefact(folder, space)


def test_a_missing_folder_is_refused(tmp_path: Path, tiny: ChainSpace) -> None:
    refused(tmp_path / "nowhere", tiny, CARD)


def safetensors_of(header: bytes, content: bytes = b"") -> bytes:
    return len(header).to_bytes(8, "little") + header + content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100,
        b"\xff" * 16,
        b"{}",
        safetensors_of(b"[" * 100_000),
        safetensors_of(b'{"stem/stem": 1}'),
        safetensors_of(b'{"stem/stem": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}', b"\0\0"),
        safetensors_of(b'{"stem/stem": {"dtype": "F16", "shape": [9], "data_offsets": [0, 2]}}', b"\0\0"),
    ],
)
def test_weights_that_are_no_safetensors_are_refused(folder: Path, tiny: ChainSpace, content: bytes) -> None:
    replace(folder, WEIGHTS, content)
    refused(folder, tiny, WEIGHTS)


def changed_weights(folder: Path, change: Callable[[dict[str, np.ndarray]], object]) -> None:
    weights = load_file(folder / WEIGHTS)
    change(weights)
    replace(folder, WEIGHTS, save({name: np.ascontiguousarray(tensor) for name, tensor in weights.items()}))


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("lacks the tensor head/classifier", lambda w: w.pop("head/classifier")),
        ("lacks the tensor head/classifier/bias", lambda w: w.pop("head/classifier/bias")),
        ("lacks the tensor layer4/k5_e3/expand/scale", lambda w: w.pop("layer4/k5_e3/expand/scale")),
        ("has shape", lambda w: w.update({"stem/stem": w["stem/stem"][:4]})),
        ("has shape", lambda w: w.update({"stem/stem": w["stem/stem"].ravel()})),
        ("has shape", lambda w: w.update({"layer4/skip.reshape": w["layer4/skip.reshape"][:, :1]})),
        ("of type float32", lambda w: w.update({"stem/stem": w["stem/stem"].astype(np.float32)})),
        ("of type int8", lambda w: w.update({"more": np.zeros(3, np.int8)})),
        ("not finite", lambda w: w["stem/stem"].__setitem__((0, 0, 0, 0), np.nan)),
        ("not finite", lambda w: w["head/classifier/bias"].__setitem__(3, np.inf)),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    folder: Path, tiny: ChainSpace, reason: str, change: Callable[[dict[str, np.ndarray]], object]
) -> None:
    changed_weights(folder, change)
    assert reason in refused(folder, tiny, WEIGHTS).reason


GENOMES = np.array([[0, 1, 2, 0], [2, 2, 2, 2]])
ERRORS = np.array([0.2, 0.3])


@pytest.mark.parametrize(
    "change",
    [
        {"genomes": None},
        {"error": None},
        {"cross_entropy": None},
        {"genomes": GENOMES[:, :3]},
        {"genomes": GENOMES + 1},
        {"genomes": -GENOMES},
        {"genomes": GENOMES.astype(float)},
        {"genomes": GENOMES.astype(object)},
        {"genomes": GENOMES[:1]},
        {"genomes": GENOMES[[0, 0]]},
        {"genomes": GENOMES[0]},
        {"genomes": np.array(1)},
        {"genomes": GENOMES[:0], "error": ERRORS[:0], "cross_entropy": ERRORS[:0]},
        {"error": ERRORS[:1]},
        {"error": ERRORS[:, None]},
        {"error": np.array([0.2, 1.3])},
        {"error": np.array([-0.1, 0.3])},
        {"error": np.array([np.nan, 0.3])},
        {"error": np.array(["0.2", "high"])},
        {"error": ERRORS.astype(object)},
        {"cross_entropy": np.array([np.inf, 0.3])},
    ],
)
def test_evaluations_that_are_none_are_refused(
    folder: Path, tiny: ChainSpace, tmp_path: Path, change: dict[str, Any]
) -> None:
    arrays = {"genomes": GENOMES, "error": ERRORS, "cross_entropy": ERRORS} | change
    content = npz(tmp_path / "e.npz", **{name: array for name, array in arrays.items() if array is not None})
    replace(folder, EVALUATIONS, content)
    refused(folder, tiny, EVALUATIONS)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"text"])
def test_evaluations_that_are_no_archive_are_refused(folder: Path, tiny: ChainSpace, content: bytes) -> None:
    replace(folder, EVALUATIONS, content)
    refused(folder, tiny, EVALUATIONS)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-40],
        lambda content: content[:100] + bytes(byte ^ 0xFF for byte in content[100:140]) + content[140:],
        lambda content: content.replace(b"genomes.npy", b"genomes.npz"),
    ],
)
def test_evaluations_with_a_hash_but_damaged_inside_are_refused(
    folder: Path, tiny: ChainSpace, damage: Callable[[bytes], bytes]
) -> None:
    replace(folder, EVALUATIONS, damage((folder / EVALUATIONS).read_bytes()))
    refused(folder, tiny, EVALUATIONS)


def test_a_single_array_is_no_archive_of_evaluations(folder: Path, tiny: ChainSpace, tmp_path: Path) -> None:
    np.save(tmp_path / "genomes.npy", GENOMES)
    replace(folder, EVALUATIONS, (tmp_path / "genomes.npy").read_bytes())
    refused(folder, tiny, EVALUATIONS)


def test_genes_above_127_survive_the_file(tmp_path: Path, folder: Path, evaluations: Evaluations) -> None:
    wide = Evaluations(evaluations.genomes + 200, evaluations.error, evaluations.cross_entropy)
    write_artefact(tmp_path / "wide", load_file(folder / WEIGHTS), wide, {})
    with np.load(tmp_path / "wide" / EVALUATIONS) as arrays:
        assert np.array_equal(arrays["genomes"], wide.genomes)


def test_a_card_keeps_what_the_training_wrote(artefact: SupernetArtefact, tiny: ChainSpace) -> None:
    assert dict(artefact.card).items() >= card_of(tiny).items()


def test_a_weight_that_lies_in_another_order_comes_back_as_it_was(
    artefact: SupernetArtefact, tmp_path: Path, tiny: ChainSpace
) -> None:
    turned = {name: np.asfortranarray(tensor) for name, tensor in artefact.weights.items()}
    assert not all(tensor.flags.c_contiguous for tensor in turned.values())
    write_artefact(tmp_path / "turned", turned, artefact.evaluations, card_of(tiny))
    back = read_artefact(tmp_path / "turned", tiny).weights
    assert all(np.array_equal(back[name], tensor) for name, tensor in artefact.weights.items())
