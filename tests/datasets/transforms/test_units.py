"""What unit a clip's coordinates are taken to be in."""

import numpy as np
import pytest

from masa_mm.datasets.transforms.units import reach


def test_is_the_coordinate_that_nine_of_ten_do_not_exceed():
    keypoint = np.arange(-50, 50, dtype=np.float16).reshape(1, 5, 10, 2)
    assert reach({}, keypoint, np.ones((1, 5, 10))) == np.quantile(
        np.abs(keypoint), 0.9, method="lower"
    )


@pytest.mark.parametrize(("normalization", "expected"), [(None, 300.0), ("part_crop", 1.0)])
def test_believes_a_declaration(normalization, expected):
    clip = dict(normalization=normalization) if normalization else {}
    assert reach(clip, np.full((1, 4, 49, 2), 300.0), np.ones((1, 4, 49))) == expected


def test_outliers_and_unconfident_joints_do_not_count():
    keypoint = np.full((1, 4, 10, 2), 0.5, np.float32)
    keypoint[:, :, 0], keypoint[:, :, 1] = 9000, -9000
    score = np.ones((1, 4, 10))
    score[:, :, 1] = 0.3
    keypoint[0, 1:, 0] = 0.5
    assert reach({}, keypoint, score, score_thr=0.4) == 0.5
    assert reach({}, keypoint, score) == 9000
    assert reach({}, keypoint, np.zeros_like(score)) == 0
