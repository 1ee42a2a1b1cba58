"""Digits as other people write them, drawn stroke by stroke and photographed: to test a model with.

Each digit has six ways of writing it. The even ones are for choosing between models, the odd ones for the
last figure: what was tuned on the first half has not seen the second.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from helpers.chapters.strokes import smooth_line

# The strokes in a box of 100 × 100, y downwards, a slash between two: points that a smooth line goes
# through. A point that stands twice is a corner.
WAYS = {
    0: (
        "50,0 20,20 15,55 30,95 55,100 80,75 82,35 65,5 48,0",
        "62,4 35,2 20,35 22,80 42,100 62,85 72,50 66,12 50,8",
        "55,5 15,15 2,50 15,88 50,100 88,85 98,50 85,15 62,2",
        "40,12 24,30 20,65 35,97 60,95 78,65 76,25 58,0 36,10 34,30",
        "50,0 33,25 30,70 45,100 60,95 68,55 62,10 50,0",
        "70,10 40,5 10,40 15,85 45,100 80,85 95,45 75,12 50,18",
    ),
    1: (
        "50,0 50,100",
        "60,0 42,100",
        "30,25 55,0 55,0 53,100",
        "35,20 55,0 55,0 54,100 / 25,100 82,99",
        "55,0 50,45 52,100 / 28,99 78,100",
        "22,38 60,0 60,0 52,100",
    ),
    2: (
        "15,25 30,3 65,2 78,28 60,60 12,100 12,100 88,98",
        "20,20 45,0 75,15 72,45 40,85 20,100 12,88 30,82 60,96 90,92",
        "20,12 55,0 75,20 62,55 30,88 12,95 15,80 42,85 70,100 90,90",
        "10,10 45,0 70,12 66,40 20,98 20,98 55,92 85,100",
        "28,30 22,12 45,0 70,12 70,38 45,72 20,98 20,98 80,100",
        "10,30 25,5 60,2 80,25 70,50 35,80 5,96 5,96 50,94 100,100",
    ),
    3: (
        "20,12 45,0 72,12 66,38 40,47 40,47 72,58 78,82 50,100 18,90",
        "15,3 75,0 75,0 42,38 42,38 72,50 76,80 48,100 15,92",
        "18,15 40,0 65,12 60,35 38,45 33,40 45,42 75,62 70,90 40,100 12,85",
        "25,10 50,0 68,12 58,33 42,40 42,40 80,50 85,82 50,100 10,88",
        "12,6 60,3 75,20 52,45 52,45 75,62 65,92 20,100",
        "25,20 42,2 72,8 72,30 48,50 48,50 70,62 66,88 40,100 20,95",
    ),
    4: (
        "25,0 15,55 15,55 85,55 / 68,10 62,100",
        "62,0 8,65 8,65 92,65 / 62,0 62,100",
        "20,5 18,40 35,55 70,48 / 75,0 70,50 65,100",
        "55,5 10,55 10,55 80,52 / 75,20 62,100",
        "55,100 60,0 60,0 12,68 12,68 90,66",
        "30,0 12,48 12,48 78,45 / 72,0 48,100",
    ),
    5: (
        "28,2 25,42 25,42 55,38 78,60 70,90 40,100 15,90 / 28,2 80,0",
        "82,2 30,3 30,3 22,40 22,40 60,42 76,70 55,98 15,95",
        "78,2 38,8 25,28 40,42 68,58 70,85 45,100 18,95",
        "30,8 30,45 30,45 65,45 75,75 50,100 20,93 / 36,4 90,0",
        "70,0 32,0 32,0 30,50 30,50 55,47 70,65 62,90 28,100",
        "35,5 18,50 18,50 50,42 72,55 68,85 35,100 8,88 / 35,5 95,8",
    ),
    6: (
        "68,0 35,25 18,65 30,95 60,100 78,78 62,55 35,60 22,78",
        "45,0 25,50 25,88 48,100 70,88 66,65 42,60 27,75",
        "75,8 50,2 20,40 18,80 45,100 75,85 72,60 42,52 20,68",
        "60,0 32,40 20,80 40,100 62,85 60,68 40,70 28,90",
        "40,0 22,35 15,72 38,100 72,90 75,65 48,52 25,62",
        "85,5 45,20 15,60 25,95 60,98 72,75 50,58 18,75",
    ),
    7: (
        "12,3 82,0 82,0 40,100",
        "15,2 82,3 82,3 45,55 38,100 / 30,52 78,48",
        "10,18 14,2 14,2 80,4 80,4 50,45 42,100",
        "18,5 50,8 78,2 78,2 60,50 58,100",
        "10,6 40,0 85,5 85,5 50,60 30,100 / 32,45 80,50",
        "12,20 12,5 45,6 75,0 75,0 45,50 30,100",
    ),
    8: (
        "70,10 40,0 25,20 45,42 72,65 65,95 35,98 25,75 50,45 72,22 66,8",
        "50,0 28,12 30,35 50,45 72,33 70,10 50,0 / 50,45 22,62 25,90 50,100 76,90 78,62 50,45",
        "75,5 42,2 28,25 50,45 66,70 50,100 30,85 40,60 60,40 78,12",
        "60,5 38,5 35,28 52,42 78,65 70,95 35,100 20,75 50,42 65,25 58,4",
        "50,0 25,15 35,40 62,55 70,82 45,100 22,85 35,58 65,38 72,12 48,0",
        "55,3 38,10 40,38 58,38 68,15 52,2 / 45,40 22,65 28,98 55,98 66,70 50,42",
    ),
    9: (
        "72,12 45,0 22,20 30,45 55,45 72,15 72,15 70,100",
        "70,20 50,0 25,15 28,42 52,48 70,25 70,25 65,75 50,100",
        "75,10 40,2 20,28 42,52 70,30 75,12 75,12 72,75 50,100 20,92",
        "65,12 42,3 30,20 40,36 60,30 66,8 66,8 58,100",
        "70,15 50,2 18,22 28,50 60,45 78,8 78,8 50,100",
        "68,18 50,0 22,20 40,48 68,30 72,20 66,70 40,98 15,90",
    ),
}

# Widths as shares of the digit's longer side, and the ink's colour.
PENS = {
    "pencil": (0.04, 0.07, (95, 95, 100)),
    "ballpoint": (0.04, 0.08, (30, 45, 130)),
    "felt pen": (0.07, 0.12, (20, 20, 25)),
    "marker": (0.10, 0.17, (15, 15, 20)),
}
PAPERS = ((255, 255, 255), (247, 244, 232), (226, 230, 238), (238, 238, 238))
HALVES = ("choose", "final")


def handwritten(
    count: int, seed: int = 0, half: str = "choose", on: str = "paper"
) -> tuple[list[bytes], np.ndarray]:
    """``count`` digits, each by another hand, as files, and their labels int64 (N,): as many of each digit.

    half   "choose" or "final": which half of the ways of writing them
    on     "paper": JPEG, dark on light, sides of 160 to 400 pixels; "screen": what the service's page sends,
           a PNG of 280 × 280, black on nothing, with the thick pen of the page
    """
    if half not in HALVES or on not in ("paper", "screen"):
        raise ValueError(f'half is {half!r}, on is {on!r}: "choose" or "final", "paper" or "screen"')
    dice = np.random.default_rng((seed, HALVES.index(half)))
    labels = np.arange(count) % 10
    dice.shuffle(labels)
    draw = _on_paper if on == "paper" else _on_screen
    return [draw(digit, HALVES.index(half), dice) for digit in labels], labels


def written(
    digit: int, half: int, dice: np.random.Generator, steps: int = 60
) -> tuple[list[np.ndarray], np.ndarray]:
    """The strokes of one digit by one hand, each (K, 2), about 1 high, and the box (2, 2) that holds them.

    ``half`` is 0 or 1: the ways for choosing, or those for the last figure. ``steps`` from point to point.
    """
    ways = WAYS[digit][half::2]
    strokes = [stroke.split() for stroke in ways[dice.integers(len(ways))].split(" / ")]
    # One hand bends all strokes alike: slow waves over the whole digit.
    waves = [
        (dice.normal(0, 0.045, 2), dice.uniform(0.5, 1.8, 2) * np.pi, dice.uniform(0, 2 * np.pi))
        for _ in range(3)
    ]
    wide = np.exp(dice.normal(-0.2, 0.15))
    slant, turn = dice.normal(0.15, 0.2), dice.normal(0, 0.08)
    turned = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    lines = []
    for stroke in strokes:
        # Each point is a little off, but one that stands twice stays one.
        off = {point: dice.normal(0, 0.03, 2) for point in dict.fromkeys(stroke)}
        points = np.array([np.array(point.split(","), float) / 100 + off[point] for point in stroke])
        line = smooth_line(points, steps) + dice.normal(0, 0.015, 2)
        line = line + sum(np.sin(line @ rate + phase)[:, None] * push for push, rate, phase in waves)
        x, y = line.T
        lines.append(np.stack([wide * (x - slant * y), y], axis=1) @ turned)
    points = np.concatenate(lines)
    return lines, np.stack([points.min(axis=0), points.max(axis=0)])


def _on_paper(digit: int, half: int, dice: np.random.Generator) -> bytes:
    """A JPEG of one digit: some pen, some paper, light from one side, a lens not quite in focus."""
    lines, (low, high) = written(digit, half, dice)
    side = int(dice.integers(160, 400))
    scale = side * dice.uniform(0.45, 0.8) / max(high - low)
    room = side * 0.9 - scale * (high - low)
    start = side * 0.05 + room * dice.uniform(0.2, 0.8, 2)
    thin, thick, ink = list(PENS.values())[dice.integers(len(PENS))]
    width = dice.uniform(thin, thick) * scale * max(high - low)
    sheet = Image.new("RGB", (2 * side, 2 * side), PAPERS[dice.integers(len(PAPERS))])
    draw = ImageDraw.Draw(sheet)
    pressure, phase = dice.uniform(0, 0.3), dice.uniform(0, 6)
    for line in lines:
        for step, (x, y) in enumerate(2 * (scale * (line - low) + start)):
            r = width * (1 + pressure * np.sin(phase + step / 25))
            draw.ellipse([x - r, y - r, x + r, y + r], fill=ink)
    sheet = sheet.resize((side, side), Image.Resampling.BOX).filter(
        ImageFilter.GaussianBlur(dice.uniform(0.2, 1.4))
    )
    place = np.linspace(-0.04, 0.04, side)
    light = 1 + dice.uniform(-1, 1) * place[:, None] + dice.uniform(-1, 1) * place
    noise = dice.normal(0, dice.uniform(0.5, 3), (side, side))
    pixels = np.asarray(sheet, dtype=float) * light[..., None] + noise[..., None]
    file = io.BytesIO()
    sheet = Image.fromarray(np.round(pixels.clip(0, 255)).astype(np.uint8))
    sheet.save(file, "JPEG", quality=int(dice.integers(40, 93)))
    return file.getvalue()


def _on_screen(digit: int, half: int, dice: np.random.Generator) -> bytes:
    """A PNG of one digit as the page of the service draws and sends it."""
    lines, (low, high) = written(digit, half, dice)
    scale = 280 * dice.uniform(0.45, 0.7) / max(high - low)
    start = (280 - scale * (high - low)) * dice.uniform(0.3, 0.7, 2)
    drawing = Image.new("RGBA", (280, 280), (0, 0, 0, 0))
    draw = ImageDraw.Draw(drawing)
    r = 280 / 18  # half of the page's pen
    for line in lines:
        for x, y in scale * (line - low) + start:
            draw.ellipse([x - r, y - r, x + r, y + r], fill=(0, 0, 0, 255))
    file = io.BytesIO()
    drawing.save(file, "PNG")
    return file.getvalue()
