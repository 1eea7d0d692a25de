"""Masked clips: arrows where something is masked and known, and only there."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.quiver import Quiver

from masa_mm.pose.skeleton import PARTS
from masa_mm.visualization import plot_masked_motion
from masa_mm.visualization.style import MASKED_SHADE, PREDICTED_COLOR, TRUE_COLOR


@pytest.fixture
def masked_clip() -> dict:
    rng = np.random.default_rng(0)
    mask = np.zeros((20, 3), bool)
    mask[4:8] = mask[10:15] = True
    mask[4:8, 2] = False
    score = np.ones((20, 49))
    score[5, 0] = 0
    weight = score.copy()
    weight[-3:] = 0
    weight[:, 3] = 0
    return dict(
        keypoint=rng.random((20, 49, 2)),
        score=score,
        frame_mask=mask,
        motion=rng.normal(0, 9, (20, 49, 2)),
        motion_weight=weight,
        prediction=rng.normal(0, 9, (20, 49, 2)),
    )


def cells(figure) -> list[tuple[int, int, object]]:
    """(row, frame, axes) of each picture cell; the last axes is the chart."""
    pictures = figure.axes[:-1]
    columns = len(pictures) // 3
    frames = [int(axes.get_title().split()[1]) for axes in pictures[:columns]]
    return [(i // columns, frames[i % columns], axes) for i, axes in enumerate(pictures)]


def test_masked_cells_are_shaded_and_carry_true_and_predicted_arrows(masked_clip):
    figure = plot_masked_motion(**masked_clip, title="WORD", num_frames=6)
    shaded = 0
    for row, frame, axes in cells(figure):
        arrows = [item for item in axes.collections if isinstance(item, Quiver)]
        masked = masked_clip["frame_mask"][frame, row]
        assert (axes.get_facecolor() == to_rgba(MASKED_SHADE)) == masked
        assert len(arrows) == 2 * masked
        shaded += masked
        joints = PARTS[row].joints
        known = masked_clip["motion_weight"][frame, joints] > 0
        start = masked_clip["keypoint"][frame, joints][known] * 256
        colors = (TRUE_COLOR, PREDICTED_COLOR)
        for item, name, color in zip(arrows, ("motion", "prediction"), colors):
            np.testing.assert_allclose(item.XY, start)
            way = masked_clip[name][frame, joints][known]
            np.testing.assert_allclose(np.stack([item.U, item.V], -1), way)
            assert tuple(item.get_facecolor()[0]) == to_rgba(color)
    assert 0 < shaded < len(figure.axes) - 1
    figure.canvas.draw()


def test_chart_shows_mean_lengths_of_known_motion(masked_clip):
    chart = plot_masked_motion(**masked_clip).axes[-1]
    true, predicted = chart.get_lines()[:2]
    known = masked_clip["motion_weight"] > 0
    for frame in range(20):
        lengths = np.linalg.norm(masked_clip["motion"][frame][known[frame]], axis=-1)
        assert true.get_ydata()[frame] == pytest.approx(lengths.mean() if len(lengths) else 0)
    masked = masked_clip["frame_mask"].any(1)
    np.testing.assert_array_equal(np.isfinite(predicted.get_ydata()), masked)


def test_one_mask_for_all_parts_and_no_mask_at_all(masked_clip):
    masked_clip["frame_mask"] = masked_clip["frame_mask"][:, 0]
    plot_masked_motion(**masked_clip).canvas.draw()
    masked_clip["frame_mask"] = np.zeros(20, bool)
    figure = plot_masked_motion(**masked_clip, num_frames=4)
    assert len(figure.axes) == 3 * 4 + 1


def test_refusals_name_the_array(masked_clip):
    for name in ("score", "motion", "motion_weight", "prediction"):
        with pytest.raises(ValueError, match=f"^{name} must be"):
            plot_masked_motion(**masked_clip | {name: masked_clip[name][:-1]})
    with pytest.raises(ValueError, match="no present joint"):
        plot_masked_motion(**masked_clip | dict(score=np.zeros((20, 49))))
