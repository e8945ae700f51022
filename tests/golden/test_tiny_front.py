"""The tiny space's front, written down once: any change of costs, genomes, dominance or order shows here.

It holds whole numbers only: floating-point values may differ in their last bit between processors.
"""

from __future__ import annotations

import json
from pathlib import Path

from search import SearchSpec, load_space, run_search
from tests.unit.search.fakes import fake_resources

GOLDEN = Path(__file__).with_name("tiny_front.json")


def test_the_front_of_whole_numbers_is_the_one_written_down() -> None:
    expected = json.loads(GOLDEN.read_text(encoding="utf-8"))
    spec = SearchSpec(expected["space"], (), tuple(expected["objectives"]), population=24, generations=30, seed=1)
    result = run_search(spec, fake_resources(load_space(expected["space"])))
    found = [{"genome": list(item.genome), "params": item.params} for item in result.front]
    assert found == expected["front"]
