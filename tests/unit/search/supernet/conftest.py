"""A supernet artefact of the tiny space with random weights."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from search import ChainSpace, Space, load_space
from search.supernet.artefact import Evaluations, SupernetArtefact, read_artefact, write_artefact
from search.supernet.subnet import required_tensors
from search.supernet.training.export import load_shared
from search.supernet.training.supernet import Supernet

CLASSES = [f"class{number}" for number in range(10)]


@pytest.fixture(scope="session")
def tiny() -> ChainSpace:
    space = load_space("tiny-cifar10")
    assert isinstance(space, ChainSpace)
    return space


@pytest.fixture(scope="session")
def genomes() -> np.ndarray:
    """All 81 genomes of the tiny space."""
    return np.array(list(itertools.product(range(3), repeat=4)), dtype=np.int64)


@pytest.fixture
def evaluations(genomes: np.ndarray) -> Evaluations:
    errors = np.linspace(0.1, 0.8, len(genomes))
    return Evaluations(genomes, errors, 3 * errors)


def random_weights(space: Space, genomes: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """As after a training: every weight, scale and shift is its own, in half precision."""
    shapes: dict[str, tuple[int, ...]] = {}
    for genome in genomes:
        for name, shape in required_tensors(space.architecture(genome)).items():
            shapes[name] = tuple(map(max, shape, shapes.get(name, shape)))
    rng = np.random.default_rng(seed)
    return {name: _random(name, shape, rng).astype(np.float16) for name, shape in sorted(shapes.items())}


def _random(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    if name.endswith("/scale"):
        return rng.uniform(0.5, 1.5, shape)
    if len(shape) == 1:
        return rng.normal(0.0, 0.3, shape)
    return rng.normal(0.0, (2.0 / np.prod(shape[1:])) ** 0.5, shape)


def card_of(space: Space) -> dict[str, object]:
    return {"space": space.name, "space_sha256": space.sha256, "classes": CLASSES}


@pytest.fixture
def folder(tmp_path: Path, tiny: ChainSpace, evaluations: Evaluations) -> Path:
    """A good artefact, to be read or spoiled."""
    write_artefact(tmp_path / "tiny", random_weights(tiny, evaluations.genomes), evaluations, card_of(tiny))
    return tmp_path / "tiny"


@pytest.fixture
def artefact(folder: Path, tiny: ChainSpace) -> SupernetArtefact:
    return read_artefact(folder, tiny)


@pytest.fixture
def shipped(artefact: SupernetArtefact, tiny: ChainSpace) -> Supernet:
    """The supernet that the artefact's half-precision tensors are: what an exported network must equal."""
    return load_shared(tiny, artefact.weights)
