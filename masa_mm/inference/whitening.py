"""Directions in which all clips of a dictionary vary count less in its search."""

from __future__ import annotations

import numpy as np
from sklearn.covariance import oas

# The variances of whitened vectors are equal, those of plain ones as they are: half-way.
_POWER = 0.25


def half_whitening(vectors: np.ndarray) -> np.ndarray:
    """Compute the linear map that takes the square root of the vectors' standard deviations.

    Whitening helps large dictionaries and harms small ones, whose examples say little about the
    covariance. Half of it, on a covariance with oracle approximating shrinkage (Chen et al., 2010),
    helps the large ones and does not harm the small ones. The second moments are not centred, so
    that two examples are not opposites.

    Args:
        vectors (np.ndarray): Examples [N, D].

    Returns:
        np.ndarray: float32 [D, D], to multiply vectors by from the right; symmetric.
    """
    num_vectors, dim = vectors.shape
    scale = np.sqrt((vectors.astype(np.float64) ** 2).mean()) if num_vectors > 1 else 0.0
    if scale == 0:
        return np.eye(dim, dtype=np.float32)
    moments, _ = oas(vectors / scale, assume_centered=True)
    variances, directions = np.linalg.eigh(moments)
    # Rounding makes the smallest ones negative.
    variances = np.maximum(variances, 1e-6 * variances[-1])
    return ((directions * variances**-_POWER) @ directions.T).astype(np.float32)
