"""The command line of ``tools/predict.py``: from videos or poses to glosses."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from masa_mm.apis.clip_commands import add_device_options, add_joints_option, run_on_clips
from masa_mm.atomic_write import make_folder, naming_file
from masa_mm.errors import printable
from masa_mm.inference.inferencer import Result, SignInferencer
from masa_mm.inference.input_kinds import KINDS
from masa_mm.inference.inputs import InputReader, Located
from masa_mm.inference.predictions import SignPrediction, as_dict
from masa_mm.option_checks import count
from masa_mm.pose.clip_checks import BadClip
from masa_mm.pose.skeleton import SOURCE_LAYOUTS

_MOST_SHOWN = 20  # failures; one mistake can make thousands


def predict(argv: Sequence[str] | None = None) -> int:
    """Recognise the signs in files (``tools/predict.py``) and return the exit code.

    It is 0 if all clips were recognised, 1 if some could not be, 2 for a wrong model or option.
    """
    return run_on_clips(_parser(), argv, _predict)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Recognise the signs in videos or pose files")
    parser.add_argument("model", help="exported .onnx file, checkpoint, or config with --weights")
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="videos, pose files, pose stores, folders of these, lists of paths (.txt, .csv)",
    )
    parser.add_argument("--weights", metavar="CHECKPOINT", help="the checkpoint of a config")
    parser.add_argument("--top", type=count, default=5, help="number of glosses; default: 5")
    parser.add_argument("--out", metavar="FILE.jsonl", help="write a line of JSON for each clip")
    parser.add_argument("--draw", metavar="FOLDER", help="draw each clip as an animated GIF")
    parser.add_argument(
        "--source", choices=KINDS, metavar="KIND", help=f"kind of the files: {', '.join(KINDS)}"
    )
    parser.add_argument(
        "--layout", choices=SOURCE_LAYOUTS, help="joint layout of files that do not tell theirs"
    )
    parser.add_argument(
        "--img-size",
        nargs=2,
        type=count,
        metavar=("WIDTH", "HEIGHT"),
        help="image size in pixels, where the files do not tell; default: guessed",
    )
    add_joints_option(parser)
    parser.add_argument("--batch-size", type=count, default=32, help="clips at a time")
    add_device_options(parser)
    return parser


def _predict(args: argparse.Namespace) -> int:
    """Run the command; return the number of clips and inputs that failed."""
    options: dict[str, Any] = dict(
        source=args.source,
        layout=args.layout,
        image_size=args.img_size,
        estimator=args.estimator,
        joints=args.joints,
    )
    inferencer = SignInferencer(args.model, args.weights, args.device)
    found = list(InputReader(**options).locate(args.inputs))
    with _lines_file(args.out) as write, _progress(found) as tracked:
        tally = _Tally()
        for result in inferencer.predict(tracked, args.top, args.batch_size, **options):
            content = as_dict(result)
            if args.draw is not None and isinstance(result, SignPrediction):
                content["drawing"] = str(inferencer.draw(result, args.draw))
            write(content)
            tally.add(result)
            _show(result, tally.failed)
    if not inferencer.info.classes and args.out is None:
        print("the model has no classes; --out FILE.jsonl keeps the embeddings")
    print(tally.summary(args.out, args.draw))
    return tally.failed


class _Tally:
    """Counts of what was recognised."""

    def __init__(self) -> None:
        self.done = self.failed = self.labelled = self.first = self.listed = 0

    def add(self, result: Result) -> None:
        if isinstance(result, BadClip):
            self.failed += 1
            return
        self.done += 1
        truth, names = result.source.gloss, [each.gloss for each in result.glosses]
        if truth and names:
            self.labelled += 1
            self.first += truth == names[0]
            self.listed += truth in names

    def summary(self, *places: str | None) -> str:
        text = f"{self.done} clips recognised, {self.failed} failed"
        if self.labelled:
            text += (
                f"; the true gloss is first for {self.first} and listed for {self.listed} of the "
                f"{self.labelled} clips whose gloss is known"
            )
        return "; ".join([text, *(printable(f"see {place}") for place in places if place)])


def _show(result: Result, failed: int) -> None:
    """Print a result; errors, of which ``failed`` have come, go to the standard error."""
    if isinstance(result, BadClip):
        text = f"failed: {result.id}: {result.problem}; {result.remedy}"
        if failed > _MOST_SHOWN:
            text = "further failures are counted; --out names them"
        if failed <= _MOST_SHOWN + 1:
            print(printable(text), file=sys.stderr)
        return
    glosses = ", ".join(f"{gloss} {100 * share:.1f} %" for gloss, share in result.glosses)
    glosses = glosses or f"embedding of {len(result.embedding)} numbers"
    doubt = "no known sign; nearest: " if result.known is False else ""
    print(printable(f"{result.name}: {doubt}{glosses}"))
    for warning in result.warnings:
        print(printable(f"  warning: {warning}"))


@contextmanager
def _progress(found: Sequence[Located | BadClip]) -> Iterator[Iterable[Located | BadClip]]:
    """Show a progress bar on a terminal while the inputs are iterated."""
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("inputs"), TimeElapsedColumn())
    with Progress(
        *columns,
        console=Console(file=sys.stderr),
        transient=True,
        disable=not sys.stderr.isatty(),
        redirect_stdout=sys.stdout.isatty(),  # a pipe must get the lines, not the terminal
    ) as progress:
        yield progress.track(found)


@contextmanager
def _lines_file(path: str | None) -> Iterator[Callable[[dict], None]]:
    """Yield a function that writes a line of JSON; the file gets its name when all are written.

    Each line is flushed to ``PATH.part``, which stays if the command ends early.
    """
    if path is None:
        yield lambda content: None
        return
    make_folder(Path(path).parent)
    part = Path(f"{path}.part")
    with naming_file(Path(path), part), open(part, "w", encoding="utf-8") as file:

        def write(content: dict) -> None:
            # Escapes keep names whose bytes are not UTF-8.
            file.write(json.dumps(content, allow_nan=False) + "\n")
            file.flush()

        try:
            yield write
        except BaseException:
            print(printable(f"the results so far are in {part}"), file=sys.stderr)
            raise
        os.fsync(file.fileno())
    with naming_file(Path(path), part):
        os.replace(part, path)
