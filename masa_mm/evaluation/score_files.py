"""Files of class scores, as systems of any kind may write them, and their alignment clip by clip.

``.pkl``: what ``tools/test.py --dump`` writes. ``.npz``: arrays ``ids`` [N], ``scores`` [N, C] and,
if known, ``labels`` [N]. ``.csv``: a line of column names, ``id``, if known ``label``, and a column
a class in the order of the labels. Reading executes nothing that a file says.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from masa_mm.atomic_write import atomic_write
from masa_mm.errors import UserError
from masa_mm.evaluation.predictions import Predictions, load_predictions
from masa_mm.pose.files import read_arrays, read_table


class ScoreFileError(UserError):
    """A file of scores that cannot be used; the message is one line naming file and clip."""


class AlignedScores(NamedTuple):
    """Scores of several systems for the same clips in one order."""

    scores: np.ndarray  # float64 [systems, N, C]
    labels: np.ndarray  # int64 [N], -1 where no system knows one
    names: tuple[str, ...]


def load_scores(path: str | os.PathLike) -> Predictions:
    """Read a file of scores by its ending.

    Raises:
        FileNotFoundError: there is no such file.
        UnsafePickleError: a pickle that is no whole one or holds more than data.
        ScoreFileError, UserError: another ending, something missing, a clip without a name or named
            twice, scores that are not finite numbers, a label that is no class.
    """
    readers = {".pkl": load_predictions, ".pickle": load_predictions, ".npz": _npz, ".csv": _csv}
    ending = Path(path).suffix.lower()
    if ending not in readers:
        raise ScoreFileError(f"{path}: scores are read from {', '.join(readers)}")
    return _checked(path, readers[ending](path))


def save_scores(path: str | os.PathLike, found: Predictions) -> None:
    """Write an ``.npz`` or ``.csv`` that :func:`load_scores` reads.

    Raises:
        ScoreFileError: another ending.
    """
    ending = Path(path).suffix.lower()
    if ending not in (".npz", ".csv"):
        raise ScoreFileError(f"{path}: scores are written as .npz or .csv")
    with atomic_write(path) as beside:
        if ending == ".npz":
            with open(beside, "wb") as file:
                np.savez_compressed(
                    file, ids=np.array(found.names), scores=found.scores, labels=found.labels
                )
            return
        with open(beside, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "label", *range(found.scores.shape[1])])
            rows = zip(found.names, found.labels.tolist(), found.scores.tolist(), strict=True)
            writer.writerows([name, label, *scores] for name, label, scores in rows)


def align_scores(
    files: Sequence[str | os.PathLike], tables: Sequence[Predictions]
) -> AlignedScores:
    """Bring several systems' scores into the first one's order of clips.

    Args:
        files: what errors call the systems.
        tables: their scores.

    Raises:
        ScoreFileError: systems that differ in their clips, their number of classes or a label.
    """
    first, names = tables[0], tables[0].names
    place = {name: row for row, name in enumerate(names)}
    labels, scores = np.full(len(names), -1), []
    for file, table in zip(files, tables, strict=True):
        if table.scores.shape[1] != first.scores.shape[1]:
            raise ScoreFileError(
                f"{file}: scores {table.scores.shape[1]} classes, {files[0]} "
                f"{first.scores.shape[1]}; fuse systems of one class list"
            )
        _must_have(files[0], names, file, set(table.names))
        _must_have(file, table.names, files[0], set(names))
        rows = np.empty(len(names), np.int64)
        rows[[place[name] for name in table.names]] = np.arange(len(names))
        scores.append(table.scores[rows])
        labels = _agreed(labels, table.labels[rows], names, file)
    return AlignedScores(np.stack(scores), labels, names)


def _must_have(
    has: str | os.PathLike, names: Sequence[str], lacks: str | os.PathLike, known: set[str]
) -> None:
    missing = [name for name in names if name not in known]
    if missing:
        shown = ", ".join(f"'{name}'" for name in missing[:3])
        raise ScoreFileError(
            f"{lacks}: lacks {len(missing)} of the {len(names)} clips of {has} ({shown}"
            f"{', ...' if len(missing) > 3 else ''}); score the same split with every system"
        )


def _agreed(
    labels: np.ndarray, more: np.ndarray, names: Sequence[str], file: str | os.PathLike
) -> np.ndarray:
    differ = (labels >= 0) & (more >= 0) & (labels != more)
    if differ.any():
        row = int(differ.argmax())
        raise ScoreFileError(
            f"{file}: clip '{names[row]}' has label {more[row]}, a file before it says "
            f"{labels[row]} ({differ.sum()} of {len(names)} clips differ); fuse systems of one "
            "class list"
        )
    return np.where(labels >= 0, labels, more)


# ---- reading ------------------------------------------------------------------------------------


def _npz(path: str | os.PathLike) -> Predictions:
    arrays = read_arrays(path)
    if not isinstance(arrays, dict) or not arrays.keys() >= {"ids", "scores"}:
        raise ScoreFileError(f"{path}: needs the arrays 'ids' and 'scores' and, if known, 'labels'")
    ids, scores = arrays["ids"], arrays["scores"]
    labels = arrays.get("labels", np.full(len(ids), -1))
    if ids.ndim != 1 or labels.shape != ids.shape or labels.dtype.kind not in "iu":
        raise ScoreFileError(f"{path}: needs one id and, if any, one whole number as label a clip")
    if scores.ndim != 2 or len(scores) != len(ids) or scores.dtype.kind not in "fiu":
        raise ScoreFileError(
            f"{path}: 'scores' is {scores.dtype} {list(scores.shape)}, expected numbers "
            f"[{len(ids)} clips, classes]"
        )
    names = tuple(ids.astype(str).tolist())
    return Predictions(scores.astype(np.float64), labels.astype(np.int64), names)


def _csv(path: str | os.PathLike) -> Predictions:
    rows = list(read_table(path))
    classes = [column for column in rows[0] if column not in ("id", "label")]
    if "id" not in rows[0] or not classes:
        raise ScoreFileError(
            f"{path}: needs the columns 'id', if known 'label', and one a class; it begins with "
            f"{', '.join(list(rows[0])[:4])}"
        )
    scores = np.empty((len(rows), len(classes)))
    labels = np.empty(len(rows), np.int64)
    for number, row in enumerate(rows):
        try:
            scores[number] = [float(row[column]) for column in classes]
            labels[number] = int(row.get("label", -1))
        except ValueError as error:
            raise ScoreFileError(f"{path}: clip '{row['id']}': {error}") from None
    return Predictions(scores, labels, tuple(row["id"] for row in rows))


def _checked(path: str | os.PathLike, found: Predictions) -> Predictions:
    if not len(found.names) or not found.scores.shape[1]:
        raise ScoreFileError(f"{path}: holds no clip or no class")
    if "" in found.names:
        raise ScoreFileError(
            f"{path}: clip {found.names.index('')} (from 0) has no name to align it by; write the "
            "file again with 'frame_dir' in the samples, or ids"
        )
    name, times = Counter(found.names).most_common(1)[0]
    if times > 1:
        raise ScoreFileError(f"{path}: clip '{name}' is there {times} times; score each clip once")
    broken = ~np.isfinite(found.scores).all(1)
    if broken.any():
        raise ScoreFileError(
            f"{path}: the scores of clip '{found.names[int(broken.argmax())]}' are not all finite"
        )
    outside = (found.labels < -1) | (found.labels >= found.scores.shape[1])
    if outside.any():
        row = int(outside.argmax())
        raise ScoreFileError(
            f"{path}: clip '{found.names[row]}' has label {found.labels[row]}, but there are "
            f"{found.scores.shape[1]} classes, counted from 0"
        )
    return found
