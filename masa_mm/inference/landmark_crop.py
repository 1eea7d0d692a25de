"""Part coordinates of landmarks, as a graph of fixed shape: :mod:`masa_mm.pose.crop` in torch.

An exported model contains this graph, so its users need no preprocessing.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from masa_mm.pose.crop import BOX_SCALE, MIN_SIDE, MIN_VISIBLE, VISIBLE_THR
from masa_mm.pose.skeleton import BODY, LEFT_HAND, RIGHT_HAND, source_layout


class JointSelection(nn.Module):
    """Select the 49 sign joints of a layout and find those that are absent.

    A joint is absent where its score is not positive or one of its numbers is not finite.

    Args:
        layout (str): Name in :data:`masa_mm.pose.skeleton.SOURCE_LAYOUTS`.
    """

    indices: Tensor
    given: Tensor

    def __init__(self, layout: str) -> None:
        super().__init__()
        indices = torch.tensor(source_layout(layout).indices)
        self.register_buffer("indices", indices.clamp(min=0), persistent=False)
        self.register_buffer("given", indices >= 0, persistent=False)

    def forward(self, landmarks: Tensor) -> tuple[Tensor, Tensor]:
        """Select from landmarks [T, V, 3] (x, y, score).

        Returns:
            tuple: The joints [T, 49, 3] as they are, and their scores [T, 49], 0 of absent ones.
        """
        joints = landmarks.index_select(1, self.indices)
        # Comparisons with NaN are false, and no pixel is as far away as 1e30.
        finite = joints.abs().sum(-1) < 1e30
        score = joints[..., 2]
        return joints, torch.where(self.given & finite & (score > 0), score, 0.0)


class PartCrop(nn.Module):
    """Crop the hands of frames, as :func:`masa_mm.pose.crop.crop_parts` does by its defaults.

    Args:
        box_scale (float): Side of a hand's box over the larger extent of its visible joints.
        min_visible (int): A hand with fewer visible joints is absent.
        visible_thr (float): A joint is visible from this score on.
    """

    def __init__(
        self,
        box_scale: float = BOX_SCALE,
        min_visible: int = MIN_VISIBLE,
        visible_thr: float = VISIBLE_THR,
    ) -> None:
        super().__init__()
        self.box_scale, self.min_visible = box_scale, min_visible
        self.visible_thr = visible_thr

    def clear_absent_hands(self, score: Tensor, is_cropped: Tensor) -> Tensor:
        """Clear the scores [T, 49] of hands that have too few visible joints.

        Those of a clip that is in part coordinates were chosen when it was cropped.
        """
        right, left = (
            hand * (self.is_present(hand) | is_cropped)[:, None]
            for hand in (score[:, RIGHT_HAND.joints], score[:, LEFT_HAND.joints])
        )
        return torch.cat([right, left, score[:, BODY.joints]], 1)

    def is_present(self, hand: Tensor) -> Tensor:
        """Whether hands have enough visible joints, by their scores [T, 21]: bool [T]."""
        return self.visible(hand).to(torch.int64).sum(1) >= self.min_visible

    def visible(self, score: Tensor) -> Tensor:
        """Whether joints are visible by their scores: bool [...]."""
        return (score >= self.visible_thr) & (score > 0)

    def forward(
        self, coordinates: Tensor, score: Tensor, size: Tensor, is_cropped: Tensor
    ) -> Tensor:
        """Convert joints to part coordinates.

        Args:
            coordinates (Tensor): [T, 49, 2]. Those of absent joints are not used.
            score (Tensor): [T, 49], 0 of absent joints and of those of absent hands.
            size (Tensor): [2], width and height of the image.
            is_cropped (Tensor): bool [], whether the joints are in part coordinates already.

        Returns:
            Tensor: [T, 49, 3], x and y in part coordinates and score; zeros of absent joints.
        """
        # Joints last, because ONNX Runtime is slow where the last dimension is short.
        score = score[:, None]
        coordinates = torch.where(score > 0, coordinates.transpose(1, 2), 0.0)
        size = torch.where(is_cropped, 1.0, size)
        hands, hand_score = (
            torch.cat([each[..., RIGHT_HAND.joints], each[..., LEFT_HAND.joints]])
            for each in (coordinates, score)
        )
        right, left = self.crop_hands(hands, hand_score, size).chunk(2)
        left = torch.cat([1 - left[:, :1], left[:, 1:]], 1)
        parts = torch.cat([right, left, coordinates[..., BODY.joints] / size[:, None]], -1)
        parts = torch.where(is_cropped, coordinates, parts)
        # A product is faster than a choice, and all numbers are finite.
        return torch.cat([parts * (score > 0), score], 1).transpose(1, 2)

    def crop_hands(self, joints: Tensor, score: Tensor, size: Tensor) -> Tensor:
        """Divide the joints of hands [N, 2, 21], scores [N, 1, 21], by their boxes: [N, 2, 21]."""
        visible = self.visible(score)
        beyond = (~visible).to(joints.dtype) * 1e30
        lowest, highest = (joints + beyond).amin(2), (joints - beyond).amax(2)
        present = visible.to(torch.int64).sum(2) > 0
        lowest, highest = torch.where(present, lowest, 0.0), torch.where(present, highest, 1.0)
        min_side = MIN_SIDE * size.amax(0)
        side = torch.maximum(self.box_scale * (highest - lowest).amax(1, keepdim=True), min_side)
        center = (lowest + highest) / 2
        low = torch.minimum((center - side / 2).clamp(min=0), lowest)
        high = torch.maximum(torch.minimum(center + side / 2, size), highest)
        too_thin, middle = high - low < min_side, (low + high) / 2
        low = torch.where(too_thin, middle - min_side / 2, low)
        high = torch.where(too_thin, middle + min_side / 2, high)
        return (joints - low[..., None]) / (high - low)[..., None]
