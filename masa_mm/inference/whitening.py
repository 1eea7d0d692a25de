"""Whitening of a dictionary's embeddings: directions in which all clips differ count less."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from sklearn.covariance import oas

# Examples from which on a covariance says more than it disturbs, chosen on training clips.
MIN_EXAMPLES = 50


class Whitening(NamedTuple):
    """A linear map to unit vectors.

    Attributes:
        mean (np.ndarray): [D].
        factor (np.ndarray, optional): Lower Cholesky factor of the covariance [D, D]. None: the
            vectors are only divided by their length.
    """

    mean: np.ndarray
    factor: np.ndarray | None

    @classmethod
    def fit(cls, vectors: np.ndarray) -> Whitening:
        """Estimate mean and covariance of vectors [N, D], by oracle approximating shrinkage.

        Reference: Chen et al., "Shrinkage Algorithms for MMSE Covariance Estimation" (2010).
        """
        vectors = np.asarray(vectors, np.float64)
        mean = vectors.mean(0) if len(vectors) else np.zeros(vectors.shape[1])
        if len(vectors) < MIN_EXAMPLES or not vectors.std(0).any():
            return cls(mean, None)
        covariance, _ = oas(vectors)
        # Networks have dead channels, and float32 gives small negative eigenvalues.
        covariance.flat[:: len(covariance) + 1] += 1e-6 * np.trace(covariance) / len(covariance)
        return cls(mean, cholesky(covariance, lower=True))

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """Map vectors [N, D] to float32 unit vectors [N, D]; 0 stays 0 without a covariance."""
        vectors = np.asarray(vectors, np.float64)
        if self.factor is not None:
            vectors = solve_triangular(self.factor, (vectors - self.mean).T, lower=True).T
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        return (vectors / np.maximum(length, 1e-12)).astype(np.float32)
