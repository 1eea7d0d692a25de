"""Read the predictions that ``tools/test.py --dump`` writes, without executing their code."""

from __future__ import annotations

import io
import os
from typing import NamedTuple

import numpy as np
import torch

from masa_mm.errors import UserError
from masa_mm.pose.safe_pickle import UnsafePickleError, load_pickle


class Predictions(NamedTuple):
    """Class scores of clips, in the order of the test."""

    scores: np.ndarray  # float [N, C]
    labels: np.ndarray  # int64 [N], -1 for unknown
    names: tuple[str, ...]  # frame_dir, '' for unknown


def load_predictions(path: str | os.PathLike) -> Predictions:
    """Read a file written by ``tools/test.py --dump`` (mmengine's ``DumpResults``).

    Such a file is a pickle of dicts of tensors. Unpickling allows only the globals of tensors and
    numpy arrays, and reads the bytes of tensors by torch's safe loader.

    Args:
        path (str or PathLike): The file.

    Returns:
        Predictions: Scores, labels and names of the clips.

    Raises:
        FileNotFoundError: If there is no such file.
        UnsafePickleError: If the file is damaged or holds more than data.
        UserError: If the file holds no predictions with one score for each class.
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
    # torch's own function of that name executes any code in the bytes.
    ("torch.storage", "_load_from_bytes"): _storage,
}
