"""MMAction2's pose pickles: splits, bad annotations, code that must not run."""

import numpy as np
import pytest

from masa_mm.pose.crop import crop_parts, select_joints
from masa_mm.pose.store import PoseStore

from toys.paths import SHARED
from toys.pose_toys import GLOSSES, annotations
from toys.source_toys import Evil, annotation, converted, dump, left_behind, refusal
from toys.source_toys import convert as run

REAL = SHARED / "data/real_files/mmaction"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "classes.txt").write_text("book\ndrink\ncomputer\n")
    return tmp_path


def convert(folder, source, content, *options):
    """Run the command on a pickle; returns its exit code."""
    return run(source, dump(folder / "in.pkl", content), folder / "out.safetensors", *options)


def test_mmaction(folder):
    clips = annotations(4)
    content = dict(split=dict(train=["clip0", "clip2"], val=["clip1"]), annotations=clips)
    options = ("--layout", "coco_wholebody", "--split", "train", "--dtype", "float32")
    assert convert(folder, "mmaction", content, *options) == 0
    store = PoseStore(folder / "out.safetensors")
    assert store.ids == ["clip0", "clip2"] and store.img_shape.tolist() == [[480, 640]] * 2
    want, want_score = crop_parts(
        *select_joints(clips[2]["keypoint"][0], clips[2]["keypoint_score"][0], "coco_wholebody"),
        (480, 640),
    )
    np.testing.assert_array_equal(store.clip(1)[0], want)
    np.testing.assert_array_equal(store.clip(1)[1], want_score)


def test_mmaction_names_bad_annotations_or_skips_them(folder, capsys):
    clips = annotations(4)
    del clips[1]["img_shape"]
    clips[2]["keypoint"][0, 0, 100] = np.nan
    options = ("--layout", "coco_wholebody", "--class-list", folder / "classes.txt")
    assert convert(folder, "mmaction", clips, *options) == 1
    assert "clip 'clip1': it has no img_shape" in capsys.readouterr().err
    assert left_behind(folder) == ["in.pkl"]
    assert convert(folder, "mmaction", clips, *options, "--skip-bad") == 0
    out = capsys.readouterr().out
    assert "skipped: clip 'clip1'" in out and "skipped: clip 'clip2'" in out and "2 skipped" in out
    store = PoseStore(folder / "out.safetensors")
    assert store.ids == ["clip0", "clip3"] and store.glosses == GLOSSES


def test_a_malicious_pickle_is_refused(folder, capsys):
    evil = [Evil(folder / "victim")]
    assert convert(folder, "mmaction", evil, "--layout", "coco_wholebody") == 1
    error = capsys.readouterr().err.strip()
    assert "more than arrays" in error and len(error.splitlines()) == 1
    assert left_behind(folder) == ["in.pkl"]


def test_a_class_list_in_another_order_or_labels_from_one_are_refused(tmp_path, capsys):
    names = ["book", "drink", "hat"]
    clips = [annotation(seed=seed) | dict(label=seed, gloss=names[seed]) for seed in range(3)]
    (tmp_path / "other.txt").write_text("book\nhat\ndrink\n")
    (tmp_path / "classes.txt").write_text("\n".join(names))
    path = dump(tmp_path / "in.pkl", clips)
    options = ("--layout", "sign49", "--skip-bad", "--class-list")
    line = refusal(capsys, "mmaction", path, tmp_path, *options, tmp_path / "other.txt")
    assert "clip 'clip1' has label 1 and gloss 'drink', but class 1 of the class list is" in line
    assert converted("mmaction", path, tmp_path, *options, tmp_path / "classes.txt")
    late = dump(tmp_path / "late.pkl", [a | dict(label=a["label"] + 1, gloss="") for a in clips])
    line = refusal(capsys, "mmaction", late, tmp_path, *options, tmp_path / "classes.txt")
    assert "labels run from 1 to 3, off by one" in line


@pytest.mark.parametrize("options", [[], ["--layout", "coco_wholebody", "--skip-bad"]])
@pytest.mark.parametrize("joints", [17, 25])
def test_body_poses_without_hands_are_one_message(tmp_path, capsys, joints, options):
    """COCO's and NTU's joints, of which most published pickles of MMAction2 are."""
    path = dump(tmp_path / "in.pkl", annotations(5, joints))
    line = refusal(capsys, "mmaction", path, tmp_path, *options)
    assert f"its clips have {joints} joints, as no layout with both hands has" in line
    assert "docs/data/extraction.md" in line


@pytest.mark.parametrize(
    ("joints", "options", "message"),
    [
        (133, [], "do not name their joints ('layout'); give --layout coco_wholebody"),
        (
            *(543, ["--layout", "sign49"]),
            "its clips have 543 joints, but layout 'sign49' has 49; give --layout "
            "mediapipe_holistic_face or mediapipe_holistic_face_first",
        ),
    ],
)
def test_layouts_of_the_files_number_of_joints_are_proposed(
    tmp_path, capsys, joints, options, message
):
    path = dump(tmp_path / "in.pkl", annotations(2, joints))
    assert refusal(capsys, "mmaction", path, tmp_path, *options).endswith(message)


def test_annotations_without_joints_are_one_message(tmp_path, capsys):
    clips = [dict(frame_dir=name, total_frames=3) for name in "abc"]
    path = dump(tmp_path / "in.pkl", dict(annotations=clips, split=dict(train=["a"])))
    line = refusal(capsys, "mmaction", path, tmp_path, "--layout", "coco_wholebody")
    assert "none of its 3 entries has joints ('keypoint')" in line


@pytest.mark.skipif(not REAL.is_dir(), reason="needs the real files in ../shared/data/real_files")
@pytest.mark.parametrize(
    "name, message",
    [
        ("sample", "none of its 100 entries has joints"),  # they lie in files of their own
        ("joint", "turn them into arrays"),  # scores of a test run, as torch tensors
    ],
)
def test_real_files_without_poses_are_one_message(tmp_path, capsys, name, message):
    line = refusal(capsys, "mmaction", REAL / f"{name}.pkl", tmp_path, "--layout", "coco_wholebody")
    assert message in line
