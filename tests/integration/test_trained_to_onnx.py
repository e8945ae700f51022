"""From a supernet in PyTorch over an artefact on disk to ONNX files: all of them answer the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from search import Evaluations, SupernetArtefact, export_onnx, load_space, random_genomes, read_artefact
from search.space.architecture import Architecture
from search.space.chain import ChainSpace
from search.supernet.artefact import write_artefact
from search.supernet.evaluate import run_onnx
from search.supernet.training.export import load_shared, shared_tensors
from search.supernet.training.supernet import Supernet
from tests.unit.search.supernet.training.training_world import patchy_images, randomised

IMAGES = patchy_images(7, seed=8)


@pytest.fixture(scope="module", params=["tiny-cifar10", "fbnet-cifar10"])
def space(request: pytest.FixtureRequest) -> ChainSpace:
    return load_space(request.param)


@pytest.fixture(scope="module")
def artefact(space: ChainSpace, tmp_path_factory: pytest.TempPathFactory) -> SupernetArtefact:
    folder: Path = tmp_path_factory.mktemp(space.name)
    genomes = np.unique(random_genomes(space, 5, np.random.default_rng(0)), axis=0)
    errors = np.linspace(0.1, 0.5, len(genomes))
    classes = [f"class{number}" for number in range(space.classes)]
    card = {"space": space.name, "space_sha256": space.sha256, "classes": classes}
    write_artefact(folder, shared_tensors(randomised(space, seed=11)), Evaluations(genomes, errors, errors), card)
    return read_artefact(folder, space)


@pytest.fixture(scope="module")
def supernet(space: ChainSpace, artefact: SupernetArtefact) -> Supernet:
    return load_shared(space, artefact.weights)


def architectures(space: ChainSpace) -> list[Architecture]:
    """Random ones, and for each choice the one that has it in as many layers as possible."""
    genomes = random_genomes(space, 3, np.random.default_rng(6)).tolist()
    genomes += [np.minimum(choice, space.n_choices - 1).tolist() for choice in range(int(space.n_choices.max()))]
    return [space.architecture(tuple(genome)) for genome in genomes]


def test_onnx_files_answer_like_the_supernet(space: ChainSpace, artefact: SupernetArtefact, supernet: Supernet) -> None:
    pixels = torch.from_numpy(IMAGES).float() / 255
    for architecture in architectures(space):
        with torch.no_grad():
            wanted = supernet(pixels, architecture).numpy()
        found = run_onnx(export_onnx(artefact, architecture), IMAGES)
        scale = np.abs(wanted).max()
        assert 0.1 < scale < 1000
        assert np.abs(found - wanted).max() <= 1e-4 * max(1.0, scale / 10)
        assert wanted.std(axis=0).max() > 0.05 * scale  # the answer is not the bias alone


def test_onnx_files_are_valid_folded_and_of_the_stated_size(space: ChainSpace, artefact: SupernetArtefact) -> None:
    for architecture in architectures(space):
        content = export_onnx(artefact, architecture)
        assert content == export_onnx(artefact, architecture)
        model = onnx.load_from_string(content)
        onnx.checker.check_model(model, full_check=True)
        assert {node.op_type for node in model.graph.node} <= {
            "Add", "Conv", "Flatten", "Gemm", "GlobalAveragePool", "Identity", "Relu", "Reshape", "Transpose",
        }  # fmt: skip
        assert 0 <= len(content) - architecture.size_bytes < 60_000


def test_one_image_is_answered_as_in_a_batch(space: ChainSpace, artefact: SupernetArtefact) -> None:
    content = export_onnx(artefact, architectures(space)[0])
    together = run_onnx(content, IMAGES)
    alone = run_onnx(content, IMAGES, batch=1)
    assert np.abs(together - alone).max() <= 1e-4 * np.abs(together).max()
