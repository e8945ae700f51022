"""Each package draws its whole tree of errors in the docstring of its `errors.py`, and every error can be raised."""

from __future__ import annotations

import importlib
import inspect
import re
from types import ModuleType

import pytest

ROOTS = {"latency_tables": "LatencyTableError", "search": "SearchError", "service": "ServiceError"}
BRANCH = re.compile(r"^(?P<indent>[ |]*)(?:\+-- )?(?P<name>[A-Z]\w+)(?:  .*)?$", re.MULTILINE)


def drawn_tree(module: ModuleType) -> dict[str, int]:
    """Name and depth of every class in the module docstring's drawing; `+--` is four columns a level, first at 1."""
    tree = {}
    for match in BRANCH.finditer(inspect.getdoc(module) or ""):
        branch = "+--" in match.group(0)
        tree[match["name"]] = 1 + len(match["indent"]) // 4 if branch else 0
    return tree


def classes_of(module: ModuleType) -> dict[str, type[Exception]]:
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, Exception) and value.__module__ == module.__name__
    }


MODULES = [*(f"{package}.errors" for package in ROOTS), "service.table_errors"]


@pytest.mark.parametrize("name", MODULES)
def test_the_drawn_tree_is_the_real_one(name: str) -> None:
    module = importlib.import_module(name)
    classes = classes_of(module)
    real = {name: len(set(value.__mro__) & set(classes.values())) - 1 for name, value in classes.items()}
    assert drawn_tree(module) == real


@pytest.mark.parametrize("name", MODULES)
def test_every_error_is_a_child_of_its_package_root(name: str) -> None:
    package = name.partition(".")[0]
    root = getattr(importlib.import_module(f"{package}.errors"), ROOTS[package])
    assert not [
        name for name, value in classes_of(importlib.import_module(name)).items() if not issubclass(value, root)
    ]


@pytest.mark.parametrize("package", ROOTS)
def test_a_front_door_offers_what_it_names(package: str) -> None:
    module = importlib.import_module(package)
    names = getattr(module, "__all__", [])
    assert len(set(names)) == len(names)
    assert [name for name in names if not hasattr(module, name)] == []
