"""What may not be in the code: pickles, vague names, machine paths, `**kwargs`, heavy imports, clocks in the engine."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import (
    FOLDERS,
    PACKAGES,
    ROOT,
    functions_of,
    imported_modules,
    name_of,
    python_files,
    tree_of,
)

PICKLING = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
VAGUE = {"manager", "helper", "helpers", "util", "utils", "common", "misc"}
WHOLE_NAMES = {"arch_dict", "info"}
CALLED_BY_PYMOO = {("benchmarks", "_do")}
"""Folder and name of methods that pymoo calls with whatever keywords it pleases."""
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|home|Users|mnt)/\w")
TEXT_SUFFIXES = {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".html", ".txt", ".ini", ".mako", ".css", ".js"}


def words(name: str) -> set[str]:
    """The words of a snake_case or CamelCase name, in lower case."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def defined_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id


def pickling_calls(tree: ast.Module) -> Iterator[int]:
    """Lines with `allow_pickle=...`, unless it is False, or `torch.load` without `weights_only=True`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        keywords = {word.arg: ast.unparse(word.value) for word in node.keywords}
        if keywords.get("allow_pickle", "False") != "False":
            yield node.lineno
        if ast.unparse(node.func) == "torch.load" and keywords.get("weights_only") != "True":
            yield node.lineno


def written_files() -> list[Path]:
    """Every text file that people of this project write."""
    folders = [path for folder in (*FOLDERS, "docs", "docker", ".ci") for path in (ROOT / folder).rglob("*")]
    every = [path for path in (*folders, *ROOT.glob("*")) if path.is_file() and "__pycache__" not in path.parts]
    return [path for path in every if path.suffix in TEXT_SUFFIXES or path.name in {"Dockerfile", "run"}]


def test_nothing_pickles() -> None:
    found = []
    for path in python_files(*FOLDERS):
        roots = {module.split(".")[0] for module in imported_modules(tree_of(path))}
        found += [f"{name_of(path)} imports {name}" for name in sorted(roots & PICKLING)]
        found += [f"{name_of(path)}:{line} loads pickles" for line in pickling_calls(tree_of(path))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("np.load(p, allow_pickle=True)", [1]),
        ("np.load(p, allow_pickle=flag)", [1]),
        ("np.load(p, allow_pickle=False)", []),
        ("torch.load(p)", [1]),
        ("torch.load(p, weights_only=True)", []),
    ],
)
def test_pickling_calls_are_seen(text: str, lines: list[int]) -> None:
    assert list(pickling_calls(ast.parse(text))) == lines


def test_names_say_something() -> None:
    vague = []
    for path in python_files(*FOLDERS):
        if words(path.stem) & VAGUE:
            vague.append(name_of(path))
        for line, name in defined_names(tree_of(path)):
            if words(name) & VAGUE or name in WHOLE_NAMES:
                vague.append(f"{name_of(path)}:{line} {name}")
    assert not vague, "\n".join(vague)


def test_words_of_a_name() -> None:
    assert words("JobManager") == {"job", "manager"}
    assert words("read_HTTPFile_2") == {"read", "http", "file"}


def test_operations_are_counted_in_macs() -> None:
    wrong = [
        f"{name_of(path)}:{line} {name}"
        for path in python_files(*FOLDERS)
        for line, name in defined_names(tree_of(path))
        if words(name) & {"flop", "flops", "mflops", "gflops"}
    ]
    assert not wrong, "\n".join(wrong)


def test_no_path_of_one_machine() -> None:
    assert len(written_files()) > 20
    found = [
        f"{name_of(path)}:{number}: {line.strip()[:100]}"
        for path in written_files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert not found, "\n".join(found)


def test_machine_paths_are_seen() -> None:
    assert MACHINE_PATH.search("open('/" + "home/me/x')")
    assert not MACHINE_PATH.search("https://example.org/home/page")
    assert not MACHINE_PATH.search("../work/file")


def test_signatures_name_their_arguments() -> None:
    wrong = [
        f"{name_of(path)}:{function.lineno} {function.name}(**{function.args.kwarg.arg})"
        for path in python_files(*PACKAGES)
        for function in functions_of(path)
        if function.args.kwarg is not None and (path.parent.name, function.name) not in CALLED_BY_PYMOO
    ]
    assert not wrong, "\n".join(wrong)


def test_every_module_says_what_it_is() -> None:
    silent = [name_of(path) for path in python_files(*FOLDERS) if not ast.get_docstring(tree_of(path))]
    assert not silent, "\n".join(silent)


def test_the_engine_has_no_clock_environment_or_network() -> None:
    forbidden = {"time", "datetime", "random", "socket", "subprocess", "sqlite3", "urllib", "http", "threading"}
    wrong = []
    for path in python_files("search"):
        if "training" in path.parts:
            continue
        roots = {module.split(".")[0] for module in imported_modules(tree_of(path))}
        wrong += [f"{name_of(path)} imports {name}" for name in sorted(roots & forbidden)]
        text = path.read_text(encoding="utf-8")
        wrong += [f"{name_of(path)}: {word}" for word in ("os.environ", "os.getenv") if word in text]
    assert not wrong, "\n".join(wrong)


def test_the_agent_stands_alone() -> None:
    """The agent is copied to devices as one file: the standard library, numpy and onnxruntime are all it may need."""
    roots = {module.split(".")[0] for module in imported_modules(tree_of(ROOT / "latency_tables" / "agent.py"))}
    assert roots - set(sys.stdlib_module_names) <= {"numpy", "onnxruntime"}


@pytest.mark.parametrize("module", ["service.cli", "service.app", "search", "latency_tables"])
def test_a_search_needs_no_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
