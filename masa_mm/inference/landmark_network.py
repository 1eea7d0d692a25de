"""A trained network and its preprocessing in one module of fixed shapes, for export.

Training computes only what a batch shows (:mod:`masa_mm.frame_plan`), so its shapes depend on the
data. The dense form computes every part of the chosen frames and hides the absent ones by index
and by mask. It uses the trained layers, whose batch norms are folded.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmaction.models.recognizers import BaseRecognizer
from torch import Tensor, nn

from masa_mm.datasets.transforms.layout import CropSignParts, SelectSignJoints
from masa_mm.datasets.transforms.packing import PackSignInputs
from masa_mm.datasets.transforms.sampling import KeepHandFrames, SampleSignFrames
from masa_mm.errors import UserError
from masa_mm.frame_plan import TEMPORAL_REACH, FramePacking, SequencePlan, present_parts
from masa_mm.inference.folded_norms import CenteredNorm, fold_norms
from masa_mm.inference.frame_choice import find_choice
from masa_mm.inference.landmark_crop import JointSelection, PartCrop
from masa_mm.models.backbones.masa_encoder import MASAEncoder
from masa_mm.models.backbones.part_network import PartNetwork
from masa_mm.models.heads.masa_head import MASAHead
from masa_mm.models.layers.pooling import AveragePooling
from masa_mm.pose.skeleton import BODY, LEFT_HAND, PARTS, RIGHT_HAND

_KNOWN = (KeepHandFrames, SampleSignFrames, SelectSignJoints, CropSignParts, PackSignInputs)


class DenseEncoder(nn.Module):
    """The encoder on one clip of a fixed number of frames.

    Args:
        encoder (MASAEncoder): A trained encoder.
        clip_len (int): Number of frames, L.
    """

    frames: Tensor
    around: Tensor

    def __init__(self, encoder: MASAEncoder, clip_len: int) -> None:
        super().__init__()
        self.encoder = fold_norms(encoder)
        frames = torch.arange(clip_len)
        around = frames[:, None] + torch.arange(-TEMPORAL_REACH, TEMPORAL_REACH + 1)
        around = torch.where((around < 0) | (around >= clip_len), clip_len, around)
        self.register_buffer("frames", frames, persistent=False)
        self.register_buffer("around", around, persistent=False)

    def forward(self, clip: Tensor) -> tuple[Tensor, Tensor]:
        """Encode clip [L, 49, 3]: frames [L, 3 * embed_dims], parts seen bool [L, 3]."""
        seen = present_parts(clip[..., 2])
        rows = self.embed(clip, seen)
        shown = seen.to(torch.int64).sum(-1) > 0
        length = len(self.frames)
        packing = FramePacking(self.frames, self.frames, 1, length, length)
        plan = SequencePlan(packing, self.frames[None], keys=shown)
        encoded = self.encoder.transformer.encode_rows(rows, plan)
        return encoded * shown[:, None], seen

    def embed(self, clip: Tensor, seen: Tensor) -> Tensor:
        """Embed the parts of each frame: [L, 3 * embed_dims], zeros where a part is absent."""
        joints = self.encoder.joint_channels(clip)
        hands = torch.cat([joints[:, RIGHT_HAND.joints], joints[:, LEFT_HAND.joints]])
        hands = self.run(self.encoder.hand_network, hands, seen[:, :2].t())
        bodies = self.run(self.encoder.body_network, joints[:, BODY.joints], seen[:, 2:].t())
        right, left = hands.chunk(2)
        parts = torch.stack([right, left, bodies], 1)
        return (parts * seen[..., None]).flatten(1)

    def run(self, network: PartNetwork, joints: Tensor, seen: Tensor) -> Tensor:
        """Run a part network on joints [P * L, V, C] of parts seen bool [P, L].

        The average pose replaces absent parts. Their own numbers are far from those of any pose,
        and an integer model scales by the largest number.
        """
        assert isinstance(network.data_norm, CenteredNorm)  # for the type checker
        average = network.data_norm.mean.view(joints.shape[1:])
        joints = torch.where(seen.reshape(-1, 1, 1), joints, average)
        return network(joints, self.neighbours(seen))

    def neighbours(self, seen: Tensor) -> Tensor:
        """Rows around each frame, int64 [P * L, 5], of parts seen bool [P, L], laid end to end.

        P * L stands for a frame that does not show the part or lies outside the clip.
        """
        num_parts, length = seen.shape
        blank = torch.zeros(num_parts, 1, dtype=torch.int64, device=seen.device)
        shown = torch.cat([seen.to(torch.int64), blank], 1)[:, self.around] > 0
        offset = length * torch.arange(num_parts, device=seen.device)[:, None, None]
        return torch.where(shown, self.around + offset, num_parts * length).flatten(0, 1)


class LandmarkNetwork(nn.Module):
    """From landmarks and image size to class scores and embedding.

    Selecting joints, choosing frames, cropping parts and the network are one module.

    Args:
        model (BaseRecognizer): A trained recogniser, or a model of pretraining, which gives no
            scores and the average over frames as its embedding.
        transforms (Sequence): The transforms of its test pipeline.
        layout (str): Joint layout of the landmarks.

    Raises:
        UserError: If the model or its pipeline has parts that the dense form does not know.
    """

    def __init__(
        self, model: BaseRecognizer, transforms: Sequence[object], layout: str = "sign49"
    ) -> None:
        super().__init__()
        encoder, head = model.backbone, model.cls_head if model.with_cls_head else None
        # Subclasses, such as the encoder of the authors' release, compute other things.
        if type(encoder) is not MASAEncoder or not isinstance(head, MASAHead | None):
            raise UserError(
                f"a {type(encoder).__name__} with {type(head).__name__} cannot be exported: only a "
                "MASAEncoder, alone or with a MASAHead, can"
            )
        check_transforms(transforms)
        self.select = JointSelection(layout)
        self.crop = make_crop(transforms)
        self.choose = find_choice(transforms)
        self.encode = DenseEncoder(encoder, self.choose.clip_len)
        pooling = AveragePooling(encoder.embed_dims, len(PARTS)) if head is None else head.pooling
        self.pooling, self.classify = pooling, None if head is None else head.fc
        self.eval().requires_grad_(False)

    def forward(self, landmarks: Tensor, image_size: Tensor) -> tuple[Tensor, ...]:
        """Recognise one clip.

        Args:
            landmarks (Tensor): float32 [T, V, 3], x and y in pixels and score, of the layout.
                Scores from 0.4 on mean visible, 0 absent.
            image_size (Tensor): float32 [2], width and height in pixels. 0 and 0 for landmarks that
                are in part coordinates already, as those of a pose store are.

        Returns:
            tuple: The embedding [D], and, of a recogniser, before it the class scores
                [num_classes].
        """
        blank = landmarks.new_zeros(1, *landmarks.shape[1:])
        joints, score = self.select(torch.cat([landmarks, blank]))
        is_cropped = image_size.amax(0) <= 0
        score = self.crop.clear_absent_hands(score, is_cropped)
        shown = (score > 0).to(torch.int64)
        hands = [shown[:, hand.joints].sum(1) for hand in (RIGHT_HAND, LEFT_HAND)]
        chosen = self.choose(torch.stack(hands, 1), shown.sum(1) > 0)
        coordinates = joints.index_select(0, chosen)[..., :2]
        clip = self.crop(coordinates, score.index_select(0, chosen), image_size, is_cropped)
        frames, seen = self.encode(clip)
        embedding = self.pooling(frames[None], seen[None])
        if self.classify is None:
            return (embedding[0],)
        return self.classify(embedding)[0], embedding[0]


def check_transforms(transforms: Sequence[object]) -> None:
    """Refuse transforms that the dense form does not contain.

    Raises:
        UserError: If there is one; the message names it.
    """
    for transform in transforms:
        if type(transform) not in _KNOWN:
            names = ", ".join(known.__name__ for known in _KNOWN)
            raise UserError(
                f"{type(transform).__name__} of the test pipeline cannot be exported; the pipeline "
                f"may hold {names}"
            )


def make_crop(transforms: Sequence[object]) -> PartCrop:
    """Make the crop of a test pipeline; stores are cropped by the defaults.

    Raises:
        UserError: If the pipeline's crop has a fallback.
    """
    for transform in transforms:
        if isinstance(transform, CropSignParts):
            if transform.fallback != "absent":
                raise UserError(
                    f"CropSignParts(fallback={transform.fallback!r}) of the test pipeline cannot "
                    "be exported; only 'absent' can"
                )
            return PartCrop(transform.box_scale, transform.min_visible, transform.visible_thr)
    return PartCrop()
