"""MediaPipe's landmarks as arrays: Holistic and Hands, in pixels or not, packed or not."""

import numpy as np
import pytest

from toys.source_toys import converted, in_layout, pose, refusal, same_clip

SIZES = ("--img-size", 640, 480)
UNIT = np.array([640, 480])
HOLISTIC = "mediapipe_holistic"
LAYOUTS = [
    HOLISTIC,
    "mediapipe_holistic_upper",
    "mediapipe_holistic_face",
    "mediapipe_holistic_face_first",
]


def certain(frames=5, seed=0):
    """A pose whose joints are seen or not: MediaPipe's hands have no scores."""
    keypoint, score = pose(frames, seed)
    return keypoint, (score > 0).astype(np.float32)


def landmarks(frames=5, seed=0, layout=HOLISTIC):
    """[T, V, 3], divided by the image's size; the hand that is not seen is NaN."""
    keypoint, score = in_layout(*certain(frames, seed), layout)
    place = np.where(score[..., None] > 0, keypoint / UNIT, np.nan)
    return np.concatenate([place, np.zeros_like(place[..., :1])], axis=-1)


def parts(whole):
    return dict(pose=whole[:, :33], left_hand=whole[:, 33:54], right_hand=whole[:, 54:])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_array_of_each_layout(tmp_path, layout):
    np.save(tmp_path / "a.npy", landmarks(layout=layout))
    path = tmp_path / "a.npy"
    store = converted("mediapipe-holistic", path, tmp_path, "--layout", layout, *SIZES)
    same_clip(store, "a", *certain(), tolerance=1e-5)


def test_parts_by_name_and_zeros_for_what_is_not_seen(tmp_path):
    np.savez(tmp_path / "nan.npz", **parts(landmarks()))
    np.savez(tmp_path / "zero.npz", **parts(np.nan_to_num(landmarks())))
    for name in ("nan", "zero"):
        store = converted("mediapipe-holistic", tmp_path / f"{name}.npz", tmp_path, *SIZES)
        same_clip(store, name, *certain(), tolerance=1e-5)


def test_visibility_is_the_poses_score_and_not_the_hands(tmp_path):
    whole = landmarks()
    visible = np.concatenate([whole, np.full_like(whole[..., :1], 0.25)], axis=-1)
    visible[:, 33:, 3] = 0  # MediaPipe leaves the hands' visibility at 0
    np.save(tmp_path / "a.npy", visible)
    store = converted("mediapipe-holistic", tmp_path / "a.npy", tmp_path, *SIZES)
    keypoint, score = certain()
    score[:, 42:] = 0.25
    same_clip(store, "a", keypoint, score, tolerance=1e-5)


def test_a_lost_pose_is_absent_whatever_its_visibility(tmp_path):
    whole = landmarks(layout="mediapipe_holistic_face")
    visible = np.concatenate([whole, np.ones_like(whole[..., :1])], axis=-1)
    visible[2, :33] = np.nan
    visible[3, :33] = 0  # the face is there
    np.save(tmp_path / "a.npy", visible)
    options = ("--layout", "mediapipe_holistic_face", *SIZES)
    store = converted("mediapipe-holistic", tmp_path / "a.npy", tmp_path, *options)
    keypoint, score = certain()
    keypoint[2:4, 42:], score[2:4, 42:] = 0, 0
    same_clip(store, "a", keypoint, score, tolerance=1e-5)


def test_the_upper_body_layout_has_11_joints_of_the_pose(tmp_path):
    whole = landmarks(layout="mediapipe_holistic_upper")
    visible = np.concatenate([whole, np.full_like(whole[..., :1], 0.25)], axis=-1)
    visible[:, 11:, 3] = 0  # MediaPipe leaves the hands' visibility at 0
    visible[1, 32:] = 0  # the right hand is lost
    visible[3, :11, :2] = 0  # the pose is lost
    np.save(tmp_path / "a.npy", visible)
    options = ("--layout", "mediapipe_holistic_upper", *SIZES)
    store = converted("mediapipe-holistic", tmp_path / "a.npy", tmp_path, *options)
    keypoint, score = certain()
    score[:, 42:] = 0.25
    keypoint[1, :21], score[1, :21] = 0, 0
    keypoint[3, 42:], score[3, 42:] = 0, 0
    same_clip(store, "a", keypoint, score, tolerance=1e-5)


def test_pixels_and_sizes_of_the_file(tmp_path):
    whole = landmarks() * [640, 480, 1]
    np.savez(tmp_path / "a.npz", img_shape=np.array([480, 640]), **parts(whole))
    store = converted("mediapipe-holistic", tmp_path / "a.npz", tmp_path, "--units", "pixels")
    same_clip(store, "a", *certain())


def test_many_clips_in_one_file(tmp_path):
    clips = [landmarks(frames, seed) for seed, frames in enumerate((4, 1, 6))]
    np.savez(
        tmp_path / "packed.npz",
        **parts(np.concatenate(clips)),
        num_frames=np.array([4, 1, 6]),
        id=np.array(["a", "b", "c"]),
        img_shape=np.array([[480, 640]] * 3),
    )
    store = converted("mediapipe-holistic", tmp_path / "packed.npz", tmp_path)
    assert store.ids == ["a", "b", "c"]
    same_clip(store, "c", *certain(6, 2), tolerance=1e-5)


@pytest.mark.parametrize(
    "change, problem",
    [
        (dict(num_frames=np.array([5, 7])), "needs 12"),
        (dict(num_frames=np.array([5.0, 6.0])), "num_frames must be whole numbers"),
        (dict(id=np.array(["a"])), "id has [1] entries, num_frames needs 2"),
    ],
)
def test_packed_arrays_that_do_not_fit_are_one_line(tmp_path, capsys, change, problem):
    arrays = dict(parts(landmarks(11)), num_frames=np.array([5, 6]), id=np.array(["a", "b"]))
    np.savez(tmp_path / "packed.npz", **{**arrays, **change})
    line = refusal(capsys, "mediapipe-holistic", tmp_path / "packed.npz", tmp_path, *SIZES)
    assert "packed.npz" in line and problem in line


def half_a_joint(arrays):
    arrays["pose"][1, 11, 0] = np.nan


def endless(arrays):
    arrays["right_hand"][1, 3] = np.inf


def shorter(arrays):
    arrays["left_hand"] = arrays["left_hand"][:2]


def fewer(arrays):
    arrays["pose"] = arrays["pose"][:, :25]


def pixels(arrays):
    for name in arrays:
        arrays[name] = arrays[name] * [640, 480, 1]


def words(arrays):
    arrays["pose"] = arrays["pose"].astype(str)


@pytest.mark.parametrize(
    "spoil, problem",
    [
        (half_a_joint, "NaN or infinite"),
        (endless, "NaN or infinite"),
        (shorter, "different numbers of frames (pose 5, left_hand 2, right_hand 5)"),
        (fewer, "give numbers [T, 33, 2 or more]"),
        (words, "give numbers"),
        (pixels, "more than 10 image sizes away, as pixels do"),
        (lambda arrays: arrays.pop("pose"), "has no array pose; it has left_hand, right_hand"),
    ],
)
def test_bad_arrays_are_one_line(tmp_path, capsys, spoil, problem):
    arrays = parts(landmarks())
    spoil(arrays)
    np.savez(tmp_path / "a.npz", **arrays)
    line = refusal(capsys, "mediapipe-holistic", tmp_path / "a.npz", tmp_path, *SIZES)
    assert "clip 'a'" in line and problem in line


def test_a_missing_part_is_allowed_on_request(tmp_path, capsys):
    arrays = parts(landmarks())
    del arrays["left_hand"]
    np.savez(tmp_path / "a.npz", **arrays)
    options = (tmp_path / "a.npz", tmp_path, *SIZES)
    assert "--allow-missing" in refusal(capsys, "mediapipe-holistic", *options)
    store = converted("mediapipe-holistic", *options, "--allow-missing")
    keypoint, score = certain()
    keypoint[:, 21:42], score[:, 21:42] = 0, 0
    same_clip(store, "a", keypoint, score, tolerance=1e-5)


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_half_a_file_is_one_line(tmp_path, capsys, name):
    np.save(tmp_path / "a.npy", landmarks())
    np.savez(tmp_path / "a.npz", **parts(landmarks()))
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-300])
    line = refusal(capsys, "mediapipe-holistic", path, tmp_path, *SIZES)
    assert f"not a complete {name[2:]} file of plain arrays" in line


# ---- hands alone -------------------------------------------------------------------------------


def hands_alone(frames=5, seed=0):
    """What is left of a pose by hands alone: wrists stand for the body's."""
    keypoint, score = certain(frames, seed)
    keypoint[:, 42:], score[:, 42:] = 0, 0
    for body, hand in ((45, 21), (48, 0)):
        keypoint[:, body], score[:, body] = keypoint[:, hand], score[:, hand]
    return keypoint, score


def test_hands_of_known_sides(tmp_path, capsys):
    whole = parts(landmarks())
    np.savez(tmp_path / "a.npz", left_hand=whole["left_hand"], right_hand=whole["right_hand"])
    store = converted("mediapipe-hands", tmp_path / "a.npz", tmp_path, *SIZES)
    same_clip(store, "a", *hands_alone(), tolerance=1e-5)
    out = capsys.readouterr().out
    assert "the source has no nose, left_shoulder, left_elbow, right_shoulder, right_elbow" in out


@pytest.mark.parametrize("units", ["normalized", "pixels"])
def test_hands_of_unknown_sides_get_theirs(tmp_path, units):
    whole = parts(landmarks(20))
    hands = np.stack([whole["left_hand"], whole["right_hand"]], axis=1)
    flip = np.random.default_rng(0).random(20) < 0.5
    hands[flip] = hands[flip][:, ::-1]
    if units == "pixels":
        hands = hands * [640, 480, 1]
    np.save(tmp_path / "a.npy", hands)
    options = ("--units", units, *SIZES)
    store = converted("mediapipe-hands", tmp_path / "a.npy", tmp_path, *options)
    same_clip(store, "a", *hands_alone(20), tolerance=1e-5)


def test_one_hand_a_frame_is_enough(tmp_path):
    right = parts(landmarks())["right_hand"]
    np.savez(tmp_path / "a.npz", hands=right[:, None])
    store = converted("mediapipe-hands", tmp_path / "a.npz", tmp_path, *SIZES)
    assert (store.keypoint_score[:, :21] == 1).all() and not store.keypoint_score[:, 21:42].any()


@pytest.mark.parametrize(
    "hands, problem",
    [
        (np.zeros((4, 3, 21, 2)), "give one or two hands per frame"),
        (np.zeros((4, 2, 20, 2)), "give [T, 2, 21, 2 or more]"),
        (np.zeros((4, 42, 2)), "give [T, 2, 21, 2 or more]"),
        (np.zeros((4, 2, 21, 2)), "no visible hand"),
    ],
)
def test_bad_hands_are_one_line(tmp_path, capsys, hands, problem):
    np.save(tmp_path / "a.npy", hands)
    assert problem in refusal(capsys, "mediapipe-hands", tmp_path / "a.npy", tmp_path, *SIZES)


def test_unknown_sides_in_pixels_need_the_images_width(tmp_path, capsys):
    np.save(tmp_path / "a.npy", np.ones((4, 2, 21, 2)))
    options = ("--units", "pixels")
    line = refusal(capsys, "mediapipe-hands", tmp_path / "a.npy", tmp_path, *options)
    assert "needs the image width" in line and "--img-size" in line
