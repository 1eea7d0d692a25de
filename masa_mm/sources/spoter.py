"""SPOTER's CSV: one clip per row, one coordinate per column, the frames' values as a list.

Columns are ``nose_X``, ``leftShoulder_Y``, ``wrist_left_X``, ``indexTip_right_Y``, ... (names in
:data:`masa_mm.pose.skeleton.NAMED_LAYOUTS`), ``labels``, and the video's size in pixels
(``video_size_width``, ``video_size_height``). x and y are divided by that size. An absent joint is
0, 0; all others have score 1.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from masa_mm.pose.files import SourceError, parse_json, read_table
from masa_mm.sources.base import (
    MAX_SIDE,
    ClipError,
    Option,
    PoseSource,
    Source,
    named_joint_indices,
    take_joints,
)
from masa_mm.sources.clip_list import resolve_labels
from masa_mm.sources.folder import (
    CLASS_LIST,
    FIRST_LABEL,
    IMG_SIZE,
    UNITS,
    Entry,
    RawClip,
    clip_blocks,
    option_img_size,
)

_SIZE_COLUMNS = ("video_size_height", "video_size_width")


def _columns(columns: Iterable[str], allow_missing: bool) -> tuple[list[str], np.ndarray]:
    """Return the joints that have columns, and the index of each of the 49 among them."""
    columns = list(columns)
    names = [name[:-2] for name in columns if name.endswith("_X") and f"{name[:-2]}_Y" in columns]
    indices = named_joint_indices("spoter", names, allow_missing)
    if (indices < 0).all():
        raise ClipError("it has none of the 49 joints", "give SPOTER's columns, like wrist_left_X")
    return names, indices


def _read_row(
    row: Mapping[str, str],
    columns: tuple[list[str], np.ndarray],
    img_size: tuple[int, int] | None,
    args: argparse.Namespace,
) -> RawClip:
    size, normalized = _row_size(row) or img_size, args.units == "normalized"
    names, indices = columns
    used = np.unique(indices[indices >= 0])
    values = [[_numbers(row, f"{names[i]}_{axis}") for axis in "XY"] for i in used]
    if len({len(coordinate) for joint in values for coordinate in joint}) > 1:
        raise ClipError("its lists have different lengths", "give one value per frame in each")
    joints = np.zeros((len(values[0][0]), len(names), 2), np.float32)
    joints[:, used] = np.array(values).transpose(2, 0, 1)
    keypoint = take_joints(joints, indices)
    score = (keypoint != 0).any(-1).astype(np.float32)
    if args.y_up:
        height = 1 if normalized or size is None else size[0]
        keypoint[..., 1] = height - keypoint[..., 1]
    return RawClip(keypoint, score, size, normalized)


def _numbers(row: Mapping[str, str], column: str) -> np.ndarray:
    """Parse the list in a field. Python writes nan where JSON needs NaN."""
    try:
        values = np.asarray(parse_json(row[column].replace("nan", "NaN")))
    except (ValueError, OverflowError):
        values = np.empty(0, object)
    if values.ndim != 1 or values.dtype.kind not in "iuf":
        raise ClipError(f"its {column} is not a list of numbers", "was it cut short? copy it again")
    return values


def _row_size(row: Mapping[str, str]) -> tuple[int, int] | None:
    """Return the video's (h, w) in pixels; None if the row has none."""
    if not all(row.get(column) for column in _SIZE_COLUMNS):
        return None
    try:
        height, width = (round(float(row[column])) for column in _SIZE_COLUMNS)
    except (ValueError, OverflowError):
        height = width = 0
    if min(height, width) <= 0 or max(height, width) > MAX_SIDE:
        raise ClipError("its video_size is not two numbers above 0", "correct it in the file")
    return height, width


def _labelled_rows(path: str, id_column: str | None) -> list[dict[str, str]]:
    """Return id and label of each row; without an id column the id is file name and row number."""
    rows = []
    for number, row in enumerate(read_table(path)):
        if id_column is not None and id_column not in row:
            raise SourceError(f"{path}: has no column '{id_column}'; it has {', '.join(row)}")
        name = row[id_column] if id_column else f"{Path(path).stem}_{number:05d}"
        rows.append(dict(id=name, label=row["labels"]) if row.get("labels") else dict(id=name))
    return rows


def _entries(
    args: argparse.Namespace, ids: Sequence[str], labels: Sequence[int]
) -> Iterator[Entry]:
    columns, img_size = None, option_img_size(args)
    for name, label, row in zip(ids, labels, read_table(args.input)):
        try:
            columns = columns or _columns(row, args.allow_missing)
        except ClipError as error:
            raise SourceError(f"{args.input}: {error}") from None
        turned = args.y_up and args.units == "pixels"  # at the image's height
        if turned and img_size is None and not all(row.get(column) for column in _SIZE_COLUMNS):
            missing = " or ".join(_SIZE_COLUMNS)
            raise SourceError(
                f"{args.input}: there is no {missing}, which --y-up needs; give --img-size WIDTH "
                "HEIGHT"
            )
        yield Entry(name, partial(_read_row, row, columns, img_size, args), label)


def _open(args: argparse.Namespace) -> PoseSource:
    rows = _labelled_rows(args.input, args.id_column)
    labels, glosses = resolve_labels(args.input, rows, args.class_list, args.first_label)
    entries = _entries(args, [row["id"] for row in rows], labels)
    notes: list[str] = []
    return PoseSource(
        name=args.source_name or "spoter",
        layout="sign49",
        blocks=clip_blocks(entries, notes=notes),
        glosses=glosses,
        split=args.split or "",
        notes=notes,
    )


_ID_COLUMN: Option = ("--id-column", dict(metavar="NAME", help="column of clip names"))
_Y_UP: Option = ("--y-up", dict(action="store_true", help="y grows upwards from the bottom"))
SOURCE = Source(
    "spoter",
    "SPOTER's CSV, one clip per row",
    _open,
    (CLASS_LIST, FIRST_LABEL, _ID_COLUMN, _Y_UP, UNITS, IMG_SIZE),
)
