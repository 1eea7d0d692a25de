"""From the collated batch to the model's inputs."""

from __future__ import annotations

from mmaction.registry import MODELS
from mmengine.model import BaseDataPreprocessor
from torch import Tensor


@MODELS.register_module()
class SignDataPreprocessor(BaseDataPreprocessor):
    """Moves a batch of ``pad_clips`` to the device, one copy per tensor.

    Inputs that hold poses only become the pose tensor itself [N, num_clips, M, T, V, 3], which is
    what MMAction2's recognisers take. With motion targets, masks, a key view or a plan they stay a
    dict, which :class:`MASA` and :class:`SignRecognizer` take.

    Args:
        non_blocking (bool): Copy from pinned memory while the device computes.
    """

    def __init__(self, non_blocking: bool = True) -> None:
        super().__init__(non_blocking=non_blocking)

    def forward(self, data: dict, training: bool = False) -> dict[str, Tensor | dict]:
        """Return the batch on the device: ``dict(inputs=..., data_samples=...)``."""
        inputs = self.cast_data(data["inputs"])
        samples = data["data_samples"].to(self.device, non_blocking=self._non_blocking)
        if "plan" in inputs:
            inputs["plan"] = inputs["plan"].unpack()
        elif inputs.keys() <= {"keypoint", "frame_inds"}:
            inputs = inputs["keypoint"]
        return dict(inputs=inputs, data_samples=samples)
