"""For section 4.2e: a small folder of photographs as a reader's own would be, one sub-folder a class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from torch import Tensor

from helpers.chapters import lite0

TURNED = 6  # Exif: "turn by a quarter clockwise before you look", as telephones write it for portraits
ORIENTATION = 0x0112


def _saved(pixels: np.ndarray, path: Path, *, turned: bool = False) -> None:
    """Write uint8 pixels as JPEG or PNG; ``turned`` as a camera held upright does: lying, with a note."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image, exif = Image.fromarray(pixels), Image.Exif()
    if turned:
        image = image.transpose(Image.Transpose.ROTATE_90)
        exif[ORIENTATION] = TURNED
    image.save(path, exif=exif, **({} if path.suffix == ".png" else {"quality": 90}))


def small_album(folder: str | Path) -> Path:
    """Write 48 pictures, twelve of each of four kinds, into sub-folders of ``folder``; returns the folder.

    Brick, grass and gravel are windows of scikit-image's photographs, next to each other, of several sizes;
    faces are the first twelve of its small grey ones, enlarged. Every third file was "taken upright": its
    pixels lie on their side, and a note in the file says so. One is a PNG, the others are JPEGs.
    """
    from skimage import data

    folder = Path(folder)
    for name, photo in (("brick", data.brick()), ("grass", data.grass()), ("gravel", data.gravel())):
        for n in range(12):  # twelve of sixteen fields of 128 pixels; `new_photographs` takes from the rest
            top, left = 128 * (n // 4), 128 * (n % 4)
            window = photo[top : top + 128 - 4 * (n % 5), left : left + 128 - 6 * (n % 4)]
            path = folder / name / f"{name}_{n + 1:02}{'.png' if n == 5 else '.jpg'}"
            _saved(np.stack([window] * 3, axis=-1), path, turned=n % 3 == 0)
    for n, face in enumerate(data.lfw_subset()[:12]):
        grey = Image.fromarray((255 * face).round().astype(np.uint8)).resize((100 + 5 * n, 110 + 5 * n))
        pixels = np.stack([np.asarray(grey)] * 3, axis=-1)
        _saved(pixels, folder / "face" / f"face_{n + 1:02}.jpg", turned=n % 3 == 0)
    return folder


def new_photographs(folder: str | Path) -> list[Path]:
    """Write four photographs that the album does not hold; returns their paths.

    Grass and gravel from the part that the album leaves out, the face of scikit-image's astronaut in colour,
    taken upright, and a cup of coffee, which is none of the four kinds.
    """
    from skimage import data

    folder = Path(folder)
    pictures = {
        "a_lawn.jpg": np.stack([data.grass()[384:, :200]] * 3, axis=-1),
        "a_path.jpg": np.stack([data.gravel()[390:, 250:]] * 3, axis=-1),
        "a_person.jpg": data.astronaut()[20:220, 140:300],
        "a_cup.jpg": data.coffee()[:, 80:520],
    }
    for name, pixels in pictures.items():
        _saved(np.ascontiguousarray(pixels), folder / name, turned=name == "a_person.jpg")
    return [folder / name for name in pictures]


def prepared(path: str | Path) -> Tensor:
    """A picture file as the network takes it, (1, 3, 224, 224): upright, cut and scaled, as in 4.2e."""
    with Image.open(path) as image:
        photo = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    return lite0.normal(lite0.square(photo)[None])
