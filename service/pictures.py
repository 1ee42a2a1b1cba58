"""From the bytes of any picture to what the model saw in training. Pillow and NumPy only.

How ink is centred is shared with the training pictures (centring.py). What a file says of
itself is read before anything is decoded: a small file cannot ask for much memory.
"""

import base64
import io

import numpy as np
from PIL import Image, ImageOps

from service.centring import centred
from service.errors import BadInput

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
MAX_PIXELS = 25_000_000  # of one picture; a decoded one takes 4 bytes for each
WORKING_SIDE = 512  # pixels; larger pictures are reduced to this before any arithmetic
DRAWN, FILLING = "light on dark", "light on dark, filling"  # what "ink" may be, or "any"
FAINT = 0.15  # of the strongest ink; less is paper


def open_picture(data: bytes) -> Image.Image:
    """Read the header of a picture: format and size are known and within bounds, nothing is decoded.

    Raises BadInput if this is no picture in one of FORMATS, or has more than MAX_PIXELS.
    """
    if not data:
        raise BadInput("the picture is empty (0 bytes)")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise BadInput(f"the picture has too many pixels: {MAX_PIXELS:,} are allowed") from None
    except Exception:  # hostile headers make the readers fail in every way there is
        raise BadInput(f"not a picture: {len(data):,} bytes that are none of {', '.join(FORMATS)}") from None
    if image.width * image.height > MAX_PIXELS:
        raise BadInput(
            f"the picture has {image.width:,} × {image.height:,} pixels: {MAX_PIXELS:,} are allowed in all"
        )
    return image


def decode(image: Image.Image, channels: int) -> np.ndarray:
    """Upright pixels of the first frame over white: uint8 (H, W), or (H, W, 3) for three channels.

    The longer side is WORKING_SIDE at most. Raises BadInput if the file is cut off or damaged.
    """
    try:
        if image.format == "JPEG":
            image.draft(None, (WORKING_SIDE, WORKING_SIDE))  # decode at 1/2, 1/4 or 1/8 where that is enough
        image.load()
        image = ImageOps.exif_transpose(image)
        image = _eight_bits(image)
        if image.has_transparency_data:
            image = image.convert("RGBA")
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image)
        image = image.convert("L" if channels == 1 else "RGB")
        if max(image.size) > WORKING_SIDE:
            image.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.BOX)
    except Exception as error:  # damaged files make the decoders fail in every way there is
        raise BadInput(f"the {image.format or 'picture'} is cut off or damaged: {error}") from None
    return np.asarray(image)


def _eight_bits(image: Image.Image) -> Image.Image:
    """One channel of 16 or 32 bits, scaled to 0 … 255 (Pillow would clip it); others unchanged."""
    if not image.mode.startswith(("I", "F")):
        return image
    values = np.nan_to_num(np.asarray(image, dtype=np.float64), posinf=0, neginf=0).clip(0)
    top = values.max()
    if image.mode.startswith("I"):
        white = 65_535 if top <= 65_535 else top
    else:
        white = 1 if top <= 1 else 255 if top <= 255 else top
    return Image.fromarray(np.round(values / white * 255).astype(np.uint8))


def for_model(image: Image.Image, expected: dict) -> np.ndarray:
    """What the model shall see: float32 (channels, height, width) in 0 … 1, not yet normalised.

    ``expected`` is "input" of the model's metadata. Where its ink is "light on dark", a drawing becomes that,
    is cut to its ink and centred by mass, as MNIST was made; where it is "light on dark, filling", a
    photograph becomes that, as Fashion-MNIST was made; else the picture is fitted in with a border.
    A picture that has the right size already (and is dark, if the ink is light) is taken as it is.
    Raises BadInput for a damaged file, and for a picture without ink.
    """
    height, width, channels = expected["height"], expected["width"], expected["channels"]
    pixels = decode(image, channels)
    light = expected["ink"] != "any"
    if pixels.shape[:2] == (height, width) and not (light and _background(pixels) > 127):
        values = pixels.astype(np.float32) / 255
    elif expected["ink"] == DRAWN:
        values = centred(ink(pixels.astype(np.float32) / 255), height, width)
    elif light:
        values = filling(pixels, height, width)
    else:
        values = letterboxed(pixels, height, width)
    return values[None] if channels == 1 else np.ascontiguousarray(values.transpose(2, 0, 1))


def _background(pixels: np.ndarray) -> np.ndarray:
    """The median of the values along the border (np.median takes twice as long on so few)."""
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    border.sort(axis=0)  # of even length, so there are two in the middle
    return border[len(border) // 2 - 1 : len(border) // 2 + 1].mean(axis=0)


def ink(grey: np.ndarray) -> np.ndarray:
    """Grey values (H, W) in 0 … 1, dark on light or light on dark -> ink (H, W): paper 0, strongest ink 1.

    Raises BadInput if there is no ink.
    """
    light = grey - _background(grey)
    strength = light if light.max() >= -light.min() else -light
    strongest = strength.max()
    if strongest < 0.1:
        raise BadInput("there is nothing on this picture: draw a digit, or send one that stands out")
    strength = strength / strongest
    return np.where(strength < FAINT, 0, strength).astype(np.float32)


def filling(grey: np.ndarray, height: int, width: int) -> np.ndarray:
    """uint8 (H, W), dark on light or light on dark -> float32 (height, width) in 0 … 1, the ground 0.

    What stands out from the ground is cut out and scaled to fit (Xiao, Rasul and Vollgraf,
    *Fashion-MNIST*, 2017). Raises BadInput if nothing stands out.
    """
    ground = _background(grey)
    away = ground - grey.astype(np.float32) if ground > 127 else grey - np.float32(ground)
    rows, columns = (np.flatnonzero(away.max(axis=axis) > 0.1 * 255) for axis in (1, 0))
    if not len(rows):
        raise BadInput("there is nothing on this picture: send one that stands out from its ground")
    cut = away[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].clip(0, 255)
    return letterboxed(cut.astype(np.uint8), height, width, ground=0)


def letterboxed(pixels: np.ndarray, height: int, width: int, ground: int | None = None) -> np.ndarray:
    """uint8 (H, W) or (H, W, 3) -> float32 (height, width[, 3]) in 0 … 1: scaled to fit, centred.

    What stays free is ``ground``, by default what most of the picture's border is.
    """
    color = np.atleast_1d(_background(pixels) if ground is None else ground)
    color = tuple(np.rint(color).astype(int).tolist())
    fitted = ImageOps.pad(Image.fromarray(pixels), (width, height), Image.Resampling.BICUBIC, color)
    return np.asarray(fitted, dtype=np.float32) / 255


def as_png(values: np.ndarray) -> str:
    """Values (channels, H, W) in 0 … 1 -> a PNG in base64."""
    pixels = np.round(values * 255).astype(np.uint8)
    image = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
    file = io.BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()
