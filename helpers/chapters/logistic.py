"""Logistic regression as 2.3a and 2.3c write it, for the parts after: data, the loss, its slope, batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from helpers.data import load_data

if TYPE_CHECKING:
    import torch


def digit_rows(split: str) -> tuple[np.ndarray, np.ndarray]:
    """The digits of a split: pixels from 0 to 1 and a last column of ones (N, 65), labels (N,)."""
    X, y = load_data("digits", split)
    return np.c_[X.reshape(len(X), -1), np.ones(len(X))], y


def petals() -> tuple[np.ndarray, np.ndarray]:
    """100 irises: length of the petal in cm above the mean, and 1 for virginica, 0 for versicolor (100,)."""
    from sklearn.datasets import load_iris

    iris = load_iris()
    two = iris.target > 0
    return iris.data[two, 2] - iris.data[two, 2].mean(), (iris.target[two] == 2).astype(float)


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


def torch_train(
    make: Callable[[list[torch.Tensor]], torch.optim.Optimizer],
    X: np.ndarray,
    y: np.ndarray,
    penalty: float,
    size: int = 64,
    epochs: int = 20,
) -> tuple[list[float], np.ndarray]:
    """Train with PyTorch's optimiser make([W]), from zeros, on the batches of ``batch_slope`` with seed 0.

    -> the loss on all of X, without the penalty, after each epoch of len(X) // size steps; W (D, K).
    """
    import torch
    from torch.nn import functional as F

    rows, labels, rng = torch.tensor(X), torch.tensor(y), np.random.default_rng(0)
    W = torch.zeros(X.shape[1], int(y.max()) + 1, dtype=torch.float64, requires_grad=True)
    optimiser, per_epoch, losses = make([W]), len(X) // size, []
    for step in range(1, epochs * per_epoch + 1):
        batch = rng.integers(len(X), size=size)
        loss = F.cross_entropy(rows[batch] @ W, labels[batch]) + penalty / 2 * (W**2).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % per_epoch == 0:
            losses.append(F.cross_entropy(rows @ W, labels).item())
    return losses, W.detach().numpy()
