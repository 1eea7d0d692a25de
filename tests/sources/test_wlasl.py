"""The packed WLASL poses: they become stores; anything else is one line and no file."""

import numpy as np
import pytest

from masa_mm.pose.crop import crop_parts, select_joints
from masa_mm.pose.store import PoseStore
from masa_mm.sources.wlasl import ABSENT

from toys.paths import SHARED
from toys.pose_toys import GLOSSES
from toys.source_toys import convert as run
from toys.source_toys import left_behind

DATA = SHARED / "data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here")


def hands_arrays(seed=0):
    """Three clips in the format of wlasl_hands; some frames lack a hand, frame 1 both."""
    rng = np.random.default_rng(seed)
    keypoint = rng.integers(2000, 8000, (9, 42, 2)).astype(np.int16)
    keypoint[1] = ABSENT
    keypoint[4, :21] = ABSENT
    keypoint[6, 21:] = ABSENT
    return dict(
        keypoint=keypoint,
        num_frames=np.array([4, 2, 3], np.int32),
        video_id=np.array(["00011", "00022", "00033"]),
        label=np.array([0, 2, 1], np.int32),
        signer=np.array([4, -1, 5], np.int32),
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "list.txt").write_text("0\tbook\n1\tdrink\n2\tcomputer\n")
    (tmp_path / "classes.txt").write_text("book\ndrink\ncomputer\n")
    return tmp_path


def convert(folder, source, arrays, *options, name="out.safetensors"):
    """Run the command on arrays; returns its exit code."""
    np.savez(folder / "in.npz", **arrays)
    return run(source, folder / "in.npz", folder / name, *options)


def test_wlasl_hands(folder, capsys):
    arrays = hands_arrays()
    options = ("--class-list", folder / "list.txt", "--split", "val", "--dtype", "float32")
    assert convert(folder, "wlasl-hands", arrays, *options) == 0
    out = capsys.readouterr().out
    assert "3 clips, 9 frames, 3 classes" in out and "no nose, left_shoulder" in out
    store = PoseStore(folder / "out.safetensors")
    assert store.ids == ["00011", "00022", "00033"] and store.split == "val"
    assert store.glosses == GLOSSES and store.label.tolist() == [0, 2, 1]
    assert store.signer.tolist() == [4, -1, 5] and store.num_frames.tolist() == [4, 2, 3]
    score = store.keypoint_score
    assert (score[1] == 0).all()  # a frame without a hand is kept, as absent
    assert (score[4, 21:42] == 0).all() and (score[4, :21] == 1).all()
    assert (score[6, :21] == 0).all() and (score[6, 21:42] == 1).all()
    # The hands' place: body wrists are the hands' wrists, divided by the image; nothing else.
    body = store.keypoint[0, 42:]
    np.testing.assert_allclose(body[3], arrays["keypoint"][0, 0] / 1e4, atol=1e-6)
    np.testing.assert_allclose(body[6], arrays["keypoint"][0, 21] / 1e4, atol=1e-6)
    assert score[0, 42:].tolist() == [0, 0, 0, 1, 0, 0, 1]
    assert score[4, 45] == 0 and score[4, 48] == 1
    # Hands: the same as cropping what select_joints gives.
    joints = np.where(arrays["keypoint"] == ABSENT, 0, arrays["keypoint"] / 1e4)
    seen = (arrays["keypoint"] != ABSENT).all(-1).astype(np.float32)
    want, want_score = crop_parts(*select_joints(joints, seen, "mediapipe_hands"), (1, 1))
    np.testing.assert_allclose(store.keypoint, want, atol=1e-5)
    np.testing.assert_array_equal(score, want_score)


def test_the_aspect_widens_the_image(folder):
    arrays = hands_arrays()
    options = ("--dtype", "float32")
    assert convert(folder, "wlasl-hands", arrays, *options, name="a.safetensors") == 0
    assert (
        convert(folder, "wlasl-hands", arrays, "--aspect", 2, *options, name="b.safetensors") == 0
    )
    square, wide = PoseStore(folder / "a.safetensors"), PoseStore(folder / "b.safetensors")
    np.testing.assert_allclose(square.keypoint[:, 42:], wide.keypoint[:, 42:], atol=1e-6)
    want, _ = crop_parts(
        *select_joints(arrays["keypoint"][:1] / 1e4 * [2, 1], np.ones((1, 42)), "mediapipe_hands"),
        (1, 2),
    )
    np.testing.assert_allclose(wide.keypoint[0], want[0], atol=1e-5)
    assert square.glosses == ["0", "1", "2"]  # no class list was given


def no_hand(arrays):
    arrays["keypoint"][4:6] = ABSENT


def half_a_joint(arrays):
    arrays["keypoint"][5, 3, 0] = ABSENT


def empty(arrays):
    arrays["num_frames"][:] = [6, 0, 3]


def wild_label(arrays):
    arrays["label"][1] = 3


def repeated(arrays):
    arrays["video_id"][1] = "00011"


@pytest.mark.parametrize(
    "spoil, problem",
    [
        (no_hand, "no visible hand"),
        (half_a_joint, "NaN or infinite"),
        (empty, "no frames"),
        (wild_label, "outside the class list of 3"),
        (repeated, "same id"),
    ],
)
def test_bad_clips_are_named_or_skipped(folder, capsys, spoil, problem):
    arrays = hands_arrays()
    spoil(arrays)
    options = ("--class-list", folder / "list.txt")
    assert convert(folder, "wlasl-hands", arrays, *options) == 1
    error = capsys.readouterr().err.strip()
    name = arrays["video_id"][1]
    assert len(error.splitlines()) == 1 and f"clip '{name}'" in error and problem in error
    assert left_behind(folder) == ["in.npz"]

    assert convert(folder, "wlasl-hands", arrays, *options, "--skip-bad") == 0
    out = capsys.readouterr().out
    assert f"skipped: clip '{name}'" in out and problem in out and "1 skipped" in out
    assert PoseStore(folder / "out.safetensors").ids == ["00011", "00033"]


def drop_signer(arrays):
    del arrays["signer"]


def too_few_labels(arrays):
    arrays["label"] = arrays["label"][:2]


def other_joints(arrays):
    arrays["keypoint"] = arrays["keypoint"][:, :21]


def pickled(arrays):
    arrays["keypoint"] = np.array([{}, []], dtype=object)


@pytest.mark.parametrize(
    "spoil, problem",
    [
        (drop_signer, "no array signer"),
        (too_few_labels, "label has"),
        (other_joints, "is it another source"),
        (pickled, "not a complete npz file"),
    ],
)
def test_files_of_another_form_are_refused(folder, capsys, spoil, problem):
    arrays = hands_arrays()
    spoil(arrays)
    assert convert(folder, "wlasl-hands", arrays, "--skip-bad") == 1
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1 and problem in error and "in.npz" in error
    assert left_behind(folder) == ["in.npz"]


@pytest.mark.parametrize("keep", [0, 100, 1000, -30])
def test_a_truncated_source_is_refused(folder, capsys, keep):
    np.savez_compressed(folder / "in.npz", **hands_arrays())
    data = (folder / "in.npz").read_bytes()
    (folder / "in.npz").write_bytes(data[:keep])
    out = folder / "out.safetensors"
    assert run("wlasl-hands", folder / "in.npz", out) == 1
    assert "not a complete npz file" in capsys.readouterr().err
    assert left_behind(folder) == ["in.npz"]


def test_missing_files_and_bad_class_lists_are_refused(folder, capsys):
    out = folder / "out.safetensors"
    assert run("wlasl-hands", folder / "gone.npz", out) == 1
    assert "gone.npz: no such file" in capsys.readouterr().err
    (folder / "list.txt").write_text("1\tbook\n0\tdrink\n")
    for name, problem in (("list.txt", "sort the class list"), ("gone.txt", "no such class list")):
        code = convert(folder, "wlasl-hands", hands_arrays(), "--class-list", folder / name)
        assert code == 1 and problem in capsys.readouterr().err
    assert convert(folder, "wlasl-hands", hands_arrays(), "--aspect", "-1") == 1
    assert "aspect" in capsys.readouterr().err
    assert left_behind(folder) == ["in.npz"]


def test_labels_counted_from_one_are_refused(folder, capsys):
    arrays = hands_arrays() | dict(label=np.array([1, 3, 2]))
    assert convert(folder, "wlasl-hands", arrays, "--class-list", folder / "list.txt") == 1
    assert "its labels run from 1 to 3, off by one" in capsys.readouterr().err
    assert left_behind(folder) == ["in.npz"]


def upper_body_arrays():
    rng = np.random.default_rng(1)
    arrays = hands_arrays()
    keypoint = rng.integers(1000, 9000, (9, 53, 2)).astype(np.int16)
    keypoint[2, 11:32] = ABSENT
    visibility = rng.random((9, 11)).astype(np.float16)
    return {**arrays, "keypoint": keypoint, "pose_visibility": visibility}


def test_wlasl_upper_body(folder, capsys):
    arrays = upper_body_arrays()
    assert convert(folder, "wlasl-upper-body", arrays, "--classes", folder / "classes.txt") == 0
    assert "the source has no" not in capsys.readouterr().out
    store = PoseStore(folder / "out.safetensors")
    order = [0, 1, 3, 5, 2, 4, 6]  # nose, left shoulder, elbow, wrist, right ...
    np.testing.assert_allclose(
        store.keypoint[:, 42:], arrays["keypoint"][:, order] / 1e4, atol=1e-3
    )
    np.testing.assert_array_equal(store.keypoint_score[:, 42:], arrays["pose_visibility"][:, order])
    assert (store.keypoint_score[2, 21:42] == 0).all()  # 11..31 is the left hand
    assert (store.keypoint_score[2, :21] == 1).all()
    arrays["pose_visibility"] = arrays["pose_visibility"][:, :7]
    assert convert(folder, "wlasl-upper-body", arrays, "--classes", folder / "classes.txt") == 1
    assert "pose_visibility" in capsys.readouterr().err


@needs_data
@pytest.mark.parametrize("split, clips, frames", [("val", 65, 1508), ("train", 315, 7557)])
def test_real_upper_body_clips(tmp_path, capsys, split, clips, frames):
    source = DATA / "wlasl50_upper_body"
    files = source / f"wlasl50_upper_body_{split}.npz", tmp_path / "a.safetensors"
    assert run("wlasl-upper-body", *files, "--classes", source / "classes.txt") == 0
    assert f"{clips} clips, {frames} frames, 50 classes" in capsys.readouterr().out


@needs_data
def test_real_hands_keep_their_place_and_fill_their_crops(tmp_path):
    source = DATA / "wlasl_hands"
    out = tmp_path / "a.safetensors"
    assert run("wlasl-hands", source / "wlasl_hands_val.npz", out) == 0
    store = PoseStore(out)
    assert len(store) == 2253 and len(store.keypoint) == 154_145
    hands = store.keypoint_score[:, [0, 21]] > 0
    assert 0.6 < hands.any(1).mean() < 0.75 and 0.3 < hands.all(1).mean() < 0.45
    np.testing.assert_array_equal(store.keypoint_score[:, [48, 45]] > 0, hands)
    seen = store.keypoint[:, :42][store.keypoint_score[:, :42] > 0].astype(np.float32)
    assert seen.min() >= -1e-3 and seen.max() <= 1 + 1e-3
    assert np.median(seen) == pytest.approx(0.5, abs=0.05)
