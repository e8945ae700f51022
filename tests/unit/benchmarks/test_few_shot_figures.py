"""`python -m benchmarks.latency fewshot` on devices made up by a rule, on bad files, and on the published ones."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.latency import main
from benchmarks.published_networks import NetworksFileError, read_networks

ROOT = Path(__file__).parents[3]
PUBLISHED = Path(os.environ.get("LUTNAS_SHARED", ROOT.parent / "shared")) / "data" / "nasbench201.npz"
EDGES = ["0->1", "0->2", "1->2"]
CHOICES = ["none", "skip", "conv"]


def arrays(seed: int = 0, networks: int = 27, devices: int = 4, **changes: Any) -> dict[str, Any]:
    """All cells of three edges; devices are additive, the last one removes edges that lead nowhere."""
    rng = np.random.default_rng(seed)
    genes = np.stack(np.unravel_index(np.arange(27), (3, 3, 3)), axis=1)[:networks]
    content: dict[str, Any] = {"genes": genes, "choice_names": np.array(CHOICES), "gene_names": np.array(EDGES)}
    for device in range(devices):
        costs = np.array([0.0, 0.3, 2.0]) * np.exp(0.1 * rng.standard_normal(3)) * 10.0**device
        used = genes.copy()
        if device == devices - 1:
            used[:, 0] = np.where(genes[:, 2] == 0, 0, genes[:, 0])
        noise = np.exp(0.01 * rng.standard_normal(networks))
        content[f"latency_ms_d{device}"] = (10.0**device + costs[used].sum(axis=1)) * noise
    return content | changes


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write_file(name: str = "a.npz", **changes: Any) -> Path:
        content = {key: value for key, value in arrays(**changes).items() if value is not None}
        np.savez(tmp_path / name, **content)
        return tmp_path / name

    return write_file


def figures(out: Path, *arguments: object) -> dict[str, Any]:
    assert main(["fewshot", *map(str, arguments), "--json", str(out)]) == 0
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def test_a_new_device_is_predicted_from_six_networks(write: Any, tmp_path: Path) -> None:
    path = write()
    found = figures(tmp_path / "out", "--known", path, "--target", path, "--networks", 6, "--draws", 3)
    assert set(found["devices"]) == {"d0", "d1", "d2", "d3"}
    assert found["mean_spearman"] > 0.95
    for device in found["devices"].values():
        assert device["within_10"] > 0.8
        assert 0 <= device["coverage_90"] <= 1
    assert found["mean_spearman"] == pytest.approx(np.mean([d["spearman"] for d in found["devices"].values()]))


def test_named_devices_only_and_the_same_seed_gives_the_same_figures(write: Any, tmp_path: Path) -> None:
    path = write()
    arguments = ("--known", path, "--target", path, "--devices", "d1,d3", "--networks", 5, "--draws", 2)
    first, second = (figures(tmp_path / name, *arguments) for name in ("one", "two"))
    assert list(first["devices"]) == ["d1", "d3"]
    assert first == second


def test_a_device_is_never_known_to_itself(write: Any, tmp_path: Path) -> None:
    """With one device in the known file, of the same name, nothing is known."""
    path = write(devices=1)
    assert main(["fewshot", "--known", str(path), "--target", str(path)]) == 1


def test_another_file_may_hold_the_target(write: Any, tmp_path: Path) -> None:
    known, target = write("known.npz"), write("target.npz", seed=5, networks=20, devices=1)
    renamed = {key.replace("_d0", "_new"): value for key, value in np.load(target).items()}
    np.savez(target, **renamed)
    found = figures(tmp_path / "out", "--known", known, "--target", target, "--networks", 8, "--draws", 2)
    assert found["devices"]["new"]["spearman"] > 0.9


def test_edges_that_lead_nowhere_are_a_reading_of_their_own(write: Any) -> None:
    networks = read_networks(write())
    everything, live = networks.readings
    dead = (everything != live).any(axis=1)
    genes = np.load(networks.path)["genes"]
    assert dead.tolist() == ((genes[:, 2] == 0) & (genes[:, 0] != 0)).tolist()
    assert (live[:, 0] == 1).all()
    assert (live[:, 1:].sum(axis=1) == 3).all()


def test_genes_without_names_have_one_reading(write: Any) -> None:
    assert len(read_networks(write(gene_names=None)).readings) == 1
    assert len(read_networks(write(choice_names=None)).readings) == 1


def test_broken_entries_are_left_out(write: Any) -> None:
    latency_ms = arrays()["latency_ms_d0"]
    for place, value in enumerate([0.001, np.nan, -1.0, np.inf, 0.0]):
        latency_ms[place] = value
    cleaned = read_networks(write(latency_ms_d0=latency_ms)).latency_ms["d0"]
    assert np.isnan(cleaned[:5]).all()
    assert np.isfinite(cleaned[5:]).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"genes": None}, "integer array 'genes'"),
        ({"genes": np.ones((27, 3))}, "integer array 'genes'"),
        ({"genes": np.ones(27, dtype=int)}, "integer array 'genes'"),
        ({"genes": -np.ones((27, 3), dtype=int)}, "integer array 'genes'"),
        ({"n_choices": np.array([3, 3, 2])}, "n_choices"),
        ({"n_choices": np.array([3, 3])}, "one integer for each gene"),
        ({"n_choices": np.array(["3", "3", "3"])}, "one integer for each gene"),
        ({"choice_names": np.array(["none", "skip"])}, "choice_names"),
        ({"latency_ms_d0": np.ones(26)}, "one number for each of the 27"),
        ({"latency_ms_d0": np.array(["x"] * 27)}, "one number for each of the 27"),
        ({"latency_ms_d0": np.zeros(27)}, "no latency above 0"),
        ({"latency_ms_d0": None, "devices": 1}, "has no array"),
    ],
)
def test_a_file_that_is_not_in_the_layout_is_named(write: Any, changes: dict[str, Any], message: str) -> None:
    path = write(**changes)
    with pytest.raises(NetworksFileError, match=message) as caught:
        read_networks(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut"])
def test_a_file_that_is_no_npz_is_named(tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.npz"
    path.write_bytes(content)
    assert main(["fewshot", "--known", str(path), "--target", str(path)]) == 1
    assert f"{path}: cannot be read" in capsys.readouterr().err


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "pickle.npz"
    np.savez(path, genes=np.array([{}], dtype=object))
    with pytest.raises(NetworksFileError, match="cannot be read"):
        read_networks(path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--devices", "d9"], "no device 'd9'; it has d0, d1"),
        (["--networks", "26"], "too few"),
        (["--known", "absent.npz"], "absent.npz: cannot be read"),
    ],
)
def test_what_cannot_be_computed_is_said(
    write: Any, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(write())
    assert main(["fewshot", "--known", path, "--target", path, *arguments]) == 1
    assert message in capsys.readouterr().err


def test_files_of_different_spaces_are_refused(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    other = arrays()
    known, target = write("known.npz"), write("target.npz", genes=other["genes"][:, [0, 1, 2, 2]], gene_names=None)
    assert main(["fewshot", "--known", str(known), "--target", str(target)]) == 1
    assert "different spaces" in capsys.readouterr().err


def test_files_whose_choices_have_other_names_are_refused(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    known, target = write("known.npz"), write("target.npz", choice_names=np.array(["none", "conv", "skip"]))
    assert main(["fewshot", "--known", str(known), "--target", str(target)]) == 1
    assert "different spaces" in capsys.readouterr().err


def test_a_file_without_names_may_lack_the_last_choice(write: Any, tmp_path: Path) -> None:
    known = write("known.npz", choice_names=None)
    rare = np.load(known)["genes"].max(axis=1) < 2
    content = {key: value for key, value in arrays(choice_names=None).items() if value is not None}
    fewer = {key: np.concatenate([value[rare]] * 2) for key, value in content.items() if len(value) == len(rare)}
    np.savez(tmp_path / "target.npz", **fewer)
    arguments = ("--known", known, "--target", tmp_path / "target.npz", "--networks", 6, "--draws", 1)
    assert figures(tmp_path / "out", *arguments)["mean_mape"] < 0.2


def test_a_device_of_equal_latencies_has_no_rank_agreement_and_hides_no_other(write: Any, tmp_path: Path) -> None:
    path = write(latency_ms_flat=np.full(27, 2.0))
    found = figures(tmp_path / "out", "--known", path, "--target", path, "--networks", 6, "--draws", 1)
    assert found["devices"]["flat"]["spearman"] is None
    assert found["devices"]["flat"]["within_10"] is not None
    assert found["mean_spearman"] > 0.9


@pytest.mark.parametrize("number", ["0", "-3", "x"])
def test_numbers_of_networks_and_draws_are_at_least_one(write: Any, number: str) -> None:
    path = str(write())
    for option in ("--networks", "--draws"):
        with pytest.raises(SystemExit):
            main(["fewshot", "--known", path, "--target", path, option, number])


@pytest.mark.skipif(not PUBLISHED.exists(), reason="needs ../shared/data/nasbench201.npz")
def test_published_devices_from_ten_networks(tmp_path: Path) -> None:
    """One draw of what `benchmarks/RESULTS.md` states over twenty; the goal over all devices is 0.960."""
    path = PUBLISHED
    found = figures(tmp_path / "out", "--known", path, "--target", path, "--networks", 10, "--draws", 1)
    assert len(found["devices"]) == 13
    assert found["mean_spearman"] > 0.955
    assert found["mean_spearman"] > found["mean_prior_spearman"] + 0.03
    assert 0.8 < found["mean_coverage_90"] < 0.98
