"""The two shipped spaces with fake resources."""

from __future__ import annotations

import pytest

from search import ChainSpace, SearchResources, load_space
from tests.unit.search.fakes import fake_resources


@pytest.fixture(scope="session")
def tiny() -> ChainSpace:
    return load_space("tiny-cifar10")


@pytest.fixture(scope="session")
def fbnet() -> ChainSpace:
    return load_space("fbnet-cifar10")


@pytest.fixture
def tiny_resources(tiny: ChainSpace) -> SearchResources:
    return fake_resources(tiny)


@pytest.fixture
def fbnet_resources(fbnet: ChainSpace) -> SearchResources:
    return fake_resources(fbnet)
