"""Clips from every kind of input; those that cannot be used are named and the others are read."""

import itertools
import tracemalloc

import numpy as np
import pytest

from masa_mm.errors import UserError
from masa_mm.inference.clips import PoseClip
from masa_mm.inference.inputs import InputClip, InputReader
from masa_mm.pose.clip_checks import BadClip
from masa_mm.pose.crop import crop_parts
from masa_mm.pose.store_writer import PoseStoreWriter

from toys import toy_videos
from toys.own_signs import write_clip, write_frames, write_table
from toys.paths import SHARED
from toys.source_toys import SIZE, annotation, dump, in_layout, pose

REAL = SHARED / "data/real_files"


def read(inputs, **options):
    with InputReader(**options) as reader:
        return list(reader.read(inputs))


def good(inputs, **options):
    found = read(inputs, **options)
    assert all(isinstance(each, InputClip) for each in found), found
    return found


def write_store(path, clips=2):
    with PoseStoreWriter(path, source="toy", split="test", glosses=["a", "b"]) as writer:
        for number in range(clips):
            parts = crop_parts(*pose(seed=number), SIZE)
            writer.add(f"clip{number}", *parts, label=number % 2, img_shape=SIZE)
    return path


def test_a_video_as_it_is_extracted(tmp_path):
    path = toy_videos.make_video(tmp_path / "a.mp4", 6)
    (found,) = good(path, estimator="square")
    assert (found.video, found.clip.name) == (path, str(path))
    assert found.clip.image_size == (toy_videos.WIDTH, toy_videos.HEIGHT)
    x = found.clip.landmarks[:, :21, 0].mean(1)
    np.testing.assert_allclose(np.diff(x), 2, atol=0.3)  # the square moves by 2 pixels a frame
    (found,) = good(toy_videos.make_folder(tmp_path / "frames"), estimator="square")
    assert len(found.clip.landmarks) == 12


def test_frames_of_a_video_are_not_kept(tmp_path, monkeypatch):
    """Only poses grow with the length: 133 joints a frame, 1.6 kB."""
    frame = toy_videos.image(3)
    peaks = []
    for length in (20, 400):
        frames = (frame.copy() for _ in range(length))
        monkeypatch.setattr(
            "masa_mm.preparation.extraction.extract.read_frames", lambda *_, f=frames: f
        )
        tracemalloc.start()
        good(toy_videos.make_video(tmp_path / "a.mp4", 1), estimator="square")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 380 * frame.nbytes / 4


def test_one_estimator_for_all_videos(tmp_path, monkeypatch):
    started = []
    kind = toy_videos.ESTIMATORS.get("square")
    monkeypatch.setattr(kind, "__init__", lambda self, device: started.append(self))
    monkeypatch.setattr(kind, "score", 0.9, raising=False)
    monkeypatch.setattr(kind, "frames", 0, raising=False)
    monkeypatch.setattr(kind, "close", lambda self: started.append("closed"))
    for name in "ab":
        toy_videos.make_video(tmp_path / f"{name}.mp4", 3)
    assert len(good(tmp_path, estimator="square")) == 2
    assert [each == "closed" for each in started] == [False, True]


def test_files_of_a_source(tmp_path):
    write_clip(tmp_path / "a.npz")
    (found,) = good(tmp_path / "a.npz")
    assert found.clip.image_size == SIZE[::-1]
    np.testing.assert_allclose(found.clip.landmarks[..., :2], pose(6)[0], rtol=1e-6)

    path = dump(tmp_path / "b.pkl", dict(annotations=[annotation(seed=1), annotation(seed=2)]))
    assert [each.clip.name for each in good(path, layout="sign49")] == [
        f"{path}:clip1",
        f"{path}:clip2",
    ]
    write_frames(tmp_path / "hello/0")
    (found,) = good(tmp_path / "hello")
    assert (found.gloss, found.clip.name) == ("hello", str(tmp_path / "hello/0"))
    assert found.warnings == ("the image size is not known, 1 x 1 was assumed",)
    (found,) = good(tmp_path / "hello", image_size=SIZE[::-1])
    np.testing.assert_allclose(found.clip.landmarks[..., :2], pose(6)[0], rtol=1e-5)


def test_a_store(tmp_path):
    path = write_store(tmp_path / "s.safetensors")
    first, second = good(path)
    assert (first.clip.name, first.gloss, second.gloss) == (f"{path}:clip0", "a", "b")
    assert first.clip.image_size is None and first.aspect == SIZE[1] / SIZE[0]
    expected, _ = crop_parts(*pose(), SIZE)
    np.testing.assert_allclose(first.clip.landmarks[..., :2], expected, atol=1e-3)


def test_arrays(tmp_path):
    keypoint, score = pose()
    expected = np.concatenate([keypoint, score[..., None]], -1)
    keypoint, score = in_layout(keypoint, score, "coco_wholebody")
    array = np.concatenate([keypoint, score[..., None]], -1)
    array[0, 95] = np.nan  # a joint of the left hand
    expected[0, 21 + 4] = 0
    np.save(tmp_path / "a.npy", array)
    options = dict(layout="coco_wholebody", image_size=SIZE[::-1])
    relative = array / [*SIZE[::-1], 1]
    for found in good([array, relative, tmp_path / "a.npy"], **options):
        np.testing.assert_allclose(found.clip.landmarks, expected, rtol=1e-5)
    parts = np.concatenate([*map(np.atleast_3d, crop_parts(*pose(), SIZE))], -1)
    assert good(parts, layout="sign49")[0].clip.image_size is None
    problems = [each.problem for each in read([array, array[0], np.full((2, 9), "a")])]
    assert all(text.startswith("an array needs its layout") for text in problems)
    (bad,) = read(expected, layout="sign49")
    assert str(bad) == "clip 'array 1': is in pixels; give the image size too"
    (bad,) = read(array[:, :50], layout="coco_wholebody")
    assert "layout 'coco_wholebody' needs" in str(bad)


def test_lists_and_generators_are_read_lazily(tmp_path):
    write_clip(tmp_path / "a.npz")
    with InputReader() as reader:
        endless = reader.read(tmp_path / "a.npz" for _ in itertools.count())
        assert len(list(itertools.islice(endless, 3))) == 3
    (tmp_path / "empty").mkdir()
    rows = [dict(path=name, gloss=f"the {name}") for name in ("a.npz", "gone.npz", "empty", ".")]
    table = write_table(tmp_path / "list.csv", *rows)
    one, gone, empty, again = read(table)
    assert (one.gloss, again.gloss, again.clip.name) == (
        "the a.npz",
        "the .",
        str(tmp_path / "a.npz"),
    )
    assert "no such file" in gone.problem and "has no input" in empty.problem
    (tmp_path / "list.txt").write_text("a.npz\n\nlist.csv\n")
    first, nested = read(tmp_path / "list.txt")
    assert isinstance(first, InputClip) and nested.problem == "is a list within a list"


def test_joints_that_the_model_was_not_trained_on_are_left_out():
    clip = PoseClip("a", np.dstack([pose()[0], pose()[1]]), SIZE[::-1])
    (found,) = good(clip, joints="mediapipe_hands")
    np.testing.assert_array_equal(
        found.clip.landmarks, clip.with_joints_of("mediapipe_hands").landmarks
    )
    assert found.warnings == ()


def test_bad_inputs_are_one_line_each(tmp_path):
    keypoint, score = pose()
    score[:, :42] = 0
    size = SIZE[::-1]
    hands_down = PoseClip("no hands", np.dstack([keypoint, score[..., None]]), size)
    small = PoseClip("two joints", np.zeros((3, 2, 3)), size, "coco_wholebody")
    (tmp_path / "cut.mp4").write_bytes(b"\0" * 100)
    (tmp_path / "cut.pose").write_bytes(b"\0" * 7)
    (tmp_path / "empty").mkdir()
    names = ("gone.mp4", "cut.mp4", "cut.pose", "empty")
    bad = read([hands_down, small, *(tmp_path / name for name in names)], estimator="square")
    assert all(isinstance(each, BadClip) for each in bad)
    lines = [str(each).replace(str(tmp_path), "") for each in bad]
    assert lines == [
        "clip 'no hands': no hand in its 5 frames; show the hands, larger and in better light",
        "clip 'two joints': landmarks of the layout 'coco_wholebody' are [frames, 133, 3] "
        "(x, y, score), got [3, 2, 3]; give the file again",
        "clip '/gone.mp4': no such file or folder; give the file again",
        "clip '/cut.mp4': not a video that can be read; download it again",
        lines[4],
        lines[5],
    ]
    assert "not a complete .pose file" in lines[4] and "/empty': has no input" in lines[5]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(source="kinect"), "no source 'kinect'; there are videos"),
        (dict(layout="kinect"), "no joint layout 'kinect'"),
        (dict(joints="kinect"), "no joint layout 'kinect'"),
        (dict(estimator="kinect"), "no estimator 'kinect'; there are .*mediapipe"),
        (dict(image_size=(0, 480)), "above 0"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(UserError, match=message):
        InputReader(**options)


@pytest.mark.skipif(not REAL.is_dir(), reason="needs the real files in ../shared")
def test_real_files():
    found = read([REAL / "pose_format", REAL / "openpose", REAL / "mmaction"])
    names = [each.clip.name.rpartition("/")[2] for each in found if isinstance(each, InputClip)]
    assert len(names) >= 9 and "autsl_signer0_sample1000.pose" in names
    bad = [str(each) for each in found if isinstance(each, BadClip)]
    assert any("OpenPose ran without --hand" in text for text in bad)
    assert sum("/mmaction/" in text for text in bad) == 2  # 17 joints each
