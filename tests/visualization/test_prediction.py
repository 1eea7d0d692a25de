"""Animations of recognised clips."""

import numpy as np
import pytest
from PIL import Image, ImageChops

from masa_mm.visualization.prediction import HEIGHT, MAX_FRAMES, PANEL, Caption, write_animation
from masa_mm.visualization.style import PART_COLORS

SIZE = (400, 300)
CAPTION = Caption("clip.mp4", [("hello", 0.75), ("né", 0.25)])


def landmarks(frames=4):
    """A right hand that moves to the right, and a body."""
    array = np.zeros((frames, 49, 3), np.float32)
    array[:, :21, 0] = 50 + 40 * np.arange(frames)[:, None] + np.arange(21)
    array[:, :21, 1] = 200 + 3 * np.arange(21)
    array[:, 42:, :2] = [(200, 60), (260, 120), (280, 180), (280, 240)] + [
        (140, 120),
        *[(120, 180)] * 2,
    ]
    array[:, :21, 2] = array[:, 42:, 2] = 1
    return array


def pictures(path):
    with Image.open(path) as file:
        frames = []
        for number in range(file.n_frames):
            file.seek(number)
            frames.append(file.convert("RGB").copy())
        return frames


def columns_of(picture, color, width):
    """Columns of the clip's part that have nearly a colour."""
    wanted = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
    distance = np.abs(np.asarray(picture)[:, :width].astype(int) - wanted).max(-1)
    return np.flatnonzero((distance < 30).any(0))


def test_the_skeleton_follows_the_landmarks(tmp_path):
    path = write_animation(tmp_path / "made/a.gif", landmarks(), SIZE, CAPTION)
    frames = pictures(path)
    width = round(HEIGHT * SIZE[0] / SIZE[1])
    assert [frame.size for frame in frames] == [(width + PANEL, HEIGHT)] * 4
    scale = HEIGHT / SIZE[1]
    for number, frame in enumerate(frames):
        columns = columns_of(frame, PART_COLORS["right_hand"], width)
        first, last = scale * (50 + 40 * number), scale * (70 + 40 * number)
        assert abs(columns.min() - first) < 4 and abs(columns.max() - last) < 4
        assert len(columns_of(frame, PART_COLORS["left_hand"], width)) == 0


def test_bars_show_the_probabilities(tmp_path):
    (frame, *_) = pictures(write_animation(tmp_path / "a.gif", landmarks(), SIZE, CAPTION))
    panel = np.asarray(frame)[:, -PANEL:].astype(int)
    blue = np.abs(panel - [0, 0x72, 0xB2]).max(-1) < 40
    lengths = blue.sum(1)[blue.sum(1) > 20]
    assert abs(lengths.max() / lengths.min() - 3) < 0.15


def test_an_unknown_sign_looks_different(tmp_path):
    known = pictures(write_animation(tmp_path / "a.gif", landmarks(), SIZE, CAPTION))[0]
    caption = CAPTION._replace(is_known=False, notes=["no hand in 60 % of the frames"])
    unknown = pictures(write_animation(tmp_path / "b.gif", landmarks(), SIZE, caption))[0]
    box = ImageChops.difference(known, unknown).getbbox()
    assert box[0] >= known.width - PANEL


def test_the_video_is_the_background(tmp_path):
    video = (np.full((300, 400, 3), (0, 40 * number, 0), np.uint8) for number in range(4))
    frames = pictures(write_animation(tmp_path / "a.gif", landmarks(), SIZE, CAPTION, video))
    corners = [frame.getpixel((3, 3)) for frame in frames]
    assert all(abs(green - 40 * n) < 12 for n, (_, green, _) in enumerate(corners))
    assert pictures_have_blue_last(tmp_path)


def pictures_have_blue_last(folder):
    """OpenCV's images are blue, green, red."""
    video = [np.full((300, 400, 3), (250, 0, 0), np.uint8)] * 4
    frame = pictures(write_animation(folder / "b.gif", landmarks(), SIZE, CAPTION, video))[0]
    red, _, blue = frame.getpixel((3, 3))
    return blue > 200 and red < 50


def test_a_long_clip_skips_frames_and_keeps_its_pace(tmp_path):
    frames = 2 * MAX_FRAMES + 2
    path = write_animation(tmp_path / "a.gif", landmarks(2)[[0, 1] * (frames // 2)], SIZE, CAPTION)
    with Image.open(path) as file:
        assert file.info["duration"] >= 120  # each third frame of 40 ms


def test_part_coordinates_and_damaged_joints(tmp_path):
    array = landmarks() / [400, 300, 1]
    array[1, 5] = np.nan
    frames = pictures(write_animation(tmp_path / "a.gif", array, None, CAPTION, aspect=4 / 3))
    assert frames[0].width == round(HEIGHT * 4 / 3) + PANEL


def test_a_clip_without_frames(tmp_path):
    with pytest.raises(ValueError, match="without frames"):
        write_animation(tmp_path / "a.gif", landmarks(0), SIZE, CAPTION)
