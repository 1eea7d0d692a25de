"""Confusion counts against a loop, and a matrix that says what it shows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.visualization import confusion_counts, most_confused, plot_confusion


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
    axes, beside = figure.axes
    shares = [[0.75, 0.25, 0], [0, 0, 0], [4 / 6, 0, 2 / 6]]
    np.testing.assert_allclose(axes.images[0].get_array(), shares)
    written = {(t.get_position()[1], t.get_position()[0]): t.get_text() for t in axes.texts}
    assert written == {(0, 0): "3", (0, 1): "1", (2, 0): "4", (2, 2): "2"}
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["a", "b", "c"]
    # A bar for each class that has clips; class b has none.
    widths = {round(bar.get_y() + bar.get_height() / 2): bar.get_width() for bar in beside.patches}
    assert widths == pytest.approx({0: 0.75, 2: 1 / 3})
    assert "5 of 10 clips right (50.0%)" in figure.get_suptitle()
    figure.canvas.draw()


def test_many_classes_are_drawn_without_names():
    figure = plot_confusion(np.eye(300, dtype=int))
    assert not figure.axes[0].texts
    figure.canvas.draw()


def test_refusals():
    with pytest.raises(ValueError, match="label 3 is not one of 3"):
        confusion_counts(np.array([0]), np.array([3]), 3)
    with pytest.raises(ValueError, match="prediction -1"):
        confusion_counts(np.array([-1]), np.array([0]), 3)
    with pytest.raises(ValueError, match="glosses"):
        plot_confusion(COUNTS, ["a"])
    with pytest.raises(ValueError, match="counts must be"):
        plot_confusion(COUNTS[:2])
