"""Frames of videos and folders of images: order, range of the clip, damaged files."""

import os
import struct
import zlib

import cv2
import numpy as np
import pytest

from masa_mm.datasets.official_clip import ClipRangeError, FrameRange
from masa_mm.preparation.extraction.video import VideoError, read_frames

from toys.toy_videos import HEIGHT, WIDTH, find_square, make_folder, make_video, middle


def numbers(frames):
    """Numbers of the frames, from the position of the square."""
    found = [find_square(frame) for frame in frames]
    for place in found:
        assert place[1] == pytest.approx(middle(0)[1], abs=0.5)
    return [round((place[0] - middle(0)[0]) / 2) for place in found]


@pytest.mark.parametrize("ending", [".mp4", ".avi"])
def test_all_frames_of_a_video(tmp_path, ending):
    frames = list(read_frames(make_video(tmp_path / f"a{ending}")))
    assert numbers(frames) == list(range(20))
    assert frames[0].shape == (HEIGHT, WIDTH, 3) and frames[0].dtype == np.uint8


def test_the_frames_of_a_clip(tmp_path):
    video = make_video(tmp_path / "a.mp4", fps=50)
    assert numbers(read_frames(video, FrameRange(3, 7))) == [3, 4, 5, 6]
    assert numbers(read_frames(video, FrameRange(2, 4, fps=25))) == [4, 5, 6, 7]
    assert numbers(read_frames(video, FrameRange(8, None, fps=25))) == [16, 17, 18, 19]
    with pytest.raises(ClipRangeError, match="20"):
        list(read_frames(video, FrameRange(15, 40)))


def test_a_folder_of_images_is_a_video_in_numerical_order(tmp_path):
    folder = make_folder(tmp_path / "clip")
    (folder / "notes.txt").write_text("not an image")
    assert numbers(read_frames(folder)) == list(range(12))  # frame10 after frame9
    assert numbers(read_frames(folder, FrameRange(1, 2, fps=25), fps=100)) == [4, 5, 6, 7]
    (folder / "frame3.png").write_bytes(b"no image")
    with pytest.raises(VideoError, match=r"frame3\.png: not an image"):
        list(read_frames(folder))


@pytest.mark.parametrize("content", [b"", b"not a video", "cut"])
def test_damaged_and_missing_videos_are_named(tmp_path, content):
    path = tmp_path / "bad.mp4"
    if content == "cut":
        content = make_video(tmp_path / "good.mp4").read_bytes()[:-400]
    path.write_bytes(content)
    with pytest.raises(VideoError, match=r"bad\.mp4: not a video that can be read"):
        list(read_frames(path))
    with pytest.raises(VideoError, match="no such video"):
        list(read_frames(tmp_path / "gone.mp4"))


def test_a_video_that_ends_early_is_refused(tmp_path, monkeypatch):
    """A truncated download: the header still counts all frames."""

    class Truncated:
        def __init__(self, *args):
            self.left = 12

        isOpened = staticmethod(lambda: True)
        release = staticmethod(lambda: None)
        get = staticmethod(lambda key: 20 if key == cv2.CAP_PROP_FRAME_COUNT else 25)

        def read(self):
            self.left -= 1
            return self.left >= 0, np.zeros((4, 4, 3), np.uint8)

        def grab(self):
            return self.read()[0]

    (tmp_path / "a.mp4").write_bytes(b"")
    monkeypatch.setattr("masa_mm.preparation.extraction.video.cv2.VideoCapture", Truncated)
    with pytest.raises(VideoError, match=r"a\.mp4: ends after 12 of 20 frames"):
        list(read_frames(tmp_path / "a.mp4"))
    with pytest.raises(VideoError, match="ends after 10 of 18 frames"):
        list(read_frames(tmp_path / "a.mp4", FrameRange(2)))


def test_a_name_that_is_not_utf8_is_named_and_does_not_crash(tmp_path):
    folder = make_folder(tmp_path / "a", 3).rename(tmp_path / os.fsdecode(b"caf\xe9"))
    assert numbers(read_frames(folder)) == [0, 1, 2]
    video = make_video(tmp_path / "a.mp4").rename(tmp_path / os.fsdecode(b"caf\xe9.mp4"))
    with pytest.raises(VideoError, match=r"not UTF-8; rename it"):
        next(read_frames(video))


@pytest.mark.parametrize(
    "name", ["\U0001f469\u200d\U0001f680", "مرحبا\u200f", "क\u200dष", "e\u0301\u00ad", "\ue000"]
)
def test_any_unicode_is_a_name(tmp_path, name):
    video = make_video(tmp_path / "a.mp4", 3).rename(tmp_path / f"{name}.mp4")
    assert numbers(read_frames(video)) == [0, 1, 2]


def test_an_image_that_declares_gigabytes_is_refused(tmp_path):
    path = make_folder(tmp_path / "a", 1) / "frame0.png"
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 10_000, 10_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)
    with pytest.raises(VideoError, match="10000 x 10000 pixels; give images of up to 66 million"):
        next(read_frames(path.parent))


def test_a_named_pipe_among_images_is_not_waited_for(tmp_path):
    os.mkfifo(make_folder(tmp_path / "a", 1) / "frame1.png")
    with pytest.raises(FileNotFoundError, match=r"frame1\.png: not a regular file"):
        list(read_frames(tmp_path / "a"))
