"""Curves show what mmengine logged; confusion counts equal a loop."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.visualization import (
    confusion_counts,
    most_confused,
    plot_confusion,
    plot_curves,
    read_scalars,
)


def write_run(path, losses, accuracies=()):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [dict(loss=loss, lr=0.1, epoch=1, iter=i, step=i) for i, loss in enumerate(losses, 1)]
    for epoch, top in enumerate(accuracies, 1):
        lines.append(
            {
                "sign/top1_pi": top,
                "sign/top1_pi_low": top - 0.1,
                "sign/top1_pi_high": top + 0.1,
                "step": epoch,
            }
        )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_reads_the_newest_run_of_a_work_directory(tmp_path):
    write_run(tmp_path / "20260101_000000" / "vis_data" / "scalars.json", [9.0])
    write_run(tmp_path / "20260102_000000" / "vis_data" / "scalars.json", [3.0, 2.0], [0.5])
    found = read_scalars(tmp_path)
    assert found["loss"][0].tolist() == [1, 2] and found["loss"][1].tolist() == [3.0, 2.0]
    assert found["sign/top1_pi"][1].tolist() == [0.5]


def test_a_step_logged_again_after_a_resume_counts_once(tmp_path):
    path = tmp_path / "scalars.json"
    write_run(path, [3.0, 2.0])
    with path.open("a") as file:
        file.write('{"loss": 1.5, "step": 2}\n{"loss": 1.0, "step": 3}\n')
    step, value = read_scalars(path)["loss"]
    assert step.tolist() == [1, 2, 3] and value.tolist() == [3.0, 1.5, 1.0]


def test_draws_each_run_with_its_running_mean_and_band(tmp_path):
    losses = np.random.default_rng(0).random(30) + 1
    write_run(tmp_path / "a.json", losses, [0.2, 0.4])
    write_run(tmp_path / "b.json", losses / 2, [0.1, 0.3])
    figure = plot_curves(
        dict(one=tmp_path / "a.json", two=tmp_path / "b.json"), chance=0.05, smoothing=4
    )
    loss, accuracy = figure.axes
    assert [text.get_text() for text in loss.get_legend().get_texts()] == ["one", "two"]
    raw, mean = (line.get_ydata() for line in loss.get_lines()[:2])
    np.testing.assert_allclose(raw, losses)
    expected = [losses[max(0, i - 3) : i + 1].mean() for i in range(30)]
    np.testing.assert_allclose(mean, expected)
    assert len(accuracy.collections) == 2  # a band each
    assert accuracy.get_lines()[-1].get_ydata() == [0.05, 0.05]
    figure.canvas.draw()


def test_wide_losses_are_logarithmic_and_negative_ones_are_not(tmp_path):
    write_run(tmp_path / "wide.json", [100.0, 10.0, 1.0])
    write_run(tmp_path / "sign.json", [1.0, -50.0])
    for name, scale in (("wide", "log"), ("sign", "linear")):
        figure = plot_curves({name: tmp_path / f"{name}.json"}, panels=["loss"])
        assert figure.axes[0].get_yscale() == scale


def test_bad_scalars_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"scalars\.json"):
        read_scalars(tmp_path)
    (tmp_path / "bad.json").write_text('{"loss": 1, "step": 1}\n[]\n')
    with pytest.raises(ValueError, match=r"bad\.json, line 2"):
        read_scalars(tmp_path / "bad.json")
    write_run(tmp_path / "a.json", [1.0])
    with pytest.raises(ValueError, match=r"no run logged acc; there are: .*loss"):
        plot_curves(dict(a=tmp_path / "a.json"), panels=["acc"])


@given(st.integers(0, 2**32), st.integers(2, 9), st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_counts_equal_a_loop(seed, num_classes, num_clips):
    rng = np.random.default_rng(seed)
    scores = rng.random((num_clips, num_classes))
    labels = rng.integers(num_classes, size=num_clips)
    expected = np.zeros((num_classes, num_classes), int)
    for row, label in zip(scores, labels):
        expected[label, row.argmax()] += 1
    np.testing.assert_array_equal(confusion_counts(scores, labels, num_classes), expected)
    predicted = scores.argmax(1)
    np.testing.assert_array_equal(confusion_counts(predicted, labels, num_classes), expected)


COUNTS = np.array([[3, 1, 0], [0, 0, 0], [4, 0, 2]])


def test_most_confused_in_order_without_right_ones():
    assert most_confused(COUNTS, ["a", "b", "c"]) == [("c", "a", 4), ("a", "b", 1)]
    assert most_confused(COUNTS, top=1) == [("2", "0", 4)]


def test_matrix_shows_shares_counts_glosses_and_accuracies():
    figure = plot_confusion(COUNTS, ["a", "b", "c"], title="Test")
    axes, bars = figure.axes
    shares = [[0.75, 0.25, 0], [0, 0, 0], [4 / 6, 0, 2 / 6]]
    np.testing.assert_allclose(axes.images[0].get_array(), shares)
    written = {(t.get_position()[1], t.get_position()[0]): t.get_text() for t in axes.texts}
    assert written == {(0, 0): "3", (0, 1): "1", (2, 0): "4", (2, 2): "2"}
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["a", "b", "c"]
    # A bar for each class that has clips; class b has none.
    widths = {round(bar.get_y() + bar.get_height() / 2): bar.get_width() for bar in bars.patches}
    assert widths == pytest.approx({0: 0.75, 2: 1 / 3})
    assert "5 of 10 clips right (50.0%)" in figure.get_suptitle()
    figure.canvas.draw()


def test_many_classes_are_drawn_without_names():
    figure = plot_confusion(np.eye(300, dtype=int))
    assert not figure.axes[0].texts
    figure.canvas.draw()


def test_bad_counts_are_refused():
    with pytest.raises(ValueError, match="label 3 is not one of 3"):
        confusion_counts(np.array([0]), np.array([3]), 3)
    with pytest.raises(ValueError, match="prediction -1"):
        confusion_counts(np.array([-1]), np.array([0]), 3)
    with pytest.raises(ValueError, match="glosses"):
        plot_confusion(COUNTS, ["a"])
    with pytest.raises(ValueError, match="counts must be"):
        plot_confusion(COUNTS[:2])
