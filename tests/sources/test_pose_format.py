"""``.pose`` files, written by the library that reads them."""

import io
import struct
import sys

import numpy as np
import pytest

from masa_mm.pose.skeleton import BODY, LEFT_HAND, NAMED_LAYOUTS, RIGHT_HAND
from masa_mm.sources import openpose

from toys.paths import SHARED
from toys.source_toys import convert, converted, pose, refusal, same_clip

pose_format = pytest.importorskip("pose_format", reason="the extra 'pose' is not installed")

NAMINGS = tuple(name for name in NAMED_LAYOUTS if name.startswith("pose_format_"))
MIN_SCORES = dict.fromkeys([name for name in NAMINGS if "openpose" in name], openpose.MIN_SCORE)
HOLISTIC = NAMED_LAYOUTS["pose_format_holistic"]
REAL = SHARED / "data/real_files/pose_format"


def write(path, naming="pose_format_holistic", frames=5, seed=0, **options):
    """Write a clip of :func:`toys.source_toys.pose`; return the path."""
    write_joints(path, *pose(frames, seed), NAMED_LAYOUTS[naming], **options)
    return path


def write_joints(
    path, keypoint, score, names, drop=(), size=(640, 480), others=0, dims="XY", version=0.2
):
    """Write joints [T, V, 2] under their names, shuffled, and a component that nobody knows."""
    frames = len(keypoint)
    places, parts = [], {"FACE_LANDMARKS": ["0", "1"]}
    for name in np.random.default_rng(1).permutation([n for n in names if n not in drop]):
        part, point = name.split("/")
        if point not in parts.setdefault(part, []):
            parts[part].append(point)
    for part, points in parts.items():
        places += [names.index(f"{part}/{p}") if part != "FACE_LANDMARKS" else 0 for p in points]
    person = np.concatenate([keypoint[:, places], np.ones((frames, len(places), 1))], axis=-1)
    person = person[..., : len(dims)]
    people = np.stack([person * 0.1] * others + [person], axis=1).astype(np.float32)
    confidence = np.stack([score[:, places]] * (others + 1), axis=1).astype(np.float32)
    path.write_bytes(
        _header(parts, size, dims, version) + _body(people, confidence, parts, version)
    )


def _header(parts, size, dims, version):
    """The header that the library writes, with the bytes of another version."""
    from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions

    components = [PoseHeaderComponent(p, names, [], [], dims + "C") for p, names in parts.items()]
    header = io.BytesIO()
    PoseHeader(version, PoseHeaderDimensions(*size), components).write(header)
    return struct.pack("<f", version) + header.getvalue()[4:]


def _body(people, confidence, parts, version):
    """The body by the format's specification (docs/specs of the library's repository)."""
    frames, persons = confidence.shape[:2]
    if version > 0:
        counts = struct.pack("<fIH" if version == 0.2 else "<HHH", 25, frames, persons)
        return counts + people.tobytes() + confidence.tobytes()
    body = struct.pack("<HH", 25, frames)
    for joints, scores in zip(people, confidence):
        body += struct.pack("<H", persons)
        for points in np.concatenate([joints, scores[..., None]], axis=-1):
            body += struct.pack("<h", 0) + points.tobytes()
    return body


def read(path):
    with open(path, "rb") as file:
        return pose_format.Pose.read(file.read())


def save(changed, path):
    with open(path, "wb") as file:
        changed.write(file)
    return path


def expected(clip):
    """The 49 joints by the library's own look-up; a point that is not there is absent."""
    parts = {part.name: part.points for part in clip.header.components}
    keypoint, score = np.zeros((2, len(clip.body.data), 49, 2), np.float32)
    for naming in NAMINGS:
        for joint, name in enumerate(NAMED_LAYOUTS[naming]):
            part, point = name.split("/")
            if point in parts.get(part, ()):
                index = clip.header.get_point_index(part, point)
                keypoint[:, joint] = np.ma.filled(clip.body.data[:, 0, index, :2], np.nan)
                score[:, joint] = np.asarray(clip.body.confidence)[:, 0, index, None]
    score = np.where(np.isnan(keypoint).any(-1), 0, score[..., 0])
    return np.where(score[..., None] > 0, keypoint, 0), score


@pytest.mark.parametrize("naming", [n for n in NAMINGS if n != "pose_format_openpose_135"])
@pytest.mark.parametrize("dims", ["XY", "XYZ"])
def test_joints_are_found_by_their_names(tmp_path, naming, dims):
    write(tmp_path / "a.pose", naming, dims=dims)
    store = converted("pose-format", tmp_path / "a.pose", tmp_path)
    assert store.ids == ["a"] and store.img_shape.tolist() == [[480, 640]]
    same_clip(store, "a", *pose(), min_score=MIN_SCORES.get(naming, 0.4))


def test_the_joints_of_body_135_share_their_wrists_with_the_body(tmp_path):
    keypoint, score = pose()
    for hand, wrist in ((0, BODY.start + 6), (21, BODY.start + 3)):
        keypoint[:, wrist], score[:, wrist] = keypoint[:, hand], score[:, hand]
    names = NAMED_LAYOUTS["pose_format_openpose_135"]
    write_joints(tmp_path / "a.pose", keypoint, score, names)
    store = converted("pose-format", tmp_path / "a.pose", tmp_path)
    same_clip(store, "a", keypoint, score, min_score=openpose.MIN_SCORE)


def library_components():
    """The components that the library declares for its estimators, Holistic's aside.

    Those of Holistic need MediaPipe.
    """
    from pose_format.utils import openpose, openpose_135

    yield "openpose", openpose.OpenPose_Components
    yield "openpose_135", openpose_135.OpenPose_Components
    for module, function in (
        ("alphapose", "get_alphapose_components"),
        ("alphapose_133", "get_alphapose_133_components"),
        ("cocowholebody133_header", "cocowholebody_components"),
    ):
        pytest.importorskip(f"pose_format.utils.{module}", reason="an older pose-format")
        yield module, getattr(sys.modules[f"pose_format.utils.{module}"], function)()


def test_the_librarys_own_headers_have_all_joints(tmp_path):
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import PoseHeader, PoseHeaderDimensions

    rng = np.random.default_rng(0)
    for name, components in library_components():
        header = PoseHeader(0.2, PoseHeaderDimensions(640, 480), components)
        data = rng.uniform(100, 400, (4, 1, header.total_points(), 2)).astype(np.float32)
        body = NumPyPoseBody(25, data, np.ones(data.shape[:3], np.float32))
        path = save(pose_format.Pose(header, body), tmp_path / f"{name}.pose")
        store = converted("pose-format", path, tmp_path)
        assert (store.clip(0)[1] == 1).all(), name


def test_names_of_earlier_releases_have_the_side_twice(tmp_path):
    names = [
        name.replace("/hand", "/left_hand" if name.startswith("LEFT") else "/right_hand")
        for name in NAMED_LAYOUTS["pose_format_wholebody"]
    ]
    write_joints(tmp_path / "a.pose", *pose(), names)
    same_clip(converted("pose-format", tmp_path / "a.pose", tmp_path), "a", *pose())


@pytest.mark.parametrize("version", [0.0, 0.1, 0.2])
@pytest.mark.parametrize("dims", ["XY", "XYZ"])
def test_versions_of_the_format(tmp_path, version, dims):
    path = write(tmp_path / "a.pose", version=version, dims=dims)
    clip = read(path)
    assert clip.header.version == pytest.approx(version)
    for got, want in zip(expected(clip), pose()):
        np.testing.assert_array_equal(got, want)
    same_clip(converted("pose-format", path, tmp_path), "a", *pose())


def test_a_folder_of_different_files(tmp_path, capsys):
    folder = tmp_path / "poses"
    folder.mkdir()
    namings = ("pose_format_holistic", "pose_format_openpose", "pose_format_wholebody")
    for seed, naming in enumerate(namings):
        write(folder / f"{seed}.pose", naming, 3 + seed, seed)
    write(folder / "hands.pose", drop=HOLISTIC[42:])
    write(folder / "unknown.pose", drop=HOLISTIC)
    out = tmp_path / "none" / "out.safetensors"
    assert convert("pose-format", folder, out) == 1 and not out.exists()
    lines = capsys.readouterr().err.splitlines()
    assert "clip 'hands': it lacks the whole body" in lines[0] and "--allow-missing" in lines[0]
    assert "clip 'unknown': its components are FACE_LANDMARKS" in lines[1]
    assert "2 bad clips" in lines[2] and len(lines) == 3
    store = converted("pose-format", folder, tmp_path, "--skip-bad")
    assert store.ids == ["0", "1", "2"]
    for seed, naming in enumerate(namings):
        min_score = MIN_SCORES.get(naming, 0.4)
        same_clip(store, str(seed), *pose(3 + seed, seed), min_score=min_score)


def test_the_signer_is_chosen(tmp_path):
    write(tmp_path / "a.pose", others=2)
    same_clip(converted("pose-format", tmp_path / "a.pose", tmp_path), "a", *pose())


def test_missing_joints_are_named_and_allowed_on_request(tmp_path, capsys):
    write(tmp_path / "a.pose", drop=HOLISTIC[21:43])
    line = refusal(capsys, "pose-format", tmp_path / "a.pose", tmp_path)
    assert "it lacks the whole left_hand, nose of the 49 joints" in line
    assert "--allow-missing" in line
    store = converted("pose-format", tmp_path / "a.pose", tmp_path, "--allow-missing")
    keypoint, score = pose()
    keypoint[:, 21:43], score[:, 21:43] = 0, 0
    same_clip(store, "a", keypoint, score)


def test_components_that_nobody_knows_are_named(tmp_path, capsys):
    write(tmp_path / "a.pose", drop=HOLISTIC)
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


@pytest.mark.parametrize("options", [[], ["--skip-bad"]])
def test_without_the_library_one_line_says_what_to_install(tmp_path, capsys, monkeypatch, options):
    folder = tmp_path / "poses"
    folder.mkdir()
    for seed in range(3):
        write(folder / f"{seed}.pose", seed=seed)
    monkeypatch.setitem(sys.modules, "pose_format", None)
    line = refusal(capsys, "pose-format", folder, tmp_path, *options)
    assert line == (
        "error: reading .pose files needs the package pose-format; pip install pose-format"
    )


@pytest.mark.parametrize("coordinate", [0, 1, slice(None)])
def test_nan_is_absent_with_any_confidence(tmp_path, coordinate):
    keypoint, score = pose()
    keypoint[1, 3:9, coordinate] = np.nan
    score[2, 30] = np.nan
    write_joints(tmp_path / "a.pose", keypoint, score, HOLISTIC)
    score[1, 3:9] = score[2, 30] = 0
    keypoint[score == 0] = 0
    same_clip(converted("pose-format", tmp_path / "a.pose", tmp_path), "a", keypoint, score)


def test_a_third_coordinate_that_is_nan_changes_nothing(tmp_path):
    path = write(tmp_path / "a.pose", dims="XYZ")
    changed = read(path)
    changed.body.data[..., 2] = np.nan
    same_clip(converted("pose-format", save(changed, path), tmp_path), "a", *pose())


def test_a_header_of_fewer_points_than_the_body(tmp_path, capsys):
    """As pose-format's normalize_hands_3d leaves them: it appends points to the body only."""
    path = write(tmp_path / "a.pose")
    changed = read(path)
    changed.body = changed.body.get_points([*range(51), 0, 1, 2])
    line = refusal(capsys, "pose-format", save(changed, path), tmp_path)
    assert "its header has 51 points, its body has more" in line


def test_a_reduced_holistic_skeleton(tmp_path, capsys):
    from pose_format.utils.generic import reduce_holistic

    path = write(tmp_path / "a.pose")
    save(reduce_holistic(face_points(read(path))), path)
    line = refusal(capsys, "pose-format", path, tmp_path)
    assert "it lacks nose of the 49 joints" in line and "--allow-missing" in line
    store = converted("pose-format", path, tmp_path, "--allow-missing")
    keypoint, score = pose()
    keypoint[:, BODY.start], score[:, BODY.start] = 0, 0
    same_clip(store, "a", keypoint, score)


def face_points(clip):
    """The clip with all points of Holistic's face, which the library's reduction selects from."""
    face = clip.header.components[0]
    data = np.repeat(clip.body.data[:, :, :1], 468, axis=2)
    clip.body.data = np.ma.concatenate([data, clip.body.data[:, :, 2:]], axis=2)
    confidence = np.ones((*data.shape[:2], 468), np.float32)
    clip.body.confidence = np.concatenate([confidence, clip.body.confidence[:, :, 2:]], axis=2)
    face.points = [str(point) for point in range(468)]
    return clip


def test_hands_without_a_body(tmp_path):
    path = write(tmp_path / "a.pose", drop=HOLISTIC[42:])
    store = converted("pose-format", path, tmp_path, "--allow-missing")
    keypoint, score = pose()
    keypoint[:, 42:], score[:, 42:] = 0, 0
    same_clip(store, "a", keypoint, score)


@pytest.mark.parametrize("scale", [1, 100])
@pytest.mark.parametrize("options", [[], ["--allow-missing"]])
def test_a_file_after_normalize_is_refused(tmp_path, capsys, scale, options):
    path = write(tmp_path / "a.pose", drop=HOLISTIC[42:43])
    save(read(path).normalize(scale_factor=scale), path)
    line = refusal(capsys, "pose-format", path, tmp_path, *options)
    assert "it is normalised" in line and "as the pose estimator wrote it" in line


def test_a_file_after_normalize_distribution_is_refused(tmp_path, capsys):
    path = write(tmp_path / "a.pose", frames=20)
    changed = read(path)
    changed.normalize_distribution()
    line = refusal(capsys, "pose-format", save(changed, path), tmp_path)
    assert "it is normalised" in line


@pytest.mark.parametrize("side", ["RIGHT", "LEFT"])
def test_a_hand_after_3d_normalisation_is_refused(tmp_path, capsys, side):
    """The library's own steps: it turns and scales the hand, then shifts it into the image."""
    from pose_format.utils.normalization_3d import PoseNormalizer

    part = f"{side}_HAND_LANDMARKS"
    path = write(tmp_path / "a.pose", dims="XYZ")
    hand = read(path).get_components([part])
    points = ("WRIST", "PINKY_MCP", "INDEX_FINGER_MCP", "MIDDLE_FINGER_MCP")
    wrist, little, index, middle = ((part, point) for point in points)
    plane = hand.header.normalization_info(p1=wrist, p2=little, p3=index)
    line = hand.header.normalization_info(p1=wrist, p2=middle)
    hand.body.data = PoseNormalizer(plane=plane, line=line, size=100)(hand.body.data)
    hand.focus()
    message = refusal(capsys, "pose-format", save(hand, path), tmp_path, "--allow-missing")
    assert f"its {side.lower()} hand is normalised: the wrist stays in place" in message


def test_a_hand_at_the_image_border_is_accepted(tmp_path):
    keypoint, score = pose()
    keypoint[:, : RIGHT_HAND.num_joints] -= keypoint[:, : RIGHT_HAND.num_joints].mean((0, 1))
    write_joints(tmp_path / "a.pose", keypoint, score, HOLISTIC)
    same_clip(converted("pose-format", tmp_path / "a.pose", tmp_path), "a", keypoint, score)


needs_real = pytest.mark.skipif(
    not REAL.is_dir(), reason="needs the real files in ../shared/data/real_files"
)
REAL_OPENPOSE = ("openpose", "js_pose_viewer_example_example")


@needs_real
@pytest.mark.parametrize("path", sorted(REAL.rglob("*.pose")), ids=lambda path: path.stem)
def test_real_files(tmp_path, capsys, path):
    if "normalized" in path.stem:
        line = refusal(capsys, "pose-format", path, tmp_path, "--allow-missing")
        assert "normalised" in line
        return
    clip = read(path)
    size = clip.header.dimensions
    shape, min_score, options = (size.height, size.width), 0.4, ["--allow-missing"]
    if path.stem in REAL_OPENPOSE:
        shape, min_score = (480, 640), openpose.MIN_SCORE
        options += ["--img-size", 640, 480]
    store = converted("pose-format", path, tmp_path, *options)
    assert store.num_frames.tolist() == [len(clip.body.data)]
    assert store.img_shape.tolist() == [list(shape)]
    same_clip(store, path.stem, *expected(clip), shape, tolerance=1e-5, min_score=min_score)


@needs_real
@pytest.mark.parametrize(
    "name, min_score, right, left",
    [
        # By the raw file: frames in which the tenth highest score of a hand reaches min_score.
        ("openpose", 0.4, 46, 35),
        ("openpose", 0.2, 50, 41),
        ("openpose", 0.1, 54, 41),
        ("js_pose_viewer_example_example", 0.4, 38, 0),
        ("js_pose_viewer_example_example", 0.2, 38, 0),
    ],
)
def test_real_hands_that_are_kept(tmp_path, name, min_score, right, left):
    path = REAL / f"{name}.pose"
    store = converted("pose-format", path, tmp_path, "--min-score", min_score)
    _, score = store.clip(0)
    assert [int((score[:, first] > 0).sum()) for first in (0, 21)] == [right, left]


@needs_real
@pytest.mark.parametrize("path", sorted(REAL.rglob("*.pose")), ids=lambda path: path.stem)
def test_real_hands_are_at_the_wrists_of_their_side(path):
    if "normalized" in path.stem:
        pytest.skip("has no body")
    keypoint, score = expected(read(path))
    wrists = keypoint[:, [BODY.start + 6, BODY.start + 3]]  # right, left
    hands = keypoint[:, [RIGHT_HAND.start, LEFT_HAND.start]]
    near, far = (np.linalg.norm(hands - to, axis=-1) for to in (wrists, wrists[:, ::-1]))
    seen = np.sort(score[:, :42].reshape(-1, 2, 21))[..., -10] >= 0.2
    assert seen.any() and (near < far)[seen].mean() > 0.95


@needs_real
def test_real_sizes_that_nobody_told_are_guessed(tmp_path, capsys):
    """The joints of this file reach 247 of the 1000 pixels that its header has."""
    converted("pose-format", REAL / "openpose.pose", tmp_path)
    assert "the image size of 1 clips is not known" in capsys.readouterr().out


@pytest.mark.parametrize("size, known", [((1000, 1000), False), ((1280, 720), True)])
def test_the_size_that_the_library_writes_for_openpose_is_unknown(tmp_path, capsys, size, known):
    path = write(tmp_path / "a.pose", "pose_format_openpose", size=size)
    store = converted("pose-format", path, tmp_path)
    assert (store.img_shape is not None) == known
    assert ("the image size of 1 clips is not known" in capsys.readouterr().out) != known
    store = converted("pose-format", path, tmp_path, "--img-size", 640, 480)
    assert store.img_shape.tolist() == [[720, 1280] if known else [480, 640]]


def test_a_size_of_1000_by_1000_of_another_estimator_is_known(tmp_path):
    path = write(tmp_path / "a.pose", size=(1000, 1000))
    assert converted("pose-format", path, tmp_path).img_shape.tolist() == [[1000, 1000]]


def test_files_of_one_name_in_two_folders_get_ids_with_their_folders(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / "poses" / folder).mkdir(parents=True)
        write(tmp_path / "poses" / folder / "a.pose")
    assert converted("pose-format", tmp_path / "poses", tmp_path).ids == ["one/a", "two/a"]


def test_hands_of_openpose_are_visible_from_a_lower_score(tmp_path, capsys):
    """OpenPose scores good hands lower than the other estimators do."""
    keypoint, score = pose()
    write_joints(tmp_path / "a.pose", keypoint, np.full_like(score, 0.3), HOLISTIC)
    assert "visible" in refusal(capsys, "pose-format", tmp_path / "a.pose", tmp_path)
    names = NAMED_LAYOUTS["pose_format_openpose"]
    write_joints(tmp_path / "a.pose", keypoint, np.full_like(score, 0.3), names)
    _, stored = converted("pose-format", tmp_path / "a.pose", tmp_path).clip(0)
    assert (stored[:, : RIGHT_HAND.num_joints] > 0.4).all()


def test_frames_without_persons_take_no_memory(tmp_path, capsys):
    """4 billion frames of no person have no bytes."""
    path = write(tmp_path / "a.pose")
    frames = struct.pack("<IH", 5, 1)
    data = path.read_bytes()
    place = data.rindex(frames)
    path.write_bytes(data[:place] + struct.pack("<IH", 2**32 - 1, 0))
    assert "in memory" in refusal(capsys, "pose-format", path, tmp_path)
