"""Exercises of section 6.1, image classification: sizes, counts, shifts, and the numbers we judge by."""

import math
from statistics import mean

import numpy as np

from . import Case, Exercise

# 6.1.1 the size of a feature map ------------------------------------------------------------------


def conv_output_size(size, kernel, stride=1, padding=0):
    """Side of the map that a convolution or pooling makes of a side of `size` pixels: ints -> int.

    Raises ValueError that names size and kernel when nothing would be left (a result below 1).
    """
    # Common wrong turn: int(x / stride) rounds towards zero, so a window of 4 on 3 pixels seems to leave 1
    # pixel; // rounds down, gives 0, and the mistake is seen.
    result = (size + 2 * padding - kernel) // stride + 1
    if result < 1:
        raise ValueError(
            f"nothing is left: size {size}, kernel {kernel}, stride {stride}, padding {padding} give {result}"
        )
    return result


def _size_when_something_is_left(raw):
    """A wrong rule for the raw size, but with the error where nothing is left."""

    def answer(size, kernel, stride=1, padding=0):
        result = raw(size, kernel, stride, padding)
        if result < 1:
            raise ValueError(f"size {size} is too small for kernel {kernel}")
        return result

    return answer


def _error_without_numbers(size, kernel, stride=1, padding=0):
    result = (size + 2 * padding - kernel) // stride + 1
    if result < 1:
        raise ValueError("the image is too small")
    return result


size_of_a_map = Exercise(
    number="6.1.1",
    title="The size of a feature map",
    level=2,
    minutes=10,
    points=2,
    statement="""\
Before a network is built, its sizes can be worked out on paper. Write `conv_output_size`: how many pixels
wide is the map that a convolution makes of a square image? The arithmetic is the same for a *pooling*, a
window that keeps its largest pixel.

- `size`, `kernel`, `stride`, `padding` are whole numbers. `stride` says how many pixels the window moves at a
  time; `padding` pixels are added on **each** side.
- The result is an `int`. A window that does not fit entirely is left out: size 7, kernel 2, stride 2 make 3.
- When nothing is left (a result below 1), raise `ValueError` with a message that names `size` and `kernel`.

By hand: 6 pixels, kernel 3, stride 1: the window begins at pixel 0, 1, 2 or 3, so 4. A kernel of 8 on the
same 6 pixels fits nowhere: an error.""",
    hints=(
        (
            "How many positions does the window have?",
            "Put the window at the left edge: that is one position. How far can it still move to the right, "
            "and how many steps of `stride` pixels fit into that distance?",
        ),
        (
            "My number is off by a little when there is padding or a stride.",
            "The padded image is size + 2 * padding wide. Steps are counted whole and rounded down; "
            "the first position comes on top.",
        ),
        (
            "My function returns a size where an error is expected.",
            "What does your formula give for size 3, kernel 4, stride 2? Compare -1 // 2 with int(-1 / 2).",
        ),
    ),
    solution=conv_output_size,
    cases=(
        Case("the first position forgotten (+ 1)", (28, 5), hint=0, expected=24),
        Case("padding added on one side only", (28, 5), {"padding": 2}, hint=1, expected=28),
        Case("stride left out", (32, 2, 2), hint=1, expected=16),
        Case("padding added after the division by the stride", (7, 3, 2, 1), hint=1, expected=4),
        Case("any padding taken to keep the size", (7, 3), {"padding": 2}, hint=1, expected=9),
        Case("the kernel compared with the picture before it is padded", (3, 5), {"padding": 1}, expected=1),
        Case("rounded up: half a window counted", (7, 2, 2), hint=1, expected=3),
        Case(
            "nothing is left, yet a size is returned", (3, 4, 2), hint=2, raises=ValueError, mentions=(3, 4)
        ),
        Case(
            "the kernel is larger than the image, yet a size is returned",
            (5, 7),
            hint=2,
            raises=ValueError,
            mentions=(5, 7),
        ),
    ),
    wrong={
        "forgets the first position": _size_when_something_is_left(lambda n, k, s, p: (n + 2 * p - k) // s),
        "pads one side": _size_when_something_is_left(lambda n, k, s, p: (n + p - k) // s + 1),
        "adds the padding after the division": _size_when_something_is_left(
            lambda n, k, s, p: (n - k) // s + 1 + 2 * p
        ),
        "takes any padding to keep the size": _size_when_something_is_left(
            lambda n, k, s, p: n // s if p else (n - k) // s + 1
        ),
        "refuses a kernel larger than the picture, padded or not": _size_when_something_is_left(
            lambda n, k, s, p: 0 if k > n else (n + 2 * p - k) // s + 1
        ),
        "ignores the stride": _size_when_something_is_left(lambda n, k, s, p: n + 2 * p - k + 1),
        "divides with /, so that sizes are floats": _size_when_something_is_left(
            lambda n, k, s, p: (n + 2 * p - k) / s + 1
        ),
        "rounds up": _size_when_something_is_left(lambda n, k, s, p: math.ceil((n + 2 * p - k) / s) + 1),
        "rounds towards zero with int()": _size_when_something_is_left(
            lambda n, k, s, p: int((n + 2 * p - k) / s) + 1
        ),
        "returns 0 or less instead of raising": lambda size, kernel, stride=1, padding=0: (
            (size + 2 * padding - kernel) // stride + 1
        ),
        "raises without saying the numbers": _error_without_numbers,
    },
)

# 6.1.2 how many parameters? -----------------------------------------------------------------------


def _is_not(number, sentence):
    """A check that knows one wrong number and where it comes from."""
    return lambda answer: sentence if answer == number else None


# convolution, batch normalisation (scale and shift), convolution, batch normalisation, linear with bias
N_PARAMETERS = 1 * 8 * 9 + 2 * 8 + 8 * 16 * 9 + 2 * 16 + 16 * 2 * 2 * 10 + 10

count_parameters = Exercise(
    number="6.1.2",
    title="How many parameters?",
    level=2,
    minutes=10,
    points=1,
    kind="predict",
    statement="""\
Count before the machine does. How many numbers does training change in this network for 8 × 8 grey images?

| layer | |
|---|---|
| convolution | 1 → 8 channels, 3 × 3, padding 1, no bias |
| batch normalisation | 8 channels |
| ReLU, max pooling 2 × 2 | |
| convolution | 8 → 16 channels, 3 × 3, padding 1, no bias |
| batch normalisation | 16 channels |
| ReLU, max pooling 2 × 2 | |
| flatten, linear | 16 · 2 · 2 → 10, with bias |

Write the whole number instead of the three dots. An example to start with: a convolution from 3 to 4
channels, 5 × 5, without bias has 3 · 4 · 25 = 300.""",
    hints=(
        (
            "What does one output channel of a convolution look at?",
            "At every input channel: its kernel is a block of (input channels) × 3 × 3, and there is one "
            "such block for each output channel.",
        ),
        (
            "Which numbers of a batch normalisation are trained?",
            "A scale and a shift for each channel. The running mean and variance are kept, but not trained.",
        ),
        (
            "I have the convolutions; the sum is still wrong.",
            "The linear layer has a weight for each pair (input, output) and one bias for each output; "
            "the convolutions here have no bias.",
        ),
    ),
    solution=N_PARAMETERS,
    cases=(
        Case(
            "one number a channel in batch normalisation",
            hint=1,
            check=_is_not(
                N_PARAMETERS - 24, "Batch normalisation trains more than one number for each of its channels."
            ),
        ),
        Case(
            "a bias in convolutions that have none",
            hint=2,
            check=_is_not(
                N_PARAMETERS + 8 + 16, "The convolutions here have no bias: the next layer shifts anyway."
            ),
        ),
        Case(
            "running statistics counted as trained",
            hint=1,
            check=_is_not(
                N_PARAMETERS + 2 * 24, "Running mean and variance are stored, but no gradient changes them."
            ),
        ),
        Case(
            "batch normalisation left out",
            hint=1,
            check=_is_not(N_PARAMETERS - 2 * 24, "Batch normalisation has trained numbers too."),
        ),
        Case(
            "a kernel that looks at one channel only",
            hint=0,
            check=_is_not(
                N_PARAMETERS - 7 * 16 * 9, "Each kernel of the second convolution looks at all 8 channels."
            ),
        ),
        Case(
            "the bias of the last layer left out",
            hint=2,
            check=_is_not(N_PARAMETERS - 10, "The linear layer has a bias for each of its outputs."),
        ),
        Case("any other number"),
    ),
    wrong={
        "takes one number a channel for batch normalisation": N_PARAMETERS - 24,
        "gives the convolutions a bias": N_PARAMETERS + 8 + 16,
        "counts running mean and variance": N_PARAMETERS + 2 * 24,
        "leaves batch normalisation out": N_PARAMETERS - 2 * 24,
        "forgets the input channels of the second convolution": N_PARAMETERS - 7 * 16 * 9,
        "forgets the bias of the last layer": N_PARAMETERS - 10,
        "forgets the pooling: 16 · 8 · 8 inputs to the last layer": N_PARAMETERS - 640 + 16 * 8 * 8 * 10,
    },
)

# 6.1.3 the loss of an epoch -----------------------------------------------------------------------


def epoch_mean(losses, sizes):
    """Mean loss over all examples of an epoch, from the mean losses of its batches and their sizes.

    losses: B numbers, sizes: B whole numbers (lists or arrays) -> float.
    Raises ValueError when there is no batch, or when the two lengths differ.
    """
    # Common wrong turn: mean(losses) gives the last, shorter batch as much weight as a full one.
    if len(losses) != len(sizes) or len(losses) == 0:
        raise ValueError(
            f"{len(losses)} losses and {len(sizes)} sizes: one of each per batch, at least one batch"
        )
    return float(sum(loss * size for loss, size in zip(losses, sizes, strict=True)) / sum(sizes))


def _refuse_lengths(losses, sizes):
    if len(losses) != len(sizes) or len(losses) == 0:
        raise ValueError("lengths")


def _last_batch(losses, sizes):
    _refuse_lengths(losses, sizes)
    return float(losses[-1])


def _plain_mean(losses, sizes):
    _refuse_lengths(losses, sizes)
    return float(mean(losses))


def _sum_over_examples(losses, sizes):
    _refuse_lengths(losses, sizes)
    return float(sum(losses) / sum(sizes))


def _weighted_sum(losses, sizes):
    _refuse_lengths(losses, sizes)
    return float(np.dot(losses, sizes))


def _assumes_full_batches(losses, sizes):
    _refuse_lengths(losses, sizes)
    return float(np.sum(np.multiply(losses, sizes[0])) / np.sum(sizes))


def _ignores_nan(losses, sizes):
    _refuse_lengths(losses, sizes)
    return float(np.nansum(np.multiply(losses, sizes)) / np.sum(sizes))


def _zip_that_stops(losses, sizes):
    return float(sum(loss * size for loss, size in zip(losses, sizes, strict=False)) / max(sum(sizes), 1))


mean_of_an_epoch = Exercise(
    number="6.1.3",
    title="The loss of an epoch",
    level=1,
    minutes=5,
    points=1,
    statement="""\
A training loop sees the loss of one batch at a time: the mean over that batch. Write `epoch_mean`, which
makes of them the mean over all examples of the epoch.

- `losses` and `sizes` are lists or arrays of the same length: mean loss and number of examples of each batch.
- The last batch is usually shorter. The result is a `float`.
- No batch, or lengths that differ: `ValueError`. If a loss is `nan` (not a number), the result is `nan`.

By hand: losses `[0.5, 2.0]`, sizes `[3, 1]`: four examples with a total of 1.5 + 2.0, so 0.875.""",
    hints=(
        (
            "Why is the mean of the means not right?",
            "A batch of 1 would count as much as a batch of 100. How much did each batch lose in total?",
        ),
        (
            "What do I divide by?",
            "By the number of examples in the whole epoch, not by the number of batches.",
        ),
        (
            "What happens with unusual input?",
            "An ordinary sum carries nan along. A sum of nothing is 0, and zip stops at the shorter list, "
            "both without a word: compare the lengths before you add.",
        ),
    ),
    solution=epoch_mean,
    cases=(
        Case("only the last batch is reported", ([0.5, 2.0], [3, 1]), hint=0, expected=0.875),
        Case(
            "a short batch counts as much as a full one", ([1.0, 1.0, 4.0], [4, 4, 2]), hint=0, expected=1.6
        ),
        Case("only the last batch may be short", ([1.0, 2.0, 4.0], [2, 6, 4]), hint=1, expected=2.5),
        Case("a sum instead of a mean", ([2.0, 2.0], [8, 8]), hint=1, expected=2.0),
        Case(
            "a batch that is nan goes unnoticed",
            (np.array([1.0, math.nan]), np.array([2, 2])),
            hint=2,
            expected=math.nan,
        ),
        Case("a missing size goes unnoticed", ([1.0, 2.0, 3.0], [4, 4]), hint=2, raises=ValueError),
        Case("an epoch without batches has a loss", ([], []), hint=2, raises=ValueError),
    ),
    wrong={
        "the loss of the last batch": _last_batch,
        "the mean of the means": _plain_mean,
        "divides the sum of the means by the number of examples": _sum_over_examples,
        "forgets to divide": _weighted_sum,
        "takes every batch for a full one": _assumes_full_batches,
        "np.nansum hides a loss that exploded": _ignores_nan,
        "zip stops at the shorter list without a word": _zip_that_stops,
    },
)

# 6.1.4 a shift without wrap-around ----------------------------------------------------------------


def shift_image(images, dy, dx):
    """Shift images dy pixels down and dx to the right (negative: up, left), zeros where nothing comes from.

    images (N, C, H, W) -> a new array (N, C, H, W) of the same dtype; the input stays as it is.
    """
    # Common wrong turn: images[:, :, :-dy] with dy = 0 is empty, because -0 is 0. With a frame of zeros
    # around the picture there is nothing to treat apart: the shifted picture is a window into it.
    height, width = images.shape[2:]
    framed = np.pad(images, ((0, 0), (0, 0), (abs(dy), abs(dy)), (abs(dx), abs(dx))))
    top, left = abs(dy) - dy, abs(dx) - dx
    return framed[:, :, top : top + height, left : left + width]


def _rolled(images, dy, dx):
    return np.roll(images, (dy, dx), axis=(2, 3))


def _blanked(rolled, dy, dx):
    """Zero the rows and columns that came round the edge. Right, if it is not done to the input."""
    height, width = rolled.shape[2:]
    rolled[:, :, : max(dy, 0)] = 0
    rolled[:, :, max(height + min(dy, 0), 0) :] = 0
    rolled[..., : max(dx, 0)] = 0
    rolled[..., max(width + min(dx, 0), 0) :] = 0
    return rolled


def _shift_in_place(images, dy, dx):
    images[:] = shift_image(images, dy, dx)
    return images


def _shift_by_negative_slices(images, dy, dx):
    shifted = np.zeros_like(images)
    if dy > 0 and dx > 0:
        shifted[:, :, dy:, dx:] = images[:, :, :-dy, :-dx]
    else:
        part = images[:, :, :-dy, :-dx]
        shifted[:, :, : part.shape[2], : part.shape[3]] = part
    return shifted


def _shift_without_guard(images, dy, dx):
    shifted = np.zeros_like(images)
    height, width = images.shape[2:]
    rows = images[:, :, max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)]
    shifted[:, :, max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)] = rows
    return shifted


def _image_batch():
    """Two images of two channels, 3 × 4, every number different and none of them zero."""
    return np.arange(1.0, 49.0).reshape(2, 2, 3, 4)


def _down_one():
    expected = np.zeros((1, 1, 2, 3))
    expected[0, 0, 1] = [1, 2, 3]
    return expected


_BATCH_TEXT = "np.arange(1.0, 49.0).reshape(2, 2, 3, 4)"
_SMALL = np.array([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])

shift_images = Exercise(
    number="6.1.4",
    title="A shift without wrap-around",
    level=3,
    minutes=15,
    points=3,
    statement="""\
The simplest augmentation moves a picture by a few pixels. Write `shift_image` for a batch.

- `images` is a NumPy array `(N, C, H, W)` of any dtype; the result has the same shape and dtype.
- `dy > 0` moves down, `dx > 0` to the right; both may be zero, negative, or larger than the image.
- What leaves the picture is gone, and zeros come in: nothing returns at the other side.
- The input keeps its values. A loop is allowed.

By hand, `dy = 1, dx = 0`: the picture `[[1, 2, 3], [4, 5, 6]]` becomes `[[0, 0, 0], [1, 2, 3]]`.""",
    hints=(
        (
            "What returns at the other side, and why?",
            "np.roll moves in a circle. Start from np.zeros_like(images), and copy only what stays inside.",
        ),
        (
            "Which part is copied where?",
            "With dy = 1 the rows 0 … H-2 go to the rows 1 … H-1. Write both ranges for dy = 1, for dy = -1 "
            "and for dy = 0, then look for one expression that gives all three.",
        ),
        (
            "It works for some shifts and fails for zero or very large ones.",
            "A slice that ends at -dy is empty when dy is 0; and when dy is larger than the height, "
            "H - dy is negative, which counts from the end.",
        ),
    ),
    solution=shift_image,
    cases=(
        Case("what leaves on one side comes back on the other", (_SMALL, 1, 0), hint=0, expected=_down_one()),
        Case(
            "down and right exchanged",
            (_SMALL, 0, 1),
            hint=1,
            expected=np.array([[[[0.0, 1.0, 2.0], [0.0, 4.0, 5.0]]]]),
        ),
        Case(
            "a shift by nothing loses the picture",
            lambda: (_image_batch(), 0, 0),
            args_text=f"{_BATCH_TEXT}, 0, 0",
            hint=2,
            expected=_image_batch(),
        ),
        Case(
            "up and left are not handled",
            (_SMALL, -1, -2),
            hint=1,
            expected=np.array([[[[6.0, 0.0, 0.0], [0.0, 0.0, 0.0]]]]),
        ),
        Case(
            "images or channels are moved instead of rows",
            lambda: (_image_batch(), 2, -1),
            args_text=f"{_BATCH_TEXT}, 2, -1",
            hint=1,
        ),
        Case(
            "a shift larger than the picture",
            lambda: (_image_batch(), 4, 0),
            args_text=f"{_BATCH_TEXT}, 4, 0",
            hint=2,
            expected=np.zeros((2, 2, 3, 4)),
        ),
        Case(
            "the dtype is lost",
            (np.array([[[[7, 8]]]], dtype=np.uint8), 0, 1),
            expected=np.array([[[[0, 7]]]], dtype=np.uint8),
        ),
    ),
    wrong={
        "np.roll: what leaves on one side comes back on the other": _rolled,
        "rolls the input in place and blanks it": _shift_in_place,
        "exchanges the axes": lambda images, dy, dx: shift_image(images, dx, dy),
        "moves the wrong way": lambda images, dy, dx: shift_image(images, -dy, -dx),
        "moves images and channels": lambda images, dy, dx: _blanked(
            np.roll(images, (dy, dx), axis=(0, 1)), dy, dx
        ),
        "slices that end at -0": _shift_by_negative_slices,
        "no thought of shifts larger than the picture": _shift_without_guard,
        "starts from np.zeros(shape), which is float64": lambda images, dy, dx: shift_image(
            images.astype(float), dy, dx
        ),
    },
)

# 6.1.5 an experiment ------------------------------------------------------------------------------

augmentation = Exercise(
    number="6.1.5",
    title="Which augmentation helps digits?",
    level=4,
    minutes=30,
    points=0,
    kind="design",
    statement="""\
A shift bought the network one invariance. What do other changes buy: a mirror image, a quarter turn, noise on
every pixel, a small patch blanked out? Design an experiment that could prove you wrong.

The notebook offers `few_labels(change, seed)`. It trains on 200 pictures and returns two accuracies: on val,
and on val moved by one pixel. `change` is `None`, or a function `change(x, generator) -> x` for a batch of
training pictures: `x` is a tensor `(N, 1, H, W)`, and all random numbers come from `generator`.

1. Choose two or more changes, and **one** question about them. What varies, what stays as it is?
2. Write down what you expect in each of the two accuracies, before you run anything, and why.
3. Run each change, and `None`, with five seeds. Show every result, not only the means.
4. Say in two sentences what you saw, and whether the spread between seeds allows you to say it.

Nothing is checked here. A model answer: `from exercises import show_solution; show_solution("6.1.5")`.""",
    hints=(
        (
            "Which changes keep the meaning of a digit?",
            "Look at the pictures after the change. Could you still label them? A 6 upside down is a 9.",
        ),
        (
            "How do I change every second picture?",
            "chosen = torch.rand(len(x), 1, 1, 1, generator=generator) < 0.5, then "
            "torch.where(chosen, x.flip(-1), x). A quarter turn is x.rot90(1, (-2, -1)).",
        ),
        (
            "My results are too close to tell.",
            "Then that is the result. Compare seed by seed: how often did the change win? Five seeds can "
            "show an effect that is larger than their spread, and no smaller one.",
        ),
    ),
    solution="""\
Question: does a change that makes pictures nobody writes cost accuracy, and does one that only disturbs the
picture (noise, a hidden patch) bring any?
Varied: the change, drawn anew for every batch of the training pictures: none; a mirror image in every second
picture; a quarter turn in every second picture; noise with a standard deviation of 0.2 on every pixel (values
run from 0 to 1); a patch of 3 x 3 pixels blanked at a random place. The shift by at most one pixel is there
for comparison. Held fixed: the network, 200 training pictures, 30 epochs in batches of 50, AdamW with 3e-3,
seeds 0 to 4, and the 258 validation pictures, as they are and moved by one pixel, never augmented.
Prediction: mirror images and quarter turns cost accuracy on val: 2, 3, 4, 5, 7 have no mirror image that
anybody writes, and capacity goes into pictures that never occur. Noise and patches help a little, since the
network may not rely on single pixels. On the moved pictures nothing but the shift helps.
Measured on the digits, 5 seeds, on a CPU; mean (smallest to largest):

change        val                     val moved
none          0.92 (0.91 to 0.94)     0.55 (0.50 to 0.62)
shift         0.93 (0.92 to 0.96)     0.92 (0.88 to 0.94)
mirror        0.89 (0.87 to 0.91)     0.60 (0.51 to 0.66)
quarter turn  0.92 (0.89 to 0.94)     0.47 (0.35 to 0.52)
noise         0.92 (0.90 to 0.94)     0.56 (0.52 to 0.62)
patch         0.90 (0.88 to 0.93)     0.57 (0.48 to 0.67)

Plot: for each change a column of five points in each of two panels, val and val moved, the mean as a line.
Two sentences: "Mirror images cost 0.03 on val and were below the plain network with each of the five seeds;
quarter turns cost nothing that we can see on val and 0.08 on the moved pictures, but won there with one seed.
Noise and patches brought nothing: on val they lie 0.00 above and 0.02 below the plain network, within its
spread of 0.04 from seed to seed, so the prediction that they would help found no support."
A change helps when it imitates a difference that the pictures to come really have; of these, only the shift.
Common wrong turn: augmenting the validation pictures too, or comparing single runs, of which the seeds alone
differ by more. (Of 258 pictures one is 0.004, and chance alone moves such an accuracy by about 0.016.)""",
)

# 6.1.6 the confusion matrix -----------------------------------------------------------------------


def confusion_matrix(y_true, y_pred, n_classes):
    """Counts of (true class, predicted class): y_true (N,), y_pred (N,) ints -> (n_classes, n_classes) ints.

    Row: the true class, column: the predicted one. Raises ValueError for a label outside 0 … n_classes - 1.
    """
    # Common wrong turn: matrix[y_true, y_pred] += 1 adds 1 once to each entry named, however often it is
    # named.
    for labels in (y_true, y_pred):
        outside = [int(label) for label in labels if not 0 <= label < n_classes]
        if outside:
            raise ValueError(f"label {outside[0]} is outside 0 to {n_classes - 1}")
    matrix = np.zeros((n_classes, n_classes), dtype=int)
    for true, predicted in zip(y_true, y_pred, strict=True):
        matrix[true, predicted] += 1
    return matrix


def _counted_at_once(y_true, y_pred, n_classes):
    matrix = np.zeros((n_classes, n_classes), dtype=int)
    matrix[y_true, y_pred] += 1
    return matrix


def _present_classes_only(y_true, y_pred, n_classes):
    present = np.union1d(y_true, y_pred)
    return np.array([[np.sum((y_true == i) & (y_pred == j)) for j in present] for i in present])


def _unguarded(y_true, y_pred, n_classes):
    matrix = np.zeros((n_classes, n_classes), dtype=int)
    np.add.at(matrix, (y_true, y_pred), 1)
    return matrix


def _looks_at(*looks):
    """A count that looks only at some labels, "true" or "pred", on some side, "low" or "high"."""

    def answer(y_true, y_pred, n_classes):
        labels = {"true": y_true, "pred": y_pred}
        for which, side in looks:
            for label in labels[which]:
                if label < 0 if side == "low" else label >= n_classes:
                    raise ValueError(f"label {label}")
        kept = {name: np.clip(values, -n_classes, n_classes - 1) for name, values in labels.items()}
        return _unguarded(kept["true"], kept["pred"], n_classes)

    return answer


def _row_shares(y_true, y_pred, n_classes):
    matrix = confusion_matrix(y_true, y_pred, n_classes)
    return matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)


confusion = Exercise(
    number="6.1.6",
    title="A confusion matrix",
    level=2,
    minutes=10,
    points=2,
    statement="""\
One number says how often a classifier errs; a table says which classes it takes for which. Write
`confusion_matrix`.

- `y_true` and `y_pred` are integer arrays `(N,)`.
- The result is an integer array `(n_classes, n_classes)` of counts: **row = true class, column = predicted
  class**.
- A class that does not occur has its row and column all the same, full of zeros.
- A label outside 0 … `n_classes - 1` raises `ValueError` with a message that names the label.

By hand: truth `[0, 0, 1]`, prediction `[0, 1, 1]`, 2 classes make `[[1, 1], [0, 1]]`.""",
    hints=(
        (
            "What does one example do to the table?",
            "It adds 1 to one entry. Which row, which column? Write it as a loop first; "
            "it is the clearest version and fast enough.",
        ),
        (
            "Some of my counts are too small.",
            "matrix[rows, columns] += 1 with arrays adds only once to an entry that is named twice. "
            "A loop, np.add.at or np.bincount count every time.",
        ),
        (
            "Where does a label go that is -1, or too large?",
            "-1 goes to the last row, since Python counts negative places from the end; a label that is too "
            "large stops with an IndexError. So look at all labels, true and predicted, before you count.",
        ),
    ),
    solution=confusion_matrix,
    cases=(
        Case(
            "rows and columns exchanged",
            (np.array([0, 0, 1]), np.array([0, 1, 1]), 2),
            hint=0,
            expected=np.array([[1, 1], [0, 1]]),
        ),
        Case(
            "a pair that occurs several times is counted once",
            (np.array([1, 1, 1, 0]), np.array([0, 0, 0, 0]), 2),
            hint=1,
            expected=np.array([[1, 0], [3, 0]]),
        ),
        Case(
            "a class that does not occur is missing",
            (np.array([0, 3]), np.array([3, 3]), 4),
            expected=np.array([[0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]),
        ),
        Case(
            "shares instead of counts",
            (np.array([0, 1, 1, 1]), np.array([0, 1, 1, 0]), 2),
            expected=np.array([[1, 0], [1, 2]]),
        ),
        Case(
            "a label of -1 is counted as the last class",
            (np.array([0, -1]), np.array([0, 1]), 2),
            hint=2,
            raises=ValueError,
            mentions=(-1,),
        ),
        Case(
            "predicted labels below 0 are not looked at",
            (np.array([0, 1]), np.array([-1, 1]), 2),
            hint=2,
            raises=ValueError,
            mentions=(-1,),
        ),
        Case(
            "true labels that are too large are not looked at",
            (np.array([3, 0]), np.array([0, 1]), 3),
            hint=2,
            raises=ValueError,
            mentions=(3,),
        ),
        Case(
            "predicted labels that are too large are not looked at",
            (np.array([0, 1]), np.array([1, 3]), 3),
            hint=2,
            raises=ValueError,
            mentions=(3,),
        ),
    ),
    wrong={
        "rows and columns exchanged": lambda y_true, y_pred, n_classes: confusion_matrix(
            y_pred, y_true, n_classes
        ),
        "fancy indexing with +=": _counted_at_once,
        "only the classes that occur": _present_classes_only,
        "shares of each row instead of counts": _row_shares,
        "lets -1 count from the end": _unguarded,
        "looks at the true labels only": _looks_at(("true", "low"), ("true", "high")),
        "looks at the predicted labels only": _looks_at(("pred", "low"), ("pred", "high")),
        "below 0 in the true labels, too large in the predicted": _looks_at(
            ("true", "low"), ("pred", "high")
        ),
        "too large in the true labels, below 0 in the predicted": _looks_at(
            ("true", "high"), ("pred", "low")
        ),
        "everything but a true label below 0": _looks_at(("pred", "low"), ("true", "high"), ("pred", "high")),
        "everything but a predicted label below 0": _looks_at(
            ("true", "low"), ("true", "high"), ("pred", "high")
        ),
        "everything but a true label that is too large": _looks_at(
            ("true", "low"), ("pred", "low"), ("pred", "high")
        ),
        "everything but a predicted label that is too large": _looks_at(
            ("true", "low"), ("pred", "low"), ("true", "high")
        ),
        "takes n_classes itself for a label": lambda y_true, y_pred, n_classes: confusion_matrix(
            y_true, y_pred, n_classes + 1
        )[:n_classes, :n_classes],
    },
)

# 6.1.7 a threshold for a recall -------------------------------------------------------------------


def threshold_for_recall(y_true, scores, recall):
    """The largest threshold t at which `scores >= t` finds at least the share `recall` of the positives.

    y_true (N,) of 0 and 1, scores (N,), recall in (0, 1] -> float, one of the scores.
    Raises ValueError for a recall outside (0, 1], or when y_true has no 1.
    """
    # Common wrong turn: ceil(recall * n) asks for one too many where the product is a hair too large:
    # 0.28 * 25 is 7.000000000000001. Comparing the shares themselves is exact.
    positives = np.sort(np.asarray(scores)[np.asarray(y_true) == 1])[::-1]
    if not 0 < recall <= 1:
        raise ValueError(f"recall is {recall}: it must be above 0 and at most 1")
    if len(positives) == 0:
        raise ValueError("y_true has no 1: without positives there is no recall")
    found = np.arange(1, len(positives) + 1) / len(positives)
    return float(positives[found >= recall][0])


def _refuse(y_true, recall):
    if not 0 < recall <= 1:
        raise ValueError(f"recall is {recall}")
    if not np.any(np.asarray(y_true) == 1):
        raise ValueError("no positives")


def _by_quantile(y_true, scores, recall):
    _refuse(y_true, recall)
    return float(np.quantile(scores[y_true == 1], 1 - recall))


def _of_all_examples(y_true, scores, recall):
    _refuse(y_true, recall)
    return float(np.sort(scores)[::-1][math.ceil(recall * len(scores)) - 1])


def _smallest_threshold(y_true, scores, recall):
    _refuse(y_true, recall)
    return float(scores[y_true == 1].min())


def _each_score_once(y_true, scores, recall):
    _refuse(y_true, recall)
    values = np.unique(scores[y_true == 1])[::-1]
    return float(values[math.ceil(recall * len(values)) - 1])


def _strictly_above(y_true, scores, recall):
    _refuse(y_true, recall)
    for t in np.unique(scores)[::-1]:
        if np.mean(scores[y_true == 1] > t) >= recall:
            return float(t)
    return -math.inf


def _at_most_the_recall(y_true, scores, recall):
    _refuse(y_true, recall)
    reached = [t for t in np.unique(scores) if np.mean(scores[y_true == 1] >= t) <= recall]
    return float(min(reached, default=scores.max()))


def _rounded_up_product(y_true, scores, recall):
    _refuse(y_true, recall)
    positives = np.sort(scores[y_true == 1])[::-1]
    return float(positives[min(math.ceil(recall * len(positives)), len(positives)) - 1])


def _without_refusal(y_true, scores, recall):
    positives = np.sort(scores[y_true == 1])[::-1]
    if len(positives) == 0:
        return 0.0
    return threshold_for_recall(y_true, scores, min(max(recall, 1e-9), 1))


def _grid_from_one_to_zero(y_true, scores, recall):
    _refuse(y_true, recall)
    for t in np.arange(1, 0, -0.01):
        if np.mean(scores[y_true == 1] >= t) >= recall:
            return t


def _grid_over_the_scores(y_true, scores, recall):
    _refuse(y_true, recall)
    for t in np.arange(scores.max(), scores.min() - 0.01, -0.01):
        if np.mean(scores[y_true == 1] >= t - 1e-9) >= recall:
            return float(t)


def _none_below_zero(y_true, scores, recall):
    _refuse(y_true, recall)
    return next(
        (t for t in scores[np.argsort(-scores)] if t >= 0 and np.mean(scores[y_true == 1] >= t) >= recall),
        0.0,
    )


_ANY_SCORES = np.array([3.1, 0.6131, -1.27, -2.0])


def _twenty_five_positives():
    return np.ones(25, dtype=int), np.arange(25) / 25, 0.28


choose_threshold = Exercise(
    number="6.1.7",
    title="A threshold that misses few",
    level=2,
    minutes=10,
    points=3,
    statement="""\
A classifier with two classes gives a score; somebody has to say from which score on we believe it. Where a
miss is expensive, we fix the recall (the share of the positives that are found) and take the **largest**
threshold that reaches it, so that as few false alarms as possible come along. Write `threshold_for_recall`.

- `y_true` `(N,)` holds 0 and 1, `scores` `(N,)` any numbers. Positive is what has `score >= t`.
- The result is the largest `t` with a recall of **at least** `recall`; always one of the scores, a `float`.
- Several examples may have the same score.
- `recall` outside (0, 1], or no positive at all: `ValueError`.

By hand: truth `[1, 0, 1, 1]`, scores `[0.9, 0.8, 0.6, 0.3]`, recall 0.6. One positive of three is too few,
two are enough, so `t = 0.6`; the false alarm at 0.8 comes along.""",
    hints=(
        (
            "Which examples matter?",
            "Only the positives: the recall asks how many of them are found. Sort their scores. Without a "
            "positive, or with a recall outside (0, 1], there is nothing to find: refuse that first.",
        ),
        (
            "Which of the sorted scores is it?",
            "With t at the k-th largest score of the positives, at least k of them are found. "
            "What is the smallest k with k / (number of positives) >= recall?",
        ),
        (
            "It fails where several examples have the same score, or by one place.",
            "Keep equal scores: each counts as a positive. And compare k / n with recall rather than k with "
            "recall * n: 0.28 * 25 is a hair above 7.",
        ),
    ),
    solution=threshold_for_recall,
    cases=(
        Case(
            "a share of all examples instead of the positives",
            (np.array([1, 0, 0, 0, 1]), np.array([0.9, 0.8, 0.7, 0.6, 0.2]), 0.5),
            hint=0,
            expected=0.9,
        ),
        Case(
            "a smaller threshold than needed",
            (np.array([1, 0, 1, 1]), np.array([0.9, 0.8, 0.6, 0.3]), 0.6),
            hint=1,
            expected=0.6,
        ),
        Case(
            "a threshold between two scores",
            (np.array([1, 1, 0]), np.array([0.2, 0.8, 0.5]), 0.5),
            hint=1,
            expected=0.8,
        ),
        Case(
            "equal scores counted once",
            (np.array([1, 1, 1, 1, 0]), np.array([0.9, 0.5, 0.5, 0.1, 0.7]), 0.75),
            hint=2,
            expected=0.5,
        ),
        Case(
            "thresholds tried in steps of 0.01, not the scores themselves",
            (np.array([1, 1, 0, 1]), _ANY_SCORES, 0.6),
            hint=1,
            expected=0.6131,
        ),
        Case(
            "scores taken for probabilities between 0 and 1",
            (np.array([1, 1, 0, 1]), _ANY_SCORES, 1.0),
            hint=1,
            expected=-2.0,
        ),
        Case(
            "one too many, because 0.28 * 25 is a hair above 7",
            _twenty_five_positives,
            args_text="np.ones(25, dtype=int), np.arange(25) / 25, 0.28",
            hint=2,
            expected=0.72,
        ),
        Case(
            "a recall of 0 is accepted",
            (np.array([1, 0]), np.array([0.9, 0.1]), 0.0),
            hint=0,
            raises=ValueError,
        ),
        Case(
            "a recall above 1 is accepted",
            (np.array([1, 0]), np.array([0.9, 0.1]), 1.5),
            hint=0,
            raises=ValueError,
        ),
        Case(
            "no positives, yet a threshold is returned",
            (np.array([0, 0]), np.array([0.9, 0.1]), 0.5),
            hint=0,
            raises=ValueError,
        ),
    ),
    wrong={
        "the quantile of the positives, which lies between scores": _by_quantile,
        "a share of all examples": _of_all_examples,
        "the smallest score of a positive: finds all, alarms most": _smallest_threshold,
        "np.unique: equal scores count once": _each_score_once,
        "score > t instead of score >= t": _strictly_above,
        "recall of at most the wanted one": _at_most_the_recall,
        "ceil(recall * n), off by one through rounding": _rounded_up_product,
        "tries thresholds from 1 to 0 in steps of 0.01": _grid_from_one_to_zero,
        "tries thresholds from the largest score down in steps of 0.01": _grid_over_the_scores,
        "tries no threshold below 0": _none_below_zero,
        "answers where there is no answer": _without_refusal,
    },
)

EXERCISES = [
    size_of_a_map,
    count_parameters,
    mean_of_an_epoch,
    shift_images,
    augmentation,
    confusion,
    choose_threshold,
]
