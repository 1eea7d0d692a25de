"""OpenHands' pose pickles: both units, names as in its datasets, anything else one line."""

import pickle

import numpy as np
import pytest

from toys.source_toys import SIZE, Evil, converted, dump, in_layout, pose, refusal, same_clip

SOURCE = "openhands"
SIZES = ("--img-size", SIZE[1], SIZE[0])


def clip(frames=5, seed=0):
    """Joints in pixels, seen with certainty or not at all; one frame lacks the left hand."""
    keypoint, score = pose(frames, seed)
    return keypoint, (score > 0).astype(np.float32)


def content(frames=5, seed=0):
    """What OpenHands' MediaPipePoseGenerator pickles of :func:`clip`."""
    joints, scores = in_layout(*clip(frames, seed), "mediapipe_holistic")
    place = joints.astype(float) / SIZE[::-1]
    depth = np.random.default_rng(1).normal(size=(frames, 75, 1))
    place = np.concatenate([place, depth], axis=2) * (scores[..., None] > 0)
    return dict(keypoints=place, confidences=scores.astype(float))


def published(frames=5, seed=0, size=SIZE):
    """The same as in the published files: x times the height, y times the width."""
    found = content(frames, seed)
    found["keypoints"] = found["keypoints"] * [size[0], size[1], 1]
    return dict(found, vid_shape=size)


def with_face(found):
    """The same with the face's 468 landmarks."""
    face = np.full((5, 468, 3), 0.5)
    confidences = np.concatenate([found["confidences"][:, :33], face[..., 0] * 2], axis=1)
    return dict(
        keypoints=np.concatenate([found["keypoints"][:, :33], face, found["keypoints"][:, 33:]], 1),
        confidences=np.concatenate([confidences, found["confidences"][:, 33:]], axis=1),
    )


FORMS = dict(
    normalized=content(),
    published=published(),
    vid_shape=dict(content(), vid_shape=np.array(SIZE)),
    with_face=with_face(content()),
    float32={name: array.astype(np.float32) for name, array in content().items()},
)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_clip(tmp_path, form):
    path = tmp_path / "05237.pkl"
    path.write_bytes(pickle.dumps(FORMS[form], protocol=4))
    options = () if "vid_shape" in FORMS[form] else SIZES
    store = converted(SOURCE, path, tmp_path, *options)
    assert store.ids == ["05237"] and store.source == "openhands"
    assert store.img_shape.tolist() == [list(SIZE)]
    same_clip(store, "05237", *clip(), tolerance=1e-5)


def test_the_image_size_is_that_of_the_file(tmp_path):
    found = published(size=(1920, 1080))
    store = converted(SOURCE, dump(tmp_path / "a.pkl", found), tmp_path, *SIZES)
    assert store.img_shape.tolist() == [[1920, 1080]]
    scale = np.array([1080 / SIZE[1], 1920 / SIZE[0]], np.float32)
    keypoint, score = clip()
    same_clip(store, "a", keypoint * scale, score, size=(1920, 1080), tolerance=1e-5)


def test_visibility_is_the_score_of_the_body(tmp_path):
    found = content()
    found["confidences"][:, :33] = 0.25
    store = converted(SOURCE, dump(tmp_path / "a.pkl", found), tmp_path, *SIZES)
    score = store.clip(0)[1]
    assert (score[:, 42:] == 0.25).all() and set(score[:, :42].ravel()) == {0, 1}


NAMES = {
    "WLASL": {"05237.pkl": "05237", "69422.pkl": "69422"},
    "AUTSL": {"signer0_sample1_color.pkl": "signer0_sample1"},
    "LSA64": {"001_001_001.pkl": "001_001_001", "001_001_002.pkl": "001_001_002"},
    "SLR500": {"000/P41_01_00_1._color.pkl": "P41_01_00_1"},
    "GSL": {
        "health1_signer3_rep1_glosses/glosses0000.pkl": "health1_signer3_rep1_glosses/glosses0000",
        "health1_signer3_rep2_glosses/glosses0000.pkl": "health1_signer3_rep2_glosses/glosses0000",
    },
    "INCLUDE": {
        "Animals/4. Bird/MVI_2988.pkl": "4. Bird/MVI_2988",
        "Pronouns/44. it/MVI_2988.pkl": "44. it/MVI_2988",
    },
    "DEVISIGN": {
        f"P06_1/P06_{sign}_1_0_20130601.oni/P06_{sign}_1_0_20130601.oni/pose.pkl": (
            f"P06_{sign}_1_0_20130601"
        )
        for sign in ("0000", "0002")
    },
}


@pytest.mark.parametrize("dataset", NAMES)
def test_clips_are_named_as_in_the_official_lists(tmp_path, dataset):
    for name in NAMES[dataset]:
        path = tmp_path / "poses" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        dump(path, content())
    store = converted(SOURCE, tmp_path / "poses", tmp_path, *SIZES)
    assert sorted(store.ids) == sorted(NAMES[dataset].values())


def test_a_part_of_a_dataset_keeps_its_long_ids(tmp_path, capsys):
    folder = tmp_path / "Animals" / "4. Bird"
    folder.mkdir(parents=True)
    dump(folder / "MVI_2988.pkl", content())
    assert converted(SOURCE, folder.parent, tmp_path, *SIZES).ids == ["MVI_2988"]
    store = converted(SOURCE, folder.parent, tmp_path, *SIZES, "--id-parts", 2)
    assert store.ids == ["4. Bird/MVI_2988"]
    (tmp_path / "list.csv").write_text("id,gloss\n4. Bird/MVI_2988,bird\n")
    listed = ("--id-parts", 2, "--labels", tmp_path / "list.csv")
    assert converted(SOURCE, folder.parent, tmp_path, *SIZES, *listed).glosses == ["bird"]
    line = refusal(capsys, SOURCE, folder, tmp_path, *SIZES, "--id-parts", 0)
    assert "--id-parts is 1 or more; got 0" in line


def lacking(found, name):
    return {key: value for key, value in found.items() if key != name}


@pytest.mark.parametrize(
    "found, problem",
    [
        (lacking(content(), "confidences"), "it is no dict of keypoints and confidences"),
        (content()["keypoints"], "it is no dict of keypoints and confidences"),
        (lacking(published(), "vid_shape"), "are not divided by the image size, and it has no"),
        (dict(published(), vid_shape=(0, 5)), "its vid_shape is (0, 5)"),
        (dict(content(), keypoints=content()["keypoints"][:, :33]), "its keypoints are [5, 33, 3]"),
        (dict(content(), confidences=np.ones((4, 75))), "scores [4, 75]"),
        (dict(content(), keypoints="text"), "its keypoints are not an array of numbers"),
        (dict(keypoints=np.zeros((5, 75, 3)), confidences=np.zeros((5, 75))), "no visible hand"),
    ],
)
def test_bad_pickles_are_one_line(tmp_path, capsys, found, problem):
    line = refusal(capsys, SOURCE, dump(tmp_path / "a.pkl", found), tmp_path, *SIZES)
    assert "clip 'a'" in line and problem in line


def test_pickles_that_run_code_are_not_run(tmp_path, capsys):
    path = dump(tmp_path / "a.pkl", dict(content(), label=Evil(tmp_path / "victim")))
    assert "more than arrays" in refusal(capsys, SOURCE, path, tmp_path, *SIZES)
    assert not (tmp_path / "victim").exists()
