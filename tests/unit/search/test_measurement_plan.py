"""Measurement plans of a space: complete, repeatable, small, and models that run as real ones would."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from latency_tables import MeasurementPlan, OperatorKey, PlanEntry, PlanRecipe, read_plan, write_plan
from search import ChainSpace, few_shot_plan, measurement_plan, plan_of
from search.plan import PlaceholderWeights
from search.space.blocks.base import Convolution
from search.supernet.onnx_graph import OnnxGraph


@pytest.fixture(scope="module")
def tiny_plan(tiny: ChainSpace) -> MeasurementPlan:
    return measurement_plan(tiny, networks=4)


@pytest.fixture(scope="module")
def fbnet_plan(fbnet: ChainSpace) -> MeasurementPlan:
    return measurement_plan(fbnet, networks=6)


def of_role(plan: MeasurementPlan, role: str) -> list[PlanEntry]:
    return [entry for entry in plan.entries if entry.role == role]


def session(model: bytes, optimized: Path | None = None) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # a model saved after optimisation is for this machine alone: a warning
    if optimized is not None:
        options.optimized_model_filepath = str(optimized)
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def output(model: bytes, seed: int = 0) -> np.ndarray:
    opened = session(model)
    shape = opened.get_inputs()[0].shape[1:]
    image = np.random.default_rng(seed).random((1, *shape), dtype=np.float32)
    return opened.run(None, {"image": image})[0]


def test_the_same_arguments_give_the_same_bytes(tiny: ChainSpace, tiny_plan: MeasurementPlan) -> None:
    content = write_plan(tiny_plan)
    assert write_plan(measurement_plan(tiny, networks=4)) == content
    assert write_plan(measurement_plan(tiny, networks=4, seed=1)) != content


def test_a_plan_survives_its_file(tiny_plan: MeasurementPlan) -> None:
    assert read_plan(write_plan(tiny_plan)) == tiny_plan


@pytest.mark.parametrize("plan", ["tiny_plan", "fbnet_plan"])
def test_every_operator_of_the_space_is_there_once(plan: str, request: pytest.FixtureRequest) -> None:
    made: MeasurementPlan = request.getfixturevalue(plan)
    space: ChainSpace = request.getfixturevalue(plan.removesuffix("_plan"))
    alone = [entry.operator_keys for entry in of_role(made, "operator")]
    assert sorted(alone, key=str) == sorted(((block.operator_key,) for block in space.operators()), key=str)
    assert made.space == space.name


def test_networks_are_distinct_architectures_with_their_operators(
    fbnet: ChainSpace, fbnet_plan: MeasurementPlan
) -> None:
    measurable = {block.operator_key for block in fbnet.operators()}
    networks = of_role(fbnet_plan, "network")
    assert len(networks) == 6
    names = set()
    for entry in networks:
        properties = {item.key: item.value for item in onnx.load_from_string(entry.onnx).metadata_props}
        names.add(properties["architecture_id"])
        assert set(entry.operator_keys) <= measurable
        assert (entry.operator_keys[0].kind, entry.operator_keys[-1].kind) == ("stem", "head")
    assert len(names) == 6


def test_networks_name_the_operators_that_their_graph_holds(tiny: ChainSpace, tiny_plan: MeasurementPlan) -> None:
    by_id = {tiny.architecture(genome).architecture_id: tiny.architecture(genome) for genome in every_genome()}
    for entry in of_role(tiny_plan, "network"):
        model = onnx.load_from_string(entry.onnx)
        architecture = by_id[{item.key: item.value for item in model.metadata_props}["architecture_id"]]
        assert entry.operator_keys == architecture.operator_keys
        convolutions = sum(node.op_type in ("Conv", "Gemm") for node in model.graph.node)
        assert convolutions == sum(len(block.convolutions) for block in architecture.blocks)


def every_genome() -> list[tuple[int, ...]]:
    return [tuple(int(digit) for digit in np.base_repr(number, 3).zfill(4)) for number in range(81)]


def test_operators_say_which_they_are(tiny_plan: MeasurementPlan) -> None:
    for entry in of_role(tiny_plan, "operator"):
        properties = {item.key: item.value for item in onnx.load_from_string(entry.onnx).metadata_props}
        assert properties == {"operator": str(entry.operator_keys[0])}


def test_a_small_space_has_no_more_networks_than_architectures(tiny: ChainSpace) -> None:
    plan = measurement_plan(tiny, networks=200)
    ids = [onnx.load_from_string(entry.onnx).metadata_props[0].value for entry in of_role(plan, "network")]
    assert 70 < len(ids) <= 81
    assert len(set(ids)) == len(ids)


def test_fitted_networks_span_the_sizes_and_judges_are_random(fbnet: ChainSpace) -> None:
    plan = measurement_plan(fbnet, networks=90)
    sizes = np.array([sum(map(size_of, entry.operator_keys)) for entry in of_role(plan, "network")])
    fitted, judges = sizes[:49], sizes[49:]
    assert fitted.min() < judges.min()
    assert fitted.max() > judges.max()
    assert fitted.std() > 1.4 * judges.std()


def size_of(key: OperatorKey) -> float:
    """Grows with the macs of a block."""
    attributes = dict(key.attributes)
    return float(np.prod(key.out_shape)) * attributes.get("expansion", 1) * key.in_shape[0]


def test_a_plan_may_hold_operators_alone(tiny: ChainSpace) -> None:
    assert of_role(measurement_plan(tiny, networks=0), "network") == []


def test_a_plan_of_the_large_space_is_small(fbnet_plan: MeasurementPlan) -> None:
    assert len(write_plan(fbnet_plan)) < 20_000_000


def test_models_run_with_finite_answers_that_depend_on_the_image(tiny_plan: MeasurementPlan) -> None:
    for entry in tiny_plan.entries:
        first, second = output(entry.onnx), output(entry.onnx, seed=1)
        assert np.isfinite(first).all()
        assert not np.array_equal(first, second)


def test_operators_of_the_large_space_have_the_shape_that_their_key_says(fbnet_plan: MeasurementPlan) -> None:
    for entry in of_role(fbnet_plan, "operator")[::9]:
        (key,) = entry.operator_keys
        answer = output(entry.onnx)
        assert answer.shape[1:] == (key.out_shape[:1] if key.kind == "head" else key.out_shape)
        assert np.isfinite(answer).all()


def test_networks_of_the_large_space_keep_ordinary_numbers(fbnet_plan: MeasurementPlan) -> None:
    answer = output(of_role(fbnet_plan, "network")[0].onnx)
    assert answer.shape == (1, 10)
    assert 1e-6 < np.abs(answer).max() < 1e6


def test_the_runtime_sees_constant_dense_weights(fbnet_plan: MeasurementPlan, tmp_path: Path) -> None:
    """Zeros would let kernels and caches off lightly; weights still computed at run time would be timed as well."""
    for number, entry in enumerate((of_role(fbnet_plan, "operator")[20], of_role(fbnet_plan, "network")[0])):
        session(entry.onnx, tmp_path / f"{number}.onnx")
        graph = onnx.load(tmp_path / f"{number}.onnx").graph
        assert not {"Tile", "Slice", "Cast"} & {node.op_type for node in graph.node}
        stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        convolutions = [node for node in graph.node if node.op_type in ("Conv", "FusedConv", "Gemm", "FusedGemm")]
        assert convolutions
        for node in convolutions:
            weight = stored[node.input[1]]
            assert (weight != 0).mean() > 0.99
            assert weight.size < 50 or 0.3 < weight.std() / np.sqrt(2 / np.prod(weight.shape[1:])) < 3


def test_weights_of_one_network_differ_from_layer_to_layer() -> None:
    graph = OnnxGraph(PlaceholderWeights(np.random.default_rng(0)))
    spec = Convolution("a", "a", 8, 8, 4)
    x = graph.convolution("image", spec, name="first")
    model = graph.model((8, 4, 4), graph.convolution(x, spec, name="second"), (8, 4, 4), {})
    starts = [t for t in onnx.load_from_string(model).graph.initializer if t.name.endswith("/from")]
    assert len({numpy_helper.to_array(start).item() for start in starts}) == 2


def test_a_plan_names_its_recipe(tiny: ChainSpace, tiny_plan: MeasurementPlan) -> None:
    assert tiny_plan.recipe == PlanRecipe("full", 4)
    assert few_shot_plan(tiny, 5).recipe == PlanRecipe("few-shot", 5)


@pytest.mark.parametrize("recipe", [PlanRecipe("full", 3), PlanRecipe("few-shot", 7)])
def test_whoever_has_the_recipe_makes_the_same_plan_again(recipe: PlanRecipe, tiny: ChainSpace) -> None:
    content = write_plan(plan_of(tiny, recipe))
    assert read_plan(content).recipe == recipe
    assert write_plan(plan_of(tiny, recipe)) == content


def test_a_few_shot_plan_has_distinct_networks_and_no_operators_alone(fbnet: ChainSpace) -> None:
    plan = few_shot_plan(fbnet, 12)
    assert [entry.role for entry in plan.entries] == ["network"] * 12
    assert len({entry.operator_keys for entry in plan.entries}) == 12


def test_chosen_networks_see_more_operators_than_random_ones(fbnet: ChainSpace) -> None:
    def seen(entries: Sequence[PlanEntry]) -> int:
        return len({key for entry in entries for key in entry.operator_keys})

    random = of_role(measurement_plan(fbnet, networks=10), "network")
    assert seen(few_shot_plan(fbnet, 10).entries) > seen(random)


def test_a_small_space_has_no_more_chosen_networks_than_architectures(tiny: ChainSpace) -> None:
    plan = few_shot_plan(tiny, 500)
    assert 70 < len(plan.entries) <= 81
    assert plan.recipe == PlanRecipe("few-shot", 500)


def test_enough_networks_are_planned_for_fitting_and_for_judging(tiny: ChainSpace) -> None:
    assert measurement_plan(tiny).recipe == PlanRecipe("full", 330)
