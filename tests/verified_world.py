"""The small world with a dataset: images of coloured noise, which its untrained supernet was "trained" on."""

from __future__ import annotations

import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
from PIL import Image

from service.settings import Settings
from tests.service_world import SPACE, build_world

PER_CLASS = 8
IMAGES = 20
"""Validation images: a quarter of the training images."""
DRAWN = {"archive": "patches", "held_out": 0.25, "seed": 1}


def write_patches(folder: Path, classes: int = 10) -> Path:
    """A dataset with one folder per class."""
    rng = np.random.default_rng(3)
    for number in range(classes):
        for split, count in (("train", PER_CLASS), ("test", 2)):
            for place in range(count):
                path = folder / split / f"class{number}" / f"{place}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                content = io.BytesIO()
                Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(content, "PNG")
                path.write_bytes(content.getvalue())
    return folder


def build_verified_world(folder: Path, spaces: tuple[str, ...] = (SPACE,)) -> Settings:
    """Supernets whose cards say which images were held out, and the settings that name the dataset."""
    settings = build_world(folder, spaces)
    for name in spaces:
        path = folder / "supernets" / name / "card.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"data": DRAWN}))
    return settings.model_copy(
        update={"datasets": {"patches": write_patches(folder / "patches")}, "max_running": 2, "child_nice": 0}
    )


def evaluations_kept(settings: Settings) -> list[tuple[str, int, float]]:
    """Genome, images and error of every evaluation in the database."""
    with closing(sqlite3.connect(settings.data_dir / "lutnas.sqlite3")) as connection:
        return connection.execute("SELECT genome, images, error FROM evaluations").fetchall()
