"""`lutnas spaces`: adding, listing and removing, and everything that is refused without a trace."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from safetensors.numpy import load_file, save_file

from service.cli import main
from tests.own_space import NAME, write_definition, write_own_artefact
from tests.service_world import SPACE


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_own_artefact(tmp_path_factory.mktemp("made"))


@pytest.fixture
def artefact(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "artefact"))


def spaces(data_dir: Path, *arguments: object) -> Result:
    return CliRunner().invoke(main, ["spaces", *map(str, arguments), "--data-dir", str(data_dir)])


def listed(data_dir: Path) -> dict[str, dict]:
    result = spaces(data_dir, "--json")
    assert result.exit_code == 0, result.output
    return {row["name"]: row for row in json.loads(result.output)["spaces"]}


def refused(data_dir: Path, *arguments: object) -> str:
    before = sorted(data_dir.rglob("*")) if data_dir.exists() else []
    result = spaces(data_dir, *arguments)
    assert result.exit_code == 2, result.output
    after = [path for path in sorted(data_dir.rglob("*")) if path.name not in {"spaces", ".lock"}]
    assert after == [path for path in before if path.name not in {"spaces", ".lock"}]
    return result.output


def test_a_space_is_added_listed_and_removed(data_dir: Path, artefact: Path) -> None:
    assert listed(data_dir)[SPACE]["source"] == "shipped"
    added = spaces(data_dir, "add", artefact)
    assert added.exit_code == 0, added.output
    assert f"lutnas measure --space {NAME}" in added.output
    row = listed(data_dir)[NAME]
    assert (row["source"], row["evaluated_networks"], row["classes"]) == ("yours", 81, 10)
    assert sorted(path.name for path in (data_dir / "spaces" / NAME).iterdir()) == [
        "card.json", "evaluations.npz", "space.json", "weights.safetensors",
    ]  # fmt: skip
    table = spaces(data_dir).output
    for whole in (NAME, "networks", "supernet", "evaluated", "best top-1", row["supernet_sha256"][:8]):
        assert whole in table
    assert "\N{HORIZONTAL ELLIPSIS}" not in table
    assert spaces(data_dir, "remove", NAME).exit_code == 0
    assert NAME not in listed(data_dir)
    assert [path.name for path in (data_dir / "spaces").iterdir()] == [".lock"]


def test_the_same_again_replaces_the_supernet(data_dir: Path, artefact: Path) -> None:
    spaces(data_dir, "add", artefact)
    result = spaces(data_dir, "add", artefact)
    assert result.exit_code == 0
    assert f"Replaced {NAME}" in result.output


def test_another_space_of_the_name_needs_to_be_asked_for(data_dir: Path, artefact: Path, tmp_path: Path) -> None:
    spaces(data_dir, "add", artefact)
    other = write_own_artefact(tmp_path, NAME, description="another text")
    assert "add --replace" in refused(data_dir, "add", other)
    assert listed(data_dir)[NAME]["description"] != "another text"
    assert spaces(data_dir, "add", other, "--replace").exit_code == 0
    assert listed(data_dir)[NAME]["description"] == "another text"


def test_a_shipped_space_may_get_another_supernet(data_dir: Path, tmp_path: Path) -> None:
    result = spaces(data_dir, "add", write_own_artefact(tmp_path, SPACE), "--space", SPACE)
    assert "stands in front of the shipped one" in result.output
    assert listed(data_dir)[SPACE]["source"] == "yours"


def test_another_space_may_not_take_a_shipped_name(data_dir: Path, tmp_path: Path) -> None:
    taken = write_own_artefact(tmp_path, SPACE, description="another")
    assert f"has the name of the shipped space {SPACE}" in refused(data_dir, "add", taken)


def truncated(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-20])


def removed(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def other_space(folder: Path) -> None:
    write_definition(folder / "space.json", head={"hidden_channels": 8})


def filled(value: float) -> Callable[[Path], None]:
    """All weights are this number, and the card says that it must be so."""

    def fill(folder: Path) -> None:
        path = folder / "weights.safetensors"
        save_file({name: np.full_like(tensor, value) for name, tensor in load_file(path).items()}, path)
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        card["files"][path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
        (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")

    return fill


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (truncated("weights.safetensors"), "sha256"),
        (truncated("evaluations.npz"), "sha256"),
        (truncated("card.json"), "card.json: cannot be read"),
        (truncated("space.json"), "space.json"),
        (removed("weights.safetensors"), "weights.safetensors cannot be copied"),
        (removed("space.json"), "holds no space.json: name its space with --space"),
        (other_space, "was trained for space definition"),
        (filled(np.nan), "holds values that are not finite"),
        (filled(60_000.0), "has weights that compute no numbers"),
    ],
)
def test_damaged_artefacts_are_refused(
    data_dir: Path, artefact: Path, damage: Callable[[Path], None], words: str
) -> None:
    damage(artefact)
    assert words in refused(data_dir, "add", artefact)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add", "/nowhere"], "is no folder"),
        (["add", "{artefact}", "--space", "nowhere"], "Unknown space"),
        (["add", "{artefact}", "--space", "../x"], "Unknown space"),
        (["add", "{artefact}", "--space", "nowhere.json"], "nowhere.json"),
        (["remove", "nowhere"], "is not one of yours"),
        (["remove", "../tables"], "is not one of yours"),
        (["remove", SPACE], "a shipped one cannot be removed"),
    ],
)
def test_what_is_not_there_is_said(data_dir: Path, artefact: Path, arguments: list[str], words: str) -> None:
    assert words in refused(data_dir, *(argument.format(artefact=artefact) for argument in arguments))


def test_a_damaged_space_is_listed_as_not_usable(data_dir: Path, artefact: Path) -> None:
    spaces(data_dir, "add", artefact)
    truncated("weights.safetensors")(data_dir / "spaces" / NAME)
    result = spaces(data_dir)
    assert result.exit_code == 0
    assert f"Not usable: {NAME}: Supernet artefact" in result.output
    assert NAME not in listed(data_dir)
