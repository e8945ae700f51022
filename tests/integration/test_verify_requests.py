"""Searches that would evaluate on images and cannot: refused when they are posted, with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from httpx import Client

from service.bootstrap import Services
from tests.service_world import REQUEST, SPACE

WISH = REQUEST | {"verify": True}


@pytest.fixture(autouse=True)
def quiet(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """No search is started."""
    monkeypatch.setattr(services.lifecycle, "claim", lambda: None)


def refused(client: Client, wish: dict) -> dict:
    answer = client.post("/v1/searches", json=wish)
    assert answer.status_code == 422, answer.text
    return answer.json()


def test_without_a_dataset_the_setting_is_named(client: Client) -> None:
    problem = refused(client, WISH)
    assert problem["code"] == "space_without_dataset"
    assert "LUTNAS_DATASETS" in problem["detail"]
    assert [fault["pointer"] for fault in problem["errors"]] == ["/verify"]


def test_a_dataset_that_is_not_at_its_path_is_told_at_once(
    client: Client, services: Services, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(services.datasets, "_datasets", {SPACE: tmp_path / "gone.tar"})
    problem = refused(client, WISH)
    assert (problem["code"], problem["errors"][0]["pointer"]) == ("dataset_missing", "/verify")
    assert str(tmp_path / "gone.tar") in problem["detail"]


def test_without_a_supernet_there_is_nothing_to_evaluate(client: Client) -> None:
    problem = refused(client, WISH | {"space": "fbnet-cifar10", "devices": ["raspberry-pi-4"]})
    assert (problem["code"], problem["errors"][0]["pointer"]) == ("space_without_supernet", "/space")


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        ({"verify": "true"}, ["/verify"]),
        ({"verify_evaluations": 0}, ["/verify_evaluations"]),
        ({"verify_evaluations": 1e9}, ["/verify_evaluations"]),
        ({"verify_evaluations": -5, "verify_images": [1]}, ["/verify_evaluations", "/verify_images"]),
        ({"verify": False, "verify_evaluations": 10}, ["/verify_evaluations"]),
        ({"objectives": ["macs"]}, ["/verify"]),
        ({"verify_image": 500}, ["/verify_image"]),
    ],
)
def test_malformed_wishes_are_told_with_their_place(client: Client, change: dict, pointers: list[str]) -> None:
    assert [fault["pointer"] for fault in refused(client, WISH | change)["errors"]] == pointers


def test_other_faults_are_told_first(client: Client) -> None:
    """A limit that no network keeps is wrong with and without images."""
    problem = refused(client, WISH | {"limits": {"params": {"max": 1}}})
    assert problem["code"] == "limit"


def test_a_search_by_prediction_alone_states_no_images(client: Client) -> None:
    answer = client.post("/v1/searches", json=REQUEST)
    assert answer.status_code == 202
    effective = answer.json()["effective_spec"]
    assert effective["verify"] is False
    assert not {"verify_evaluations", "verify_images"} & set(effective)
