"""``.pose`` files, written by the library that reads them."""

import sys

import numpy as np
import pytest

from masa_mm.pose.skeleton import NAMED_LAYOUTS

from toys.source_toys import converted, pose, refusal, same_clip

pose_format = pytest.importorskip("pose_format", reason="the extra 'pose' is not installed")

NAMINGS = ("pose_format_holistic", "pose_format_openpose")


def write(path, naming=NAMINGS[0], frames=5, seed=0, drop=(), size=(640, 480), others=0, dims="XY"):
    """A file with the naming's components, shuffled, and one that nobody knows."""
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions

    keypoint, score = pose(frames, seed)
    names = NAMED_LAYOUTS[naming]
    places, parts = [], {"FACE_LANDMARKS": ["0", "1"]}
    for name in np.random.default_rng(1).permutation([n for n in names if n not in drop]):
        part, point = name.split("/")
        parts.setdefault(part, []).append(point)
    for part, points in parts.items():
        places += [names.index(f"{part}/{p}") if part != "FACE_LANDMARKS" else 0 for p in points]
    person = np.concatenate([keypoint[:, places], np.ones((frames, len(places), 1))], axis=-1)
    person = person[..., : len(dims)]
    people = np.stack([person * 0.1] * others + [person], axis=1)
    confidence = np.stack([score[:, places]] * (others + 1), axis=1)
    header = PoseHeader(
        0.2,
        PoseHeaderDimensions(*size),
        [PoseHeaderComponent(p, names, [], [], dims + "C") for p, names in parts.items()],
    )
    body = NumPyPoseBody(25, people.astype(np.float32), confidence.astype(np.float32))
    with open(path, "wb") as file:
        pose_format.Pose(header, body).write(file)
    return path


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("dims", ["XY", "XYZ"])
def test_joints_are_found_by_their_names(tmp_path, naming, dims):
    write(tmp_path / "a.pose", naming, dims=dims)
    store = converted("pose-format", tmp_path / "a.pose", tmp_path)
    assert store.ids == ["a"] and store.img_shape.tolist() == [[480, 640]]
    same_clip(store, "a", *pose())


def test_a_folder_of_different_files(tmp_path):
    folder = tmp_path / "poses"
    folder.mkdir()
    for seed, naming in enumerate(NAMINGS):
        write(folder / f"{seed}.pose", naming, 3 + seed, seed)
    store = converted("pose-format", folder, tmp_path)
    same_clip(store, "0", *pose(3, 0))
    same_clip(store, "1", *pose(4, 1))


def test_the_signer_is_chosen(tmp_path):
    write(tmp_path / "a.pose", others=2)
    same_clip(converted("pose-format", tmp_path / "a.pose", tmp_path), "a", *pose())


def test_missing_joints_are_named_and_allowed_on_request(tmp_path, capsys):
    names = NAMED_LAYOUTS[NAMINGS[0]]
    write(tmp_path / "a.pose", drop=names[21:43])
    line = refusal(capsys, "pose-format", tmp_path / "a.pose", tmp_path)
    assert "it lacks the whole left_hand, nose of the 49 joints" in line
    assert "--allow-missing" in line
    store = converted("pose-format", tmp_path / "a.pose", tmp_path, "--allow-missing")
    keypoint, score = pose()
    keypoint[:, 21:43], score[:, 21:43] = 0, 0
    same_clip(store, "a", keypoint, score)


def test_components_that_nobody_knows_are_named(tmp_path, capsys):
    write(tmp_path / "a.pose", drop=NAMED_LAYOUTS[NAMINGS[0]])
    line = refusal(capsys, "pose-format", tmp_path / "a.pose", tmp_path, "--allow-missing")
    assert "its components are FACE_LANDMARKS" in line


def test_a_size_of_zero_is_no_size(tmp_path, capsys):
    write(tmp_path / "a.pose", size=(0, 0))
    assert converted("pose-format", tmp_path / "a.pose", tmp_path).img_shape is None
    assert "--img-size" in capsys.readouterr().out
    store = converted("pose-format", tmp_path / "a.pose", tmp_path, "--img-size", 640, 480)
    same_clip(store, "a", *pose())


@pytest.mark.parametrize("keep", [0, 3, 100, -50])
def test_half_a_file_is_one_line(tmp_path, capsys, keep):
    path = write(tmp_path / "a.pose")
    path.write_bytes(path.read_bytes()[:keep])
    line = refusal(capsys, "pose-format", path, tmp_path)
    assert "clip 'a'" in line and "not a complete .pose file" in line


def test_without_the_library_the_line_says_what_to_install(tmp_path, capsys, monkeypatch):
    path = write(tmp_path / "a.pose")
    monkeypatch.setitem(sys.modules, "pose_format", None)
    assert "pip install pose-format" in refusal(capsys, "pose-format", path, tmp_path)
