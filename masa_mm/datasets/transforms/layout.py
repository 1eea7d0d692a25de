"""From a pose estimator's joints in the image to the 49 sign joints in part coordinates."""

from __future__ import annotations

from mmaction.registry import TRANSFORMS

from masa_mm.datasets.transforms.base import SignTransform
from masa_mm.deprecation import moved_options
from masa_mm.errors import MissingKeyError, UserError
from masa_mm.pose import crop
from masa_mm.pose.skeleton import source_layout


@TRANSFORMS.register_module()
class SelectSignJoints(SignTransform):
    """Reorder a source's joints to the 49 sign joints (layout ``sign49``).

    Joints the source lacks get coordinates 0 and score 0.

    Required keys: keypoint [M, T, V, 2]; keypoint_score [M, T, V] (optional, else all present);
    layout, unless given as an argument.
    Modified keys: keypoint [M, T, 49, 2], keypoint_score [M, T, 49], layout.
    Added key: missing_joints (tuple of str, names of the joints the source lacks).

    Args:
        layout (str, optional): Name of the source's layout in
            :data:`masa_mm.pose.skeleton.SOURCE_LAYOUTS`. None reads it from the annotation.

    Raises:
        MissingKeyError: If there is no such layout, or neither argument nor clip names one.
        UserError: If the number of joints is not the layout's, or motion or mask exist already.
    """

    def __init__(self, layout: str | None = None) -> None:
        if layout is not None:
            source_layout(layout)
        self.layout = layout

    def transform(self, results: dict) -> dict:
        """Reorder the joints of a clip."""
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
@moved_options(
    TRANSFORMS, "ReferenceCropSignParts", "clamp", "zero_left_above", fallback="elbow_wrist_50px"
)
class CropSignParts(SignTransform):
    """Convert pixels to part coordinates: each hand in its own crop, the left one mirrored.

    Rules and options are those of :func:`masa_mm.pose.crop.crop_parts`, which the converters also
    use; ``fallback`` is ``'absent'`` or ``'elbow_wrist'``. Clips of a store are already converted.
    Place image flips (MMAction2's ``Flip``) before it and all other transforms of this package,
    except :class:`SelectSignJoints`, after it.

    Required keys: keypoint [M, T, 49, 2] in pixels; keypoint_score [M, T, 49] (optional, else all
    present); img_shape (h, w) in pixels.
    Modified keys: keypoint float32, keypoint_score float32, img_shape ((1, 1): the unit is the side
    of a crop).
    Added key: normalization ('part_crop').

    Raises:
        MissingKeyError: If there is no ``img_shape``.
        UserError: If an argument or a shape is invalid, or the clip is in part coordinates already.
    """

    FALLBACKS: tuple[str, ...] = ("absent", "elbow_wrist")
    # Options of crop_parts.
    RULES: tuple[str, ...] = ("box_scale", "min_visible", "visible_thr", "fallback")

    def __init__(
        self,
        box_scale: float = crop.BOX_SCALE,
        min_visible: int = crop.MIN_VISIBLE,
        visible_thr: float = crop.VISIBLE_THR,
        fallback: str = "absent",
    ) -> None:
        self.box_scale = self._positive("box_scale", box_scale)
        self.min_visible = self._count("min_visible", min_visible)
        self.visible_thr = self._fraction("visible_thr", visible_thr)
        self.fallback = self._one_of("fallback", fallback, self.FALLBACKS)

    def transform(self, results: dict) -> dict:
        """Crop the hands of a clip."""
        keypoint, score = self._sign_clip(results)
        self._must_precede(results, "motion", "frame_mask")
        if results.get("normalization") == "part_crop":
            raise UserError(
                f"{self._where(results)} is in part coordinates already: remove CropSignParts from "
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
                **{name: getattr(self, name) for name in self.RULES},
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
