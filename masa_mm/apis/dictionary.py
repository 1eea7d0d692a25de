"""The command line of ``tools/dictionary.py``: a vocabulary from an example of each sign."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from masa_mm.apis.clip_commands import add_device_options, add_joints_option, run_on_clips
from masa_mm.errors import UserError, printable
from masa_mm.inference.dictionary import Example, SearchResult, SignDictionary
from masa_mm.inference.dictionary_evaluation import DictionaryScores, evaluate_dictionary
from masa_mm.inference.dictionary_file import read_dictionary
from masa_mm.inference.inferencer import open_model
from masa_mm.inference.inputs import InputReader
from masa_mm.inference.stored_pose import restore_pose
from masa_mm.option_checks import count
from masa_mm.pose.clip_checks import BadClip
from masa_mm.visualization.dictionary_page import Card, write_page

_BATCH = 64


def dictionary(argv: Sequence[str] | None = None) -> int:
    """Run a command of ``tools/dictionary.py`` and return the exit code.

    It is 0 if all clips were used, 1 if some could not be, 2 for a wrong file or option.
    """
    return run_on_clips(_parser(), argv, lambda args: args.run(args))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Find signs by examples of them, without training")
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="make a dictionary of labelled clips")
    _add_dictionary(build, with_model=False)
    build.add_argument("model", help="exported .onnx file, or a checkpoint of tools/train.py")
    _add_inputs(build, "pose stores with glosses, CSV lists of path and gloss, folders GLOSS/CLIP")
    build.add_argument(
        "--per-gloss", type=count, metavar="N", help="use the first N clips of a sign"
    )
    add_joints_option(build)
    build.add_argument("--force", action="store_true", help="replace the file")
    build.set_defaults(run=_build)
    add = commands.add_parser("add", help="add examples of one sign")
    _add_dictionary(add)
    add.add_argument("gloss", help="the sign")
    _add_inputs(add, "videos, pose files, folders of these")
    add.set_defaults(run=_add)
    search = commands.add_parser("search", help="find the sign of a clip")
    _add_dictionary(search)
    _add_inputs(search, "videos, pose files, pose stores, folders of these")
    search.add_argument("--top", type=count, default=5, help="number of glosses; default: 5")
    search.set_defaults(run=_search)
    evaluate = commands.add_parser("evaluate", help="search labelled clips and count what is found")
    _add_dictionary(evaluate)
    _add_inputs(evaluate, "labelled clips, as for build")
    evaluate.set_defaults(run=_evaluate)
    page = commands.add_parser("page", help="write a web page of all signs")
    page.add_argument("dictionary", help="the dictionary's file")
    page.add_argument("out", metavar="OUT.html", help="the page, one file")
    page.add_argument("--title", help="title of the page; default: the dictionary's file name")
    page.set_defaults(run=_page)
    return parser


def _add_dictionary(parser: argparse.ArgumentParser, with_model: bool = True) -> None:
    parser.add_argument("dictionary", help="the dictionary's .safetensors file")
    if with_model:
        parser.add_argument("--model", help="the model, if it is not where it was at build")
    add_device_options(parser)


def _add_inputs(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help=text)


def _build(args: argparse.Namespace) -> int:
    if Path(args.dictionary).exists() and not args.force:
        raise UserError(f"{args.dictionary}: exists; give another file, or --force")
    made = SignDictionary(open_model(args.model, device=args.device), args.model, args.joints)
    reader = _Examples(args)
    counts: dict[str, int] = {}

    def chosen() -> Iterator[Example]:
        for example in reader.labelled():
            counts[example.gloss] = counts.get(example.gloss, 0) + 1
            if args.per_gloss is None or counts[example.gloss] <= args.per_gloss:
                yield example

    _add_in_batches(made, chosen())
    made.save(args.dictionary)
    _print_size(args.dictionary, made)
    return reader.failed


def _add(args: argparse.Namespace) -> int:
    opened, reader = _open(args), _Examples(args)
    found = (example._replace(gloss=args.gloss) for example in reader.read(args.inputs))
    if not _add_in_batches(opened, found):
        raise UserError(f"no example of '{args.gloss}' was added")
    opened.save(args.dictionary)
    _print_size(args.dictionary, opened)
    return reader.failed


def _search(args: argparse.Namespace) -> int:
    opened, reader = _open(args), _Examples(args)
    for example in reader.read(args.inputs):
        _print_result(example.clip.name, opened.search(example.clip, args.top))
    return reader.failed


def _evaluate(args: argparse.Namespace) -> int:
    opened, reader = _open(args), _Examples(args)
    _print_scores(evaluate_dictionary(opened, list(reader.labelled())))
    return reader.failed


def _page(args: argparse.Namespace) -> int:
    content = read_dictionary(args.dictionary)
    cards: dict[str, Card] = {}
    for gloss, pose, aspect in zip(content.glosses, content.pose, content.aspect.tolist()):
        card = cards.get(gloss) or Card(gloss, *restore_pose(pose), aspect, 0)
        cards[gloss] = card._replace(num_examples=card.num_examples + 1)
    write_page(args.out, args.title or Path(args.dictionary).stem, list(cards.values()))
    print(printable(f"{args.out}: {len(cards)} signs"))
    return 0


class _Examples:
    """Reads the clips of the command line; prints and counts those that cannot be used."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.inputs, self.estimator, self.failed = args.inputs, args.estimator, 0

    def read(self, inputs: Sequence[str | Path]) -> Iterator[Example]:
        """Read clips, with their glosses where the inputs tell."""
        with InputReader(estimator=self.estimator) as reader:
            for each in reader.read(inputs):
                if isinstance(each, BadClip):
                    self._fail(f"{each.id}: {each.problem}; {each.remedy}")
                else:
                    yield Example(each.gloss, each.clip, each.aspect)

    def labelled(self) -> Iterator[Example]:
        """Read clips with glosses; in a folder of folders, a folder's name is the gloss."""
        for path in map(Path, self.inputs):
            folders = (
                sorted(each for each in path.iterdir() if each.is_dir()) if path.is_dir() else []
            )
            for folder in folders:
                yield from (each._replace(gloss=folder.name) for each in self.read([folder]))
            for each in self.read([] if folders else [path]):
                if each.gloss:
                    yield each
                else:
                    self._fail(f"{each.clip.name}: has no gloss; put it into a folder GLOSS/")

    def _fail(self, text: str) -> None:
        self.failed += 1
        print(printable(f"failed: {text}"), file=sys.stderr)


def _open(args: argparse.Namespace) -> SignDictionary:
    """Open the dictionary with its model."""
    name = args.model or read_dictionary(args.dictionary).model_name
    if args.model is None and not Path(name).is_file():
        raise UserError(f"{args.dictionary}: its model {name} is not there; give it by --model")
    return SignDictionary.load(args.dictionary, open_model(name, device=args.device), name)


def _add_in_batches(target: SignDictionary, examples: Iterator[Example]) -> int:
    """Add examples; return their number."""
    batch: list[Example] = []
    added = 0
    for example in examples:
        batch.append(example)
        added += 1
        if len(batch) == _BATCH:
            target.add_all(batch)
            batch = []
    target.add_all(batch)
    return added


def _print_size(path: str, made: SignDictionary) -> None:
    print(printable(f"{path}: {len(made)} examples of {len(made.glosses)} signs"))


def _print_result(name: str, result: SearchResult) -> None:
    print(printable(f"{name}:"))
    for rank, match in enumerate(result.glosses, 1):
        print(printable(f"  {rank}. {match.gloss} ({match.similarity:.3f}, {match.name})"))


def _print_scores(scores: DictionaryScores) -> None:
    known = f"{scores.num_examples} examples of {scores.num_glosses} signs"
    print(f"{scores.num_queries} queries; {known}")
    if scores.unknown:
        print(f"left out: {scores.unknown} queries whose sign is not in the dictionary")
    if scores.known:
        print(f"left out: {scores.known} queries that are examples of the dictionary")
    names = list(next(iter(scores.metrics.values())))
    print(" " * 14 + "".join(f"{name:<22}" for name in names))
    for row, metrics in scores.metrics.items():
        print(f"{row:<14}" + "".join(f"{metrics[name]!s:<22}" for name in names))
