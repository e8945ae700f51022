"""`lutnas train`: a supernet for a space on a dataset, with checkpoints, into an artefact that the service can search.

The training is PyTorch, the optional extra `train`; it is imported when everything else is in order.
"""

from __future__ import annotations

import importlib.util
import math
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.cli_options import FOLDER, INTERRUPTED, clear_errors, data_dir_option, lenient_console, settings_with

if TYPE_CHECKING:
    from rich.console import Console

    from search import ChainSpace, Dataset, SupernetArtefact
    from search.supernet.training.session import TrainingReport

_NO_TORCH = (
    "lutnas train needs PyTorch, which is not installed: pip install '.[train]' -c constraints.txt in a clone of"
    " lutnas, or pip install 'lutnas[train]' where it came from a package index"
)
_FEW_IMAGES = 500
"""For validation: below, chance moves an error of one half by more than two points (one standard deviation)."""
_KEPT = "service.cli_train"
_OVERRUN = 1.05
"""Of the time asked for: less is the rounding of epochs."""
_PHASES = {"timing": "Timing a few steps", "training": "Training", "evaluating": "Evaluating sub-networks"}


class _StopRequested(BaseException):
    """Ctrl+C or SIGTERM, raised where a training can be left; no error, so that nothing on the way takes it for one."""


@dataclass(frozen=True)
class _Request:
    """What a training is asked for on the command line."""

    space: str
    dataset: Path
    folder: Path
    hours: float | None
    epochs: float | None
    networks: int
    validation_share: float
    resize: bool
    out: Path | None
    seed: int
    threads: int

    @property
    def artefact(self) -> Path:
        """Where the artefact goes."""
        return self.out or self.folder / "artefact"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _keep(context: click.Context, option: click.Parameter, value: object) -> None:
    if isinstance(value, float) and math.isnan(value):
        # NaN passes click's range, because it is neither below nor above it.
        raise click.BadParameter("must be a number.", context, option)
    context.meta.setdefault(_KEPT, {})[option.name] = value


def _option(
    name: str, type_: Any = None, default: Any = None, *, words: str, required: bool = False, is_flag: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """An option whose value `_request` finds in the context: a command of twelve parameters would be unreadable."""
    return click.option(
        name,
        type=type_,
        default=default,
        show_default=default is not None and not callable(default),
        required=required,
        is_flag=is_flag,
        expose_value=False,
        callback=_keep,
        help=words,
    )


@click.command()
@_option("--space", required=True, words="Name of a space, or a space file (.json).")
@_option(
    "--dataset",
    click.Path(path_type=Path),
    required=True,
    words="Images: a folder, .tar, .tar.gz, .tar.xz or .zip with one folder per class, in train/ and test/ (and"
    " validation/) or without; or CIFAR's binary archive.",
)
@_option("--folder", FOLDER, required=True, words="Where checkpoints are kept; the same command again goes on there.")
@_option("--hours", click.FloatRange(0.01, 10_000), words="Time for everything; the schedule fits it.")
@_option("--epochs", click.FloatRange(0.01, 100_000), words="Passes over the images, instead of --hours. [default: 20]")
@_option("--networks", click.IntRange(20, 1_000_000), 2000, words="Sub-networks evaluated for the predictor.")
@_option(
    "--validation-share",
    click.FloatRange(0.0, 0.9, min_open=True),
    0.1,
    words="Share of the training images for validation, and for test, where the dataset has no folder for them.",
)
@_option("--resize", is_flag=True, words="Scale images of another size than the space's, and cut out their centre.")
@_option("--out", FOLDER, words="Folder of the artefact. [default: artefact in --folder]")
@_option("--seed", click.IntRange(0, 2**31 - 1), 2026, words="Of everything random.")
@_option("--threads", click.IntRange(1, 256), _cores, words="Threads of PyTorch. [default: all cores]")
@data_dir_option
@click.pass_context
def train(context: click.Context, data_dir: Path | None) -> None:
    """Train a supernet: the shared weights of all networks of a space. Ctrl+C saves; the same command goes on."""
    request = _Request(**context.meta[_KEPT])
    if request.hours is not None and request.epochs is not None:
        raise click.UsageError("Choose --hours or --epochs, not both.")
    with clear_errors("lutnas train failed."):
        if importlib.util.find_spec("torch") is None:
            click.echo(_NO_TORCH, err=True)
            raise SystemExit(2)
        _train(request, settings_with({"data_dir": data_dir}).spaces_dir)


def _train(request: _Request, spaces_dir: Path) -> None:
    from search import read_chain_space
    from service.errors import OutputError
    from service.space_folder import DEFINITION, space_file

    console = lenient_console()
    definition = space_file(request.space, spaces_dir)
    space = read_chain_space(definition)
    # Kept from here on: the file may be edited or removed while the training runs.
    defined = definition.read_bytes()
    dataset = _images(request, space, console)
    try:
        artefact = _session(request, space, dataset, console)
        (request.artefact / DEFINITION).write_bytes(defined)
    except OSError as error:
        raise OutputError(str(error.filename or request.folder), error.strerror or str(error)) from error
    top1 = 1.0 - artefact.evaluations.error
    _say(console, f"{len(top1)} networks evaluated: top-1 {top1.min():.1%} to {top1.max():.1%} on validation images.")
    _say(console, f"Written: {request.artefact}")
    _say(console, f"Next: lutnas spaces add {shlex.quote(str(request.artefact))}")


def _images(request: _Request, space: ChainSpace, console: Console) -> Dataset:
    """The dataset, its images in the size of the space's."""
    from search import ImageFit, read_dataset
    from service.progress import showing

    fit = ImageFit(space.input_shape, request.resize)
    with showing(console) as bars:
        dataset = read_dataset(
            request.dataset,
            held_out=request.validation_share,
            seed=request.seed,
            fit=fit,
            on_progress=lambda fraction: bars.show("Reading images", fraction, ""),
        )
    sizes = f"{len(dataset.train)} images to train, {len(dataset.validation)} to validate, {len(dataset.test)} to test"
    _say(console, f"{len(dataset.classes)} classes; {sizes}.")
    if len(dataset.validation) < _FEW_IMAGES:
        points = 100 * 0.5 / math.sqrt(len(dataset.validation))
        _say(
            console,
            f"Only {len(dataset.validation)} validation images: errors will be known to about {points:.0f} points, so"
            f" that networks closer than that are not told apart. {_FEW_IMAGES} or more are better (--validation-share,"
            " or a folder validation/ with more images).",
        )
    return dataset


def _session(request: _Request, space: ChainSpace, dataset: Dataset, console: Console) -> SupernetArtefact:
    from search.supernet.training.session import TrainingPlan, train_supernet
    from service.progress import seconds_left, showing

    plan = TrainingPlan(
        epochs=request.epochs,
        hours=request.hours,
        networks=request.networks,
        seed=request.seed,
        threads=request.threads,
    )
    with showing(console) as bars, _stop_signals(console) as asked:

        def report(now: TrainingReport) -> None:
            bars.show(_PHASES[now.phase], now.fraction, _note(now, seconds_left(now.seconds_left)))
            if now.phase == "timing" and now.seconds_left is not None:
                _say_if_too_short(console, request, now.seconds_left)
            if asked():
                raise _StopRequested

        try:
            return train_supernet(space, dataset, request.folder, plan, request.artefact, report)
        except (_StopRequested, KeyboardInterrupt) as stopped:
            saved = "Saved." if isinstance(stopped, _StopRequested) else "Stopped; the last checkpoint stays."
            click.echo(f"{saved} To go on: lutnas {shlex.join(sys.argv[1:])}", err=True)
            raise SystemExit(INTERRUPTED) from None


def _say_if_too_short(console: Console, request: _Request, seconds: float) -> None:
    if request.hours is not None and seconds > _OVERRUN * 3600 * request.hours:
        _say(
            console,
            f"--hours {request.hours:g} is too short: the shortest training, with {request.networks} networks to"
            f" evaluate, takes about {math.ceil(seconds / 60)} min. It goes on; more hours, or fewer --networks in"
            " another folder, leave time to learn.",
        )


def _note(now: TrainingReport, left: str) -> str:
    if now.step is None:
        return left
    return f"loss {now.step.loss:.3f}, top-1 {now.step.accuracy:.1%} of the largest network's last batch, {left}"


@contextmanager
def _stop_signals(console: Console) -> Iterator[Callable[[], bool]]:
    """Whether Ctrl+C or SIGTERM has come; a second one ends at once."""
    asked = []

    def ask(number: int, _: object) -> None:
        asked.append(number)
        signal.signal(number, signal.default_int_handler)
        _say(console, "Stopping after this step; again to stop at once.")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(console: Console, words: str) -> None:
    console.print(words, soft_wrap=True, highlight=False, markup=False)
