"""Strips of frames: hands sit on the wrists, absent joints are not drawn."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from masa_mm.pose.crop import crop_parts
from masa_mm.pose.skeleton import LEFT_HAND, RIGHT_HAND, WRIST_LINKS
from masa_mm.preparation.demo import DemoConfig, demo_annotations
from masa_mm.visualization import assemble, plot_clip


@pytest.fixture(scope="module")
def clip() -> dict:
    return next(demo_annotations("train", DemoConfig(num_classes=2)))


@pytest.fixture(scope="module")
def parts(clip) -> tuple[np.ndarray, np.ndarray]:
    return crop_parts(clip["keypoint"][0], clip["keypoint_score"][0], clip["img_shape"])


def test_assemble_puts_hands_back_where_they_were(clip, parts):
    height, width = clip["img_shape"]
    whole, shown = assemble(*parts, aspect=width / height)
    # The first frames' joints jitter and the crop's size is only typical: a tenth of the image.
    near = np.abs(whole - clip["keypoint"][0] / height)[shown > 0]
    assert np.median(near) < 0.02 and near.max() < 0.15
    for part, (hand, body) in zip((RIGHT_HAND, LEFT_HAND), WRIST_LINKS):
        placed = shown[:, hand] > 0
        assert placed.any()
        np.testing.assert_allclose(whole[placed, hand], whole[placed, body], atol=1e-6)
        # The thumb's side is right again although the left hand is stored mirrored.
        true = clip["keypoint"][0][placed][:, part.joints, 0]
        drawn = whole[placed][:, part.joints, 0]
        assert np.corrcoef((true - true[:, :1]).ravel(), (drawn - drawn[:, :1]).ravel())[0, 1] > 0.9


def test_hands_without_a_wrist_on_the_body_have_no_place(parts):
    keypoint, score = parts[0], parts[1].copy()
    score[:, WRIST_LINKS[0][1]] = 0
    _, shown = assemble(keypoint, score)
    assert not shown[:, RIGHT_HAND.joints].any() and shown[:, LEFT_HAND.joints].any()


def test_plot_clip_has_a_column_a_frame_and_three_rows(parts):
    figure = plot_clip(*parts, title="WORD", num_frames=5)
    assert len(figure.axes) == 15
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles[0] == "0" and titles[-1] == str(len(parts[0]) - 1) and len(titles) == 5
    assert figure.get_suptitle() == "WORD"
    figure.canvas.draw()


def test_absent_joints_are_not_drawn(parts):
    keypoint, score = parts[0][:1], parts[1][:1].copy()
    score[:, RIGHT_HAND.joints] = 0
    figure = plot_clip(keypoint, score)
    right = figure.axes[1]
    assert (
        sum(len(c.get_segments()) for c in right.collections if isinstance(c, LineCollection)) == 0
    )
    assert [text.get_text() for text in right.texts] == ["absent"]


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="keypoint"):
        plot_clip(np.zeros((4, 21, 2)), np.zeros((4, 21)))
    with pytest.raises(ValueError, match="keypoint"):
        plot_clip(np.zeros((0, 49, 2)), np.zeros((0, 49)))
