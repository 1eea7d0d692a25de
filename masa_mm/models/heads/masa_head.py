"""The classification head of MASA."""

from __future__ import annotations

import torch
from mmaction.models.heads import BaseHead
from mmaction.registry import MODELS
from torch import Tensor, nn

from masa_mm.errors import UserError
from masa_mm.models.layers.pooling import build_pooling
from masa_mm.option_checks import FRACTION, checked_options, whole
from masa_mm.structures import SignDataSamples


@MODELS.register_module()
@checked_options(
    num_classes=whole(1),
    in_channels=whole(1),
    num_parts=whole(1),
    dropout=FRACTION,
    label_smooth_eps=FRACTION,
)
class MASAHead(BaseHead):
    """Pooling over valid frames and a linear classifier (MASA, section III-D).

    Args:
        num_classes (int): Number of glosses.
        in_channels (int): Width of a part.
        pooling (str | dict): 'average' (paper), 'learned', or the config of a registered pooling.
        num_parts (int): Parts of a frame.
        dropout (float): Dropout before the classifier.
        loss_cls (dict): Classification loss.
        average_clips (str): How the views of a clip are averaged in testing, 'prob' or 'score'.
        init_cfg (dict): Initialisation of the classifier.
        **kwargs: See ``mmaction.models.heads.BaseHead`` (``label_smooth_eps``, ``topk`` ...).

    Raises:
        UserError: If pooling is unknown.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int = 512,
        pooling: str | dict = "average",
        num_parts: int = 3,
        dropout: float = 0.0,
        loss_cls: dict | None = None,
        average_clips: str = "prob",
        init_cfg: dict | None = None,
        **kwargs,
    ) -> None:
        super().__init__(
            num_classes,
            in_channels,
            loss_cls=loss_cls or dict(type="CrossEntropyLoss"),
            average_clips=average_clips,
            init_cfg=init_cfg or dict(type="Normal", layer="Linear", std=0.01),
            **kwargs,
        )
        self.pooling = build_pooling(pooling, in_channels, num_parts)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(self.pooling.out_channels, num_classes)

    def pool(
        self, x: Tensor, frame_valid: Tensor | None = None, part_valid: Tensor | None = None
    ) -> Tensor:
        """Pool each clip's features into one vector, its embedding.

        Args:
            x (Tensor): Features [N, M, C, T, P].
            frame_valid (Tensor, optional): bool [N, M, T], frames that are not padding. Defaults to
                all.
            part_valid (Tensor, optional): bool [N, M, T, P], parts that the frames show. Defaults
                to all of a valid frame.

        Returns:
            Tensor: [N, pooling.out_channels].
        """
        num_clips, num_people = x.shape[:2]
        frames = x.permute(0, 1, 3, 4, 2).flatten(0, 1)
        seen = frames.new_ones(frames.shape[:3], dtype=torch.bool)
        if frame_valid is not None:
            seen = seen & frame_valid.flatten(0, 1)[..., None]
        if part_valid is not None:
            seen = seen & part_valid.flatten(0, 1)
        return self.pooling(frames.flatten(2), seen).view(num_clips, num_people, -1).mean(1)

    def forward(
        self, x: Tensor, frame_valid: Tensor | None = None, part_valid: Tensor | None = None
    ) -> Tensor:
        """Score the glosses; arguments are those of :meth:`pool`, the result [N, num_classes]."""
        return self.fc(self.dropout(self.pool(x, frame_valid, part_valid)))

    def loss_by_feat(
        self, cls_scores: Tensor, data_samples: SignDataSamples | list
    ) -> dict[str, Tensor]:
        """Compute the classification loss and the accuracy on the batch.

        Args:
            cls_scores (Tensor): [N, num_classes].
            data_samples (SignDataSamples | list): The batch's labels, or MMAction2's samples one by
                one.

        Returns:
            dict: ``loss_cls`` and ``top{k}_acc`` for each k up to the number of classes.

        Raises:
            UserError: If a clip has no label, or one that the head does not know.
        """
        labels = batch_labels(data_samples, self.num_classes).to(cls_scores.device)
        num_views = len(cls_scores) // len(labels)
        labels = labels.repeat_interleave(num_views)
        targets = self._smooth(labels) if self.label_smooth_eps else labels
        losses = dict(loss_cls=self.loss_cls(cls_scores, targets))
        with torch.no_grad():
            # Rank of the true class; ties and NaN count as misses.
            rank = (~(cls_scores < cls_scores.gather(1, labels[:, None]))).sum(1)
            topk = [k for k in self.topk if k <= self.num_classes]  # above, all would be right
            losses.update({f"top{k}_acc": (rank <= k).float().mean() for k in topk})
        return losses

    def _smooth(self, labels: Tensor) -> Tensor:
        # Not functional.one_hot, which reads the labels from the device to check them.
        classes = torch.arange(self.num_classes, device=labels.device)
        one_hot = (labels[:, None] == classes).float()
        return (1 - self.label_smooth_eps) * one_hot + self.label_smooth_eps / self.num_classes


def batch_labels(data_samples: SignDataSamples | list, num_classes: int) -> Tensor:
    """Get the labels int64 [N] of a batch, which was inspected where it was made.

    Raises:
        UserError: If a clip has no label, or one that the head does not know.
    """
    if not isinstance(data_samples, SignDataSamples):
        data_samples = SignDataSamples(data_samples)
    if data_samples.num_unlabelled:
        raise UserError(
            f"{data_samples.num_unlabelled} of {len(data_samples)} clips of the batch have no "
            "label (-1): finetuning needs a labelled store; unlabelled clips are for pretraining"
        )
    if data_samples.max_label >= num_classes:
        raise UserError(
            f"label {data_samples.max_label} in a batch, but the head has "
            f"num_classes={num_classes}: set model.cls_head.num_classes to the number of glosses "
            "of the dataset"
        )
    return data_samples.labels
