"""Supernet artefact: a folder with trained shared weights, evaluated sub-networks and a card, checked when read.

`weights.safetensors` shared tensors in half precision (names in `subnet.py`); `evaluations.npz` genomes with their
validation error and cross-entropy; `card.json` what it was trained on and how, what was measured, and the sha256 of
the two other files. Written by `training/`, read by the service at start.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from search.errors import ArtefactError, GenomeError
from search.space.base import Genomes, Space, check_genomes
from search.supernet.subnet import required_tensors

FORMAT = "lutnas-supernet/1"
WEIGHTS, EVALUATIONS, CARD = "weights.safetensors", "evaluations.npz", "card.json"
_LARGEST_FILE_BYTES = 512 * 1024 * 1024
_UNREADABLE = (OSError, EOFError, ValueError, TypeError, KeyError, zipfile.BadZipFile, zlib.error, GenomeError)
"""What numpy raises for an archive that is none, is damaged, or holds other arrays than evaluations."""


@dataclass(frozen=True)
class Evaluations:
    """Sub-networks measured on the validation images with the artefact's own weights.

    Attributes:
        genomes: `(n, g)`, distinct.
        error: fraction of wrong answers, `(n,)`.
        cross_entropy: mean in nats, `(n,)`.
    """

    genomes: Genomes
    error: npt.NDArray[np.float64]
    cross_entropy: npt.NDArray[np.float64]


@dataclass(frozen=True)
class SupernetArtefact:
    """Trained weights of a space; `sha256` is the weights file's."""

    directory: Path
    weights: Mapping[str, npt.NDArray[np.float16]]
    evaluations: Evaluations
    card: Mapping[str, Any]
    sha256: str

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of the logits."""
        return tuple(self.card["classes"])


def read_artefact(directory: Path, space: Space) -> SupernetArtefact:
    """Read and check an artefact for a space.

    Raises:
        ArtefactError: a file is missing, truncated or changed (both hashes are named), or made for another space.
    """
    card = _read_card(directory / CARD, space)
    contents = {name: _read_checked(directory / name, card) for name in (WEIGHTS, EVALUATIONS)}
    try:
        weights = load(contents[WEIGHTS])
    except (SafetensorError, KeyError) as error:  # KeyError: a type of number that numpy lacks
        raise ArtefactError(str(directory / WEIGHTS), f"cannot be read: {error}") from error
    _check_weights(directory / WEIGHTS, weights, space)
    evaluations = _read_evaluations(directory / EVALUATIONS, contents[EVALUATIONS], space)
    return SupernetArtefact(directory, weights, evaluations, card, hashlib.sha256(contents[WEIGHTS]).hexdigest())


def write_artefact(
    directory: Path, weights: Mapping[str, npt.NDArray[np.float16]], evaluations: Evaluations, card: Mapping[str, Any]
) -> None:
    """Write the three files; the card, which makes the others valid, last."""
    directory.mkdir(parents=True, exist_ok=True)
    arrays = io.BytesIO()
    np.savez_compressed(
        arrays,
        genomes=evaluations.genomes.astype(np.int16),
        error=evaluations.error.astype(np.float32),
        cross_entropy=evaluations.cross_entropy.astype(np.float32),
    )
    # safetensors writes an array's memory as it lies: one in another order than C would come back scrambled.
    in_order = {name: np.ascontiguousarray(tensor) for name, tensor in weights.items()}
    contents = {WEIGHTS: save(in_order), EVALUATIONS: arrays.getvalue()}
    for name, content in contents.items():
        (directory / name).write_bytes(content)
    files = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    text = json.dumps({"format": FORMAT, "files": files, **dict(card)}, indent=2) + "\n"
    (directory / CARD).write_text(text, encoding="utf-8")


def _read_card(path: Path, space: Space) -> dict[str, Any]:
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ArtefactError(str(path), f"cannot be read: {error}") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise ArtefactError(str(path), f"is not a card of format {FORMAT}")
    if card.get("space_sha256") != space.sha256:
        found = str(card.get("space_sha256"))[:64]
        raise ArtefactError(str(path), f"was trained for space definition {found}, {space.name} is {space.sha256}")
    classes = card.get("classes")
    names = classes if isinstance(classes, list) and all(isinstance(name, str) for name in classes) else []
    if len(names) != space.classes:
        raise ArtefactError(str(path), f"needs the names of {space.classes} classes")
    return card


def _read_checked(path: Path, card: Mapping[str, Any]) -> bytes:
    files = card.get("files")
    expected = files.get(path.name) if isinstance(files, dict) else None
    try:
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            raise ArtefactError(str(path), f"is larger than {_LARGEST_FILE_BYTES} bytes")
        content = path.read_bytes()
    except OSError as error:
        raise ArtefactError(str(path), f"cannot be read: {error}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        hashes = f"its sha256 is {found}, the card says {expected}"
        raise ArtefactError(str(path), f"is damaged: {hashes}. Install lutnas again or restore the file.")
    return content


def _check_weights(path: Path, weights: Mapping[str, npt.NDArray[np.float16]], space: Space) -> None:
    for choice in range(int(space.n_choices.max())):
        genome = np.minimum(choice, space.n_choices - 1)
        for name, shape in required_tensors(space.architecture(genome)).items():
            if name not in weights:
                raise ArtefactError(str(path), f"lacks the tensor {name}")
            found = weights[name].shape
            if len(found) != len(shape) or any(have < need for have, need in zip(found, shape, strict=True)):
                raise ArtefactError(str(path), f"tensor {name} has shape {found}, {space.name} needs {shape}")
    for name, tensor in weights.items():
        if tensor.dtype != np.float16:
            raise ArtefactError(str(path), f"tensor {name} is of type {tensor.dtype}, not float16")
        if not np.isfinite(tensor).all():
            raise ArtefactError(str(path), f"tensor {name} holds values that are not finite")


def _read_evaluations(path: Path, content: bytes, space: Space) -> Evaluations:
    try:
        with np.load(io.BytesIO(content)) as arrays:
            genomes = check_genomes(space, arrays["genomes"])
            error, cross_entropy = (arrays[name].astype(np.float64) for name in ("error", "cross_entropy"))
    except _UNREADABLE as fault:
        raise ArtefactError(str(path), f"cannot be read: {fault}") from fault
    if len(np.unique(genomes, axis=0)) != len(genomes):
        raise ArtefactError(str(path), "holds a genome twice")
    if not (error.shape == cross_entropy.shape == (len(genomes),) and len(genomes)):
        raise ArtefactError(str(path), "needs one error and one cross-entropy per genome")
    if not (np.isfinite(error).all() and np.isfinite(cross_entropy).all() and ((error >= 0) & (error <= 1)).all()):
        raise ArtefactError(str(path), "holds errors outside 0 to 1 or values that are not finite")
    return Evaluations(genomes, error, cross_entropy)
