"""Source joints by name, and part coordinates that a mirrored signer confirms."""

import numpy as np
import pytest

from masa_mm.datasets.transforms import CropSignParts, SelectSignJoints, SwapHands
from masa_mm.pose.crop import crop_parts
from masa_mm.pose.skeleton import SIGN49_JOINTS, SOURCE_LAYOUTS

WIDTH, HEIGHT = 320, 240


def signer(frames=12, seed=0, missing=(), scores=(0.5, 1.0)):
    """Two hands and a body in pixels, away from the image's border."""
    rng = np.random.default_rng(seed)
    keypoint = np.empty((1, frames, 49, 2))
    for joints, center, spread in (
        (slice(0, 21), (100, 150), 12),
        (slice(21, 42), (210, 140), 12),
        (slice(42, 49), (160, 100), 40),
    ):
        place = np.array(center) + rng.normal(0, 5, (1, frames, 1, 2))
        shape = (1, frames, joints.stop - joints.start, 2)
        keypoint[:, :, joints] = place + rng.uniform(-spread, spread, shape)
    score = rng.uniform(*scores, (1, frames, 49))
    for joints in missing:
        score[:, :, joints] = 0
    clip = dict(
        keypoint=(keypoint * (score > 0)[..., None]).astype(np.float32),
        keypoint_score=score.astype(np.float32),
        img_shape=(HEIGHT, WIDTH),
        layout="sign49",
        frame_dir="signer",
    )
    for key in ("keypoint", "keypoint_score"):
        clip[key].flags.writeable = False
    return clip


class TestSelectSignJoints:
    @pytest.mark.parametrize("layout", SOURCE_LAYOUTS)
    def test_layout_of_the_annotation_or_the_config(self, layout):
        joints = SOURCE_LAYOUTS[layout].num_joints
        numbers = np.arange(1, joints + 1, dtype=np.float32)
        clip = dict(
            keypoint=np.broadcast_to(numbers[:, None], (1, 3, joints, 2)),
            keypoint_score=np.broadcast_to(numbers / joints, (1, 3, joints)),
        )
        named = SelectSignJoints()(dict(clip, layout=layout))
        given = SelectSignJoints(layout)(dict(clip))
        source = np.array(SOURCE_LAYOUTS[layout].indices) + 1
        for result in (named, given):
            assert result["layout"] == "sign49"
            assert (result["keypoint"] == source[None, None, :, None]).all()
            np.testing.assert_allclose(result["keypoint_score"], [[source / joints] * 3])
            lacking = [name for name, i in zip(SIGN49_JOINTS, source, strict=True) if i == 0]
            assert result["missing_joints"] == tuple(lacking)

    def test_coco_wholebody_by_its_published_numbers(self):
        numbers = np.arange(133, dtype=np.float32)
        clip = dict(keypoint=np.broadcast_to(numbers[:, None], (1, 1, 133, 2)))
        clip = SelectSignJoints("coco_wholebody")(clip)
        expected = [*range(112, 133), *range(91, 112), 0, 5, 7, 9, 6, 8, 10]
        assert clip["keypoint"][0, 0, :, 0].tolist() == expected

    def test_errors_name_clip_and_layout(self):
        clip = signer()
        with pytest.raises(ValueError, match="'signer': layout 'coco_wholebody' has 133 joints"):
            SelectSignJoints("coco_wholebody")(dict(clip))
        with pytest.raises(KeyError, match="'signer': no joint layout 'openpose'"):
            SelectSignJoints()(dict(clip, layout="openpose"))
        with pytest.raises(KeyError, match="no joint layout 'openpose'"):
            SelectSignJoints("openpose")
        del clip["layout"]
        with pytest.raises(KeyError, match="'signer' does not name its joint layout"):
            SelectSignJoints()(clip)


class TestCropSignParts:
    def test_is_the_converters_crop(self):
        clip = signer(scores=(0.2, 1.0))
        options = dict(box_scale=3.0, min_visible=5, visible_thr=0.3, fallback="elbow_wrist")
        result = CropSignParts(**options)(dict(clip))
        keypoint, score = crop_parts(
            clip["keypoint"][0], clip["keypoint_score"][0], (HEIGHT, WIDTH), **options
        )
        np.testing.assert_array_equal(result["keypoint"][0], keypoint)
        np.testing.assert_array_equal(result["keypoint_score"][0], score)
        assert result["img_shape"] == (1, 1) and result["normalization"] == "part_crop"
        assert result["keypoint"].dtype == result["keypoint_score"].dtype == np.float32

    @pytest.mark.parametrize("missing", [(), (slice(0, 21),), (slice(42, 49),)])
    def test_swapping_hands_after_is_mirroring_the_image_before(self, missing):
        for seed in range(5):
            clip = signer(seed=seed, missing=missing)
            swapped = SwapHands(prob=1.0)(CropSignParts()(dict(clip)))
            order = [SIGN49_JOINTS.index(mirror_name(name)) for name in SIGN49_JOINTS]
            mirrored = dict(clip)
            mirrored["keypoint_score"] = clip["keypoint_score"][:, :, order]
            keypoint = clip["keypoint"][:, :, order]
            keypoint[..., 0] = WIDTH - keypoint[..., 0]
            keypoint *= (mirrored["keypoint_score"] > 0)[..., None]
            mirrored["keypoint"] = keypoint
            mirrored = CropSignParts()(mirrored)
            np.testing.assert_allclose(swapped["keypoint"], mirrored["keypoint"], atol=1e-5)
            np.testing.assert_array_equal(swapped["keypoint_score"], mirrored["keypoint_score"])

    def test_twice_is_refused(self):
        once = CropSignParts()(signer())
        with pytest.raises(ValueError, match="'signer' is in part coordinates already"):
            CropSignParts()(once)

    def test_image_size_is_needed_and_checked(self):
        clip = signer()
        with pytest.raises(ValueError, match="'signer': img_shape must be a positive"):
            CropSignParts()(dict(clip, img_shape=(0, 10)))
        del clip["img_shape"]
        with pytest.raises(KeyError, match="'signer' has no 'img_shape'"):
            CropSignParts()(clip)

    @pytest.mark.parametrize(
        ("option", "message"),
        [
            (dict(box_scale=0), "box_scale must be a number above 0, got 0"),
            (dict(min_visible=0), "min_visible must be an integer of at least 1, got 0"),
            (dict(visible_thr=2), "visible_thr .*got 2"),
            (dict(fallback="guess"), "one of absent, elbow_wrist, got 'guess'"),
        ],
    )
    def test_bad_arguments(self, option, message):
        with pytest.raises(ValueError, match=message):
            CropSignParts(**option)


def mirror_name(name):
    if name.startswith("right"):
        return name.replace("right", "left", 1)
    return name.replace("left", "right", 1)
