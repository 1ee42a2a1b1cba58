"""For section 2.1: a photograph as points, matrices as tables of numbers and as moves of the plane."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from skimage import data

from helpers.plotting import PALETTE, draw_grid

DISTORTION = np.array([[1.0, 1.0], [-0.5, 0.5]])  # what 2.1b finds out
CELL = 0.5  # inches, width and height of one number
GAP = 0.5  # inches between two grids, where the sign stands


def upright_cat() -> tuple[np.ndarray, np.ndarray]:
    """A photograph of a cat as points: places (2, N), one column per pixel, and colours (N, 3).

    Places are counted from the middle of the picture, to the right and upwards. Colours are red, green and
    blue from 0 to 1. The photograph is Chelsea by Stéfan van der Walt (CC0), from scikit-image; every fifth
    row and column of it.
    """
    picture = data.chelsea()[::5, ::5] / 255
    height, width, _ = picture.shape
    x, y = np.meshgrid(np.arange(width) - width // 2, height // 2 - np.arange(height))
    return np.stack([x.ravel(), y.ravel()]), picture.reshape(-1, 3)


def distorted_cat() -> tuple[np.ndarray, np.ndarray]:
    """The cat of `upright_cat`, moved by a matrix: places (2, N) and colours (N, 3)."""
    places, colours = upright_cat()
    return DISTORTION @ places, colours


def show_pixels(
    pictures: Mapping[str, Any], colours: Any, *, marks: Sequence[Any] = (), width: float = 9.0
) -> np.ndarray:
    """Draw sets of points (2, N) beside each other, each with its title, in the same colours (N, 3).

    ``marks`` has for each of the first pictures points (2, K) to be ringed. ``width`` is in inches. Returns
    the Axes, which have equal limits.
    """
    across, up = (max(abs(points[axis]).max() for points in pictures.values()) * 1.06 + 1 for axis in (0, 1))
    panel = width / len(pictures)
    size = 72 * panel / (2 * across) * 1.4  # of a pixel, in printer's points; a little more against gaps
    axes = plt.subplots(1, len(pictures), figsize=(width, panel * up / across + 0.4), squeeze=False)[1][0]
    for place, (ax, (title, points)) in enumerate(zip(axes, pictures.items(), strict=True)):
        ax.scatter(*points, c=colours, s=size**2, marker="s", linewidths=0)
        if place < len(marks):
            ax.scatter(*marks[place], s=160, facecolors="none", edgecolors=PALETTE[5], linewidths=3)
        ax.set(aspect="equal", xlim=(-across, across), ylim=(-up, up), title=title)
        ax.set_axis_off()
    return axes


def draw_equation(*parts: Any, windows: Sequence[tuple[int, int, int, int] | None] = ()) -> plt.Axes:
    """Draw matrices and the signs between them, `draw_equation(A, "·", B, "=", A @ B)`; returns an Axes.

    ``windows`` has for each of the first matrices what ``draw_grid`` outlines: (top row, left column,
    height, width), or None.
    """
    grids = [np.atleast_2d(np.asarray(part, dtype=float)) for part in parts if not isinstance(part, str)]
    highest = max(len(grid) for grid in grids) * CELL
    size = sum(grid.shape[1] for grid in grids) * CELL + GAP * (len(grids) + 1), highest + 0.2
    figure = plt.figure(figsize=size, layout="none")  # each grid has its exact place
    left, place, ax = GAP / 2, 0, None
    for part in parts:
        if isinstance(part, str):
            figure.text((left + GAP / 2) / size[0], 0.5, part, ha="center", va="center", fontsize=18)
            left += GAP
            continue
        grid = grids[place]
        across, down = grid.shape[1] * CELL, grid.shape[0] * CELL
        inches = left, (size[1] - down) / 2, across, down
        ax = figure.add_axes(tuple(np.divide(inches, size * 2)))
        draw_grid(grid, window=windows[place] if place < len(windows) else None, shade=False, ax=ax)
        left, place = left + across, place + 1
    return ax


def draw_plane(pictures: Mapping[str, Any], vector: Any = None) -> np.ndarray:
    """Draw what matrices (2, 2) make of a square grid, the unit circle and the two unit vectors.

    ``pictures`` maps a title to a matrix. Orange is where (1, 0) goes, the first column; green is where
    (0, 1) goes, the second. ``vector`` (2,) is drawn black, moved like all the rest. Returns the Axes.
    """
    matrices = [np.asarray(A, dtype=float) for A in pictures.values()]
    angles = np.linspace(0, 2 * np.pi, 121)
    circle = np.stack([np.cos(angles), np.sin(angles)])
    limit = max(2.2, max(abs(A @ circle).max() for A in matrices) + 0.3)
    grid = [np.array([[t, t], [-9, 9]]) for t in range(-9, 10)]
    figure_size = (3.1 * len(matrices), 3.4)
    axes = plt.subplots(1, len(matrices), figsize=figure_size, squeeze=False)[1][0]
    for ax, title, A in zip(axes, pictures, matrices, strict=True):
        for line in grid + [line[::-1] for line in grid]:
            ax.plot(*(A @ line), color="0.85", linewidth=1)
        ax.plot(*(A @ circle), color=PALETTE[0])
        arrows = [(A[:, 0], PALETTE[1]), (A[:, 1], PALETTE[2])]
        for tip, colour in arrows + ([] if vector is None else [(A @ vector, PALETTE[6])]):
            line = {"arrowstyle": "-|>", "color": colour, "linewidth": 2.5, "shrinkA": 0, "shrinkB": 0}
            ax.annotate("", tip, (0, 0), arrowprops=line)
        ax.set(aspect="equal", xlim=(-limit, limit), ylim=(-limit, limit), title=title)
    return axes


def show_photographs(pictures: Mapping[str, Any]) -> np.ndarray:
    """Draw grey photographs (H, W) in pairs, all of one size and from 0 (black) to 255, each with its title.

    Returns the Axes.
    """
    height, across = np.shape(next(iter(pictures.values())))
    nrows = -(-len(pictures) // 2)
    size = 7, nrows * (3.5 * height / across + 0.3)  # inches
    axes = plt.subplots(nrows, 2, figsize=size, squeeze=False)[1].ravel()
    for ax in axes:
        ax.set_axis_off()
    for ax, (title, picture) in zip(axes, pictures.items(), strict=False):
        ax.imshow(picture, cmap="gray", vmin=0, vmax=255)
        ax.set_title(title)
    return axes[: len(pictures)]
