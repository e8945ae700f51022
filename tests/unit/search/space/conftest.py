"""Spaces for the tests: the two of the catalogue, and the tiny one's file as data to spoil."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import search.space
from search.space.chain import ChainSpace, read_chain_space

CATALOGUE = Path(search.space.__file__).parent / "catalogue"


@pytest.fixture(scope="session")
def tiny() -> ChainSpace:
    return read_chain_space(CATALOGUE / "tiny-cifar10.json")


@pytest.fixture(scope="session")
def fbnet() -> ChainSpace:
    return read_chain_space(CATALOGUE / "fbnet-cifar10.json")


@pytest.fixture
def content() -> dict[str, Any]:
    return json.loads((CATALOGUE / "tiny-cifar10.json").read_text(encoding="utf-8"))
