"""Whether two pictures show the same: shrunk and in grey, so that fonts and antialiasing do not matter.

Both are laid on white, brought to SIDE x SIDE grey values from 0 to 1, and each value is held against the
neighbourhood (3 x 3) of the same place in the other picture. What lies outside of it counts. The bounds were
set by measuring; docs/checking.md has the table.
"""

import base64
import binascii
import io

import numpy as np

SIDE = 96
MEAN, LARGEST = 0.0025, 0.40  # of the differences, as shares of black to white
ASPECT = 0.05  # how far the ratio of width to height may be off: labels of another font need another width


def picture_differences(expected: str, got: str, mean: float | None = None) -> list[str]:
    """Where two pictures (PNG or JPEG, base64) differ: a list of sentences, empty if they show the same.

    `mean` is for pictures of what a training found, whose lines are elsewhere on another machine: these may
    differ by so much on average, and anywhere by anything.
    """
    most_mean, most = (MEAN, LARGEST) if mean is None else (mean, 1.0)
    shapes, values = [], []
    for name, picture in (("the stored", expected), ("the new", got)):
        try:
            size, grey = _small(picture)
        except (OSError, ValueError, SyntaxError, binascii.Error) as error:
            return [f"{name} picture cannot be read: {error}"]
        shapes.append(size)
        values.append(grey)
    (width, height), (new_width, new_height) = shapes
    if abs(new_width * height / (new_height * width) - 1) > ASPECT:
        return [f"expected a picture of {width} x {height}, got {new_width} x {new_height}"]
    found = _apart(*values)
    mean, largest = found.mean(), found.max()
    if mean <= most_mean and largest <= most:
        return []
    row, column = np.unravel_index(found.argmax(), found.shape)
    place = f"{round(100 * column / SIDE)} % from the left, {round(100 * row / SIDE)} % from the top"
    return [
        f"the pictures differ by {mean:.4f} (at most {MEAN}), at most by {largest:.2f} ({LARGEST}), {place}"
    ]


def _small(picture: str) -> tuple[tuple[int, int], np.ndarray]:
    """Size of a picture, and its grey values (SIDE, SIDE) from 0, black, to 1."""
    from PIL import Image  # slow to import

    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        image = image.convert("RGBA")
    ground = Image.new("RGBA", image.size, "white")
    ground.alpha_composite(image)
    small = ground.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    return image.size, np.asarray(small, dtype=float) / 255


def _apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How far each value lies outside of the neighbourhood in the other picture, the larger of both ways."""
    return np.maximum(_outside(a, b), _outside(b, a))


def _outside(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    around = np.lib.stride_tricks.sliding_window_view(np.pad(b, 1, mode="edge"), (3, 3))
    return np.maximum(np.maximum(around.min((2, 3)) - a, a - around.max((2, 3))), 0)
