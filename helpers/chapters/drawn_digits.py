"""For section 6.1: small pictures of digits, drawn by a program, without a download.

They are written in the ways of ``handwriting``, with which other sections judge what they have trained:
what is trained on these pictures must not be judged by those.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from helpers.chapters.handwriting import written
from helpers.data import known

SPLITS = {"train": (0, 2_000), "val": (2_000, 2_500), "test": (2_500, 3_500)}  # numbers of digits


def drawn_digits(split: str, n: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Pictures float32 (N, 1, 28, 28) in [0, 1] and labels int64 (N,) of a split: "train", "val" or "test".

    2,000, 500 and 1,000 pictures, each by another hand; all ways of writing occur in all three. With ``n``
    only the first n. Raises ValueError for an unknown split.
    """
    first, behind = known("split of the drawn digits", split, SPLITS)
    pictures, labels = small_digits(first, behind if n is None else min(first + n, behind))
    return pictures / np.float32(255), labels


def small_digits(first: int, behind: int, half: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Digits number ``first`` to ``behind`` - 1 of an endless row, as small pictures in the manner of MNIST.

    Each is another hand's, white on black, about in the middle; all sixty ways of writing occur, or those of
    one ``half``, 0 or 1. -> uint8 (N, 1, 28, 28), labels int64 (N,). Number i is the same whatever is asked
    for with it.
    """
    pictures = np.empty((behind - first, 1, 28, 28), dtype=np.uint8)
    labels = np.empty(behind - first, dtype=np.int64)
    for place, number in enumerate(range(first, behind)):
        dice = np.random.default_rng((28, number))
        labels[place] = digit = int(dice.integers(10))
        either = int(dice.integers(2))
        lines, (low, high) = written(digit, either if half is None else half, dice, steps=12)
        scale = 80 / max(high - low)
        start = (112 - scale * (high - low)) / 2 + dice.uniform(-8, 8, 2)
        width = dice.uniform(6, 15)
        drawing = Image.new("L", (112, 112))  # four times as large, then shrunk: grey edges
        draw = ImageDraw.Draw(drawing)
        for line in lines:
            points = [tuple(point) for point in scale * (line - low) + start]
            draw.line(points, fill=255, width=round(width), joint="curve")
            for x, y in (points[0], points[-1]):
                draw.ellipse([x - width / 2, y - width / 2, x + width / 2, y + width / 2], fill=255)
        pictures[place, 0] = np.asarray(drawing.resize((28, 28), Image.Resampling.BOX))
    return pictures, labels
