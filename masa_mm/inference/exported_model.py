"""Exported models: one ONNX file from landmarks to class scores and embedding."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from masa_mm.errors import UserError, in_one_line
from masa_mm.inference.model_info import METADATA_KEY, ModelInfo
from masa_mm.pose.skeleton import source_layout

INPUTS = ("landmarks", "image_size")
MAX_BYTES = 2**30  # of a file; that of the base size has 0.2 GB
MAX_FRAMES = 100_000  # of a clip, an hour at 25 frames a second


class Recognition(NamedTuple):
    """What a model computes of one clip.

    Attributes:
        scores (np.ndarray, optional): float32 [classes]. None from an encoder without classes.
        embedding (np.ndarray): float32 [D].
    """

    scores: np.ndarray | None
    embedding: np.ndarray


class ExportedModel:
    """A model in an ONNX file, run by ONNX Runtime on the CPU.

    The file is read as data. It holds neither code nor names of other files.

    Args:
        path (str | os.PathLike): The ``.onnx`` file that ``tools/export.py`` wrote.
        num_threads (int): Threads of ONNX Runtime; 0 for one per core.

    Attributes:
        info (ModelInfo): Classes, layout, calibration and model card.

    Raises:
        FileNotFoundError: If there is no such file.
        UserError: If the file is damaged or not one of ours, or ONNX Runtime is missing.
    """

    def __init__(self, path: str | os.PathLike, num_threads: int = 1) -> None:
        self.path = str(path)
        self._session = _open_session(Path(path), num_threads)
        self.info = _read_info(self._session, self.path)
        self._num_joints = source_layout(self.info.layout).num_joints

    def __call__(self, landmarks: np.ndarray, image_size: tuple[float, float]) -> Recognition:
        """Recognise one clip.

        Args:
            landmarks (np.ndarray): [T, V, 3], x and y in pixels and score, in the model's layout.
                A joint is absent where its score is 0 or a number is not finite.
            image_size (tuple[float, float]): Width and height in pixels.

        Raises:
            UserError: If the shape does not fit the layout, or the image size is not positive.
        """
        landmarks = np.asarray(landmarks, np.float32)
        size = np.asarray(image_size, np.float32)
        self._check(landmarks, size)
        outputs = self._session.run(None, dict(landmarks=landmarks, image_size=size))
        return Recognition(outputs[0] if len(outputs) == 2 else None, outputs[-1])

    def _check(self, landmarks: np.ndarray, size: np.ndarray) -> None:
        if landmarks.ndim != 3 or landmarks.shape[1:] != (self._num_joints, 3):
            raise UserError(
                f"{self.path}: takes landmarks [frames, {self._num_joints}, 3] of the layout "
                f"'{self.info.layout}', got {list(landmarks.shape)}"
            )
        if len(landmarks) > MAX_FRAMES:
            raise UserError(
                f"{self.path}: a clip of {len(landmarks)} frames is no isolated sign; cut it into "
                f"signs (at most {MAX_FRAMES} frames)"
            )
        if size.shape != (2,) or not (np.isfinite(size) & (size > 0)).all():
            raise UserError(
                f"{self.path}: image_size is (width, height) in pixels, both above 0, got "
                f"{size.tolist()}"
            )


def import_onnxruntime() -> Any:
    """Import ONNX Runtime.

    Raises:
        UserError: If it is not installed.
    """
    try:
        import onnxruntime
    except ImportError:
        raise UserError("exported models need ONNX Runtime: pip install onnxruntime") from None
    return onnxruntime


def _open_session(path: Path, num_threads: int) -> Any:
    onnxruntime = import_onnxruntime()
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise UserError(f"{path}: has {size} bytes, an exported model at most {MAX_BYTES}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.log_severity_level = 4  # errors are reported below, in one line
    try:
        # By its bytes, so that the file cannot name others that hold its weights.
        return onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime's errors share no base class
        raise UserError(
            f"{path}: ONNX Runtime cannot load it ({in_one_line(error, 200)}); export the model "
            "again with tools/export.py"
        ) from None


def _read_info(session: Any, path: str) -> ModelInfo:
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    names = tuple(each.name for each in session.get_inputs())
    if text is None or names != INPUTS:
        raise UserError(
            f"{path}: is an ONNX file, but none of masa_mm; export a model with tools/export.py"
        )
    return ModelInfo.from_json(text, path)
