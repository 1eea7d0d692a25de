"""Reading the predictions that ``tools/test.py --dump`` writes, without executing anything."""

from __future__ import annotations

import io
import os
from typing import NamedTuple

import numpy as np
import torch

from masa_mm.errors import UserError
from masa_mm.pose.safe_pickle import UnsafePickleError, load_pickle


class Predictions(NamedTuple):
    """Class scores of a test set's clips, in the order they were tested."""

    scores: np.ndarray  # float [N, C]
    labels: np.ndarray  # int64 [N], -1 where a clip has none
    names: tuple[str, ...]  # frame_dir, '' where a clip has none


def load_predictions(path: str | os.PathLike) -> Predictions:
    """Read a file written by ``tools/test.py --dump`` (mmengine's ``DumpResults``).

    Such a file is a pickle of dicts of tensors. Only what tensors and numpy arrays are made of is
    looked up, and tensors' own bytes go through torch's safe loader.

    Raises:
        FileNotFoundError: there is no such file.
        UnsafePickleError: it is no whole pickle, or holds anything else; nothing was executed.
        ValueError: it holds no predictions with one score for each class; one line naming the file.
    """
    samples = load_pickle(path, also=_TENSORS)
    if not isinstance(samples, list) or not samples:
        raise UserError(f"{path}: holds no list of predictions; write it with tools/test.py --dump")
    try:
        scores = np.stack([np.asarray(sample["pred_score"], np.float64) for sample in samples])
        labels = np.array([_label(sample) for sample in samples], np.int64)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path}: a prediction lacks 'pred_score', or they differ in length ({error}); "
            "write it with tools/test.py --dump on a recognition config"
        ) from None
    if scores.ndim != 2:
        raise UserError(f"{path}: 'pred_score' must be one number for each class")
    return Predictions(scores, labels, tuple(str(s.get("frame_dir", "")) for s in samples))


def _label(sample: dict) -> int:
    label = sample.get("gt_label")
    return -1 if label is None else np.asarray(label).reshape(1).item()


def _storage(data: bytes) -> torch.storage.TypedStorage:
    try:
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:
        raise UnsafePickleError(f"a tensor's bytes were refused: {error}") from None


_TENSORS = {
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    # torch's own function of that name loads without any check.
    ("torch.storage", "_load_from_bytes"): _storage,
}
