"""Folders SIGN/SEQUENCE/FRAME.npy of MediaPipe Holistic's landmarks, one row of numbers a frame."""

import shutil
import tarfile

import numpy as np
import pytest

from masa_mm.pose.skeleton import SOURCE_LAYOUTS

from toys.paths import SHARED
from toys.source_toys import SIZE, converted, in_layout, pose, refusal, same_clip

SOURCE = "mediapipe-frames"
SIZES = ("--img-size", SIZE[1], SIZE[0])
REAL = SHARED / "data/real_files/renotte/three_signs.tar.gz"
FACES = {1662: 468, 1692: 478, 258: 0}


def clip(frames=5, seed=0):
    """Joints in pixels, seen with certainty or not at all; one frame lacks the left hand."""
    keypoint, score = pose(frames, seed)
    return keypoint, (score > 0).astype(np.float32)


def rows(frames=5, seed=0, numbers=1662):
    """The rows that the tutorial writes of :func:`clip` [frames, numbers]."""
    joints, scores = in_layout(*clip(frames, seed), "mediapipe_holistic")
    place = joints.astype(float) / SIZE[::-1] * (scores[..., None] > 0)
    depth = np.random.default_rng(1).normal(size=(frames, 75, 1))
    place = np.concatenate([place, depth], axis=2) * (scores[..., None] > 0)
    body, left, right = np.split(place, [33, 54], axis=1)
    face = np.random.default_rng(2).uniform(0.4, 0.6, (frames, FACES[numbers], 3))
    body = np.concatenate([body, scores[:, :33, None]], axis=2)
    return np.concatenate([p.reshape(frames, -1) for p in (body, face, left, right)], axis=1)


def save(folder, values, name="{}.npy", first=0):
    folder.mkdir(parents=True, exist_ok=True)
    for number, row in enumerate(values, first):
        np.save(folder / name.format(number), row)
    return folder


@pytest.fixture
def signs(tmp_path):
    """MP_Data with two signs, three sequences."""
    root = tmp_path / "MP_Data"
    save(root / "thanks" / "10", rows(12, 2))
    save(root / "hello" / "0", rows(5, 0))
    save(root / "hello" / "1", rows(4, 1))
    return root


def test_each_sequence_is_a_clip_of_its_signs_class(signs, tmp_path):
    store = converted(SOURCE, signs, tmp_path, *SIZES)
    assert store.ids == ["hello/0", "hello/1", "thanks/10"]
    assert store.glosses == ["hello", "thanks"] and store.label.tolist() == [0, 0, 1]
    same_clip(store, "hello/0", *clip(5, 0), tolerance=1e-5)
    same_clip(store, "hello/1", *clip(4, 1), tolerance=1e-5)
    same_clip(store, "thanks/10", *clip(12, 2), tolerance=1e-5)  # 10.npy comes after 9.npy


@pytest.mark.parametrize("numbers", FACES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_length_of_a_frame_is_read(tmp_path, numbers, dtype):
    assert rows(3, 0, numbers).shape == (3, numbers)
    save(tmp_path / "data" / "hat" / "0", rows(5, 0, numbers).astype(dtype))
    store = converted(SOURCE, tmp_path / "data", tmp_path, *SIZES)
    same_clip(store, "hat/0", *clip(5, 0), tolerance=1e-5)


def test_visibility_is_the_score_of_the_body(tmp_path):
    values = rows(4)
    values[:, 3:132:4] = 0.25
    save(tmp_path / "data" / "hat" / "0", values)
    store = converted(SOURCE, tmp_path / "data", tmp_path, *SIZES)
    score = store.clip(0)[1]
    assert (score[:, 42:] == 0.25).all() and set(score[:, :42].ravel()) == {0, 1}


@pytest.mark.parametrize(
    "given, clips", [("", 3), ("MP_Data", 3), ("MP_Data/hello", 2), ("MP_Data/hello/0", 1)]
)
def test_the_folder_may_be_given_at_any_level(signs, tmp_path, given, clips):
    np.save(tmp_path / "0.npy", rows(1)[0])  # as beside MP_Data in the tutorial's repository
    store = converted(SOURCE, tmp_path / given, tmp_path, *SIZES)
    assert store.ids[0] == "hello/0" and len(store.ids) == clips
    assert store.glosses == (["hello", "thanks"] if clips == 3 else ["hello"])


def test_other_files_and_folders_are_left_alone(signs, tmp_path):
    for name in (".DS_Store", "._0.npy", "notes.txt"):
        (signs / "hello" / "0" / name).write_bytes(b"\0")
    for folder in ("hello/.ipynb_checkpoints", "__MACOSX/hello/0", "hello/0/pictures"):
        (signs / folder).mkdir(parents=True)
    np.save(signs / "__MACOSX/hello/0/0.npy", np.zeros(3))
    np.save(signs / "X.npy", np.zeros((3, 5, 1662)))
    store = converted(SOURCE, signs, tmp_path, *SIZES)
    assert store.ids == ["hello/0", "hello/1", "thanks/10"]
    same_clip(store, "hello/0", *clip(5, 0), tolerance=1e-5)


def test_names_need_not_be_numbers_alone_or_start_at_0(tmp_path):
    save(tmp_path / "data" / "ça va" / "Ann 3", rows(11), "frame_{:04d}.npy", first=7)
    store = converted(SOURCE, tmp_path / "data", tmp_path, *SIZES)
    assert store.ids == ["ça va/Ann 3"] and store.glosses == ["ça va"]
    same_clip(store, "ça va/Ann 3", *clip(11), tolerance=1e-5)


def test_a_list_gives_labels_signers_and_splits(signs, tmp_path):
    (tmp_path / "list.csv").write_text(
        "id,gloss,signer,split\nhello/0,HELLO,3,train\nthanks/10,THANKS,4,train\nhello/1,HELLO,3,val\n"
    )
    options = ("--labels", tmp_path / "list.csv", "--split", "train")
    store = converted(SOURCE, signs, tmp_path, *SIZES, *options)
    assert store.ids == ["hello/0", "thanks/10"] and store.glosses == ["HELLO", "THANKS"]
    assert store.signer.tolist() == [3, 4] and store.split == "train"


def test_a_class_list_fixes_the_order(signs, tmp_path, capsys):
    listed = tmp_path / "classes.txt"
    listed.write_text("thanks\nyes\nhello\n")
    store = converted(SOURCE, signs, tmp_path, *SIZES, "--class-list", listed)
    assert store.glosses == ["thanks", "yes", "hello"] and store.label.tolist() == [2, 2, 0]
    listed.write_text("thanks\n")
    line = refusal(capsys, SOURCE, signs, tmp_path, *SIZES, "--class-list", listed)
    assert "classes.txt: lacks 'hello', a sign's folder" in line


def test_frames_and_hands_without_anybody_are_absent(tmp_path):
    values = rows(5)
    values[1] = 0
    values[3, -63:] = 0
    save(tmp_path / "data" / "hat" / "0", values)
    store = converted(SOURCE, tmp_path / "data", tmp_path, *SIZES)
    keypoint, score = clip(5)
    score[1] = score[3, :21] = 0
    same_clip(store, "hat/0", keypoint * (score[..., None] > 0), score, tolerance=1e-5)


def remove_frame(folder):
    (folder / "3.npy").unlink()


def far_away(folder):
    np.save(folder / f"{10**16 - 1}.npy", rows(1)[0])


def remove_all(folder):
    for file in folder.iterdir():
        file.unlink()


def add_unnumbered(folder):
    np.save(folder / "mean.npy", rows(1)[0])


def add_twice(folder):
    np.save(folder / "03.npy", rows(1)[0])


def shorten(folder):
    np.save(folder / "3.npy", rows(1)[0, :1600])


def stack(folder):
    np.save(folder / "3.npy", rows(2))


def drop_face(folder):
    np.save(folder / "3.npy", rows(1, numbers=258)[0])


def put_objects(folder):
    np.save(folder / "3.npy", np.array([None, 1], object), allow_pickle=True)


def put_text(folder):
    np.save(folder / "3.npy", np.array(["a"]))


def truncate(folder):
    (folder / "3.npy").write_bytes((folder / "3.npy").read_bytes()[:500])


def put_nan(folder):
    values = rows(1)[0]
    values[1] = np.nan
    np.save(folder / "3.npy", values)


@pytest.mark.parametrize(
    "damage, problem",
    [
        (remove_frame, "frames between 2 and 4 are missing"),
        (far_away, "frames between 4 and 9999999999999999 are missing"),
        (remove_all, "its folder has no frames"),
        (add_unnumbered, "mean.npy has no frame number"),
        (add_twice, "twice"),
        (shorten, "3.npy is [1600]; a frame has 1662 numbers, 1692 with"),
        (stack, "3.npy is [2, 1662]; a frame has 1662 numbers"),
        (drop_face, "its frames have [258, 1662] numbers"),
        (put_objects, "3.npy: not a complete npy file of plain arrays"),
        (put_text, "3.npy is no array of numbers"),
        (truncate, "3.npy: not a complete npy file"),
        (put_nan, "NaN"),
    ],
)
def test_a_damaged_sequence_is_one_bad_clip(signs, tmp_path, capsys, damage, problem):
    damage(signs / "hello" / "0")
    line = refusal(capsys, SOURCE, signs, tmp_path, *SIZES)
    assert "'hello/0'" in line and problem in line
    store = converted(SOURCE, signs, tmp_path, *SIZES, "--skip-bad")
    assert store.ids == ["hello/1", "thanks/10"] and store.glosses == ["hello", "thanks"]


def test_folders_without_sequences_are_one_line(tmp_path, capsys):
    (tmp_path / "empty" / "hello" / "0").mkdir(parents=True)
    line = refusal(capsys, SOURCE, tmp_path / "empty", tmp_path, *SIZES)
    assert "has no *.npy file; give a folder of SIGN/SEQUENCE/FRAME.npy" in line
    assert "no such folder" in refusal(capsys, SOURCE, tmp_path / "none", tmp_path, *SIZES)


def test_one_sign_in_two_places_is_refused(signs, tmp_path, capsys):
    shutil.copytree(signs, tmp_path / "more")
    line = refusal(capsys, SOURCE, tmp_path, tmp_path, *SIZES)
    assert "sign 'hello' is in" in line and "convert one folder of signs at a time" in line


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """The tutorial's own recordings."""
    if not REAL.exists():
        pytest.skip("../shared/data/real_files is not here")
    folder = tmp_path_factory.mktemp("real")
    with tarfile.open(REAL) as archive:
        archive.extractall(folder, filter="data")
    return folder


def frames_of(folder):
    """The real frames of each sequence, by clip id."""
    found = {}
    for file in sorted(folder.rglob("[0-9]*.npy"), key=lambda file: int(file.stem)):
        name = f"{file.parent.parent.name}/{file.parent.name}"
        found.setdefault(name, []).append(np.load(file))
    return found


def test_real_sequences_are_read(real, tmp_path, capsys):
    frames = frames_of(real)
    store = converted(SOURCE, real, tmp_path, *SIZES, "--skip-bad")
    skipped = capsys.readouterr().out.count("no visible hand in any frame")
    assert store.ids and len(store.ids) + skipped == len(frames)
    assert store.glosses == sorted({name.split("/")[0] for name in frames})
    for number, name in enumerate(store.ids):
        score = store.clip(number)[1]
        assert len(score) == len(frames[name])
        assert store.glosses[store.label[number]] == name.split("/")[0]
    hands = [np.stack(frames[name])[:, -126:].reshape(-1, 2, 63).any(2) for name in store.ids]
    kept = np.concatenate([store.clip(i)[1][:, [21, 0]] > 0 for i in range(len(store.ids))])
    np.testing.assert_array_equal(kept, np.concatenate(hands))


def test_real_hands_are_at_the_wrists_of_their_side(real):
    values = np.concatenate(list(frames_of(real).values()))
    assert values.shape == (2700, 258)
    body, hands = values[:, :132].reshape(-1, 33, 4), values[:, -126:].reshape(-1, 2, 21, 3)
    distance = np.linalg.norm(hands[:, :, None, 0, :2] - body[:, None, 15:17, :2], axis=-1)
    seen = (hands != 0).any((2, 3))
    own = distance[:, [0, 1], [0, 1]] < distance[:, [0, 1], [1, 0]]
    assert seen.sum() > 30 and own[seen].mean() > 0.9


def test_the_layout_is_that_of_holistic():
    layout = SOURCE_LAYOUTS["mediapipe_holistic"]
    assert layout.num_joints == 75 and layout.left_hand[0] == 33 and layout.right_hand[0] == 54
