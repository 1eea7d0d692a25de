"""From a pose estimator's joints in the image to the 49 sign joints in part coordinates."""

from __future__ import annotations

from mmaction.registry import TRANSFORMS

from masa_mm.datasets.transforms.base import SignTransform
from masa_mm.errors import MissingKeyError, UserError
from masa_mm.pose import crop
from masa_mm.pose.skeleton import source_layout


@TRANSFORMS.register_module()
class SelectSignJoints(SignTransform):
    """Bring a source's joints into the order of the 49 sign joints (layout ``sign49``).

    Joints the source lacks get coordinates 0 and score 0, as joints nobody saw.

    Required keys: keypoint [M, T, V, 2]; keypoint_score [M, T, V] (optional, else all present);
    layout, unless given here.
    Modified keys: keypoint [M, T, 49, 2], keypoint_score [M, T, 49], layout.
    Added key: missing_joints (tuple of str, names of the joints the source lacks).

    Args:
        layout (str, optional): name of the source's layout, see
            :data:`masa_mm.pose.skeleton.SOURCE_LAYOUTS`. None reads it from the annotation.

    Raises:
        KeyError: there is no such layout, or none is given here or there.
        ValueError: the number of joints is not the layout's, or motion was taken before.
    """

    def __init__(self, layout: str | None = None) -> None:
        if layout is not None:
            source_layout(layout)
        self.layout = layout

    def transform(self, results: dict) -> dict:
        keypoint, score = self._clip(results)
        self._must_precede(results, "motion", "frame_mask")
        layout = self.layout or results.get("layout")
        if layout is None:
            raise MissingKeyError(
                f"{self._where(results)} does not name its joint layout: give "
                "SelectSignJoints(layout=...) or the annotation's 'layout'"
            )
        try:
            keypoint, score = crop.select_joints(keypoint, score, layout)
            missing = source_layout(layout).missing
        except (KeyError, ValueError) as error:
            raise type(error)(f"{self._where(results)}: {error.args[0]}") from error
        results.update(
            keypoint=keypoint, keypoint_score=score, layout="sign49", missing_joints=missing
        )
        return results


@TRANSFORMS.register_module()
class CropSignParts(SignTransform):
    """Pixels to part coordinates: each hand in a crop of its own, the left one mirrored.

    The rules are those of :func:`masa_mm.pose.crop.crop_parts`, by which the converter makes
    stores: a store's clips have been through it and must not go through it again. Image flips
    (MMAction2's ``Flip``) belong before it, everything of MASA after it.

    Required keys: keypoint [M, T, 49, 2] in pixels, keypoint_score [M, T, 49] (optional, else all
    present), img_shape (h, w) in pixels.
    Modified keys: keypoint float32, keypoint_score float32, img_shape (now (1, 1): the unit is the
    side of the crop).
    Added key: normalization ('part_crop').

    Args:
        box_scale (float): side of a hand's box over the larger extent of its visible joints.
        min_visible (int): a hand with fewer visible joints is left to ``fallback``.
        visible_thr (float): score from which a joint counts as visible.
        fallback (str): ``'absent'``, or ``'elbow_wrist'`` to extrapolate the box from the arm, or
            ``'elbow_wrist_50px'`` to do so with the reference code's margin of 50 pixels.
        clamp (str): ``'joints'``, a box ends at the image's border but holds all visible joints, or
            ``'image'``, it ends at the border (reference code).
        zero_left_above (float, optional): crop pixels above which a coordinate of the left hand
            becomes 0; 255 in the reference code.

    Raises:
        KeyError: there is no ``img_shape``.
        ValueError: a bad argument or shape, or a clip that is in part coordinates already.
    """

    def __init__(
        self,
        box_scale: float = crop.BOX_SCALE,
        min_visible: int = crop.MIN_VISIBLE,
        visible_thr: float = crop.VISIBLE_THR,
        fallback: str = "absent",
        clamp: str = "joints",
        zero_left_above: float | None = None,
    ) -> None:
        self.box_scale = self._positive("box_scale", box_scale)
        self.min_visible = self._at_least("min_visible", min_visible, 1)
        self.visible_thr = self._fraction("visible_thr", visible_thr)
        self.fallback = self._one_of("fallback", fallback, crop.FALLBACKS)
        self.clamp = self._one_of("clamp", clamp, crop.CLAMPS)
        self.zero_left_above = zero_left_above
        if zero_left_above is not None:
            self._at_least("zero_left_above", zero_left_above, 0)

    def transform(self, results: dict) -> dict:
        keypoint, score = self._sign_clip(results)
        self._must_precede(results, "motion", "frame_mask")
        if results.get("normalization") == "part_crop":
            raise UserError(
                f"{self._where(results)} is in part coordinates already: take CropSignParts out of "
                "the pipeline"
            )
        if "img_shape" not in results:
            raise MissingKeyError(
                f"{self._where(results)} has no 'img_shape' (h, w) to crop within"
            )
        try:
            cropped, cropped_score = crop.crop_parts(
                keypoint.reshape(-1, *keypoint.shape[2:]),
                score.reshape(-1, score.shape[2]),
                results["img_shape"],
                box_scale=self.box_scale,
                min_visible=self.min_visible,
                visible_thr=self.visible_thr,
                fallback=self.fallback,
                clamp=self.clamp,
                zero_left_above=self.zero_left_above,
            )
        except ValueError as error:
            raise UserError(f"{self._where(results)}: {error}") from error
        results.update(
            keypoint=cropped.reshape(keypoint.shape),
            keypoint_score=cropped_score.reshape(score.shape),
            img_shape=(1, 1),
            normalization="part_crop",
        )
        return results
