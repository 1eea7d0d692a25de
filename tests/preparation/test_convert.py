"""Conversion of a source to a store: in blocks, missing joints named, all or nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.pose.clip_checks import BadClip
from masa_mm.pose.crop import crop_parts, select_joints
from masa_mm.pose.skeleton import SOURCE_LAYOUTS
from masa_mm.pose.store import PoseStore
from masa_mm.pose.store_format import BadClipsError
from masa_mm.preparation import convert as conversion
from masa_mm.preparation.convert import convert as convert_source
from masa_mm.sources import PoseSource, SourceClips

from toys.source_toys import (
    SIZE,
    annotation,
    convert,
    converted,
    dump,
    pose,
    refusal,
    same_clip,
)


def block(*lengths):
    """A block of clips end to end."""
    clips = [pose(frames, seed) for seed, frames in enumerate(lengths)]
    keypoint, score = (np.concatenate(arrays) for arrays in zip(*clips))
    return SourceClips(
        keypoint=keypoint,
        score=score,
        num_frames=np.array(lengths),
        ids=[f"clip{i}" for i in range(len(lengths))],
        img_shape=np.array([SIZE] * len(lengths)),
        label=np.arange(len(lengths)) % 2,
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=12), st.integers(1, 40))
def test_chunks_are_whole_clips_in_order(lengths, chunk):
    clips = block(*lengths)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversion, "_CHUNK", chunk)
        parts = list(conversion.split_clips(clips))
    for name in ("keypoint", "score", "num_frames", "img_shape", "label"):
        together = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(together, getattr(clips, name))
    assert [name for part in parts for name in part.ids] == clips.ids
    assert all(len(part.keypoint) == part.num_frames.sum() > 0 for part in parts)
    longest = max(lengths)
    assert all(len(part.keypoint) < chunk + longest for part in parts)


def test_the_size_of_blocks_does_not_matter(tmp_path, monkeypatch):
    paths = []
    for chunk in (4, 10**6):
        monkeypatch.setattr(conversion, "_CHUNK", chunk)
        paths.append(tmp_path / f"{chunk}.safetensors")
        convert_source(PoseSource("toy", "sign49", [block(3, 7, 1, 5)], ["a", "b"]), paths[-1])
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_one_bad_clip_among_blocks_leaves_nothing_or_is_left_out(tmp_path):
    def source():
        blocks = [block(3), BadClip("x", "it is bad", "mend it")]
        return PoseSource("toy", "sign49", blocks, ["a", "b"])

    out = tmp_path / "out.safetensors"
    with pytest.raises(BadClipsError, match="clip 'x': it is bad; mend it"):
        convert_source(source(), out, pickle=tmp_path / "out.pkl")
    assert not list(tmp_path.iterdir())
    report = convert_source(source(), out, skip_bad=True, pickle=tmp_path / "out.pkl")
    assert [clip.id for clip in report.skipped] == ["x"] and report.num_clips == 1
    assert (tmp_path / "out.pkl").exists()


LACKING = [name for name, layout in SOURCE_LAYOUTS.items() if layout.missing]


@pytest.mark.parametrize("layout", LACKING)
def test_layouts_that_lack_joints_say_which_and_are_taken_on_request(tmp_path, capsys, layout):
    path = dump(tmp_path / "in.pkl", [annotation(layout)])
    line = refusal(capsys, "mmaction", path, tmp_path, "--layout", layout)
    assert f"the layout '{layout}' lacks nose, left_shoulder, left_elbow" in line
    assert "--allow-missing" in line
    store = converted("mmaction", path, tmp_path, "--layout", layout, "--allow-missing")
    assert "the source has no nose" in capsys.readouterr().out
    assert not store.keypoint_score[:, [42, 43, 44, 46, 47]].any()


@pytest.mark.parametrize("layout", [name for name in SOURCE_LAYOUTS if name not in LACKING])
def test_every_whole_layout_gives_the_same_store(tmp_path, layout):
    path = dump(tmp_path / "in.pkl", [annotation(layout) | dict(layout=layout)])
    same_clip(converted("mmaction", path, tmp_path), "clip0", *pose())


def test_joints_without_a_name_are_asked_for(tmp_path, capsys):
    path = dump(tmp_path / "in.pkl", [annotation("sign49")])
    line = refusal(capsys, "mmaction", path, tmp_path)
    assert "do not name their joints ('layout'); give --layout" in line


def test_hands_of_few_joints_may_be_boxed_by_the_arm(tmp_path):
    clip = annotation("sign49")
    clip["keypoint_score"][0, 1, 5:21] = 0
    path = dump(tmp_path / "in.pkl", [clip])
    options = ("--layout", "sign49")
    assert not converted("mmaction", path, tmp_path, *options).keypoint_score[1, :21].any()
    store = converted("mmaction", path, tmp_path, *options, "--few-joints", "elbow_wrist")
    assert store.keypoint_score[1, :5].all()


def test_the_pickle_has_the_clips_of_the_store(tmp_path):
    clips = [annotation("sign49", seed=seed) for seed in range(3)]
    clips[1]["keypoint"][0, 0, 3] = np.nan
    out, pickled = tmp_path / "out.safetensors", tmp_path / "out.pkl"
    options = ("--layout", "sign49", "--skip-bad", "--pickle", pickled)
    assert convert("mmaction", dump(tmp_path / "in.pkl", clips), out, *options) == 0
    again = converted("mmaction", pickled, tmp_path / "again")
    assert again.ids == PoseStore(out).ids == ["clip0", "clip2"]


def test_the_crops_of_the_reference_code_on_request(tmp_path):
    rng = np.random.default_rng(3)
    clip = annotation("coco_wholebody", frames=30)
    clip["keypoint"] = rng.normal([320, 240], 250, clip["keypoint"].shape).astype(np.float32)
    clip["keypoint_score"] = rng.random(clip["keypoint_score"].shape).astype(np.float32)
    clip["keypoint_score"][..., 5:11] = 1  # arms, which box hands of few joints
    options = ("--few-joints", "elbow_wrist_50px", "--clamp", "image", "--zero-left-above", 255)
    layout = ("--layout", "coco_wholebody")
    path = dump(tmp_path / "in.pkl", [clip])
    store = converted("mmaction", path, tmp_path, *layout, *options)
    joints = select_joints(clip["keypoint"][0], clip["keypoint_score"][0], "coco_wholebody")
    rules = dict(fallback="elbow_wrist_50px", clamp="image", zero_left_above=255)
    want, _ = crop_parts(*joints, clip["img_shape"], **rules)
    np.testing.assert_array_equal(store.clip(0)[0], want)
    own = converted("mmaction", path, tmp_path, *layout)
    assert not np.array_equal(own.clip(0)[0], want)


def test_the_score_of_a_visible_joint_is_checked(tmp_path, capsys):
    path = dump(tmp_path / "in.pkl", [annotation("sign49") | dict(layout="sign49")])
    line = refusal(capsys, "mmaction", path, tmp_path, "--min-score", 1.5)
    assert "must lie between 0 and 1, got 1.5" in line
    store = tmp_path / "a.safetensors"
    assert convert("mmaction", path, store) == 0
    assert convert("store", store, tmp_path / "parts.pkl") == 0
    line = refusal(capsys, "mmaction", tmp_path / "parts.pkl", tmp_path, "--min-score", 0.2)
    assert "cropped already; leave --min-score out" in line
