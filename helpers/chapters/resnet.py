"""The residual network of chapter 8: built in section 8.1, exported and served in section 8.2.

Also how its training pictures are varied.

He, Zhang, Ren and Sun, *Deep Residual Learning for Image Recognition*, CVPR 2016.
"""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.files import check_writable, replacing, write_whole

OPSET = 20  # of ONNX's operators, a version that runtimes of today know


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """A convolution that keeps the size (but for the stride), and batch normalisation, which has the bias."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


class Block(nn.Module):
    """(N, inputs, H, W) -> (N, outputs, H / stride, W / stride): relu(f(x) + x).

    ``f`` is two 3 × 3 convolutions; with ``bottleneck`` it is 1 × 1, 3 × 3, 1 × 1, the first two with a
    quarter of the ``outputs``. Where the shapes differ, x goes through a 1 × 1 convolution.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1, bottleneck: bool = False):
        super().__init__()
        if bottleneck:
            narrow = outputs // 4
            parts = [
                convolution(inputs, narrow, 1),
                convolution(narrow, narrow, 3, stride),
                convolution(narrow, outputs, 1),
            ]
        else:
            parts = [convolution(inputs, outputs, 3, stride), convolution(outputs, outputs, 3)]
        self.parts = nn.ModuleList(parts)
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else convolution(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, inputs, H, W) -> (N, outputs, H / stride, W / stride), rounded up."""
        out = x
        for part in self.parts[:-1]:
            out = part(out).relu()
        return (self.parts[-1](out) + self.shortcut(x)).relu()


class ResNet(nn.Module):
    """Pictures (N, channels, H, W) -> logits (N, classes).

    blocks      how many blocks each stage has: (2, 2, 2, 2) is ResNet-18, (3, 4, 6, 3) ResNet-34, and
                with ``bottleneck`` ResNet-50
    widths      channels that each stage puts out; the second stage and those after it halve the side
    small       True for pictures of about 32 pixels: the stem is one 3 × 3 convolution. False for 224: a
                7 × 7 convolution with stride 2 and a pooling, which leave a quarter of the side
    """

    def __init__(
        self,
        blocks: Sequence[int] = (2, 2, 2, 2),
        widths: Sequence[int] = (64, 128, 256, 512),
        channels: int = 3,
        classes: int = 1000,
        bottleneck: bool = False,
        small: bool = True,
    ):
        super().__init__()
        if len(blocks) != len(widths) or not blocks:
            raise ValueError(
                f"{len(blocks)} counts of blocks, {len(widths)} widths: one of each for each stage"
            )
        if bottleneck and any(width % 4 for width in widths):
            raise ValueError(f"widths are {tuple(widths)}: with bottleneck each must be a multiple of 4")
        first = widths[0] // 4 if bottleneck else widths[0]
        if small:
            self.stem = nn.Sequential(convolution(channels, first, 3), nn.ReLU())
        else:
            self.stem = nn.Sequential(
                convolution(channels, first, 7, 2), nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1)
            )
        stages, inputs = [], first
        for stage, (count, outputs) in enumerate(zip(blocks, widths, strict=True)):
            row = []
            for place in range(count):
                stride = 2 if stage and not place else 1
                row.append(Block(inputs, outputs, stride, bottleneck))
                inputs = outputs
            stages.append(nn.Sequential(*row))
        self.stages = nn.Sequential(*stages)
        self.head = nn.Linear(inputs, classes)

    def features(self, x: Tensor) -> Tensor:
        """Pictures (N, channels, H, W) -> the mean of the last maps (N, width)."""
        return self.stages(self.stem(x)).mean(dim=(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, channels, H, W) -> logits (N, classes)."""
        return self.head(self.features(x))


def rectangles(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """A mask (N, 1, H, W), true in one rectangle for each picture: from 4 pixels to half of each side."""
    inside = []
    for length in pictures.shape[2:]:
        size = torch.randint(4, length // 2 + 1, (len(pictures), 1), generator=generator)
        middle = torch.randint(length, (len(pictures), 1), generator=generator)
        inside.append(2 * (torch.arange(length) - middle).abs() < size)
    return (inside[0][:, :, None] & inside[1][:, None, :])[:, None]


def augment(
    pictures: Tensor,
    generator: torch.Generator,
    *,
    mirror: float = 0.0,
    shift: int = 2,
    erase: float = 0.5,
    empty: float = 0.0,
) -> Tensor:
    """Normalised pictures (N, C, H, W), each mirrored, shifted and partly erased at random: the same shape.

    mirror  probability of a mirrored picture
    shift   the most pixels by which it moves in either direction; ``empty`` comes in from outside
    erase   probability of a rectangle of noise (random erasing; Zhong et al., 2020)
    """
    n, _, height, width = pictures.shape
    mirrored, covered = torch.rand(2, n, 1, 1, 1, generator=generator)
    pictures = torch.where(mirrored < mirror, pictures.flip(3), pictures)
    down, right = torch.randint(2 * shift + 1, (2, n, 1), generator=generator)
    rows, columns = down + torch.arange(height), right + torch.arange(width)
    framed = F.pad(pictures, (shift,) * 4, value=empty)
    moved = framed[torch.arange(n)[:, None, None], :, rows[:, :, None], columns[:, None]]
    pictures = moved.permute(0, 3, 1, 2)
    hidden = (covered < erase) & rectangles(pictures, generator)
    return torch.where(hidden, torch.randn(pictures.shape, generator=generator), pictures)


def export_onnx(model: nn.Module, path: str | Path, example: Tensor) -> Path:
    """Write ``model`` as ONNX: "pictures" (N, C, H, W) float32 in, "logits" (N, classes) out, for any N.

    The file computes what the model does in evaluation, whatever mode it is in; that mode is kept. It is
    written whole: a reader finds the old file or the new one, and after an error the old one still stands.
    """
    modes = {part: part.training for part in model.modules()}
    registry = logging.getLogger("torch.onnx._internal.exporter._registration")
    registry.addFilter(_not_about_torchvision)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch 2.13 warns of its own use of LeafSpec
            program = torch.onnx.export(
                model.eval(),
                (example,),
                dynamo=True,
                opset_version=OPSET,
                input_names=["pictures"],
                output_names=["logits"],
                dynamic_shapes=({0: torch.export.Dim("pictures")},),
                verbose=False,
            )
    finally:
        registry.removeFilter(_not_about_torchvision)
        for part, mode in modes.items():
            part.training = mode
    for part in program.model.graph.all_nodes():  # where in whose folders each operation was written
        part.metadata_props.clear()
    with replacing(path) as unfinished:
        program.save(str(unfinished), external_data=False)
    return Path(path)


def _not_about_torchvision(record: logging.LogRecord) -> bool:
    """The exporter remarks that torchvision is not installed, which no model of the course needs."""
    return "torchvision" not in record.getMessage()


def write_card(folder: str | Path, card: dict) -> Path:
    """Write what the service must know of a model beside it, as ``metadata.json``, whole.

    Raises ValueError if a number in it is nan or infinite, TypeError if something in it is not for JSON.
    """
    text = json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False)
    return write_whole(Path(folder) / "metadata.json", text + "\n")


def build_folder() -> Path:
    """The course's ``build``, where notebooks leave what they made.

    Where that cannot be written (a course that is shared, read-only), a new folder, which is said in a line.
    """
    build = Path(__file__).resolve().parents[2] / "build"
    try:
        check_writable(build)
    except OSError as error:
        elsewhere = Path(tempfile.mkdtemp(prefix="course-build-"))
        print(f"{build} cannot be written ({error.strerror}): what is made goes to {elsewhere}")
        return elsewhere
    return build
