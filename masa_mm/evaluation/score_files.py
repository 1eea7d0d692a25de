"""Class scores of clips in files, and the alignment of several systems by clip names.

``.pkl`` files come from ``tools/test.py --dump``. ``.npz`` files have the arrays ``ids`` [N],
``scores`` [N, C] and optionally ``labels`` [N]. ``.csv`` files have the columns ``id``, optionally
``label``, and one for each class in the order of the labels. Reading executes no code of a file.
"""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from masa_mm.atomic_write import atomic_write
from masa_mm.errors import UserError, in_one_line
from masa_mm.pose.files import npz_bytes, read_arrays, read_table, whole_number
from masa_mm.pose.safe_pickle import load_pickle
from masa_mm.safe_files.pickle_machine import Builder, ForbiddenError, PickleMachine
from masa_mm.safe_files.tensor_files import read_tensor_file
from masa_mm.safe_files.tensor_pickle import TENSORS, Storage


class ScoreFileError(UserError):
    """A file of scores that cannot be used; the message names the file and the clip."""


class Predictions(NamedTuple):
    """Class scores of clips, in the order of the test."""

    scores: np.ndarray  # float [N, C]
    labels: np.ndarray  # int64 [N], -1 for unknown
    names: tuple[str, ...]  # frame_dir, '' for unknown


class AlignedScores(NamedTuple):
    """Scores of several systems for the same clips in one order."""

    scores: np.ndarray  # float64 [systems, N, C]
    labels: np.ndarray  # int64 [N], -1 for unknown
    names: tuple[str, ...]


def load_scores(path: str | os.PathLike) -> Predictions:
    """Read a ``.pkl``, ``.pickle``, ``.npz`` or ``.csv`` file of scores.

    Raises:
        FileNotFoundError: If there is no such file.
        UnsafePickleError: If a pickle is damaged or holds more than data.
        SourceError: If an ``.npz`` or ``.csv`` file is damaged.
        ScoreFileError: If the suffix is another one, data are missing, a clip has no name or a
            repeated one, a score is not finite, or a label is not a class.
    """
    readers = {
        ".pkl": load_predictions,
        ".pickle": load_predictions,
        ".npz": _read_npz,
        ".csv": _read_csv,
    }
    ending = Path(path).suffix.lower()
    if ending not in readers:
        raise ScoreFileError(f"{path}: scores are read from {', '.join(readers)}")
    predictions = readers[ending](path)
    _check(path, predictions)
    return predictions


def save_scores(path: str | os.PathLike, predictions: Predictions) -> None:
    """Write an ``.npz`` or ``.csv`` file that :func:`load_scores` reads.

    Raises:
        ScoreFileError: If the suffix is another one.
    """
    ending = Path(path).suffix.lower()
    if ending not in (".npz", ".csv"):
        raise ScoreFileError(f"{path}: scores are written as .npz or .csv")
    scores, labels, names = predictions
    with atomic_write(path) as temporary:
        if ending == ".npz":
            arrays = dict(ids=np.array(names), scores=scores, labels=labels)
            temporary.write_bytes(npz_bytes(arrays))
            return
        with open(temporary, "w", encoding="utf-8", newline="") as table:
            writer = csv.writer(table)
            writer.writerow(["id", "label", *range(scores.shape[1])])
            for name, label, row in zip(names, labels.tolist(), scores.tolist(), strict=True):
                writer.writerow([name, label, *row])


def align_scores(
    files: Sequence[str | os.PathLike], tables: Sequence[Predictions]
) -> AlignedScores:
    """Sort the scores of several systems by the clips of the first; error messages name the files.

    Raises:
        ScoreFileError: If systems differ in their clips, their number of classes or a label.
    """
    first, names = tables[0], tables[0].names
    labels, scores = np.full(len(names), -1), []
    for file, table in zip(files, tables, strict=True):
        if table.scores.shape[1] != first.scores.shape[1]:
            raise ScoreFileError(
                f"{file}: scores {table.scores.shape[1]} classes, {files[0]} "
                f"{first.scores.shape[1]}; fuse systems of one class list"
            )
        row_of = {name: row for row, name in enumerate(table.names)}
        _check_complete(file, row_of, files[0], names)
        _check_complete(files[0], set(names), file, table.names)
        rows = [row_of[name] for name in names]
        scores.append(table.scores[rows])
        labels = _merge_labels(labels, table.labels[rows], names, file)
    return AlignedScores(np.stack(scores), labels, names)


def _check_complete(
    file: str | os.PathLike, known: Container[str], other: str | os.PathLike, names: Sequence[str]
) -> None:
    missing = [name for name in names if name not in known]
    if missing:
        shown = ", ".join(f"'{name}'" for name in missing[:3])
        raise ScoreFileError(
            f"{file}: lacks {len(missing)} of the {len(names)} clips of {other} ({shown}"
            f"{', ...' if len(missing) > 3 else ''}); score the same split with every system"
        )


def _merge_labels(
    labels: np.ndarray, more: np.ndarray, names: Sequence[str], file: str | os.PathLike
) -> np.ndarray:
    differ = (labels >= 0) & (more >= 0) & (labels != more)
    if differ.any():
        row = int(differ.argmax())
        raise ScoreFileError(
            f"{file}: clip '{names[row]}' has label {more[row]}, but {labels[row]} in "
            f"another file ({differ.sum()} of {len(names)} clips differ); fuse systems of one "
            "class list"
        )
    return np.where(labels >= 0, labels, more)


def load_predictions(path: str | os.PathLike) -> Predictions:
    """Read a file written by ``tools/test.py --dump`` (mmengine's ``DumpResults``).

    Such a file is a pickle of dicts of tensors. Dense tensors and numpy arrays are built from
    checked arguments, and nothing of the file is executed.

    Raises:
        FileNotFoundError: If there is no such file.
        UnsafePickleError: If the file is damaged or holds more than data.
        ScoreFileError: If the file holds no predictions with one score for each class.
    """
    remedy = "write it with tools/test.py --dump on a recognition config"
    samples = load_pickle(path, also=_TENSORS)
    if not isinstance(samples, list) or not samples or not all(type(s) is dict for s in samples):
        raise ScoreFileError(f"{path}: holds no list of predictions; {remedy}")
    try:
        scores = np.stack([np.asarray(sample["pred_score"], np.float64) for sample in samples])
        labels = np.array([_label(sample) for sample in samples], np.int64)
    except (KeyError, TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise ScoreFileError(
            f"{path}: a prediction lacks 'pred_score', or they differ in length ({error}); {remedy}"
        ) from None
    if scores.ndim != 2:
        raise ScoreFileError(f"{path}: 'pred_score' must be one number for each class; {remedy}")
    return Predictions(scores, labels, tuple(str(s.get("frame_dir", "")) for s in samples))


def _label(sample: dict) -> int:
    label = sample.get("gt_label")
    return -1 if label is None else np.asarray(label).reshape(1).item()


def _storage(machine: PickleMachine, data: Any) -> Storage:
    """Stand in for torch's function, which executes any code in the bytes of a tensor."""
    if type(data) is not bytes:
        raise ForbiddenError("a tensor whose bytes are no bytes")
    return read_tensor_file(io.BytesIO(data), budget=machine.budget)


_TENSORS = TENSORS | {("torch.storage", "_load_from_bytes"): Builder(_storage)}


def _read_npz(path: str | os.PathLike) -> Predictions:
    arrays = read_arrays(path)
    if not isinstance(arrays, dict) or not arrays.keys() >= {"ids", "scores"}:
        raise ScoreFileError(f"{path}: needs the arrays 'ids', 'scores' and optionally 'labels'")
    ids, scores = arrays["ids"], arrays["scores"]
    labels = arrays.get("labels", np.full(ids.shape, -1))
    if ids.ndim != 1 or labels.shape != ids.shape or labels.dtype.kind not in "iu":
        raise ScoreFileError(f"{path}: needs one id and at most one integer label for each clip")
    if scores.ndim != 2 or len(scores) != len(ids) or scores.dtype.kind not in "fiu":
        raise ScoreFileError(
            f"{path}: 'scores' is {scores.dtype} {list(scores.shape)}, expected numbers "
            f"[{len(ids)} clips, classes]"
        )
    names = tuple(ids.astype(str).tolist())
    return Predictions(scores.astype(np.float64), labels.astype(np.int64), names)


def _read_csv(path: str | os.PathLike) -> Predictions:
    rows = list(read_table(path))
    classes = [column for column in rows[0] if column not in ("id", "label")]
    if "id" not in rows[0] or not classes:
        raise ScoreFileError(
            f"{path}: needs the columns 'id', optionally 'label', and one for each class; its "
            f"first columns are {', '.join(list(rows[0])[:4])}"
        )
    scores = np.empty((len(rows), len(classes)))
    labels = np.empty(len(rows), np.int64)
    for number, row in enumerate(rows):
        try:
            scores[number] = [float(row[column]) for column in classes]
            labels[number] = whole_number(row.get("label", -1))
        except ValueError as error:
            raise ScoreFileError(
                f"{path}: clip '{row['id']}' has a label that is no whole number, or a score that "
                f"is no number ({in_one_line(error)}); write the scores again"
            ) from None
    return Predictions(scores, labels, tuple(row["id"] for row in rows))


def _check(path: str | os.PathLike, predictions: Predictions) -> None:
    scores, labels, names = predictions
    if not names or not scores.shape[1]:
        raise ScoreFileError(f"{path}: holds no clip or no class")
    if "" in names:
        raise ScoreFileError(
            f"{path}: clip {names.index('')} (from 0) has no name; write the file again with "
            "'frame_dir' in the samples, or with ids"
        )
    for row, name in enumerate(names):
        if name.splitlines() != [name]:
            raise ScoreFileError(
                f"{path}: the name of clip {row} (from 0) has a line break; give it one without"
            )
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise ScoreFileError(f"{path}: clip '{name}' appears {times} times; score each clip once")
    broken = ~np.isfinite(scores).all(1)
    if broken.any():
        name = names[int(broken.argmax())]
        raise ScoreFileError(f"{path}: the scores of clip '{name}' are not all finite")
    outside = (labels < -1) | (labels >= scores.shape[1])
    if outside.any():
        row = int(outside.argmax())
        raise ScoreFileError(
            f"{path}: clip '{names[row]}' has label {labels[row]}, but there are "
            f"{scores.shape[1]} classes, counted from 0"
        )
