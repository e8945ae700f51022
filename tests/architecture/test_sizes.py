"""Functions fit a screen and files stay readable."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.sources import FOLDERS, PACKAGES, code_lines, functions_of, name_of, python_files

MOST_FUNCTION_LINES = 40
MOST_FILE_LINES = 400
LONGER_FILES = {"latency_tables/agent.py": 1000}
"""The agent must be one file, since it is copied to boards (docs/decisions/0005)."""


def code_line_count(path: Path) -> int:
    return len(code_lines(path.read_text(encoding="utf-8")))


def test_functions_have_at_most_40_code_lines() -> None:
    too_long = []
    for path in python_files(*FOLDERS):
        lines = code_lines(path.read_text(encoding="utf-8"))
        for function in functions_of(path):
            count = len(lines & set(range(function.lineno, (function.end_lineno or 0) + 1)))
            if count > MOST_FUNCTION_LINES:
                too_long.append(f"{name_of(path)}:{function.lineno} {function.name}: {count} code lines")
    assert not too_long, "\n".join(too_long)


def test_files_have_at_most_400_lines() -> None:
    sizes = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in python_files(*FOLDERS)}
    assert not {name: lines for name, lines in sizes.items() if lines > LONGER_FILES.get(name, MOST_FILE_LINES)}


def test_tests_are_at_least_as_large_as_the_code() -> None:
    code = sum(map(code_line_count, python_files(*PACKAGES)))
    tests = sum(map(code_line_count, python_files("tests")))
    assert tests >= code, f"{tests} code lines of tests for {code} of source"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\n", {1}),
        ("# why\n\nx = 1  # because\n", {3}),
        ('def f():\n    """Words.\n\n    More.\n    """\n    return 1\n', {1, 6}),
        ('x = """a\nb"""\n', {1, 2}),
        ("f(\n    1,\n\n    2,\n)\n", {1, 2, 4, 5}),
    ],
)
def test_what_counts_as_a_code_line(text: str, expected: set[int]) -> None:
    assert code_lines(text) == expected
