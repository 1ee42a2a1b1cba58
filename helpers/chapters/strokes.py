"""Lines of a pen, for what is drawn stroke by stroke: other people's digits, an invented script."""

import numpy as np


def smooth_line(points: np.ndarray, steps: int = 60) -> np.ndarray:
    """A line through the points (K, 2), smooth except where a point stands twice: (about K * steps, 2)."""
    twice = np.flatnonzero((points[1:] == points[:-1]).all(axis=1)) + 1
    t = np.linspace(0, 1, steps)[:, None]
    pieces = []
    for part in np.split(points, twice):
        around = np.concatenate([2 * part[:1] - part[1:2], part, 2 * part[-1:] - part[-2:-1]])
        for a, b, c, d in zip(around, around[1:], around[2:], around[3:], strict=False):
            bend = t * (2 * a - 5 * b + 4 * c - d + t * (3 * b - a - 3 * c + d))
            pieces.append(b + t * (c - a + bend) / 2)  # Catmull and Rom, 1974
    return np.concatenate(pieces)
