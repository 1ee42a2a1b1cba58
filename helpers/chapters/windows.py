"""For sections 3.2 and 6.1: drawings of windows, the pixels that a network sees, cut photographs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib import pyplot as plt
from torch.nn import functional as F

from helpers.plotting import draw_grid

CELL = (0.56, 0.46)  # inches, width and height of one number
GAP = 0.6  # inches between two grids


def draw_grids(
    grids: Sequence[Any], titles: Sequence[str], *, windows: Sequence[tuple[int, int, int, int] | None] = ()
) -> np.ndarray:
    """Draw matrices (H, W) with their numbers beside each other, all cells alike; returns the Axes.

    ``titles`` has one text for each; ``windows`` has for each of the first grids what ``draw_grid`` outlines:
    (top row, left column, height, width), or None. Raises ValueError if there are more or fewer titles.
    """
    grids = [np.asarray(grid, dtype=float) for grid in grids]
    if len(titles) != len(grids):
        raise ValueError(f"{len(titles)} titles for {len(grids)} grids: one title each")
    widths = [
        max(grid.shape[1] * CELL[0], 0.11 * len(title)) for grid, title in zip(grids, titles, strict=True)
    ]
    highest = max(len(grid) for grid in grids) * CELL[1]
    size = sum(widths) + GAP * len(grids), highest + 0.5
    figure = plt.figure(figsize=size, layout="none")  # each grid has its exact place, so that cells are alike
    axes, left = [], GAP / 2
    for place, (grid, title, width) in enumerate(zip(grids, titles, widths, strict=True)):
        across, down = grid.shape[1] * CELL[0], grid.shape[0] * CELL[1]
        inches = left + (width - across) / 2, highest + 0.1 - down, across, down
        ax = figure.add_axes(tuple(np.divide(inches, size * 2)))
        draw_grid(grid, window=windows[place] if place < len(windows) else None, ax=ax)
        ax.set_title(title)
        axes.append(ax)
        left += width + GAP
    return np.array(axes)


def draw_window(x: Any, k: Any, place: int = 1, padding: int = 0, stride: int = 1) -> np.ndarray:
    """Draw picture x (H, W) with the window at one place, kernel k (a, b), and the sums up to there.

    ``place`` counts from 1, row by row; one behind the last means the last. Returns the three Axes. Raises
    ValueError where the kernel does not fit into the padded picture.
    """
    padded, k = np.pad(np.asarray(x, dtype=float), padding), np.asarray(k, dtype=float)
    if min(np.subtract(padded.shape, k.shape)) < 0:
        raise ValueError(
            f"a kernel of {k.shape} does not fit into a picture of {padded.shape}, padding included"
        )
    windows = np.lib.stride_tricks.sliding_window_view(padded, k.shape)[::stride, ::stride]
    sums = (windows * k).sum(axis=(2, 3))
    place = min(max(place, 1), sums.size)
    row, column = divmod(place - 1, sums.shape[1])
    begun = np.where(np.arange(sums.size) < place, sums.ravel(), np.nan).reshape(sums.shape)
    outlines = (row * stride, column * stride, *k.shape), None, (row, column, 1, 1)
    height, width = sums.shape
    titles = "picture with padding" if padding else "picture x", "kernel k", f"sums z, {height} × {width}"
    return draw_grids([padded, k, begun], titles, windows=outlines)


def cut_windows(
    photographs: np.ndarray, rows: tuple[int, int], count: int, seed: int, side: int = 28
) -> tuple[np.ndarray, np.ndarray]:
    """Cut ``count`` windows out of each photograph at random places -> X (N, 1, side, side), y int64 (N,).

    ``photographs`` (C, H, W) gives one class each, y is its number. The windows lie in the rows
    rows[0] to rows[1] - 1. Raises ValueError where no window fits.
    """
    first, behind = rows
    classes, height, width = photographs.shape
    if not 0 <= first <= behind - side <= height - side or width < side:
        raise ValueError(
            f"no window of {side} fits into the rows {first} to {behind} of {height} × {width} pixels"
        )
    rng = np.random.default_rng(seed)
    y = np.arange(classes).repeat(count)
    tops, lefts = rng.integers(first, behind - side + 1, len(y)), rng.integers(0, width - side + 1, len(y))
    places = zip(y, tops, lefts, strict=True)
    return np.stack([photographs[c, i : i + side, j : j + side] for c, i, j in places])[:, None], y


def two_discs(photographs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first of three photographs with a disc of the second and one of the third -> picture, kind (H, W).

    ``photographs`` is (3, H, W); one disc lies in the left half, one in the right. kind says from which of
    the three, 0, 1 or 2, each pixel comes. Raises ValueError for another shape.
    """
    if np.ndim(photographs) != 3 or len(photographs) != 3:
        raise ValueError(f"photographs have shape {np.shape(photographs)}; expected (3, H, W)")
    height, width = photographs.shape[1:]
    i, j = np.indices((height, width))
    kind = np.zeros((height, width), dtype=int)
    for number, across in (1, 0.27), (2, 0.73):
        kind[np.hypot(i - height / 2, j - across * width) < 0.39 * height] = number
    return np.choose(kind, photographs), kind


def enlarged(maps: torch.Tensor, side: int = 112) -> torch.Tensor:
    """Maps (N, H, W), each number repeated so that all are drawn in one size: (N, side, side)."""
    return F.interpolate(maps[:, None], side)[:, 0]


def seen_pixels(layers: Sequence[tuple[int, int]], side: int = 41) -> np.ndarray:
    """Slope of one number in the middle behind the layers along each pixel of a picture -> (side, side).

    ``layers`` holds (kernel, stride), the first layer first; each takes the mean of its window. The slope is
    0 along pixels that the number does not see.
    """
    h = pixels = torch.zeros(1, 1, side, side, requires_grad=True)
    for kernel, stride in layers:
        h = F.avg_pool2d(h, kernel, stride=stride)
    h[0, 0, h.shape[2] // 2, h.shape[3] // 2].backward()
    return pixels.grad[0, 0].numpy()
