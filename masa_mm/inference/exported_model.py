"""Exported models: one ONNX file from landmarks to class scores and embedding."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from masa_mm.errors import UserError, in_one_line
from masa_mm.inference.clips import PoseClip, Recognition
from masa_mm.inference.model_info import METADATA_KEY, ModelInfo

INPUTS = ("landmarks", "image_size")
MAX_BYTES = 2**30  # of a file; that of the base size has 0.2 GB
MAX_FRAMES = 100_000  # of a clip, an hour at 25 frames a second


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

    def recognize(self, clips: Iterable[PoseClip]) -> Iterator[Recognition]:
        """Recognise clips one by one."""
        return map(self, clips)

    def __call__(self, clip: PoseClip) -> Recognition:
        """Recognise one clip.

        Raises:
            UserError: If the clip does not fit the model's layout, or is too long.
        """
        clip = clip.in_layout(self.info.layout)
        if len(clip.landmarks) > MAX_FRAMES:
            raise UserError(
                f"{clip.name}: a clip of {len(clip.landmarks)} frames is no isolated sign; cut it "
                f"into signs (at most {MAX_FRAMES} frames)"
            )
        size = np.asarray(clip.image_size or (0, 0), np.float32)
        outputs = self._session.run(None, dict(landmarks=clip.landmarks, image_size=size))
        return Recognition(outputs[0] if len(outputs) == 2 else None, outputs[-1])


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
