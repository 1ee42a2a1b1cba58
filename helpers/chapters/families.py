"""The convolutions of two large families as tables, for counting: ResNet and EfficientNet (section 3.2b)."""

from __future__ import annotations

import math
from collections.abc import Sequence

Layer = tuple[int, int, int, int, bool]  # inputs, outputs, kernel, groups, bias

CLASSES = 1000
# Blocks, outputs, how many times wider inside, kernel: Tan and Le, EfficientNet, ICML 2019, table 1.
STAGES = (
    (1, 16, 1, 3),
    (2, 24, 6, 3),
    (2, 40, 6, 5),
    (3, 80, 6, 3),
    (3, 112, 6, 5),
    (4, 192, 6, 5),
    (1, 320, 6, 3),
)


def resnet(repeats: Sequence[int]) -> list[Layer]:
    """Convolutions of a ResNet of bottlenecks: rows (inputs, outputs, kernel, groups, bias).

    ``repeats`` are the blocks of the four stages: (3, 4, 6, 3) is ResNet-50, (3, 4, 23, 3) ResNet-101,
    (3, 8, 36, 3) ResNet-152. The dense layer at the end stands as a 1 × 1 convolution, the only one with a
    bias; each of the others is followed by batch normalisation. Source: He, Zhang, Ren and Sun, CVPR 2016,
    table 1. Raises ValueError unless there are four numbers, each at least 1.
    """
    if len(repeats) != 4 or min(repeats) < 1:
        raise ValueError(
            f"repeats={tuple(repeats)}: four numbers of blocks, each at least 1: (3, 4, 6, 3), say"
        )
    layers, inputs = [(3, 64, 7, 1, False)], 64
    for count, few in zip(repeats, (64, 128, 256, 512), strict=True):
        layers.append((inputs, 4 * few, 1, 1, False))  # on the shortcut of the first block
        for _ in range(count):
            layers += [(inputs, few, 1, 1, False), (few, few, 3, 1, False), (few, 4 * few, 1, 1, False)]
            inputs = 4 * few
    return [*layers, (inputs, CLASSES, 1, 1, True)]


def efficientnet(width: float = 1.0, depth: float = 1.0) -> list[Layer]:
    """Convolutions of an EfficientNet: rows (inputs, outputs, kernel, groups, bias).

    ``width`` and ``depth`` are the factors by which channels and numbers of blocks of B0 grow: (1.1, 1.2) is
    B2, (2.0, 3.1) is B7. Channels are rounded to a multiple of 8, blocks up. The small dense layers of
    squeeze and excite and the one at the end stand as 1 × 1 convolutions with a bias; each layer without a
    bias is followed by batch normalisation. Raises ValueError for a factor that is not above 0.
    """
    if not (width > 0 and depth > 0):
        raise ValueError(f"width={width}, depth={depth}: both factors must be above 0; B0 has 1 and 1")

    def channels(n: int) -> int:
        rounded = max(8, int(n * width + 4) // 8 * 8)
        return rounded + 8 * (rounded < 0.9 * n * width)  # never more than 10 % fewer

    inputs, last = channels(32), channels(1280)
    layers = [(3, inputs, 3, 1, False)]
    for count, wanted, times, kernel in STAGES:
        outputs = channels(wanted)
        for _ in range(math.ceil(depth * count)):
            wide, few = times * inputs, inputs // 4
            layers += [(inputs, wide, 1, 1, False)] * (times > 1)
            layers += [(wide, wide, kernel, wide, False), (wide, few, 1, 1, True), (few, wide, 1, 1, True)]
            layers += [(wide, outputs, 1, 1, False)]
            inputs = outputs
    return [*layers, (inputs, last, 1, 1, False), (last, CLASSES, 1, 1, True)]
