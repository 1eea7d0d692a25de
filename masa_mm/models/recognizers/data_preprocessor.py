"""From what a collate function gives to what a model takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.model import BaseDataPreprocessor
from mmengine.registry import FUNCTIONS
from torch import Tensor

from masa_mm.errors import MissingKeyError
from masa_mm.structures import SignDataSamples


@MODELS.register_module()
class SignDataPreprocessor(BaseDataPreprocessor):
    """Moves a batch of ``pad_clips`` to the device, one copy per tensor.

    Inputs that hold poses only become the pose tensor itself [N, num_clips, M, T, V, 3], which is
    what MMAction2's recognisers take. With motion targets, masks, a key view or a plan they stay a
    dict, which :class:`MASA` and :class:`SignRecognizer` take.

    Clips that were not collated by ``pad_clips`` are collated here. MMAction2's inference functions
    always use ``pseudo_collate``, which only makes lists, as do dataloaders without a
    ``collate_fn``.

    Args:
        non_blocking (bool): Copy from pinned memory while the device computes.
    """

    def __init__(self, non_blocking: bool = True) -> None:
        super().__init__(non_blocking=non_blocking)

    def forward(self, data: Any, training: bool = False) -> dict[str, Tensor | dict]:
        """Prepare a batch.

        Args:
            data (dict | sequence of dict): What ``pad_clips`` gives, or clips of
                ``PackSignInputs`` or ``PackActionInputs``, as a list or in lists of
                ``pseudo_collate``; their lengths may differ.
            training (bool): Not used.

        Returns:
            dict: ``dict(inputs=..., data_samples=...)`` on the device.

        Raises:
            MissingKeyError: If clips were not packed.
            UserError: If clips differ in more than their length.
        """
        if not is_collated(data):
            data = FUNCTIONS.get("pad_clips")([packed(clip) for clip in clips_of(data)])
        inputs = self.cast_data(data["inputs"])
        samples = data["data_samples"].to(self.device, non_blocking=self._non_blocking)
        if "plan" in inputs:
            inputs["plan"] = inputs["plan"].unpack()
        elif inputs.keys() <= {"keypoint", "frame_inds"}:
            inputs = inputs["keypoint"]
        return dict(inputs=inputs, data_samples=samples)


def is_collated(data: Any) -> bool:
    """Return whether ``pad_clips`` made a batch."""
    return isinstance(data, Mapping) and isinstance(data.get("data_samples"), SignDataSamples)


def clips_of(data: Mapping | Sequence[Mapping]) -> Sequence[Mapping]:
    """Undo ``pseudo_collate``, which turns a list of clips into one clip of lists."""
    if not isinstance(data, Mapping):
        return data
    values = data.get("label", data.get("data_samples"))
    if not isinstance(values, Sequence):  # one clip that was not collated
        return [data]
    return [_entry(data, index) for index in range(len(values))]


def _entry(batch: Mapping, index: int) -> dict:
    return {
        key: _entry(value, index) if isinstance(value, Mapping) else value[index]
        for key, value in batch.items()
    }


def packed(clip: Mapping) -> Mapping:
    """Convert a clip of MMAction2's ``PackActionInputs`` to the form of ``PackSignInputs``.

    Raises:
        MissingKeyError: If the clip was packed by neither.
    """
    if "inputs" not in clip:
        raise MissingKeyError(
            f"a clip has {', '.join(map(repr, clip))}, but no 'inputs': end the pipeline with "
            "PackSignInputs"
        )
    sample = clip.get("data_samples")
    if sample is None:
        return clip
    return dict(
        inputs=dict(keypoint=clip["inputs"].numpy()),
        label=label_of(sample),
        clip_id=int(sample.get("clip_id", -1)),
        meta=sample.metainfo,
    )


def label_of(sample: ActionDataSample) -> int:
    """The label of a sample, -1 if it has none."""
    return int(sample.gt_label[0]) if hasattr(sample, "gt_label") else -1
