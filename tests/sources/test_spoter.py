"""SPOTER's CSV: one clip per row, a list in each field."""

import csv

import numpy as np
import pytest

from masa_mm.pose.skeleton import NAMED_LAYOUTS
from masa_mm.pose.store import PoseStore

from toys.source_toys import convert, converted, pose, refusal, same_clip

NAMES = NAMED_LAYOUTS["spoter"]
UNIT = np.array([640, 480])


def certain(frames=5, seed=0):
    keypoint, score = pose(frames, seed)
    return keypoint, (score > 0).astype(np.float32)


def row(frames=5, seed=0, label=0, **change):
    joints = certain(frames, seed)[0] / UNIT
    found = {"labels": label, "video_fps": 25}
    found.update(video_size_width=640.0, video_size_height=480.0)
    for joint, name in enumerate(NAMES):
        for axis, letter in enumerate("XY"):
            found[f"{name}_{letter}"] = str(joints[:, joint, axis].tolist())
    return {**found, **change}


def write(path, *rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_rows_are_clips(tmp_path):
    path = write(tmp_path / "train.csv", row(5, 0, 1), row(3, 1, 0))
    store = converted("spoter", path, tmp_path, "--split", "train")
    assert store.ids == ["train_00000", "train_00001"] and store.split == "train"
    assert store.label.tolist() == [1, 0] and store.glosses == ["0", "1"]
    same_clip(store, "train_00000", *certain(5, 0), tolerance=1e-5)
    same_clip(store, "train_00001", *certain(3, 1), tolerance=1e-5)


def test_names_classes_and_labels_from_one(tmp_path, capsys):
    path = write(tmp_path / "a.csv", row(label=1, video="x"), row(label=2, video="y"))
    (tmp_path / "classes.txt").write_text("book\ndrink\n")
    options = ("--class-list", tmp_path / "classes.txt", "--id-column", "video")
    assert "off by one" in refusal(capsys, "spoter", path, tmp_path, *options)
    store = converted("spoter", path, tmp_path, *options, "--first-label", 1)
    assert store.ids == ["x", "y"] and store.label.tolist() == [0, 1]
    assert store.glosses == ["book", "drink"]
    line = refusal(capsys, "spoter", path, tmp_path, "--id-column", "name")
    assert "has no column 'name'" in line


def test_other_units_and_axes(tmp_path):
    joints, score = certain()
    down = {}
    for joint, name in enumerate(NAMES):
        seen = score[:, joint] > 0
        up = np.where(seen, 480 - joints[:, joint, 1], 0)
        down |= {f"{name}_X": joints[:, joint, 0].tolist(), f"{name}_Y": up.tolist()}
    path = write(tmp_path / "a.csv", row(**down))
    store = converted("spoter", path, tmp_path, "--units", "pixels", "--y-up")
    same_clip(store, "a_00000", joints, score, tolerance=1e-5)


def test_sizes_may_come_from_the_option(tmp_path, capsys):
    clip = {k: v for k, v in row().items() if not k.startswith("video_size")}
    path = write(tmp_path / "a.csv", clip)
    assert converted("spoter", path, tmp_path).img_shape is None
    assert "images count as square" in capsys.readouterr().out
    line = refusal(capsys, "spoter", path, tmp_path, "--units", "pixels", "--y-up")
    assert "which --y-up needs; give --img-size" in line
    store = converted("spoter", path, tmp_path, "--img-size", 640, 480)
    same_clip(store, "a_00000", *certain(), tolerance=1e-5)


def test_missing_columns_are_named_and_allowed_on_request(tmp_path, capsys):
    clip = {k: v for k, v in row().items() if "_left_" not in k and not k.startswith("nose")}
    path = write(tmp_path / "a.csv", clip)
    line = refusal(capsys, "spoter", path, tmp_path)
    assert "it lacks the whole left_hand, nose" in line and "--allow-missing" in line
    store = converted("spoter", path, tmp_path, "--allow-missing")
    keypoint, score = certain()
    keypoint[:, 21:43], score[:, 21:43] = 0, 0
    same_clip(store, "a_00000", keypoint, score, tolerance=1e-5)
    path.write_text("labels,video\n1,a\n")
    assert "none of the 49 joints" in refusal(capsys, "spoter", path, tmp_path, "--allow-missing")


@pytest.mark.parametrize(
    "change, problem",
    [
        (dict(nose_X="[0.1, 0.2"), "its nose_X is not a list of numbers"),
        (dict(nose_X="__import__('os')"), "its nose_X is not a list of numbers"),
        (dict(nose_X="[0.1, [0.2]]"), "its nose_X is not a list of numbers"),
        (dict(nose_X="[0.1]"), "its lists have different lengths"),
        (dict(nose_X="[nan, 0.1, 0.1, 0.1, 0.1]"), "NaN or infinite"),
        (dict(video_size_width="wide"), "its video_size is not two numbers"),
    ],
)
def test_bad_rows_are_named_or_left_out(tmp_path, capsys, change, problem):
    path = write(tmp_path / "a.csv", row(5, 0), row(5, 1, **change), row(5, 2))
    line = refusal(capsys, "spoter", path, tmp_path)
    assert "clip 'a_00001'" in line and problem in line
    assert convert("spoter", path, tmp_path / "out.safetensors", "--skip-bad") == 0
    assert PoseStore(tmp_path / "out.safetensors").ids == ["a_00000", "a_00002"]


def test_a_file_cut_short_or_packed_is_one_line(tmp_path, capsys):
    path = write(tmp_path / "a.csv", row(), row())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 3 // 4])
    assert "if the file is truncated" in refusal(capsys, "spoter", path, tmp_path)
    path.write_bytes(b"PK\x03\x04" + whole)
    assert "a zip archive; unpack it" in refusal(capsys, "spoter", path, tmp_path)
    assert "no such file" in refusal(capsys, "spoter", tmp_path / "gone.csv", tmp_path)


def test_the_case_of_column_names_does_not_matter(tmp_path):
    older = {k.replace("_left_", "_Left_"): v for k, v in row().items()}
    store = converted("spoter", write(tmp_path / "a.csv", older), tmp_path)
    same_clip(store, "a_00000", *certain(), tolerance=1e-5)
