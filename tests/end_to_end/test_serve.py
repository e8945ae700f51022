"""`lutnas serve` as users run it: a process, HTTP, signals, and what is left on the disk."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from service.settings import Settings
from tests.service_world import (
    DEVICE,
    REQUEST,
    ROOT,
    Server,
    build_world,
    environment,
    occupied_port,
    running_server,
)

LARGE = "fbnet-cifar10"
LONG = {"space": LARGE, "devices": [DEVICE], "population": 16, "generations": 400, "seed": 5}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Server, str]:
    settings = build_world(tmp_path_factory.mktemp("serve"))
    with running_server(settings) as server:
        search_id = server.post(REQUEST)
        assert server.wait_for(search_id)["state"] == "succeeded"
        yield server, search_id


def front_of(server: Server, search_id: str) -> dict:
    answer = server.client.get(f"/v1/searches/{search_id}/front")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_front_is_downloaded_as_json_and_csv(finished: tuple[Server, str]) -> None:
    server, search_id = finished
    items = front_of(server, search_id)["items"]
    answer = server.client.get(f"/v1/searches/{search_id}/front.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(items) >= 2
    assert [row["architecture_id"] for row in rows] == [item["architecture_id"] for item in items]
    assert [float(row[f"latency_ms:{DEVICE}"]) for row in rows] == [
        item["latency_ms"][DEVICE]["expected"] for item in items
    ]


def test_a_network_runs_and_is_the_same_file_each_time(finished: tuple[Server, str]) -> None:
    server, search_id = finished
    item = front_of(server, search_id)["items"][0]
    first, second = server.client.get(item["model_url"]), server.client.get(item["model_url"])
    assert first.content == second.content
    assert first.headers["ETag"] == second.headers["ETag"]
    session = onnxruntime.InferenceSession(first.content, providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"image": np.zeros((2, 3, 32, 32), dtype=np.float32)})
    assert logits.shape == (2, 10)
    metadata = session.get_modelmeta().custom_metadata_map
    assert metadata["architecture_id"] == item["architecture_id"]
    assert float(metadata["expected_error"]) == item["error"]


def test_the_zip_holds_everything_and_is_the_same_each_time(finished: tuple[Server, str]) -> None:
    server, search_id = finished
    url = f"/v1/searches/{search_id}/front.zip"
    content = server.client.get(url).content
    assert content == server.client.get(url).content
    front = front_of(server, search_id)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert json.loads(archive.read("front.json")) == front
        models = {f"models/{item['architecture_id']}.onnx" for item in front["items"]}
        assert set(archive.namelist()) == {"front.json", "front.csv"} | models
        first = front["items"][0]
        stored = archive.read(f"models/{first['architecture_id']}.onnx")
    assert stored == server.client.get(first["model_url"]).content


def test_a_zip_of_two_networks_holds_the_ends_of_the_front(finished: tuple[Server, str]) -> None:
    server, search_id = finished
    content = server.client.get(f"/v1/searches/{search_id}/front.zip", params={"networks": 2}).content
    items = front_of(server, search_id)["items"]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        models = {name for name in archive.namelist() if name.startswith("models/")}
    assert models == {f"models/{items[place]['architecture_id']}.onnx" for place in (0, -1)}
    assert server.client.get(f"/v1/searches/{search_id}/front.zip", params={"networks": 0}).status_code == 422


def test_events_tell_the_whole_story_in_order(finished: tuple[Server, str]) -> None:
    server, search_id = finished
    events = server.client.get(f"/v1/searches/{search_id}/events").json()["events"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    states = [event["kind"] for event in events if event["kind"] != "progress"]
    assert states == ["queued", "running", "succeeded"]


def test_the_same_seed_gives_the_same_front(finished: tuple[Server, str]) -> None:
    server, search_id = finished
    again = server.post(REQUEST)
    assert server.wait_for(again)["state"] == "succeeded"
    first, second = front_of(server, search_id), front_of(server, again)
    assert [item["genome"] for item in first["items"]] == [item["genome"] for item in second["items"]]


def test_a_finished_search_is_deleted_with_its_files(finished: tuple[Server, str]) -> None:
    server, _ = finished
    search_id = server.post(REQUEST)
    server.wait_for(search_id, "succeeded")
    assert server.client.delete(f"/v1/searches/{search_id}").status_code == 204
    assert server.client.get(f"/v1/searches/{search_id}").status_code == 404
    assert server.client.get(f"/v1/searches/{search_id}/front").status_code == 404


@pytest.fixture
def large_world(tmp_path: Path) -> Settings:
    return build_world(tmp_path, (LARGE,))


def orphans(settings: Settings) -> list[str]:
    """Search processes that still run; only ones whose command line or environment name this world."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            spawned = b"multiprocessing" in (process / "cmdline").read_bytes()
            if spawned and str(settings.data_dir).encode() in (process / "environ").read_bytes():
                found.append(process.name)
        except OSError:
            continue
    return found


def wait_until_gone(settings: Settings) -> None:
    deadline = time.monotonic() + 10
    while orphans(settings):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_search_survives_the_kill_of_the_server_and_ends_with_the_same_front(large_world: Settings) -> None:
    with running_server(large_world) as server:
        search_id = server.post(LONG)
        while server.job(search_id)["progress"]["generation"] < 1:
            time.sleep(0.05)
        server.kill()
    wait_until_gone(large_world)
    with running_server(large_world) as server:
        job = server.wait_for(search_id, timeout_s=120)
        assert (job["state"], job["attempt"]) == ("succeeded", 2)
        resumed = front_of(server, search_id)["items"]
        straight = server.post(LONG)
        assert server.wait_for(straight, timeout_s=120)["attempt"] == 1
        assert [i["genome"] for i in front_of(server, straight)["items"]] == [i["genome"] for i in resumed]


def test_sigterm_ends_within_ten_seconds_and_leaves_the_search_to_be_resumed(large_world: Settings) -> None:
    with running_server(large_world) as server:
        search_id = server.post(LONG | {"generations": 3000})
        server.wait_for(search_id, "running")
        started = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        code = server.process.wait(15)
        assert time.monotonic() - started < 10
        assert code in (0, -signal.SIGTERM)
        assert "Traceback" not in server.log.read_text()
    wait_until_gone(large_world)
    with running_server(large_world) as server:
        job = server.wait_for(search_id, "running")
        assert job["attempt"] == 1
        assert server.client.post(f"/v1/searches/{search_id}/cancel").status_code == 200
        assert server.wait_for(search_id, timeout_s=20)["state"] == "cancelled"


def run_serve(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service.cli", "serve", *arguments]
    return subprocess.run(
        command, env=environment(settings), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_port_in_use_is_told_with_what_to_do(tmp_path: Path) -> None:
    settings = build_world(tmp_path)
    with occupied_port() as port:
        result = run_serve(settings, "--port", str(port))
    assert result.returncode == 2
    assert f"Port {port} on 127.0.0.1 is in use" in result.stderr
    assert "--port" in result.stderr


def test_a_host_that_others_reach_is_refused(tmp_path: Path) -> None:
    result = run_serve(build_world(tmp_path), "--host", "0.0.0.0")
    assert result.returncode == 2
    assert "no access control" in result.stderr


def test_a_second_server_on_the_same_folder_is_refused(finished: tuple[Server, str]) -> None:
    server, _ = finished
    folder = server.log.parent / "data"
    result = run_serve(Settings(data_dir=folder, pretrained_dir=server.log.parent / "supernets"))
    assert result.returncode == 2
    assert f"process {server.process.pid}" in result.stderr


def test_a_database_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    settings = build_world(tmp_path)
    (settings.data_dir / "lutnas.sqlite3").mkdir()
    result = run_serve(settings)
    assert result.returncode == 2
    assert "lutnas.sqlite3" in result.stderr
    assert "--data-dir" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_damaged_supernet_is_refused_with_both_hashes(tmp_path: Path) -> None:
    settings = build_world(tmp_path)
    weights = tmp_path / "supernets" / "tiny-cifar10" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    result = run_serve(settings)
    assert result.returncode == 2
    assert "weights.safetensors" in result.stderr
    assert len([word for word in result.stderr.replace(",", " ").replace(".", " ").split() if len(word) == 64]) == 2


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    settings = build_world(tmp_path)
    command = [sys.executable, "-m", "service.cli", "serve"]
    wrong = environment(settings) | {"LUTNAS_MAX_RUNNING": "many"}
    result = subprocess.run(command, env=wrong, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2
    assert "LUTNAS_MAX_RUNNING" in result.stderr
