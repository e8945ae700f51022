"""Train a supernet: `python -m search.supernet.training --dataset cifar10.tar.xz --folder runs/fbnet`.

Started again with the same folder it goes on where the last checkpoint stands.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from search.errors import SearchError
from search.space.load import load_named_space
from search.supernet.training.dataset import read_dataset
from search.supernet.training.loop import StepReport, Training
from search.supernet.training.recipe import Recipe, add_recipe, recipe_from


def main() -> int:
    """Run or resume a training; return the exit code."""
    arguments = _parser().parse_args()
    recipe = recipe_from(arguments)
    try:
        space = load_named_space(arguments.space)
        arguments.folder.mkdir(parents=True, exist_ok=True)
        dataset = read_dataset(arguments.dataset, held_out=recipe.held_out, seed=recipe.seed)
        Training(space, dataset, recipe, arguments.folder).run(_print)
    except (SearchError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m search.supernet.training", description=__doc__)
    parser.add_argument("--space", default="fbnet-cifar10", help="name of a shipped space, or a space file (.json)")
    parser.add_argument("--dataset", type=Path, required=True, help="archive with train/<class>/ and test/<class>/")
    parser.add_argument("--folder", type=Path, required=True, help="where checkpoints are kept")
    add_recipe(parser)
    return parser


def _print(report: StepReport) -> None:
    seconds = (report.steps - report.step) * Recipe.batch / report.images_per_s
    mode = "frozen" if report.frozen else "batch"
    sys.stdout.write(
        f"step {report.step}/{report.steps} ({mode} statistics) loss {report.loss:.3f} accuracy {report.accuracy:.3f}"
        f" {report.images_per_s:.0f} images/s, {seconds / 60:.0f} min left\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
