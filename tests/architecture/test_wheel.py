"""The wheel holds every file of the three packages: code, spaces, tables, artefacts, migrations, pages."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.architecture.sources import PACKAGES, ROOT, name_of


def package_files() -> set[str]:
    tracked = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode == 0:
        return {line for line in tracked.stdout.splitlines() if (ROOT / line).exists()}
    every = (path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file())
    return {name_of(path) for path in every if path.suffix != ".pyc"}


def test_the_wheel_holds_every_file_of_the_packages(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    files = package_files()
    assert {Path(name).suffix for name in files} >= {".py", ".json"}
    assert files - names == set()
    assert {name.split("/")[0].split("-")[0] for name in names} == {*PACKAGES, "lutnas"}
    assert wheel.stat().st_size < 60_000_000
