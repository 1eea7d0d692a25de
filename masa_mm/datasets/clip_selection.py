"""Selection of a dataset's clips, and class lists shared by several files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from masa_mm.errors import UserError
from masa_mm.pose.files import read_text


class DatasetError(UserError):
    """A dataset cannot be built as configured; the message names the remedy."""


def common_class_list(paths: Sequence[str], lists: Sequence[list[str]]) -> list[str]:
    """Return the longest of the class lists of files; all others must be its beginning.

    Raises:
        DatasetError: If a list differs; names its file.
    """
    longest = max(lists, key=len)
    for path, names in zip(paths, lists):
        if names != longest[: len(names)]:
            raise DatasetError(
                f"{path}: its class list is not that of {paths[lists.index(longest)]}; "
                "make both stores with one class list"
            )
    return longest


def check_class_order(
    path: str, names: Sequence[str], list_path: str | None, listed: Sequence[str]
) -> None:
    """Refuse a file whose class names have other labels than in the class list.

    Names that the list lacks are accepted as other spellings, and so are files whose class names
    are only their numbers.

    Raises:
        DatasetError: If a name has another label; names the first.
    """
    if list(names) == [str(number) for number in range(len(names))]:
        return
    label = {name: number for number, name in enumerate(listed)}
    for number, name in enumerate(names):
        if label.get(name, number) != number:
            raise DatasetError(
                f"{path}: calls its class {number} '{name}', which is class {label[name]} of "
                f"{list_path}: a class list in another order; make the store with this one"
            )


def labels_by_name(labels: np.ndarray, names: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """Return labels of the class list ``names`` as labels of the class list ``classes``.

    Names that ``classes`` lacks are other spellings and keep their number, as do classes whose
    names are only their numbers.

    Args:
        labels (np.ndarray): Labels, int64 [n]; -1 = none.
        names (Sequence[str]): The class names that they stand for.
        classes (Sequence[str]): The class names that the result stands for.
    """
    number = {name: label for label, name in enumerate(classes)}
    if list(names) == [str(label) for label in range(len(names))]:
        return labels
    # The last entry is that of label -1.
    others = range(len(names), max(labels.max(initial=-1), len(names) - 1) + 1)
    table = [*(number.get(name, label) for label, name in enumerate(names)), *others, -1]
    return np.array(table, np.int64)[labels]


def stratified_share(
    chosen: np.ndarray, label: np.ndarray, ratio: float, seed: int = 0
) -> np.ndarray:
    """Draw a share of the labelled clips of each class, at least one.

    Args:
        chosen (np.ndarray): Indices of the clips to draw from, int64 [n].
        label (np.ndarray): Label of every clip, -1 = none.
        ratio (float): Share in (0, 1]; ``round(ratio * clips of the class)`` are drawn.
        seed (int): Seed of the draw. A larger ratio includes the clips of a smaller one.

    Returns:
        np.ndarray: Indices of the drawn clips, in the order of ``chosen``.
    """
    labelled = chosen[label[chosen] >= 0]
    _, inverse, counts = np.unique(label[labelled], return_inverse=True, return_counts=True)
    order = np.lexsort((np.random.default_rng(seed).random(len(labelled)), inverse))
    first = counts.cumsum() - counts
    rank = np.empty(len(labelled), np.int64)
    rank[order] = np.arange(len(labelled)) - np.repeat(first, counts)
    keep = np.maximum(np.rint(ratio * counts), 1)
    return labelled[rank < keep[inverse]]


def read_ids(path: str) -> list[str]:
    """Read a text file of ids, one per line; it may be empty."""
    return [line.strip() for line in read_text(path).splitlines() if line.strip()]


def leave_out(chosen: np.ndarray, ids: Sequence[str], path: str) -> np.ndarray:
    """Remove the clips that a file lists; it may also list other clips.

    Args:
        chosen (np.ndarray): Indices of clips, int64 [n].
        ids (Sequence[str]): Ids of all clips of the files.
        path (str): The file, see :func:`read_ids`.

    Raises:
        DatasetError: If the file lists ids, but none of these clips.
    """
    listed = read_ids(path)
    known = np.isin(np.array(ids, dtype=str), np.array(listed, dtype=str))
    if listed and not known.any():
        raise DatasetError(
            f"{path}: lists none of the clips; its first is '{listed[0]}', theirs is '{ids[0]}'. "
            "Give the list of this split"
        )
    return chosen[~known[chosen]]
