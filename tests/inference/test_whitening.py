"""Half whitening is the fourth root of the inverse of shrunk second moments."""

import numpy as np
import pytest
from sklearn.covariance import oas

from masa_mm.inference.whitening import half_whitening


@pytest.mark.parametrize("count", [3, 40, 500])
def test_the_map_is_the_inverse_fourth_root(count):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(count, 8)) * np.geomspace(0.1, 10, 8) + 1
    weights = half_whitening(vectors).astype(np.float64)
    moments, _ = oas(vectors, assume_centered=True)
    product = np.linalg.matrix_power(weights, 4) @ moments
    # The scale does not matter for a cosine similarity.
    np.testing.assert_allclose(product / product[0, 0], np.eye(8), atol=1e-3)


def test_one_vector_and_zeros_change_nothing():
    np.testing.assert_array_equal(half_whitening(np.ones((1, 3))), np.eye(3))
    np.testing.assert_array_equal(half_whitening(np.zeros((5, 3))), np.eye(3))
    assert np.isfinite(half_whitening(np.ones((5, 3)))).all()
