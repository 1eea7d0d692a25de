"""From inputs of any kind to glosses, in one call."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.infer import BaseInferencer

from masa_mm.errors import UserError
from masa_mm.inference.clips import Recognition
from masa_mm.inference.exported_model import ExportedModel
from masa_mm.inference.inputs import Input, InputClip, InputReader
from masa_mm.inference.predictions import SignPrediction, as_dict, make_prediction
from masa_mm.inference.trained_model import TrainedModel
from masa_mm.pose.clip_checks import BadClip
from masa_mm.pose.clip_ids import clip_file
from masa_mm.preparation.extraction.video import read_frames
from masa_mm.visualization.prediction import Caption, write_animation

Result = SignPrediction | BadClip


class SignInferencer(BaseInferencer):
    """Recognises the signs in videos, pose files, arrays, stores, folders and lists of these.

    The four steps are those of ``BaseInferencer``; :meth:`predict` does the first two lazily.
    ``BaseInferencer`` executes the config of a checkpoint as Python and knows no exported models,
    so the models are opened by this package instead.

    Args:
        model (str | os.PathLike): A config, a checkpoint alone (it holds its config, which is read
            as data), or an exported ``.onnx`` file.
        weights (str | os.PathLike, optional): The checkpoint of a config.
        device (str, optional): Such as 'cuda:0'. None: a GPU if there is one. Exported models run
            on the CPU.
        show_progress (bool): Whether a call shows a progress bar.

    Attributes:
        model (TrainedModel | ExportedModel): The model.
        info (ModelInfo): Its classes and calibration.

    Raises:
        FileNotFoundError: If a file is missing.
        UserError: If the model cannot be read, or an exported model is given weights or a GPU.

    Example:
        >>> inferencer = SignInferencer("model.onnx")
        >>> for result in inferencer.predict("videos/"):
        ...     print(result.name, result.glosses[0].gloss)
    """

    preprocess_kwargs = {"source", "layout", "image_size", "estimator", "joints"}
    forward_kwargs = {"top"}
    visualize_kwargs = {"draw"}
    postprocess_kwargs: set = set()

    def __init__(
        self,
        model: str | os.PathLike,
        weights: str | os.PathLike | None = None,
        device: str | None = None,
        show_progress: bool = False,
    ) -> None:
        self.model = open_model(model, weights, device)
        self.info = self.model.info
        self.show_progress = show_progress
        self._where = str(model)
        self._pictures: Counter[Path] = Counter()

    def predict(
        self, inputs: Input, top: int = 5, batch_size: int = 32, **options: Any
    ) -> Iterator[Result]:
        """Recognise the clips of inputs one batch after the other.

        Args:
            inputs (Input): See :class:`~masa_mm.inference.inputs.InputReader`.
            top (int): Number of glosses.
            batch_size (int): Clips that the network sees at a time. A clip of a video is not kept
                waiting for others.
            **options (Any): Options of :class:`~masa_mm.inference.inputs.InputReader`.

        Yields:
            SignPrediction | BadClip: In the order of the inputs; ``BadClip`` for what cannot be
                read.

        Raises:
            UserError: If an option is wrong, the estimator does not start, or the model has
                another number of classes than of names.
        """
        for batch in self.preprocess(inputs, batch_size, **options):
            yield from self.forward(batch, top)

    def preprocess(
        self, inputs: Input, batch_size: int = 32, **options: Any
    ) -> Iterator[list[InputClip | BadClip]]:
        """Read clips in batches, lazily."""
        batch: list[InputClip | BadClip] = []
        with InputReader(**options) as reader:
            for clip in reader.read(inputs):
                batch.append(clip)
                is_slow = isinstance(clip, InputClip) and clip.video is not None
                if len(batch) >= batch_size or is_slow:
                    yield batch
                    batch = []
        if batch:
            yield batch

    def forward(self, inputs: Sequence[InputClip | BadClip], top: int = 5) -> list[Result]:
        """Recognise a batch; clips that the model refuses become ``BadClip``."""
        good = [each for each in inputs if isinstance(each, InputClip)]
        found = iter(self._recognize(good))
        return [
            each if isinstance(each, BadClip) else self._result(each, next(found), top)
            for each in inputs
        ]

    def visualize(
        self, inputs: Any, preds: Sequence[Result], draw: str | os.PathLike | None = None
    ) -> list[Path]:
        """Draw the predictions into a folder; none without ``draw``."""
        good = [each for each in preds if isinstance(each, SignPrediction)]
        return [] if draw is None else [self.draw(each, draw) for each in good]

    def postprocess(
        self,
        preds: Sequence[Result],
        visualization: Sequence[Path],
        return_datasamples: bool = False,
    ) -> dict[str, list]:
        """Return the predictions, as plain values unless ``return_datasamples``, and pictures."""
        predictions = list(preds) if return_datasamples else [as_dict(each) for each in preds]
        return dict(predictions=predictions, visualization=list(visualization))

    def draw(self, prediction: SignPrediction, folder: str | os.PathLike) -> Path:
        """Write a prediction as an animated GIF named like its clip, and return its path."""
        clip, video = prediction.source.clip, prediction.source.video
        path = self._new_picture(Path(folder), Path(clip.name).name)
        caption = Caption(
            Path(clip.name).name,
            prediction.glosses,
            prediction.known is not False,
            prediction.warnings,
        )
        frames = None if video is None else read_frames(video)
        aspect = prediction.source.aspect
        return write_animation(path, clip.landmarks, clip.image_size, caption, frames, aspect)

    def _new_picture(self, folder: Path, name: str) -> Path:
        """Return the path of a picture; clips of one name get numbers."""
        name = name.replace(":", "_")  # between a file and an id
        self._pictures[folder / name] += 1
        number = self._pictures[folder / name]
        return clip_file(folder, name if number == 1 else f"{name} ({number})", "gif")

    def _recognize(self, clips: Sequence[InputClip]) -> list[Recognition | BadClip]:
        try:
            return list(self.model.recognize([each.clip for each in clips]))
        except UserError:  # one of them does not fit; find it
            return [self._recognize_one(each) for each in clips]

    def _recognize_one(self, each: InputClip) -> Recognition | BadClip:
        try:
            return next(iter(self.model.recognize([each.clip])))
        except UserError as error:
            problem, _, remedy = str(error).rpartition("; ")
            return BadClip(each.clip.name, problem.removeprefix(f"{each.clip.name}: "), remedy)

    def _result(self, clip: InputClip, found: Recognition | BadClip, top: int) -> Result:
        if isinstance(found, BadClip):
            return found
        if found.scores is not None and len(found.scores) != len(self.info.classes):
            raise UserError(
                f"{self._where}: has {len(found.scores)} classes, but names of "
                f"{len(self.info.classes)}; export it again from a checkpoint with class names"
            )
        return make_prediction(clip, found, self.info, top)

    def _inputs_to_list(self, inputs: Any) -> list:
        """Leave the inputs to :class:`InputReader`, which reads them lazily."""
        return [inputs]

    def _init_pipeline(self, cfg: Any) -> Callable:
        """Satisfy ``BaseInferencer``; the models hold their own pipelines.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError


def open_model(
    model: str | os.PathLike,
    weights: str | os.PathLike | None = None,
    device: str | None = None,
) -> TrainedModel | ExportedModel:
    """Open a trained or an exported model; arguments are those of :class:`SignInferencer`."""
    path = Path(model)
    if not path.is_file():
        kind = "is a folder; give a file" if path.is_dir() else "no such model"
        raise FileNotFoundError(f"{path}: {kind}, a config, a checkpoint or an .onnx file")
    if path.suffix.lower() != ".onnx":
        default = "cuda" if torch.cuda.is_available() else "cpu"
        return TrainedModel(path, weights, device or default)
    if weights is not None:
        raise UserError(f"{path}: an exported model holds its weights; leave {weights} out")
    if device not in (None, "cpu"):
        raise UserError(f"{path}: an exported model runs on the CPU; leave device='{device}' out")
    return ExportedModel(path)
