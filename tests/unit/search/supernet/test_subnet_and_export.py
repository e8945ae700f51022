"""Sub-networks cut from shared weights, and the ONNX files made of them: equal to the supernet in PyTorch."""

from __future__ import annotations

import itertools

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from search import ChainSpace, export_onnx, load_space
from search.space.architecture import Architecture
from search.space.blocks.base import Convolution
from search.supernet.artefact import SupernetArtefact
from search.supernet.evaluate import evaluate_onnx, run_onnx
from search.supernet.onnx_export import TrainedWeights
from search.supernet.onnx_graph import OnnxGraph
from search.supernet.subnet import FoldedConvolution, cut_subnet, required_tensors
from search.supernet.training.supernet import Supernet


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (6, 3, 32, 32), dtype=np.uint8)


def torch_logits(supernet: Supernet, images: np.ndarray, architecture: Architecture) -> np.ndarray:
    with torch.no_grad():
        return supernet(torch.from_numpy(images).float() / 255.0, architecture).numpy()


def test_every_exported_network_equals_the_supernet(
    artefact: SupernetArtefact, shipped: Supernet, tiny: ChainSpace, images: np.ndarray
) -> None:
    for genome in itertools.product(range(3), repeat=4):
        architecture = tiny.architecture(genome)
        wanted = torch_logits(shipped, images, architecture)
        found = run_onnx(export_onnx(artefact, architecture), images)
        assert np.abs(found - wanted).max() <= 1e-5 * max(1.0, np.abs(wanted).max())


def test_the_same_architecture_gives_the_same_bytes(artefact: SupernetArtefact, tiny: ChainSpace) -> None:
    architecture = tiny.architecture((0, 1, 2, 0))
    assert export_onnx(artefact, architecture) == export_onnx(artefact, architecture)
    assert export_onnx(artefact, architecture) != export_onnx(artefact, tiny.architecture((0, 1, 2, 1)))


def test_an_exported_file_says_what_it_is(artefact: SupernetArtefact, tiny: ChainSpace) -> None:
    architecture = tiny.architecture((0, 1, 2, 0))
    model = onnx.load_from_string(export_onnx(artefact, architecture, {"expected_error": "0.25"}))
    onnx.checker.check_model(model, full_check=True)
    properties = {item.key: item.value for item in model.metadata_props}
    assert properties["architecture_id"] == architecture.architecture_id
    assert properties["genome"] == "0,1,2,0"
    assert properties["space"] == "tiny-cifar10"
    assert properties["supernet_sha256"] == artefact.sha256
    assert properties["expected_error"] == "0.25"
    assert properties["classes"].split(",") == list(artefact.classes)
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}


def test_the_input_is_an_image_batch_of_any_size(
    artefact: SupernetArtefact, tiny: ChainSpace, images: np.ndarray
) -> None:
    session = onnxruntime.InferenceSession(
        export_onnx(artefact, tiny.architecture((0, 0, 0, 0))), providers=["CPUExecutionProvider"]
    )
    (image,), (logits,) = session.get_inputs(), session.get_outputs()
    assert (image.name, image.type, image.shape) == ("image", "tensor(float)", ["batch", 3, 32, 32])
    assert (logits.name, logits.shape) == ("logits", ["batch", 10])
    for n in (1, 2, 6):
        (output,) = session.run(None, {"image": images[:n].astype(np.float32)})
        assert output.shape == (n, 10)


def test_batches_do_not_change_the_answer(artefact: SupernetArtefact, tiny: ChainSpace, images: np.ndarray) -> None:
    model = export_onnx(artefact, tiny.architecture((1, 1, 1, 1)))
    assert np.allclose(run_onnx(model, images, batch=4), run_onnx(model, images, batch=100), rtol=1e-4, atol=1e-4)


def test_error_and_cross_entropy_by_hand(artefact: SupernetArtefact, tiny: ChainSpace, images: np.ndarray) -> None:
    model = export_onnx(artefact, tiny.architecture((0, 0, 0, 0)))
    logits = run_onnx(model, images).astype(float)
    labels = logits.argmax(axis=1)
    labels[:2] = (labels[:2] + 1) % 10
    evaluation = evaluate_onnx(model, images, labels)
    by_hand = [np.log(np.sum(np.exp(row - row[label]))) for row, label in zip(logits, labels, strict=True)]
    assert evaluation.error == pytest.approx(2 / 6)
    assert evaluation.cross_entropy == pytest.approx(np.mean(by_hand), rel=1e-5)


def test_an_evaluation_can_be_ended_between_batches(
    artefact: SupernetArtefact, tiny: ChainSpace, images: np.ndarray
) -> None:
    model = export_onnx(artefact, tiny.architecture((0, 0, 0, 0)))
    many, seen = np.concatenate([images] * 10), []

    def stop() -> None:
        seen.append(1)
        if len(seen) == 2:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        evaluate_onnx(model, many, np.zeros(len(many), np.int64), on_batch=stop)
    assert len(seen) == 2


def test_an_evaluation_gives_the_same_numbers_each_time(
    artefact: SupernetArtefact, tiny: ChainSpace, images: np.ndarray
) -> None:
    model, many = export_onnx(artefact, tiny.architecture((1, 0, 1, 0))), np.concatenate([images] * 10)
    labels = np.arange(len(many)) % 10
    assert evaluate_onnx(model, many, labels) == evaluate_onnx(model, many, labels, on_batch=lambda: None)


def test_cross_entropy_survives_huge_logits(tiny: ChainSpace, artefact: SupernetArtefact, images: np.ndarray) -> None:
    loud = dict(artefact.weights) | {"head/classifier": np.full_like(artefact.weights["head/classifier"], 60_000.0)}
    shouting = SupernetArtefact(artefact.directory, loud, artefact.evaluations, artefact.card, artefact.sha256)
    evaluation = evaluate_onnx(export_onnx(shouting, tiny.architecture((0, 0, 0, 0))), images, np.zeros(6, np.int64))
    assert np.isfinite(evaluation.cross_entropy)


def numbered(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float16).reshape(shape) % 512


def test_a_smaller_convolution_is_the_leading_channels_and_the_centre(tiny: ChainSpace) -> None:
    architecture = tiny.architecture((0, 0, 0, 0))
    shared = {name: np.ones(shape, np.float16) for name, shape in required_tensors(architecture).items()}
    whole = numbered((48, 1, 5, 5))
    shared["layer3/g1.depthwise"] = whole
    scale = np.linspace(0.5, 2.0, 16).astype(np.float16)
    shared["layer3/k3_e1/depthwise/scale"] = scale
    shared["layer3/k3_e1/depthwise/shift"] = np.arange(16, dtype=np.float16)
    cut = cut_subnet(shared, architecture)["layer3/depthwise"]
    assert cut.weight.dtype == cut.bias.dtype == np.float32
    assert cut.weight.shape == (16, 1, 3, 3)
    assert np.array_equal(cut.weight, whole[:16, :, 1:4, 1:4].astype(np.float32) * scale[:, None, None, None])
    assert np.array_equal(cut.bias, np.arange(16))


def test_a_layer_without_norm_keeps_its_bias(tiny: ChainSpace) -> None:
    architecture = tiny.architecture((2, 2, 2, 2))
    shared = {name: numbered(shape) for name, shape in required_tensors(architecture).items()}
    cut = cut_subnet(shared, architecture)["head/classifier"]
    assert np.array_equal(cut.weight, shared["head/classifier"])
    assert np.array_equal(cut.bias, shared["head/classifier/bias"])


@pytest.mark.parametrize("genome", [(0, 0, 0, 0), (1, 1, 1, 1), (2, 2, 2, 2)])
def test_a_cut_reads_exactly_the_required_tensors(tiny: ChainSpace, genome: tuple[int, ...]) -> None:
    architecture = tiny.architecture(genome)
    shared = {name: np.zeros(shape, np.float16) for name, shape in required_tensors(architecture).items()}
    cut = cut_subnet(shared, architecture)
    assert sorted(cut) == sorted(
        f"{position}/{spec.name}"
        for position, block in zip(architecture.positions, architecture.blocks, strict=True)
        for spec in block.convolutions
    )
    for name in shared:
        with pytest.raises(KeyError):
            cut_subnet({key: value for key, value in shared.items() if key != name}, architecture)


def test_params_count_what_is_cut(tiny: ChainSpace) -> None:
    for genome in itertools.product(range(3), repeat=4):
        architecture = tiny.architecture(genome)
        shared = {name: np.zeros(shape, np.float16) for name, shape in required_tensors(architecture).items()}
        cut = cut_subnet(shared, architecture).values()
        assert sum(part.weight.size + part.bias.size for part in cut) == architecture.params


def test_a_weight_of_another_shape_is_not_written() -> None:
    wrong = FoldedConvolution(np.zeros((4, 3, 1, 1), np.float32), np.zeros(4, np.float32))
    graph = OnnxGraph(TrainedWeights({"stem/stem": wrong}))
    with pytest.raises(ValueError, match=r"stem/stem: weight has shape \(4, 3, 1, 1\)"):
        graph.convolution("image", Convolution("stem", "stem", 3, 8, 32, 3), name="stem/stem")


def test_the_large_space_exports_too() -> None:
    space = load_space("fbnet-cifar10")
    architecture = space.architecture(tuple((space.n_choices - 1).tolist()))
    shared = {name: np.zeros(shape, np.float16) for name, shape in required_tensors(architecture).items()}
    graph = OnnxGraph(TrainedWeights(cut_subnet(shared, architecture)))
    value = "image"
    for position, block in zip(architecture.positions, architecture.blocks, strict=True):
        value = block.emit(graph, value, name=position)
    onnx.checker.check_model(onnx.load_from_string(graph.model((3, 32, 32), value, [10], {})))
