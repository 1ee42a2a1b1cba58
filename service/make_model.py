"""Train a small ResNet on scikit-learn's digits and export it: the model that ``make serve`` starts with.

    python -m service.make_model [folder]      writes <folder>/resnet/1, by default build/models/resnet/1

Does nothing if there is a model already. Needs torch; the service does not.
"""

import datetime
import os
import sys
from functools import partial
from pathlib import Path

import torch
from torch.nn import functional as F

from helpers import accuracy, batches, fit, predict
from helpers.chapters.resnet import OPSET, ResNet, export_onnx, write_card
from service.digits import digit_pictures
from service.models import FOLDER, NAME


def make_model(
    folder: str | Path, version: int = 1, epochs: int = 12, widths=(16, 32, 64), seed: int = 0
) -> Path:
    """Train, export and describe one version; returns its folder. Under a minute on two cores."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    pictures, labels = digit_pictures("train")
    mean, std = float(pictures.mean()), float(pictures.std(ddof=1))

    def normal(pictures):
        return (pictures - mean) / std

    def augment(pictures, generator):
        return normal(varied(pictures, generator))

    feed = batches(pictures, labels, batch_size=64, shuffle=True, generator=generator, augment=augment)
    model = ResNet(blocks=(1,) * len(widths), widths=widths, channels=1, classes=10)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=epochs * len(feed))
    smoothed = partial(F.cross_entropy, label_smoothing=0.05)
    fit(model, feed, smoothed, optimizer, epochs=epochs, schedule=schedule, device="cpu")
    tests, answers = digit_pictures("test")
    right = accuracy(predict(model, normal(tests)), torch.as_tensor(answers)).item()
    home = Path(folder) / NAME / str(version)
    home.mkdir(parents=True, exist_ok=True)
    shape = {"height": 28, "width": 28, "channels": 1}
    card = {
        "name": NAME,
        "classes": [str(digit) for digit in range(10)],
        "input": {**shape, "mean": [mean], "std": [std], "ink": "light on dark"},
        "trained_on": "digits of scikit-learn, enlarged to 28 × 28",
        "test_accuracy": round(right, 4),
        "made": datetime.date.today().isoformat(),
        "opset": OPSET,
    }
    write_card(home, card)
    # Last: a model is there when it is whole.
    export_onnx(model, home / "model.onnx", torch.as_tensor(normal(tests[:2])))
    return home


def varied(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Pictures (N, 1, H, W), each turned, sheared, stretched and shifted a little, half with sharper ink."""

    def between(low, high):
        return torch.rand(len(pictures), generator=generator) * (high - low) + low

    angle, shear = between(-0.25, 0.25), between(-0.3, 0.3)
    wide, tall = between(0.85, 1.25), between(0.9, 1.15)
    first = torch.stack([wide * angle.cos(), -angle.sin() + shear, between(-0.12, 0.12)], 1)
    second = torch.stack([angle.sin(), tall * angle.cos(), between(-0.12, 0.12)], 1)
    grid = F.affine_grid(torch.stack([first, second], 1), list(pictures.shape), align_corners=False)
    moved = F.grid_sample(pictures, grid, align_corners=False)
    # Half of them as if drawn with a pen: all ink or none, thinner or thicker, with an edge.
    thin = -F.max_pool2d(-moved, 3, stride=1, padding=1)
    moved = torch.where(between(0, 1)[:, None, None, None] < 0.25, 0.4 * moved + 0.9 * thin, moved)
    edge, steep, drawn = between(0.25, 0.7), between(2, 6), between(0, 1) < 0.5
    edge, steep, drawn = (part[:, None, None, None] for part in (edge, steep, drawn))
    return torch.where(drawn, (moved - edge) * steep + 0.5, moved).clamp(0, 1)


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("COURSE_MODELS") or FOLDER)
    found = sorted((folder / NAME).glob("[0-9]*/model.onnx"))
    if found:
        print(f"there is a model already: {found[-1]}")
        return
    print("training a small ResNet on the digits …", flush=True)
    print(f"wrote {make_model(folder)}")


if __name__ == "__main__":
    main()
