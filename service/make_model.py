"""Train a small ResNet on scikit-learn's digits and export it: the model that ``make serve`` starts with.

    python -m service.make_model [folder]      writes resnet/1 there, by default in build/models

Does nothing if it is there already. What something else has left in build/models stays there, and this
model becomes the version after it, which answers. Needs torch; the service does not.
"""

import argparse
import datetime
import json
import os
import sys
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from helpers import accuracy, batches, fit, predict
from helpers.chapters.resnet import OPSET, ResNet, export_onnx, write_card
from helpers.files import check_writable
from service.digits import digit_pictures
from service.models import FOLDER, NAME

EPOCHS = 60
MADE_BY = "service.make_model (recipe 2)"


def make_model(folder: str | Path, version: int = 1, epochs: int = EPOCHS, seed: int = 0) -> Path:
    """Train, export and describe one version; returns its folder. About 75 seconds of one core.

    Raises OSError, before training, if nothing can be written there.
    """
    home = Path(folder) / NAME / str(version)
    check_writable(home)
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    pictures, labels = digit_pictures("train")
    mean, std = float(pictures.mean()), float(pictures.std(ddof=1))

    def normal(pictures: Tensor) -> Tensor:
        return (pictures - mean) / std

    def augment(pictures: Tensor, generator: torch.Generator) -> Tensor:
        return normal(inked(bent(pictures, generator), generator))

    feed = batches(pictures, labels, batch_size=32, shuffle=True, generator=generator, augment=augment)
    model = ResNet(blocks=(1, 1, 1), widths=(16, 32, 64), channels=1, classes=10)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=epochs * len(feed))
    smoothed = partial(F.cross_entropy, label_smoothing=0.1)
    fit(model, feed, smoothed, optimizer, epochs=epochs, schedule=schedule, device="cpu")
    tests, answers = digit_pictures("test")
    right = accuracy(predict(model, normal(tests)), torch.as_tensor(answers)).item()
    shape = {"height": 28, "width": 28, "channels": 1}
    card = {
        "name": NAME,
        "classes": [str(digit) for digit in range(10)],
        "input": {**shape, "mean": [mean], "std": [std], "ink": "light on dark"},
        "trained_on": "digits of scikit-learn, enlarged to 28 × 28",
        "test_accuracy": round(right, 4),
        "made": datetime.date.today().isoformat(),
        "made_by": MADE_BY,
        "epochs": epochs,
        "opset": OPSET,
    }
    write_card(home, card)
    # Last: a model is there when it is whole.
    export_onnx(model, home / "model.onnx", torch.as_tensor(normal(tests[:2])))
    return home


def bent(pictures: Tensor, generator: torch.Generator, warp: float = 0.08) -> Tensor:
    """Pictures (N, 1, H, W), each as by another hand: turned, slanted, stretched, shifted, warped.

    The warp is elastic (Simard, Steinkraus and Platt, 2003): a coarse grid of random shifts, made smooth;
    ``warp`` is the spread of the largest, in halves of the picture's side.
    """
    n = len(pictures)
    between = partial(_between, n, generator)
    angle, slant = between(-0.25, 0.25), between(-0.35, 0.35)
    wide, tall = between(0.8, 1.4), between(0.9, 1.15)  # above 1 is narrower
    first = torch.stack([wide * angle.cos(), -angle.sin() + slant, between(-0.1, 0.1)], 1)
    second = torch.stack([angle.sin(), tall * angle.cos(), between(-0.1, 0.1)], 1)
    grid = F.affine_grid(torch.stack([first, second], 1), list(pictures.shape), align_corners=False)
    shifts = torch.randn(n, 2, 5, 5, generator=generator) * between(0, warp)[:, None, None, None]
    smooth = F.interpolate(shifts, pictures.shape[2:], mode="bicubic", align_corners=True)
    return F.grid_sample(pictures, grid + smooth.permute(0, 2, 3, 1), align_corners=False)


def inked(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Pictures (N, 1, H, W) in 0 … 1, each as by another pen: thick or thin, soft or sharp, dark or pale."""

    def between(low: float, high: float) -> Tensor:
        return _between(len(pictures), generator, low, high)[:, None, None, None]

    thick, thin = F.max_pool2d(pictures, 3, 1, 1), -F.max_pool2d(-pictures, 3, 1, 1)
    pen = between(0, 1)
    pictures = torch.where(pen < 0.25, 0.4 * pictures + 0.9 * thin, pictures)
    pictures = torch.where(pen > 0.75, thick, pictures)
    # Most of them all ink or none, as a pen draws; where the edge lies makes strokes thick or thin, too.
    drawn = ((pictures - between(0.25, 0.75)) * between(2, 8) + 0.5).clamp(0, 1)
    pictures = torch.where(between(0, 1) < 0.7, drawn, pictures)
    return (pictures * between(0.4, 1)).clamp(0, 1)


def _between(count: int, generator: torch.Generator, low: float, high: float) -> Tensor:
    return torch.rand(count, generator=generator) * (high - low) + low


def found_versions(folder: str | Path) -> dict[int, dict]:
    """The models in ``folder``/resnet: the card of each version, {} where it cannot be read."""
    cards = {}
    for path in (Path(folder) / NAME).glob("[0-9]*/model.onnx"):
        if path.parent.name.isdecimal():
            try:
                card = json.loads(path.with_name("metadata.json").read_text(encoding="utf-8"))
            except (OSError, ValueError):
                card = {}
            cards[int(path.parent.name)] = card if isinstance(card, dict) else {}
    return cards


def positive(text: str) -> int:
    """The number that an argument is. Raises argparse.ArgumentTypeError below 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not 1 or more")
    return number


def main() -> None:
    """Make a model where there is none of this making yet, and say where it is."""
    parser = argparse.ArgumentParser(
        prog="python -m service.make_model",
        description="Train a small ResNet on scikit-learn's digits and export it, for make serve.",
    )
    parser.add_argument("folder", nargs="?", help=f"where to write {NAME}/1 (COURSE_MODELS, {FOLDER})")
    parser.add_argument("--epochs", type=positive, default=EPOCHS, help=f"fewer: sooner, worse ({EPOCHS})")
    options = parser.parse_args()
    named = options.folder or os.environ.get("COURSE_MODELS")
    folder = Path(named or FOLDER)
    found = found_versions(folder)
    newest = max(found, default=0)
    ours = {"made_by": MADE_BY, "epochs": options.epochs}
    # In a folder that somebody named, any model is theirs; in build/models, a notebook may have left one.
    if (found and named) or any(ours.items() <= card.items() for card in found.values()):
        print(f"there is a model already: {folder / NAME / str(newest) / 'model.onnx'}")
        return
    if found:
        print(f"{folder / NAME / str(newest)} was not made by this command: version {newest + 1} will answer")
    try:
        check_writable(folder)
        torch.set_num_threads(1)  # on pictures this small a second one costs more than it does
        print(f"training a small ResNet on the digits, epochs: {options.epochs} …", flush=True)
        print(f"wrote {make_model(folder, newest + 1, options.epochs)}")
    except OSError as error:
        sys.exit(
            f"make_model: cannot write to {folder}: {error.strerror or error}. Name another folder: "
            "python -m service.make_model FOLDER, then python -m service --models FOLDER"
        )


if __name__ == "__main__":
    main()
