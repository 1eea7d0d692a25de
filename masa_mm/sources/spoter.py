"""SPOTER's CSV: a clip a row, a column a coordinate, a list of the frames' values in each field.

Columns are ``nose_X``, ``leftShoulder_Y``, ``wrist_left_X``, ``indexTip_right_Y``, ... (names in
:data:`masa_mm.pose.skeleton.NAMED_LAYOUTS`), ``labels``, and the size of the video in
``video_size_width``, ``video_size_height``. x and y are divided by that size; 0, 0 stands for a
joint not seen. Scores there are none: what is seen has 1.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from masa_mm.pose.clip_checks import BadClip
from masa_mm.pose.files import SourceError, read_table
from masa_mm.sources.base import ClipError, PoseSource, Source, SourceClips, bad_clip
from masa_mm.sources.clip_list import settle_labels
from masa_mm.sources.folder import add_img_size, add_units, image_size
from masa_mm.sources.named_joints import places_of, take

LAYOUT = "sign49"


def read_spoter_row(row: Mapping[str, str], names: list[str], places: np.ndarray) -> np.ndarray:
    """A row's 49 joints [T, 49, 2] in the file's units; 0 where not seen.

    Args:
        row: the fields by their columns' names.
        names, places: of :func:`spoter_columns`.

    Raises:
        ClipError: its lists are not numbers of one length.
    """
    used = sorted({place for place in places.tolist() if place >= 0})
    values = {place: [_numbers(row, f"{names[place]}_{axis}") for axis in "XY"] for place in used}
    if len({len(list_) for pair in values.values() for list_ in pair}) > 1:
        raise ClipError("its lists are not of one length", "give a value a frame in each column")
    frames = len(values[used[0]][0])
    joints = np.zeros((frames, len(names), 2), np.float32)
    joints[:, used] = np.array([values[place] for place in used]).transpose(2, 0, 1)
    return take(joints, places)


def spoter_columns(columns: Iterable[str], allow_missing: bool) -> tuple[list[str], np.ndarray]:
    """Joints that a file has columns of, and the place of each of the 49 among them, -1 = missing.

    Raises:
        ClipError: joints are missing; names them.
    """
    columns = list(columns)
    names = [name[:-2] for name in columns if name.endswith("_X") and f"{name[:-2]}_Y" in columns]
    places = places_of("spoter", names, allow_missing)
    if (places < 0).all():
        raise ClipError("not one joint of it is known", "give SPOTER's columns, as wrist_left_X")
    return names, places


def _numbers(row: Mapping[str, str], column: str) -> np.ndarray:
    """The list in a field; Python writes nan, JSON reads NaN."""
    try:
        values = np.asarray(json.loads(row[column].replace("nan", "NaN")))
    except (ValueError, RecursionError):
        values = np.empty(0, object)
    if values.ndim != 1 or values.dtype.kind not in "iuf":
        raise ClipError(f"its {column} is no list of numbers", "was it cut short? copy it again")
    return values


def _size(path: str, row: Mapping[str, str], img_size: tuple[int, int] | None) -> tuple[int, int]:
    """(h, w) in pixels, from the row or the option."""
    columns = ("video_size_height", "video_size_width")
    if not all(row.get(column) for column in columns):
        if img_size is None:
            raise SourceError(
                f"{path}: there is no {' or '.join(columns)}; give --img-size WIDTH HEIGHT"
            )
        return img_size
    try:
        height, width = (round(float(row[column])) for column in columns)
    except (ValueError, OverflowError):
        height = width = 0
    if min(height, width) <= 0:
        raise ClipError("its video_size is no pair of numbers above 0", "mend it in the file")
    return height, width


def _blocks(
    args: argparse.Namespace, ids: list[str], labels: list[int]
) -> Iterator[SourceClips | BadClip]:
    img_size, columns = image_size(args.img_size), None
    for name, label, row in zip(ids, labels, read_table(args.input)):
        try:
            columns = columns or spoter_columns(row, args.allow_missing)
        except ClipError as error:
            raise SourceError(f"{args.input}: {error}") from None
        try:
            size = _size(args.input, row, img_size)
            yield _block(args, read_spoter_row(row, *columns), name, label, size)
        except ClipError as error:
            yield bad_clip(name, error)


def _block(
    args: argparse.Namespace, joints: np.ndarray, name: str, label: int, size: tuple[int, int]
) -> SourceClips:
    height, width = size
    seen = (joints != 0).any(-1)
    if args.y_up:
        joints[..., 1] = (1 if args.units == "normalized" else height) - joints[..., 1]
    return SourceClips(
        keypoint=joints,
        score=seen,
        num_frames=np.array([len(joints)]),
        ids=[name],
        img_shape=np.array([[height, width]], np.float32),
        scale=(float(width), float(height)) if args.units == "normalized" else (1.0, 1.0),
        label=np.array([label]),
        size=np.array([[height, width]]),
    )


def _names(path: str | os.PathLike, id_column: str | None) -> list[dict[str, str]]:
    """Each row's id and label; without a column of ids the file's name and the row's number."""
    rows = []
    for number, row in enumerate(read_table(path)):
        if id_column is not None and id_column not in row:
            raise SourceError(f"{path}: has no column '{id_column}'; it has {', '.join(row)}")
        name = row[id_column] if id_column else f"{Path(path).stem}_{number:05d}"
        rows.append(dict(id=name, label=row["labels"]) if row.get("labels") else dict(id=name))
    return rows


def _open(args: argparse.Namespace) -> PoseSource:
    rows = _names(args.input, args.id_column)
    labels, glosses = settle_labels(args.input, rows, args.class_list, args.first_label)
    return PoseSource(
        name=args.source_name or "spoter",
        layout=LAYOUT,
        blocks=_blocks(args, [row["id"] for row in rows], labels),
        glosses=glosses,
        split=args.split or "",
    )


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--class-list", help="class names, a line each, in the order of the labels")
    parser.add_argument(
        "--first-label", type=int, default=0, help="the first class's number in 'labels'"
    )
    parser.add_argument("--id-column", metavar="NAME", help="the column that names the clips")
    parser.add_argument("--y-up", action="store_true", help="y grows upwards from the bottom")
    add_units(parser)
    add_img_size(parser)


SOURCE = Source("spoter", "SPOTER's CSV, a clip a row", _add_options, _open)
