"""From a user's images and space to networks: train, be killed, go on, add, search, download."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from latency_tables import write_table
from search import read_artefact, read_chain_space
from tests.own_space import NAME, write_definition
from tests.service_world import DEVICE, REQUEST, ROOT, board_table, build_world, environment, running_server
from tests.unit.search.datasets.conftest import as_zip, image

pytestmark = pytest.mark.slow
KILLED = """
import os, signal, sys
from search.supernet.training.loop import Training
step = Training.train_step
def dying(training):
    if training.step == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    training._save()
    return step(training)
Training.train_step = dying
from service.cli import main
main(sys.argv[1:])
"""
"""The command as it is, but for checkpoints at each step and a kill in the fourth."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("train")
    write_definition(made / "mine.json")
    rng = np.random.default_rng(0)
    colors = rng.integers(0, 256, (10, 3)).tolist()
    files = {f"p/class{n % 10}/{n}.png": image((*colors[n % 10][:2], n), (40, 36)) for n in range(60)}
    as_zip(made / "pictures.zip", files)
    return made


def train(folder: Path, run: str, *program: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *(program or ("-m", "service.cli")), "train", "--space", folder / "mine.json"]
    command += ["--dataset", folder / "pictures.zip", "--folder", folder / run, "--epochs", "6", "--networks", "40"]
    command += ["--threads", "1", "--resize", "--data-dir", folder / "data"]
    settings = build_world(folder / "world")
    return subprocess.run(
        [str(part) for part in command],
        check=False,
        env=environment(settings),
        cwd=ROOT,
        text=True,
        capture_output=True,
        timeout=500,
    )


@pytest.fixture(scope="module")
def whole(folder: Path) -> Path:
    done = train(folder, "whole")
    assert done.returncode == 0, done.stderr
    assert f"Next: lutnas spaces add {folder / 'whole' / 'artefact'}" in done.stdout
    return folder / "whole" / "artefact"


def test_a_killed_training_goes_on_to_the_same_bytes(folder: Path, whole: Path) -> None:
    assert train(folder, "killed", "-c", KILLED).returncode == -signal.SIGKILL
    assert not (folder / "killed" / "artefact").exists()
    resumed = train(folder, "killed")
    assert resumed.returncode == 0, resumed.stderr
    for name in ("weights.safetensors", "evaluations.npz", "space.json"):
        assert (folder / "killed" / "artefact" / name).read_bytes() == (whole / name).read_bytes()


def test_the_artefact_is_searched_and_its_networks_are_downloaded(whole: Path, tmp_path: Path) -> None:
    space = read_chain_space(whole / "space.json")
    assert len(read_artefact(whole, space).evaluations.error) == 40
    settings = build_world(tmp_path)
    write_table(replace(board_table(), space=NAME), settings.tables_dir / DEVICE / f"{NAME}.json")
    with running_server(settings) as server:
        assert NAME not in {row["name"] for row in server.client.get("/v1/spaces").json()["spaces"]}
        command = [sys.executable, "-m", "service.cli", "spaces", "add", str(whole)]
        added = subprocess.run(
            command, check=False, env=environment(settings), cwd=ROOT, text=True, capture_output=True, timeout=200
        )
        assert added.returncode == 0, added.stderr
        job = server.wait_for(server.post(REQUEST | {"space": NAME}), timeout_s=200)
        assert job["state"] == "succeeded", job
        item = server.client.get(job["urls"]["front"]).json()["items"][0]
        model = server.client.get(item["model_url"])
        assert model.status_code == 200
        onnx.checker.check_model(onnx.load_from_string(model.content))
