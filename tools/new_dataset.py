"""Make a dataset of your own signs, and a config that trains the tiny network on it.

    python tools/new_dataset.py my_signs/ --out configs/my_signs.py
    python tools/new_dataset.py my_signs.csv --out configs/my_signs.py
    python tools/new_dataset.py train.safetensors val.safetensors --out configs/my_signs.py

my_signs/ has a folder for each sign with its videos or pose files, the CSV file has the columns
path, gloss and, if known, signer and split. Writes data/my_signs/my_signs.safetensors (the poses),
data/my_signs/my_signs.csv (sign, signer and split of each clip) and the config.
docs/your_own_signs.md is the guide.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import DictAction

from masa_mm.errors import UserError, allow_any_output, print_error
from masa_mm.option_checks import seed
from masa_mm.pose.store_format import BadClipsError
from masa_mm.pose.store_writer import WriteReport
from masa_mm.preparation.convert import report_path, write_report
from masa_mm.preparation.new_dataset import (
    FOLDER_SOURCES,
    PARTS,
    VIDEO_SOURCE,
    LabelledClips,
    NewDatasetError,
    clips_in_store,
    clips_of_folder,
    clips_of_stores,
    clips_of_table,
    convert_files,
    detect_source,
    divide,
    division_lines,
    extract_videos,
    folders_without_clips,
    labelled,
    write_config,
    write_list,
)
from masa_mm.preparation.part_counts import part_lines

# Options of convert.py's sources that the folders or the CSV file replace.
_REPLACED = ("--labels", "--class-list", "--first-label")
_EPOCHS = 40  # of configs/_base_/schedules/tiny_finetune.py


def parse_args(argv: Sequence[str] | None = None) -> tuple[argparse.Namespace, list[str]]:
    """Parse the command line; returns the options and those left for the source."""
    parser = argparse.ArgumentParser(
        description="Make a dataset of your own signs, and a config that trains on it",
        epilog="Further options are those of the source: tools/data/convert.py SOURCE --help.",
    )
    parser.add_argument(
        "data", nargs="+", type=Path, help="folder of signs, CSV file, or labelled pose stores"
    )
    parser.add_argument("--out", required=True, type=Path, help="the config to write")
    parser.add_argument(
        "--data-dir", type=Path, help="folder of poses and list; default: data/NAME of the config"
    )
    names = ", ".join((VIDEO_SOURCE, *FOLDER_SOURCES))
    parser.add_argument("--source", help=f"kind of the files, if their names do not tell: {names}")
    parser.add_argument(
        "--signer",
        metavar="PATTERN",
        type=signer_pattern,
        help="regular expression of the signer in SIGN/NAME, such as '_s(\\d+)'; its group counts",
    )
    parser.add_argument("--estimator", default="mediapipe", help="pose estimator of videos")
    parser.add_argument(
        "--estimator-options", nargs="+", action=DictAction, default={}, metavar="KEY=VALUE"
    )
    parser.add_argument(
        "--allow-missing", action="store_true", help="mark joints that the files lack absent"
    )
    parser.add_argument("--skip-bad", action="store_true", help="leave out clips that fail")
    parser.add_argument("--seed", type=seed, default=0, help="seed of the division into parts")
    parser.add_argument("--force", action="store_true", help="replace files of an earlier call")
    args, left = parser.parse_known_args(argv)
    if args.out.suffix != ".py":
        parser.error(f"--out {args.out}: the name of a config ends in .py")
    if args.data_dir is None:
        args.data_dir = Path("data", args.out.stem)
    return args, left


def signer_pattern(text: str) -> re.Pattern[str]:
    """Compile the regular expression of ``--signer``."""
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"'{text}' is no regular expression: {error}") from None
    if pattern.groups != 1:
        raise argparse.ArgumentTypeError(f"'{text}' needs one group, as in '_s(\\d+)'")
    return pattern


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    allow_any_output()
    args, left = parse_args(argv)
    try:
        make_dataset(args, left)
    except (OSError, UserError) as error:
        print_error(error)
        if isinstance(error, BadClipsError) and not args.skip_bad:
            print("error: nothing written; mend the clips, or give --skip-bad", file=sys.stderr)
        return 1
    return 0


def make_dataset(args: argparse.Namespace, left: Sequence[str]) -> None:
    """Write poses, list and config, and print what they hold and the next commands."""
    store, clip_list = (args.data_dir / f"{args.out.stem}{end}" for end in (".safetensors", ".csv"))
    given = [path for path in args.data if path.suffix == ".safetensors"]
    if given and (given != args.data or left or args.signer):
        raise NewDatasetError("pose stores come alone, without options of files")
    refuse_to_replace([args.out, clip_list], args.force)
    if given:
        clips = clips_of_stores(given)
    else:
        clips = make_store(args, left, store)
    division = divide(clips, args.seed)
    stores = given or [store]
    sizes = {part: int((division.part == number).sum()) for number, part in enumerate(PARTS)}
    write_list(clip_list, clips, division.part)
    write_config(args.out, stores, clip_list, len(clips.glosses), sizes)
    for line in (*division_lines(clips, division), f"{clip_list}", f"{args.out}"):
        print(line)
    print_next(args.out, stores)


def refuse_to_replace(paths: Sequence[Path], force: bool) -> None:
    """Refuse to overwrite files unless that is asked for."""
    there = [str(path) for path in paths if path.exists()]
    if there and not force:
        raise NewDatasetError(f"{', '.join(there)}: exists; give another --out, or --force")


def make_store(args: argparse.Namespace, left: Sequence[str], store: Path) -> LabelledClips:
    """Write the poses of a folder or a CSV file and return the clips that they hold."""
    if len(args.data) > 1:
        raise NewDatasetError("give one folder or one CSV file")
    (root,) = args.data
    if not root.exists():
        raise FileNotFoundError(f"{root}: no such folder or file")
    source = args.source or detect_source(root)
    options = source_options(args, source, left)
    if args.signer and not root.is_dir():
        raise NewDatasetError("--signer is for folders; give the CSV file a column 'signer'")
    if root.is_dir():
        clips = clips_of_folder(root, source, options, args.signer)
        for name in folders_without_clips(root, clips):
            print(f"no clips in {root / name}: it is left out")
    else:
        clips = clips_of_table(root, source, options)
    divide(labelled(clips), args.seed)  # refuses what makes no dataset, before the work
    if source == VIDEO_SOURCE:
        report = extract_videos(clips, store, args.estimator, args.estimator_options, args.skip_bad)
        notes: list[str] = []
    else:
        report, notes = convert_files(clips, store, options)
    print_report(store, report, notes, args.skip_bad)
    return clips_in_store(store, clips)


def source_options(
    args: argparse.Namespace, source: str, left: Sequence[str]
) -> argparse.Namespace:
    """Parse the options of a source.

    Raises:
        NewDatasetError: If there is no such source.
    """
    parser = argparse.ArgumentParser(prog=f"new_dataset.py --source {source}")
    if source in FOLDER_SOURCES:
        for flag, settings in FOLDER_SOURCES[source].options:
            if flag not in _REPLACED:
                parser.add_argument(flag, **settings)
    elif source != VIDEO_SOURCE:
        raise NewDatasetError(
            f"--source {source}: is none of {', '.join((VIDEO_SOURCE, *FOLDER_SOURCES))}; convert "
            "other files with tools/data/convert.py and give the stores"
        )
    defaults = dict(labels=None, class_list=None, first_label=0, split=None)
    parser.set_defaults(**defaults, input=str(args.data[0]), source_name=args.out.stem)
    common = {name: getattr(args, name) for name in ("allow_missing", "skip_bad")}
    parser.set_defaults(**common, source=source)
    return parser.parse_args(left)


def print_report(store: Path, report: WriteReport, notes: Sequence[str], skip_bad: bool) -> None:
    """Print what was written and which clips were left out."""
    for clip in report.skipped:
        print(f"skipped: {clip}")
    if skip_bad:
        write_report(report_path(store), report.skipped)
    for line in (*notes, *part_lines(report, "convert the files with other options")):
        print(line)
    print(f"{store}: {report.num_clips} clips, {report.num_frames} frames")


def print_next(config: Path, stores: Sequence[Path]) -> None:
    """Print the commands that follow."""
    tools, work = Path(sys.argv[0]).parent, Path("work_dirs", config.stem)
    names = " ".join(map(str, stores))
    checkpoint, picture = work / f"epoch_{_EPOCHS}.pth", work / "confusion.png"
    print(f"\nnext:\n  python {tools / 'data' / 'audit.py'} {names} --out {work / 'audit'}")
    print(f"  python {tools / 'train.py'} {config}")
    print(f"  python {tools / 'test.py'} {config} {checkpoint} --confusion {picture}")


if __name__ == "__main__":
    sys.exit(main())
