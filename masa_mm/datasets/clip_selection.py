"""Which clips a dataset takes, and which class list holds for several files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from masa_mm.errors import UserError
from masa_mm.pose.files import read_text


class DatasetError(UserError):
    """A dataset that cannot be what was asked for; the message is one line with the remedy."""


def common_class_list(paths: Sequence[str], lists: Sequence[list[str]]) -> list[str]:
    """The longest of the files' class lists, of which all others must be the beginning.

    Raises:
        DatasetError: a list is another; names its file.
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
    """Refuse a file whose class names stand at other places of the class list.

    Names that the list does not have are other spellings, and no contradiction; neither are
    numbers, which stand for classes that the file has no names of.

    Args:
        path: the file.
        names: its class names, in the order of its labels.
        list_path: the class list.
        listed: its names, in their order.

    Raises:
        DatasetError: they do; names the first.
    """
    if list(names) == [str(number) for number in range(len(names))]:
        return
    place = {name: number for number, name in enumerate(listed)}
    for number, name in enumerate(names):
        if place.get(name, number) != number:
            raise DatasetError(
                f"{path}: calls its class {number} '{name}', which is class {place[name]} of "
                f"{list_path}: a class list in another order; make the store with this one"
            )


def stratified_share(
    chosen: np.ndarray, label: np.ndarray, ratio: float, seed: int = 0
) -> np.ndarray:
    """A share of the labelled clips of each class, at least one, the same for the same seed.

    Args:
        chosen: numbers of the clips to draw from, int64 [n].
        label: label of every clip; -1 = none.
        ratio: share in (0, 1]; ``round(ratio * clips of the class)``, and at least 1, are kept.
        seed: of the draw.

    Returns:
        The clips kept, in the order given. For one seed those of a smaller ratio are among them.
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
    """A text file of clips' ids, one a line; it may have none.

    Raises:
        FileNotFoundError: there is no such file.
        SourceError: it is no text.
    """
    return [line.strip() for line in read_text(path).splitlines() if line.strip()]


def leave_out(chosen: np.ndarray, ids: Sequence[str], path: str) -> np.ndarray:
    """The chosen clips without those that a file lists.

    Args:
        chosen: numbers of clips, int64 [n].
        ids: names of all clips that could have been chosen.
        path: of the file, see :func:`read_ids`. It may name clips of other files and subsets too.

    Returns:
        int64 [n or fewer], in the order given.

    Raises:
        DatasetError: it has ids, but of none of the clips: it is the list of something else.
        FileNotFoundError, SourceError: of :func:`read_ids`.
    """
    listed = read_ids(path)
    known = np.isin(np.array(ids, dtype=str), np.array(listed, dtype=str))
    if listed and not known.any():
        raise DatasetError(
            f"{path}: lists none of the clips; its first is '{listed[0]}', theirs is '{ids[0]}'. "
            "Give the list of this split"
        )
    return chosen[~known[chosen]]
