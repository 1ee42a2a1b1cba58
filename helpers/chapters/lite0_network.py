"""EfficientNet-Lite0 as 4.2d builds it, with the published weights, for the parts that use it."""

from __future__ import annotations

from torch import Tensor, nn

from helpers.chapters.lite0 import load_into, open_torch, weights_file

# (blocks, outputs, times wider, window, stride of the first) of each group
GROUPS = ((1, 16, 1, 3, 1), (2, 24, 6, 3, 2), (2, 40, 6, 5, 2), (3, 80, 6, 3, 2), (3, 112, 6, 5, 1),
          (4, 192, 6, 5, 2), (1, 320, 6, 3, 1))  # fmt: skip
INSIDE = {"_expand_conv": "expand.1", "_bn0": "expand.2", "_depthwise_conv": "look.1", "_bn1": "look.2",
          "_project_conv": "project.1", "_bn2": "project.2"}  # fmt: skip
OUTSIDE = {"_conv_stem": "stem.1", "_bn0": "stem.2", "_conv_head": "head.1", "_bn1": "head.2", "_fc": "fc"}


def exact_conv(
    inputs: int,
    outputs: int,
    kernel: int,
    stride: int = 1,
    groups: int = 1,
    last: type[nn.Module] = nn.ReLU6,
) -> nn.Sequential:
    """Convolution with TensorFlow's padding, normalisation, ReLU6: what 4.2d ends with."""
    zeros = kernel - stride
    pad = nn.ZeroPad2d((zeros // 2, zeros - zeros // 2) * 2)
    window = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
    return nn.Sequential(pad, window, nn.BatchNorm2d(outputs, eps=1e-3), last())


conv = exact_conv


class Block(nn.Module):
    """An inverted residual block: narrow, ``times`` wider, narrow."""

    def __init__(self, inputs: int, outputs: int, times: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide, self.added = times * inputs, stride == 1 and inputs == outputs
        self.expand = conv(inputs, wide, 1) if times > 1 else nn.Identity()
        self.look = conv(wide, wide, kernel, stride, groups=wide)
        self.project = conv(wide, outputs, 1, last=nn.Identity)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, inputs, H, W) -> (N, outputs, H / stride, W / stride)."""
        return self.project(self.look(self.expand(x))) + (x if self.added else 0)


def sixteen_blocks() -> nn.Sequential:
    """The blocks between stem and head."""
    blocks, inputs = [], 32
    for count, outputs, times, kernel, stride in GROUPS:
        for place in range(count):
            blocks.append(Block(inputs, outputs, times, kernel, 1 if place else stride))
            inputs = outputs
    return nn.Sequential(*blocks)


class Lite0(nn.Module):
    """Pictures (N, 3, H, W) -> 1,280 features, or the logits of ImageNet's 1,000 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.blocks, self.head = conv(3, 32, 3, stride=2), sixteen_blocks(), conv(320, 1280, 1)
        self.fc = nn.Linear(1280, 1000)

    def features(self, x: Tensor) -> Tensor:
        """Pictures -> the means of the last maps (N, 1280)."""
        return self.head(self.blocks(self.stem(x))).mean(dim=(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Pictures -> logits (N, 1000)."""
        return self.fc(self.features(x))


def our_name(published: str) -> str:
    """How our network calls a number of the file."""
    *block, place, leaf = published.split(".")
    return f"blocks.{block[1]}.{INSIDE[place]}.{leaf}" if block else f"{OUTSIDE[place]}.{leaf}"


def published_network() -> Lite0:
    """The network with the weights of the installed file, whose checksum is compared, in evaluation mode."""
    weights = open_torch(weights_file())
    return load_into(Lite0(), {our_name(name): value for name, value in weights.items()})
