"""Isolated sign recognition from poses."""

from __future__ import annotations

from typing import Any

from mmaction.models.recognizers import RecognizerGCN
from mmaction.registry import MODELS
from torch import Tensor, nn

from masa_mm.errors import UserError
from masa_mm.frame_plan import present_parts
from masa_mm.models.recognizers.finite_check import FiniteCheck
from masa_mm.models.recognizers.width_check import check_width
from masa_mm.pose.skeleton import NUM_JOINTS


@MODELS.register_module()
class SignRecognizer(RecognizerGCN):
    """MMAction2's graph recogniser that also tells the head which frames are real.

    ``RecognizerGCN`` passes features only to its head, so padding takes part in the pooling. This
    class adds ``frame_valid`` and, for the 49 joints of a sign, ``part_valid``, which
    :class:`MASAHead` uses.

    Args:
        backbone (dict): A graph network, such as :class:`MASAEncoder`.
        cls_head (dict, optional): The head, a :class:`MASAHead`.
        data_preprocessor (dict, optional): Defaults to :class:`SignDataPreprocessor`.
        **kwargs: See MMAction2's ``BaseRecognizer``.

    Raises:
        UserError: If the head does not take the width of the backbone.
    """

    def __init__(
        self,
        backbone: dict,
        cls_head: dict | None = None,
        data_preprocessor: dict | nn.Module | None = None,
        **kwargs: Any,
    ) -> None:
        preprocessor = data_preprocessor or dict(type="SignDataPreprocessor")
        super().__init__(backbone, cls_head, data_preprocessor=preprocessor, **kwargs)
        if cls_head is not None:
            check_width(f"{type(self).__name__}: cls_head", self.cls_head, self.backbone)
        # The bad step has no effect beyond weights, which are not saved, so nothing waits for it.
        self.finite_check = FiniteCheck(deferred=True)

    def loss(self, inputs: Tensor | dict, data_samples: Any, **kwargs) -> dict[str, Tensor]:
        """Compute the losses of a batch.

        Raises:
            UserError: If the recognizer has no head.
            FloatingPointError: If a loss of the previous batch was not finite, in any process. With
                ``finite_check.deferred = False`` this batch is checked instead.
        """
        if not self.with_cls_head:
            raise UserError(
                "SignRecognizer: training needs cls_head, such as dict(type='MASAHead', "
                "num_classes=...); without it the recognizer only extracts features"
            )
        losses = super().loss(inputs, data_samples, **kwargs)
        self.finite_check(losses)
        return losses

    def extract_feat(self, inputs: Tensor | dict, stage: str = "backbone", **kwargs) -> tuple:
        """Extract features.

        Args:
            inputs (Tensor | dict): Poses [N, num_clips, M, T, V, 3] (x, y, score), or a dict of
                them as 'keypoint' and their :class:`~masa_mm.frame_plan.ViewPlan` as 'plan', which
                the backbone then must take.
            stage (str): 'backbone', or 'head' for class scores.
            **kwargs: Not used.

        Returns:
            tuple: Features [N * num_clips, M, C, T, P], or scores, and a dict of ``frame_valid``,
                bool [N * num_clips, M, T], and ``part_valid``, bool [N * num_clips, M, T, 3].
        """
        batch = inputs if isinstance(inputs, dict) else dict(keypoint=inputs)
        options = dict(plan=batch["plan"]) if "plan" in batch else {}
        clips = batch["keypoint"].flatten(0, 1)
        valid = dict(frame_valid=(clips[..., 2] > 0).any(-1))
        if clips.shape[-2] == NUM_JOINTS:
            valid["part_valid"] = present_parts(clips[..., 2])
        features = self.backbone(clips, **options)
        if stage == "head":
            features = self.cls_head(features, **valid)
        return features, valid
