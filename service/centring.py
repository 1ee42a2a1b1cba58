"""Where ink lies on a picture: the same for the digits that train a model and for what the service is sent.

NumPy and Pillow only, since the service has no torch.
"""

import numpy as np
from PIL import Image


def centred(ink: np.ndarray, height: int = 28, width: int = 28) -> np.ndarray:
    """Ink (H, W) in 0 … 1 -> (height, width): cut to the ink, scaled to leave a margin, centred by mass.

    The margin is a seventh of the side, as in MNIST: 4 of 28 pixels. No ink: all zeros.
    """
    rows, columns = (np.flatnonzero(ink.max(axis=axis) > 0.1) for axis in (1, 0))
    out = np.zeros((height, width), dtype=np.float32)
    if not len(rows):
        return out
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = round(min(height, width) * 5 / 7) / max(cut.shape)
    tall, wide = (max(1, round(length * scale)) for length in cut.shape)
    small = Image.fromarray(cut.astype(np.float32)).resize((wide, tall), Image.Resampling.BICUBIC)
    small = np.asarray(small).clip(0, 1)
    mass = small.sum() or 1.0
    middle = [(small.sum(axis=1 - axis) * np.arange(small.shape[axis])).sum() / mass for axis in (0, 1)]
    top = int(np.clip(round((height - 1) / 2 - middle[0]), 0, height - tall))
    left = int(np.clip(round((width - 1) / 2 - middle[1]), 0, width - wide))
    out[top : top + tall, left : left + wide] = small
    return out
