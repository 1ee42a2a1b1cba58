"""Pictures: take data and an optional Axes, draw, return the Axes, never touch the model.

Colours are Okabe and Ito's (2008) set, told apart with any common colour-vision deficiency; sequential
maps are viridis, which also reads in grey.  Importing this module sets the style once: 100 dpi, type
that reads from the back row, and a font with Chinese glyphs behind the default one if there is one.
"""

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
CJK_FONTS = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "WenQuanYi Micro Hei",
    "SimHei",
    "Noto Sans SC",
)


def cjk_font() -> str | None:
    """Name of the first installed font known to hold Chinese glyphs, or None."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return next((name for name in CJK_FONTS if name in installed), None)


def use_course_style() -> None:
    """Set matplotlib's defaults for the course; done once when a plotting helper is first imported."""
    fonts = ["DejaVu Sans"] + ([cjk_font()] if cjk_font() else [])
    plt.rcParams.update(
        {
            "figure.dpi": 100,
            "savefig.dpi": 100,
            "figure.figsize": (6.4, 3.8),
            "figure.constrained_layout.use": True,
            "font.family": fonts,
            "font.size": 12,
            "axes.titlesize": 13,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": plt.cycler(color=PALETTE),
            "axes.grid": False,
            "lines.linewidth": 2,
            "image.cmap": "viridis",
            "legend.frameon": False,
        }
    )


use_course_style()


def _axes(ax: Axes | None, **options: Any) -> Axes:
    return ax if ax is not None else plt.subplots(**options)[1]


def show_images(
    images: Any, titles: Sequence[str] | None = None, *, ncols: int = 8, size: float = 1.1, vmax: float = 1.0
) -> np.ndarray:
    """Draw images (N, H, W) or (N, 1 or 3, H, W), values 0 to ``vmax``, in a grid; returns the Axes (N,).

    Values beyond that range are drawn as its nearer end.

    ``titles`` holds one text an image.  ``size`` is the side of one image in inches.  Raises ValueError
    for another shape, no images, or a number of titles that is not N.
    """
    images = np.asarray(images)
    if images.ndim == 4 and images.shape[1] in (1, 3):
        colour = images.shape[1] == 3  # matplotlib scales grey pictures only
        images = np.clip(images.transpose(0, 2, 3, 1) / vmax, 0, 1) if colour else images[:, 0]
    elif images.ndim != 3:
        raise ValueError(f"images have shape {images.shape}; expected (N, H, W) or (N, 1 or 3, H, W)")
    n = len(images)
    if n == 0:
        raise ValueError("no images to show")
    if titles is not None and len(titles) != n:
        raise ValueError(f"{len(titles)} titles for {n} images")
    ncols = min(ncols, n)
    nrows = -(-n // ncols)
    title_lines = 0 if titles is None else 1 + max(str(title).count("\n") for title in titles)
    height = nrows * (size + 0.22 * title_lines)
    _, grid = plt.subplots(nrows, ncols, figsize=(ncols * size, height), squeeze=False)
    for ax in grid.flat:
        ax.set_axis_off()
    for i, (ax, image) in enumerate(zip(grid.flat, images, strict=False)):
        ax.imshow(image, cmap="gray", vmin=0, vmax=vmax)
        if titles is not None:
            ax.set_title(titles[i], fontsize=10)
    return grid.flat[:n]


def plot_history(history: list[dict], *, keys: Sequence[str] = ("loss", "val_loss"), ax: Axes | None = None):
    """Draw the named columns of ``Run.history`` against the epoch; returns the Axes.

    Raises ValueError for an empty history or a key that no row holds.
    """
    if not history:
        raise ValueError("the history is empty: train for at least one epoch first")
    columns = list(dict.fromkeys(key for row in history for key in row))
    for key in keys:
        if key not in columns:
            raise ValueError(f"history has no {key!r}; it has {', '.join(columns)}")
    ax = _axes(ax)
    for key, marker in zip(keys, cycle("os^vD*")):
        rows = [row for row in history if key in row]
        ax.plot([row["epoch"] for row in rows], [row[key] for row in rows], marker=marker, label=key)
    ax.set_xlabel("epoch")
    ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    ax.legend()
    return ax


def plot_confusion(matrix: Any, names: Sequence[str], *, ax: Axes | None = None) -> Axes:
    """Draw a confusion matrix of counts (C, C), rows true, columns predicted; returns the Axes.

    Colour is the share of the row, so rare classes are read like common ones; the diagonal is left
    uncoloured, so that what is seen is the mistakes.  Raises ValueError if shape and names disagree.
    """
    matrix = np.asarray(matrix)
    if matrix.shape != (len(names), len(names)) or not len(names):
        raise ValueError(f"matrix {matrix.shape} and {len(names)} names do not fit: (C, C) and C are needed")
    share = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    side = max(4.2, 0.52 * len(names))
    ax = _axes(ax, figsize=(side + 0.6, side))
    mistakes = np.where(np.eye(len(names), dtype=bool), 0, share)
    ax.imshow(mistakes, cmap="Blues", vmin=0, vmax=max(0.25, mistakes.max() * 1.4))
    for i, j in np.ndindex(*matrix.shape):
        if matrix[i, j]:
            ax.text(
                j, i, matrix[i, j], ha="center", va="center", fontsize=10, weight="bold" if i == j else None
            )
    ax.set_xticks(range(len(names)), names, rotation=45 if max(map(len, names)) > 2 else 0, ha="center")
    ax.set_yticks(range(len(names)), names)
    ax.set_xlabel("predicted")
    ax.set_ylabel("true")
    return ax


def plot_curve(x: Any, y: Any, *, label: str | None = None, ax: Axes | None = None, **labels: str) -> Axes:
    """Draw one line y (N,) against x (N,), with ``xlabel=``, ``ylabel=``, ``title=``; returns the Axes.

    Raises ValueError for other shapes.
    """
    if np.ndim(x) != 1 or np.shape(x) != np.shape(y):
        raise ValueError(f"x {np.shape(x)} and y {np.shape(y)} do not fit: both must be (N,)")
    ax = _axes(ax)
    ax.plot(x, y, label=label)
    ax.set(**labels)
    if label is not None:
        ax.legend()
    return ax
