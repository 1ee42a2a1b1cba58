"""Planted reviews for 2.3e: the words of each, the probability that it is good, and what a model costs."""

import numpy as np


def sigma(z: np.ndarray) -> np.ndarray:
    """The same as 1 / (1 + e⁻ᶻ), without numbers that are too large."""
    return (1 + np.tanh(z / 2)) / 2


def reviews(
    shares: np.ndarray, true: np.ndarray, rng: np.random.Generator, n: int = 2_000
) -> tuple[np.ndarray, np.ndarray]:
    """Words (n, D), 0 or 1, where word j is in the share shares[j] of the reviews (D,), drawn independently.

    And the probability that each review is good (n,): ``sigma`` of the sum of its words' true weights (D,).
    """
    X = (rng.random((n, len(shares))) < shares).astype(float)
    return X, sigma(X @ true)


def cost(z: np.ndarray, p: np.ndarray) -> float:
    """Mean cross-entropy in nats of sigma(z) where p is the true probability: z, p (n,)."""
    return np.mean(np.logaddexp(0, z) - p * z)
