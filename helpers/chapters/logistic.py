"""Logistic regression on the digits as 2.3b writes it, for 2.3c: the data, the loss, its slope, batches."""

from collections.abc import Callable

import numpy as np

from helpers.data import load_data


def digit_rows(split: str) -> tuple[np.ndarray, np.ndarray]:
    """The digits of a split: pixels from 0 to 1 and a last column of ones (N, 65), labels (N,)."""
    X, y = load_data("digits", split)
    return np.c_[X.reshape(len(X), -1), np.ones(len(X))], y


def probabilities(W: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Softmax of X W: W (D, K), X (N, D) -> (N, K), each row with the sum 1."""
    z = X @ W
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def loss(W: np.ndarray, X: np.ndarray, y: np.ndarray, penalty: float) -> float:
    """Mean cross-entropy in nats, plus penalty / 2 times the sum of the squared weights."""
    right = probabilities(W, X)[np.arange(len(y)), y]
    return -np.log(right + 1e-300).mean() + penalty / 2 * (W**2).sum()


def slope(W: np.ndarray, X: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """The gradient of ``loss`` by W: (D, K)."""
    return X.T @ (probabilities(W, X) - np.eye(W.shape[1])[y]) / len(y) + penalty * W


def batch_slope(
    X: np.ndarray, y: np.ndarray, penalty: float, size: int = 64, seed: int = 0
) -> Callable[[np.ndarray], np.ndarray]:
    """A function of W: the slope on ``size`` examples, drawn with replacement afresh at each call."""
    rng = np.random.default_rng(seed)

    def draw_and_measure(W: np.ndarray) -> np.ndarray:
        batch = rng.integers(len(X), size=size)
        return slope(W, X[batch], y[batch], penalty)

    return draw_and_measure
