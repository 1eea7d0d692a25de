"""Every transform of mmaction2 that takes poses, run once on a pose annotation of this package."""

import inspect
import pickle

import mmaction.datasets  # noqa: F401  (registers the transforms)
import numpy as np
import pytest
from mmaction.registry import TRANSFORMS
from mmaction.utils import frame_extract
from mmengine.dataset import Compose

from masa_mm.pose.pose_pickle import PosePickleWriter
from masa_mm.pose.skeleton import LEFT_HAND, RIGHT_HAND

from toys.source_toys import SIZE, pose
from toys.toy_videos import HEIGHT, WIDTH, make_video

FRAMES = 6
HANDS = dict(
    left_kp=list(range(*LEFT_HAND.joints.indices(49))),
    right_kp=list(range(*RIGHT_HAND.joints.indices(49))),
)


@pytest.fixture
def annotation(tmp_path):
    """A clip as ``convert.py --pickle`` writes it, with what mmaction2's datasets add."""
    keypoint, score = pose(FRAMES)
    writer = PosePickleWriter(tmp_path / "poses.pkl", "toy", "train", ["a"])
    writer.add("clip", keypoint, score, SIZE, label=0, signer=-1)
    writer.close()
    with open(tmp_path / "poses.pkl", "rb") as file:
        clip = pickle.load(file)["annotations"][0]
    return dict(clip, modality="Pose", start_index=0)


def joints_and_scores(clip, tmp_path):
    """Joints with their scores as the third number, as GCNs take them."""
    joints = np.concatenate([clip["keypoint"], clip.pop("keypoint_score")[..., None]], axis=-1)
    return dict(clip, keypoint=joints.astype(np.float32))


def compressed(clip, tmp_path):
    joints = joints_and_scores(clip, tmp_path)["keypoint"][0]
    return dict(clip, keypoint=joints, frame_inds=np.arange(FRAMES))


def in_a_file(clip, tmp_path):
    path = tmp_path / "kinetics.pkl"
    path.write_bytes(pickle.dumps(compressed(clip, tmp_path)["keypoint"]))
    return dict(clip, filename=str(path), frame_inds=np.arange(FRAMES))


def with_images(clip, tmp_path):
    return dict(clip, imgs=[np.zeros((*SIZE, 3), np.uint8) for _ in range(FRAMES)])


def with_video(clip, tmp_path):
    frames = np.arange(FRAMES)
    video = str(make_video(tmp_path / "clip.mp4", FRAMES))
    return dict(clip, filename=video, modality=["RGB", "Pose"], RGB_inds=frames, Pose_inds=frames)


# Options of each transform, the shape of the joints after it, and what it needs beforehand.
SHAPE = (1, FRAMES, 49, 2)
CASES = {
    "CenterCrop": (dict(crop_size=200), SHAPE),
    "DecompressPose": (dict(), SHAPE, compressed),
    "Flip": (dict(flip_ratio=1, **HANDS), SHAPE),
    "FormatGCNInput": (dict(num_person=2), (1, 2, FRAMES, 49, 3)),
    "GenSkeFeat": (dict(dataset="coco", feats=["j", "b", "jm", "bm"]), (1, FRAMES, 49, 12)),
    "GeneratePoseTarget": (dict(scaling=0.1), SHAPE),
    "JointToBone": (dict(dataset="coco"), SHAPE),
    "LoadKineticsPose": (dict(), SHAPE, in_a_file),  # of mmaction2 1.1
    "MMCompact": (dict(), SHAPE, with_images),
    "MMDecode": (dict(), SHAPE, with_video),
    "MMUniformSampleFrames": (dict(clip_len=dict(RGB=3, Pose=4)), SHAPE),
    "MergeSkeFeat": (dict(feat_list=["keypoint"]), SHAPE),
    "MultiScaleCrop": (dict(input_size=64, scales=(1, 0.8)), SHAPE),
    "PackActionInputs": (dict(), SHAPE),
    "PadTo": (dict(length=10), (1, 10, 49, 2)),
    "PoseCompact": (dict(hw_ratio=1.0), SHAPE),
    "PoseDecode": (dict(), SHAPE),
    "PreNormalize2D": (dict(), SHAPE),
    "PreNormalize3D": (dict(xaxis=[46, 43]), (1, FRAMES, 49, 3), joints_and_scores),
    "RandomCrop": (dict(size=200), SHAPE),
    "RandomResizedCrop": (dict(area_range=(0.5, 1.0)), SHAPE),
    "Resize": (dict(scale=(-1, 64)), SHAPE),
    "ToMotion": (dict(dataset="coco", target="keypoint"), SHAPE),
    "UniformSampleFrames": (dict(clip_len=4), SHAPE),
}


def takes_poses(transform):
    """Whether a transform of mmaction2 is one for poses, or mentions them."""
    package, _, module = transform.__module__.rpartition(".")
    return package == "mmaction.datasets.transforms" and (
        module == "pose_transforms" or "keypoint" in inspect.getsource(transform)
    )


TRANSFORMS_OF_POSES = sorted(
    name for name, transform in TRANSFORMS.module_dict.items() if takes_poses(transform)
)


@pytest.mark.parametrize("name", TRANSFORMS_OF_POSES)
def test_every_transform_of_poses_runs(name, annotation, tmp_path):
    options, shape, *prepare = CASES[name]  # a KeyError: add the new transform
    for function in prepare:
        annotation = function(annotation, tmp_path)
    out = TRANSFORMS.build(dict(type=name, **options))(annotation)
    joints = out["inputs"].numpy() if name == "PackActionInputs" else out["keypoint"]
    assert joints.shape == shape and np.isfinite(joints).all()


def test_the_list_is_not_empty():
    assert {"PoseCompact", "MMCompact", "Flip", "FormatGCNInput"} <= set(TRANSFORMS_OF_POSES)


@pytest.mark.parametrize("name", ["PoseCompact", "MMCompact"])
def test_the_compact_box_surrounds_the_visible_joints(name, annotation, tmp_path):
    seen = annotation["keypoint"].astype(np.float32)
    low, high = seen[seen.any(-1)].min(0), seen[seen.any(-1)].max(0)
    annotation = with_images(dict(annotation, keypoint=seen.copy()), tmp_path)
    if name == "PoseCompact":
        del annotation["imgs"]
    options = dict(padding=0.5, hw_ratio=None, allow_imgpad=True)
    out = TRANSFORMS.build(dict(type=name, **options))(annotation)
    height, width = out["img_shape"]
    np.testing.assert_allclose((width, height), 1.5 * (high - low), atol=1.5)
    moved = out["keypoint"][seen.any(-1)].min(0)
    np.testing.assert_allclose(moved, 0.25 * (high - low), atol=1.5)


def test_numpy_itself_keeps_its_names():
    assert hasattr(np, "Inf") == (np.lib.NumpyVersion(np.__version__) < "2.0.0")


def test_frames_are_extracted_with_a_short_side(tmp_path):
    _, frames = frame_extract(str(make_video(tmp_path / "a.mp4", 3)), 60, str(tmp_path))
    assert len(frames) == 3 and frames[0].shape == (60, 60 * WIDTH // HEIGHT, 3)


def test_the_training_pipeline_of_posec3d(annotation):
    """The steps of mmaction2's config of PoseC3D, with this skeleton's hands."""
    pipeline = Compose(
        [
            dict(type="mmaction.UniformSampleFrames", clip_len=48),
            dict(type="mmaction.PoseDecode"),
            dict(type="mmaction.PoseCompact", hw_ratio=1.0, allow_imgpad=True),
            dict(type="mmaction.Resize", scale=(-1, 64)),
            dict(type="mmaction.RandomResizedCrop", area_range=(0.56, 1.0)),
            dict(type="mmaction.Resize", scale=(56, 56), keep_ratio=False),
            dict(type="mmaction.Flip", flip_ratio=1.0, **HANDS),
            dict(type="mmaction.GeneratePoseTarget", sigma=0.6),
            dict(type="mmaction.FormatShape", input_format="NCTHW_Heatmap"),
            dict(type="mmaction.PackActionInputs"),
        ]
    )
    heatmaps = pipeline(annotation)["inputs"]
    assert heatmaps.shape == (1, 49, 48, 56, 56)
    assert 0 < heatmaps.max() <= 1
