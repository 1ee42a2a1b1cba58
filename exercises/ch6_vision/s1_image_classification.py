"""Exercises of section 6.1, image classification: shapes, counts, a network, and the numbers we judge by."""

import math
from copy import deepcopy
from functools import cache, wraps
from statistics import mean

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from exercises import Case, Exercise
from helpers.chapters.drawn_digits import drawn_digits, small_digits

# 6.1.1 the shapes of a network --------------------------------------------------------------------


def layer_shapes(layers, shape):
    """The shape after each of `layers`, for a picture of shape (C, H, W) -> list of tuples

    layers: ("conv", filters, kernel, padding), moving by 1 pixel; ("pool", size), moving by `size`;
    ("flatten",). Raises ValueError that names the kernel or size for which there is no place.
    """
    # Common wrong turn: multiplying channels by filters. A filter reads all channels and makes one map.
    shapes = []
    for kind, *numbers in layers:
        if kind == "flatten":
            shape = (int(np.prod(shape)),)
        else:
            if kind == "conv":
                channels, window, padding = numbers
                stride = 1
            else:
                channels, (window,), padding = shape[0], numbers, 0
                stride = window
            room = [side + 2 * padding - window for side in shape[1:]]
            if min(room) < 0:
                raise ValueError(f"no place for a window of {window} on {shape[1:]}, padding {padding}")
            shape = (channels, *(steps // stride + 1 for steps in room))
        shapes.append(shape)
    return shapes


def draw_layers_and_shape(rng):
    """Up to four layers on pictures of any sides; sometimes a window has no place, sometimes no layer."""
    layers, shape = [], tuple(int(n) for n in (rng.integers(1, 4), rng.integers(2, 13), rng.integers(2, 13)))
    for _ in range(int(rng.integers(0, 4))):
        if rng.random() < 0.5:
            layers.append(("pool", int(rng.integers(2, 4))))
        else:
            layers.append(
                ("conv", *(int(n) for n in (rng.integers(1, 7), rng.integers(1, 5), rng.integers(0, 3))))
            )
    if rng.random() < 0.5:
        layers.append(("flatten",))
    try:
        layer_shapes(layers, shape)
    except ValueError:
        return Case((layers, shape), raises=ValueError)
    return layers, shape


def _walk(layers, shape, step):
    """The solution with another `step`(kind, numbers, shape) -> shape, or None where it does not differ."""
    shapes = []
    for kind, *numbers in layers:
        other = step(kind, numbers, shape)
        shape = layer_shapes([(kind, *numbers)], shape)[0] if other is None else other
        shapes.append(shape)
    return shapes


def _fits(room, window):
    if min(room) < 0:
        raise ValueError(f"no place for a window of {window}")


def multiplies_the_channels(layers, shape):
    def step(kind, numbers, shape):
        if kind == "conv":
            made = layer_shapes([(kind, *numbers)], shape)[0]
            return (shape[0] * made[0], *made[1:])
        return None

    return _walk(layers, shape, step)


def ignores_the_padding(layers, shape):
    return layer_shapes([(*layer[:3], 0) if layer[0] == "conv" else layer for layer in layers], shape)


def pads_one_side(layers, shape):
    def step(kind, numbers, shape):
        if kind == "conv":
            filters, kernel, padding = numbers
            room = [side + padding - kernel for side in shape[1:]]
            _fits(room, kernel)
            return (filters, *(steps + 1 for steps in room))
        return None

    return _walk(layers, shape, step)


def forgets_the_first_place(layers, shape):
    def step(kind, numbers, shape):
        if kind == "conv":
            made = layer_shapes([(kind, *numbers)], shape)[0]
            _fits([side - 2 for side in made[1:]], numbers[1])
            return (made[0], *(side - 1 for side in made[1:]))
        return None

    return _walk(layers, shape, step)


def moves_the_pooling_by_one_pixel(layers, shape):
    def step(kind, numbers, shape):
        if kind == "pool":
            return layer_shapes([("conv", shape[0], numbers[0], 0)], shape)[0]
        return None

    return _walk(layers, shape, step)


def always_halves(layers, shape):
    return layer_shapes([("pool", 2) if layer[0] == "pool" else layer for layer in layers], shape)


def rounds_up(layers, shape):
    def step(kind, numbers, shape):
        if kind == "pool":
            return (shape[0], *(-(-side // numbers[0]) for side in shape[1:]))
        return None

    return _walk(layers, shape, step)


def pools_the_channels_too(layers, shape):
    def step(kind, numbers, shape):
        if kind == "pool":
            made = layer_shapes([(kind, *numbers)], shape)[0]
            return (max(made[0] // numbers[0], 1), *made[1:])
        return None

    return _walk(layers, shape, step)


def flattens_one_channel(layers, shape):
    return _walk(layers, shape, lambda kind, _, shape: (shape[1] * shape[2],) if kind == "flatten" else None)


def takes_every_picture_for_square(layers, shape):
    return layer_shapes(layers, (shape[0], shape[1], shape[1]))


def gives_the_last_shape_only(layers, shape):
    return (layer_shapes(layers, shape) or [shape])[-1]


def begins_with_the_picture(layers, shape):
    return [shape, *layer_shapes(layers, shape)]


def returns_0_or_less(layers, shape):
    def step(kind, numbers, shape):
        if kind == "conv":
            return (numbers[0], *(side + 2 * numbers[2] - numbers[1] + 1 for side in shape[1:]))
        return (shape[0], *(side // numbers[0] for side in shape[1:])) if kind == "pool" else None

    return _walk(layers, shape, step)


def compares_the_kernel_with_the_picture_before_it_is_padded(layers, shape):
    def step(kind, numbers, shape):
        if kind == "conv":
            _fits([side - numbers[1] for side in shape[1:]], numbers[1])

    return _walk(layers, shape, step)


def refuses_without_the_number(layers, shape):
    try:
        return layer_shapes(layers, shape)
    except ValueError:
        raise ValueError("the picture is too small") from None


shapes_of_a_network = Exercise(
    "6.1.1",
    level=2,
    minutes=10,
    points=2,
    solution=layer_shapes,
    cases=(
        Case(
            ([("conv", 4, 3, 1), ("pool", 2), ("flatten",)], (1, 6, 8)),
            expected=[(4, 6, 8), (4, 3, 4), (48,)],
            name="the picture is taken for square",
        ),
        Case(
            ([("conv", 4, 3, 1), ("conv", 5, 3, 1)], (2, 6, 6)),
            expected=[(4, 6, 6), (5, 6, 6)],
            name="channels are multiplied",
        ),
        Case(
            ([("conv", 2, 5, 0)], (3, 9, 7)),
            expected=[(2, 5, 3)],
            name="the first place is forgotten, or padding is added that is not there",
        ),
        Case(
            ([("conv", 2, 2, 1)], (1, 4, 4)),
            expected=[(2, 5, 5)],
            name="padding is added on one side only",
        ),
        Case(
            ([("pool", 3)], (6, 11, 9)),
            expected=[(6, 3, 3)],
            name="a window that does not fit entirely is counted, or every pooling halves",
        ),
        Case(([("flatten",)], (3, 4, 2)), expected=[(24,)], name="channels are left out when flattened"),
        Case(([("conv", 2, 5, 1)], (1, 3, 4)), expected=[(2, 1, 2)], name="a padded picture is refused"),
        Case(
            ([("conv", 9, 5, 0), ("pool", 2)], (1, 5, 5)),
            raises=ValueError,
            mentions=(2,),
            name="nothing is left for the pooling, yet a shape is returned",
        ),
        Case(
            ([("conv", 9, 7, 0)], (1, 5, 9)),
            raises=ValueError,
            mentions=(7,),
            name="the kernel is larger than one side, yet a shape is returned",
        ),
    ),
    wrong={
        multiplies_the_channels: 0,
        ignores_the_padding: 1,
        pads_one_side: 1,
        forgets_the_first_place: 1,
        moves_the_pooling_by_one_pixel: 1,
        always_halves: 1,
        rounds_up: 1,
        pools_the_channels_too: 0,
        flattens_one_channel: 0,
        takes_every_picture_for_square: None,
        gives_the_last_shape_only: None,
        begins_with_the_picture: None,
        returns_0_or_less: 2,
        compares_the_kernel_with_the_picture_before_it_is_padded: 2,
        refuses_without_the_number: None,
    },
    draw=draw_layers_and_shape,
)

# 6.1.2 how many parameters? -----------------------------------------------------------------------


# convolution, batch normalisation (scale and shift), convolution, batch normalisation, linear with bias
N_PARAMETERS = 1 * 8 * 9 + 2 * 8 + 8 * 16 * 9 + 2 * 16 + 16 * 2 * 2 * 10 + 10

count_parameters = Exercise(
    "6.1.2",
    level=2,
    minutes=10,
    points=1,
    kind="predict",
    solution=N_PARAMETERS,
    wrong={
        "takes_one_number_a_channel_for_batch_normalisation": (N_PARAMETERS - 24, 1),
        "gives_the_convolutions_a_bias": (N_PARAMETERS + 8 + 16, 2),
        "counts_running_mean_and_variance": (N_PARAMETERS + 2 * 24, 1),
        "leaves_batch_normalisation_out": (N_PARAMETERS - 2 * 24, 1),
        "forgets_the_input_channels_of_the_second_convolution": (N_PARAMETERS - 7 * 16 * 9, 0),
        "forgets_the_bias_of_the_last_layer": (N_PARAMETERS - 10, 2),
        "forgets_the_pooling_16_8_8_inputs_to_the_last_layer": (N_PARAMETERS - 640 + 16 * 8 * 8 * 10, None),
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


def draw_epoch(rng):
    """Batches of any size, the short one anywhere; negative, huge and nan losses; misfits."""
    n = int(rng.integers(1, 5))
    sizes = rng.choice([1, 2, 3, 8, 512], size=n)
    losses = np.round(rng.normal(size=n) * rng.choice([1.0, 1.0, 1e6]), 2)
    if rng.random() < 0.1:
        losses[int(rng.integers(0, n))] = math.nan
    if rng.random() < 0.15:
        wrong = [0, 1, n + 1][int(rng.integers(0, 3))]
        sizes = [4] * (wrong if wrong != n else n + 2)
        if rng.random() < 0.5:
            return Case((losses.tolist(), sizes), raises=ValueError)
        return Case((losses, np.array(sizes, dtype=int)), raises=ValueError)
    return (losses.tolist(), sizes.tolist()) if rng.random() < 0.5 else (losses, sizes)


def _refuse_lengths(losses, sizes):
    if len(losses) != len(sizes) or len(losses) == 0:
        raise ValueError("lengths")


def reports_the_last_batch(losses, sizes):
    _refuse_lengths(losses, sizes)
    return float(losses[-1])


def takes_the_mean_of_the_means(losses, sizes):
    _refuse_lengths(losses, sizes)
    return float(mean(losses))


def divides_the_sum_of_the_means(losses, sizes):
    _refuse_lengths(losses, sizes)
    return float(sum(losses) / sum(sizes))


def divides_by_the_number_of_batches(losses, sizes):
    _refuse_lengths(losses, sizes)
    return float(np.dot(losses, sizes) / len(losses))


def forgets_to_divide(losses, sizes):
    _refuse_lengths(losses, sizes)
    return float(np.dot(losses, sizes))


def takes_every_batch_for_a_full_one(losses, sizes):
    _refuse_lengths(losses, sizes)
    return float(np.sum(np.multiply(losses, sizes[0])) / np.sum(sizes))


def takes_only_the_last_batch_for_short(losses, sizes):
    _refuse_lengths(losses, sizes)
    counted = [*[sizes[0]] * (len(sizes) - 1), sizes[-1]]
    return float(np.dot(losses, counted) / sum(counted))


def leaves_nan_out(losses, sizes):
    _refuse_lengths(losses, sizes)
    return float(np.nansum(np.multiply(losses, sizes)) / np.sum(sizes))


def stops_at_the_shorter_list(losses, sizes):
    return float(sum(loss * size for loss, size in zip(losses, sizes, strict=False)) / max(sum(sizes), 1))


def stretches_a_single_size(losses, sizes):
    if 0 in (len(losses), len(sizes)):
        raise ValueError("no batch")
    losses, sizes = np.broadcast_arrays(np.asarray(losses, dtype=float), sizes)
    return float((losses * sizes).sum() / sizes.sum())


def gives_no_batch_the_loss_0(losses, sizes):
    return epoch_mean(losses, sizes) if len(losses) or len(sizes) else 0.0


mean_of_an_epoch = Exercise(
    "6.1.3",
    level=1,
    minutes=5,
    points=1,
    solution=epoch_mean,
    cases=(
        Case(([0.5, 2.0], [3, 1]), expected=0.875, name="only the last batch is reported"),
        Case(([1.0, 1.0, 4.0], [4, 4, 2]), expected=1.6, name="a short batch counts as much as a full one"),
        Case(([1.0, 2.0, 4.0], [2, 6, 4]), expected=2.5, name="only the last batch may be short"),
        Case(([2.0, 2.0], [8, 8]), expected=2.0, name="a sum instead of a mean"),
        Case(
            (np.array([1.0, math.nan]), np.array([2, 2])),
            expected=math.nan,
            name="a batch that is nan goes unnoticed",
        ),
        Case(([1.0, 2.0, 3.0], [4, 4]), raises=ValueError, name="a missing size goes unnoticed"),
        Case(([], []), raises=ValueError, name="an epoch without batches has a loss"),
    ),
    wrong={
        reports_the_last_batch: 0,
        takes_the_mean_of_the_means: 0,
        divides_the_sum_of_the_means: 0,
        divides_by_the_number_of_batches: 1,
        forgets_to_divide: 1,
        takes_every_batch_for_a_full_one: 0,
        takes_only_the_last_batch_for_short: 0,
        leaves_nan_out: 2,
        stops_at_the_shorter_list: 2,
        stretches_a_single_size: 2,
        gives_no_batch_the_loss_0: 2,
    },
    draw=draw_epoch,
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


def draw_shift(rng):
    """Small batches of any sides and dtype, no pixel zero; shifts all ways, by 0, beyond the edge."""
    shape = (*rng.integers(1, 3, size=2).tolist(), *rng.integers(1, 4, size=2).tolist())
    images = np.arange(1, 1 + math.prod(shape)).reshape(shape)
    images = images.astype(rng.choice(["float64", "float32", "uint8", "int64"]))
    return images, int(rng.integers(-4, 5)), int(rng.integers(-4, 5))


def lets_the_other_side_come_back(images, dy, dx):
    return np.roll(images, (dy, dx), axis=(2, 3))


def writes_into_its_input(images, dy, dx):
    images[:] = shift_image(images, dy, dx)
    return images


def exchanges_down_and_right(images, dy, dx):
    return shift_image(images, dx, dy)


def moves_the_other_way(images, dy, dx):
    return shift_image(images, -dy, -dx)


def moves_images_and_channels(images, dy, dx):
    return shift_image(images.transpose(2, 3, 0, 1), dy, dx).transpose(2, 3, 0, 1)


def ends_its_slices_at_minus_0(images, dy, dx):
    shifted = np.zeros_like(images)
    if dy > 0 and dx > 0:
        shifted[:, :, dy:, dx:] = images[:, :, :-dy, :-dx]
    else:
        part = images[:, :, :-dy, :-dx]
        shifted[:, :, : part.shape[2], : part.shape[3]] = part
    return shifted


def writes_the_slices_with_minus_the_shift(images, dy, dx):
    shifted = np.zeros_like(images)
    shifted[:, :, dy:, dx:] = images[:, :, :-dy, :-dx]
    return shifted


def writes_the_slices_for_down_and_right(images, dy, dx):
    shifted = np.zeros_like(images)
    height, width = images.shape[2:]
    shifted[:, :, dy:, dx:] = images[:, :, : height - dy, : width - dx]
    return shifted


def knows_down_and_right_only(images, dy, dx):
    return shift_image(images, max(dy, 0), max(dx, 0))


def moves_at_most_to_the_last_row(images, dy, dx):
    height, width = images.shape[2:]
    return shift_image(
        images, int(np.clip(dy, 1 - height, height - 1)), int(np.clip(dx, 1 - width, width - 1))
    )


def counts_a_large_shift_from_the_end(images, dy, dx):
    shifted = np.zeros_like(images)
    height, width = images.shape[2:]
    part = images[:, :, max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)]
    shifted[:, :, max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)] = part
    return shifted


def repeats_the_edge(images, dy, dx):
    height, width = images.shape[2:]
    rows = np.clip(np.arange(height) - dy, 0, height - 1)
    columns = np.clip(np.arange(width) - dx, 0, width - 1)
    return images[:, :, rows][..., columns]


def loses_the_dtype(images, dy, dx):
    return shift_image(images.astype(float), dy, dx)


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
    "6.1.4",
    level=3,
    minutes=15,
    points=3,
    solution=shift_image,
    cases=(
        Case((_SMALL, 1, 0), expected=_down_one(), name="what leaves on one side comes back on the other"),
        Case(
            (_SMALL, 0, 1),
            expected=np.array([[[[0.0, 1.0, 2.0], [0.0, 4.0, 5.0]]]]),
            name="down and right exchanged",
        ),
        Case(
            lambda: (_image_batch(), 0, 0),
            args_text=f"{_BATCH_TEXT}, 0, 0",
            expected=_image_batch(),
            name="a shift by nothing loses the picture",
        ),
        Case(
            (_SMALL, -1, -2),
            expected=np.array([[[[6.0, 0.0, 0.0], [0.0, 0.0, 0.0]]]]),
            name="up and left are not handled",
        ),
        Case(
            lambda: (_image_batch(), 2, -1),
            args_text=f"{_BATCH_TEXT}, 2, -1",
            name="images or channels are moved instead of rows",
        ),
        Case(
            lambda: (_image_batch(), 4, 0),
            args_text=f"{_BATCH_TEXT}, 4, 0",
            expected=np.zeros((2, 2, 3, 4)),
            name="a shift larger than the picture",
        ),
        Case(
            (np.array([[[[7, 8]]]], dtype=np.uint8), 0, 1),
            expected=np.array([[[[0, 7]]]], dtype=np.uint8),
            name="the dtype is lost",
        ),
    ),
    wrong={
        lets_the_other_side_come_back: 0,
        writes_into_its_input: None,
        exchanges_down_and_right: None,
        moves_the_other_way: None,
        moves_images_and_channels: None,
        ends_its_slices_at_minus_0: 2,
        writes_the_slices_with_minus_the_shift: 2,
        writes_the_slices_for_down_and_right: 1,
        knows_down_and_right_only: 1,
        moves_at_most_to_the_last_row: 2,
        counts_a_large_shift_from_the_end: 2,
        repeats_the_edge: None,
        loses_the_dtype: None,
    },
    draw=draw_shift,
    new_result=True,
)

# 6.1.5 an experiment ------------------------------------------------------------------------------

augmentation = Exercise(
    "6.1.5",
    level=4,
    minutes=30,
    points=0,
    kind="design",
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


def draw_labels(rng):
    """No label or a few, of any integer kind; classes that do not occur; one label below 0 or too large."""
    n_classes, n = int(rng.choice([1, 2, 3, 4, 20])), int(rng.integers(0, 7))
    kind = rng.choice(["int64", "int32", "int8", "uint8"])
    y_true, y_pred = rng.integers(0, n_classes, size=(2, n)).astype(kind)
    if n and rng.random() < 0.3:
        spoilt = (y_true, y_pred)[int(rng.integers(0, 2))]
        outside = n_classes + int(rng.integers(0, 2))
        if rng.random() < 0.5 and kind != "uint8":
            outside = -1 - int(rng.integers(0, 2))
        spoilt[int(rng.integers(0, n))] = outside
        return Case((y_true, y_pred, n_classes), raises=ValueError, mentions=(outside,))
    return y_true, y_pred, n_classes


def exchanges_rows_and_columns(y_true, y_pred, n_classes):
    return confusion_matrix(y_pred, y_true, n_classes)


def adds_once_to_an_entry_named_twice(y_true, y_pred, n_classes):
    confusion_matrix(y_true, y_pred, n_classes)
    matrix = np.zeros((n_classes, n_classes), dtype=int)
    matrix[y_true, y_pred] += 1
    return matrix


def shows_only_classes_that_occur(y_true, y_pred, n_classes):
    matrix, present = confusion_matrix(y_true, y_pred, n_classes), np.union1d(y_true, y_pred).astype(int)
    return matrix[np.ix_(present, present)]


def makes_a_table_as_large_as_the_largest_label(y_true, y_pred, n_classes):
    matrix = confusion_matrix(y_true, y_pred, n_classes)
    largest = max([*y_true.tolist(), *y_pred.tolist()], default=0)
    return matrix[: largest + 1, : largest + 1]


def gives_shares_of_each_row(y_true, y_pred, n_classes):
    matrix = confusion_matrix(y_true, y_pred, n_classes)
    return matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)


def multiplies_in_the_type_of_the_labels(y_true, y_pred, n_classes):
    confusion_matrix(y_true, y_pred, n_classes)
    places = y_true * n_classes + y_pred
    return np.bincount(places, minlength=n_classes**2).reshape(n_classes, n_classes)


def counts_in_eight_bits(y_true, y_pred, n_classes):
    return confusion_matrix(y_true, y_pred, n_classes).astype(np.uint8)


def _counted(y_true, y_pred, n_classes):
    """The counts without any refusal: one below 0 counts from the end, one too large is dropped."""
    pairs = [(t, p) for t, p in zip(y_true.tolist(), y_pred.tolist(), strict=True)]
    matrix = np.zeros((n_classes, n_classes), dtype=int)
    for t, p in pairs:
        if -n_classes <= min(t, p) and max(t, p) < n_classes:
            matrix[t, p] += 1
    return matrix


def looks_at_no_label(y_true, y_pred, n_classes):
    return _counted(y_true, y_pred, n_classes)


def looks_at_the_true_labels_only(y_true, y_pred, n_classes):
    confusion_matrix(y_true, y_true, n_classes)
    return _counted(y_true, y_pred, n_classes)


def looks_at_the_predicted_labels_only(y_true, y_pred, n_classes):
    confusion_matrix(y_pred, y_pred, n_classes)
    return _counted(y_true, y_pred, n_classes)


def lets_a_label_below_0_count_from_the_end(y_true, y_pred, n_classes):
    if max([*y_true.tolist(), *y_pred.tolist()], default=0) >= n_classes:
        return confusion_matrix(y_true, y_pred, n_classes)
    return _counted(y_true, y_pred, n_classes)


def drops_a_label_that_is_too_large(y_true, y_pred, n_classes):
    if min([*y_true.tolist(), *y_pred.tolist()], default=0) < 0:
        return confusion_matrix(y_true, y_pred, n_classes)
    return _counted(y_true, y_pred, n_classes)


def takes_n_classes_itself_for_a_label(y_true, y_pred, n_classes):
    return confusion_matrix(y_true, y_pred, n_classes + 1)[:n_classes, :n_classes]


def refuses_without_naming_the_label(y_true, y_pred, n_classes):
    try:
        return confusion_matrix(y_true, y_pred, n_classes)
    except ValueError:
        raise ValueError("a label is out of range") from None


confusion = Exercise(
    "6.1.6",
    level=2,
    minutes=10,
    points=2,
    solution=confusion_matrix,
    cases=(
        Case(
            (np.array([0, 0, 1]), np.array([0, 1, 1]), 2),
            expected=np.array([[1, 1], [0, 1]]),
            name="rows and columns exchanged",
        ),
        Case(
            (np.array([1, 1, 1, 0]), np.array([0, 0, 0, 0]), 2),
            expected=np.array([[1, 0], [3, 0]]),
            name="a pair that occurs several times is counted once",
        ),
        Case(
            (np.array([0, 3]), np.array([3, 3]), 4),
            expected=np.array([[0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]),
            name="a class that does not occur is missing",
        ),
        Case(
            (np.array([0, 1, 1, 1]), np.array([0, 1, 1, 0]), 2),
            expected=np.array([[1, 0], [1, 2]]),
            name="shares instead of counts",
        ),
        Case(
            lambda: (np.zeros(300, dtype=int), np.ones(300, dtype=int), 2),
            args_text="np.zeros(300, dtype=int), np.ones(300, dtype=int), 2",
            expected=np.array([[0, 300], [0, 0]]),
            name="eight bits count to 255",
        ),
        Case(
            (np.array([13], dtype=np.uint8), np.array([1], dtype=np.uint8), 20),
            name="13 * 20 + 1 does not fit into eight bits",
        ),
        Case(
            (np.array([0, -1]), np.array([0, 1]), 2),
            raises=ValueError,
            mentions=(-1,),
            name="a label of -1 is counted as the last class",
        ),
        Case(
            (np.array([0, 1]), np.array([-1, 1]), 2),
            raises=ValueError,
            mentions=(-1,),
            name="predicted labels below 0 are not looked at",
        ),
        Case(
            (np.array([3, 0]), np.array([0, 1]), 3),
            raises=ValueError,
            mentions=(3,),
            name="true labels that are too large are not looked at",
        ),
        Case(
            (np.array([0, 1]), np.array([1, 3]), 3),
            raises=ValueError,
            mentions=(3,),
            name="predicted labels that are too large are not looked at",
        ),
    ),
    wrong={
        exchanges_rows_and_columns: 0,
        adds_once_to_an_entry_named_twice: 1,
        shows_only_classes_that_occur: None,
        makes_a_table_as_large_as_the_largest_label: None,
        gives_shares_of_each_row: 0,
        multiplies_in_the_type_of_the_labels: 1,
        counts_in_eight_bits: None,
        looks_at_no_label: 2,
        looks_at_the_true_labels_only: 2,
        looks_at_the_predicted_labels_only: 2,
        lets_a_label_below_0_count_from_the_end: 2,
        drops_a_label_that_is_too_large: 2,
        takes_n_classes_itself_for_a_label: 2,
        refuses_without_naming_the_label: None,
    },
    draw=draw_labels,
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


def draw_scores(rng):
    """Few examples with equal, negative, huge or whole scores; no positive, or a recall outside."""
    n = int(rng.integers(1, 8))
    y_true = rng.integers(0, 2, size=n)
    scores = rng.integers(-3, 4, size=n) / 2 * float(rng.choice([1.0, 0.01, 1e6]))
    if rng.random() < 0.5:
        scores = np.round(rng.random(n), 4)
    recall = float(rng.choice([0.01, 0.25, 0.28, 0.3, 0.5, 0.6, 0.75, 0.9, 1.0]))
    if rng.random() < 0.1:
        return Case((y_true, scores, float(rng.choice([0.0, -0.5, 1.0001, 2.0]))), raises=ValueError)
    if not y_true.any():
        return Case((y_true, scores, recall), raises=ValueError)
    return y_true, scores, recall


def _refuse(y_true, recall):
    if not 0 < recall <= 1:
        raise ValueError(f"recall is {recall}")
    if not np.any(np.asarray(y_true) == 1):
        raise ValueError("no positives")


def takes_the_quantile_of_the_positives(y_true, scores, recall):
    _refuse(y_true, recall)
    return float(np.quantile(scores[y_true == 1], 1 - recall))


def takes_a_share_of_all_examples(y_true, scores, recall):
    _refuse(y_true, recall)
    return float(np.sort(scores)[::-1][math.ceil(recall * len(scores)) - 1])


def takes_a_share_of_the_negatives(y_true, scores, recall):
    _refuse(y_true, recall)
    chosen = np.sort(scores[y_true == (0 if (y_true == 0).any() else 1)])[::-1]
    return float(chosen[math.ceil(recall * len(chosen)) - 1])


def finds_all_positives(y_true, scores, recall):
    _refuse(y_true, recall)
    return float(scores[y_true == 1].min())


def takes_the_precision_for_the_recall(y_true, scores, recall):
    _refuse(y_true, recall)
    reached = [t for t in np.unique(scores) if np.mean(y_true[scores >= t] == 1) >= recall]
    return float(max(reached, default=scores.max()))


def counts_equal_scores_once(y_true, scores, recall):
    _refuse(y_true, recall)
    values = np.unique(scores[y_true == 1])[::-1]
    return float(values[math.ceil(recall * len(values)) - 1])


def asks_for_more_than_the_threshold(y_true, scores, recall):
    _refuse(y_true, recall)
    reached = [t for t in np.unique(scores) if np.mean(scores[y_true == 1] > t) >= recall]
    return float(max(reached, default=-math.inf))


def reaches_at_most_the_recall(y_true, scores, recall):
    _refuse(y_true, recall)
    reached = [t for t in np.unique(scores) if np.mean(scores[y_true == 1] >= t) <= recall]
    return float(min(reached, default=scores.max()))


def takes_the_smallest_threshold_that_reaches_it(y_true, scores, recall):
    _refuse(y_true, recall)
    return float(min(t for t in scores if np.mean(scores[y_true == 1] >= t) >= recall))


def rounds_a_product_up(y_true, scores, recall):
    _refuse(y_true, recall)
    positives = np.sort(scores[y_true == 1])[::-1]
    return float(positives[min(math.ceil(recall * len(positives)), len(positives)) - 1])


def rounds_a_product_down(y_true, scores, recall):
    _refuse(y_true, recall)
    positives = np.sort(scores[y_true == 1])[::-1]
    return float(positives[max(int(recall * len(positives)), 1) - 1])


def rounds_a_product_down_even_to_0(y_true, scores, recall):
    _refuse(y_true, recall)
    positives = np.sort(scores[y_true == 1])[::-1]
    return float(positives[int(recall * len(positives)) - 1])


def goes_from_one_to_zero_in_steps(y_true, scores, recall):
    _refuse(y_true, recall)
    return next(
        (float(t) for t in np.arange(1, 0, -0.01) if np.mean(scores[y_true == 1] >= t) >= recall), 0.0
    )


def tries_no_threshold_below_zero(y_true, scores, recall):
    _refuse(y_true, recall)
    reached = [t for t in scores if t >= 0 and np.mean(scores[y_true == 1] >= t) >= recall]
    return float(max(reached, default=0.0))


def answers_where_nothing_is_positive(y_true, scores, recall):
    if not np.any(y_true == 1):
        return 0.0
    return threshold_for_recall(y_true, scores, recall)


def accepts_any_recall(y_true, scores, recall):
    return threshold_for_recall(y_true, scores, min(max(recall, 1e-9), 1))


_ANY_SCORES = np.array([3.1, 0.6131, -1.27, -2.0])


def _twenty_five_positives():
    return np.ones(25, dtype=int), np.arange(25) / 25, 0.28


choose_threshold = Exercise(
    "6.1.7",
    level=2,
    minutes=10,
    points=3,
    solution=threshold_for_recall,
    cases=(
        Case(
            (np.array([1, 0, 0, 0, 1]), np.array([0.9, 0.8, 0.7, 0.6, 0.2]), 0.5),
            expected=0.9,
            name="a share of all examples instead of the positives",
        ),
        Case(
            (np.array([1, 0, 1, 1]), np.array([0.9, 0.8, 0.6, 0.3]), 0.6),
            expected=0.6,
            name="a smaller threshold than needed",
        ),
        Case(
            (np.array([1, 1, 0]), np.array([0.2, 0.8, 0.5]), 0.5),
            expected=0.8,
            name="a threshold between two scores",
        ),
        Case(
            (np.array([1, 1, 1, 1, 0]), np.array([0.9, 0.5, 0.5, 0.1, 0.7]), 0.75),
            expected=0.5,
            name="equal scores counted once",
        ),
        Case(
            (np.array([1, 1, 0, 1]), _ANY_SCORES, 0.6),
            expected=0.6131,
            name="thresholds tried in steps of 0.01, not the scores themselves",
        ),
        Case(
            (np.array([1, 1, 0, 1]), _ANY_SCORES, 1.0),
            expected=-2.0,
            name="scores taken for probabilities between 0 and 1",
        ),
        Case(
            _twenty_five_positives,
            args_text="np.ones(25, dtype=int), np.arange(25) / 25, 0.28",
            expected=0.72,
            name="one too many, because 0.28 * 25 is a hair above 7",
        ),
        Case(
            (np.array([1, 0]), np.array([0.9, 0.1]), 0.0), raises=ValueError, name="a recall of 0 is accepted"
        ),
        Case(
            (np.array([1, 0]), np.array([0.9, 0.1]), 1.5),
            raises=ValueError,
            name="a recall above 1 is accepted",
        ),
        Case(
            (np.array([0, 0]), np.array([0.9, 0.1]), 0.5),
            raises=ValueError,
            name="no positives, yet a threshold is returned",
        ),
    ),
    wrong={
        takes_the_quantile_of_the_positives: 1,
        takes_a_share_of_all_examples: 0,
        takes_a_share_of_the_negatives: 0,
        finds_all_positives: 1,
        takes_the_precision_for_the_recall: 0,
        counts_equal_scores_once: 2,
        asks_for_more_than_the_threshold: None,
        reaches_at_most_the_recall: 1,
        takes_the_smallest_threshold_that_reaches_it: 1,
        rounds_a_product_up: 2,
        rounds_a_product_down: 1,
        rounds_a_product_down_even_to_0: 1,
        goes_from_one_to_zero_in_steps: 0,
        tries_no_threshold_below_zero: None,
        answers_where_nothing_is_positive: 0,
        accepts_any_recall: 0,
    },
    draw=draw_scores,
)

# 6.1.8 weights behind Flatten ---------------------------------------------------------------------


def keras_order(weight, channels, height, width):
    """Weights of a linear layer behind Flatten, from PyTorch's order to Keras's.

    weight (out, channels * height * width), its columns ordered channel, row, column
    -> (height * width * channels, out), its rows ordered row, column, channel
    """
    # Common wrong turn: weight.reshape(height, width, channels, -1) fits, and reads the numbers as if they
    # had been stored in that order. Unroll in the order in which they are, then turn the axes.
    unrolled = weight.reshape(-1, channels, height, width)
    return unrolled.transpose(2, 3, 1, 0).reshape(height * width * channels, -1)


def draw_weight(rng):
    """Small layers, every number different; a single channel, row or column too."""
    out, channels, height, width = (int(n) for n in rng.integers(1, 4, size=4))
    weight = np.arange(out * channels * height * width, dtype=float).reshape(out, -1)
    return weight, channels, height, width


def only_transposes(weight, channels, height, width):
    return weight.T


def reads_the_numbers_in_the_new_order(weight, channels, height, width):
    return weight.reshape(height * width * channels, -1)


def forgets_to_transpose(weight, channels, height, width):
    return keras_order(weight, channels, height, width).T


def leaves_the_outputs_in_front(weight, channels, height, width):
    unrolled = weight.reshape(-1, channels, height, width)
    return unrolled.transpose(0, 2, 3, 1).reshape(weight.shape[1], -1)


def goes_the_other_way(weight, channels, height, width):
    return weight.reshape(-1, height, width, channels).transpose(3, 1, 2, 0).reshape(weight.shape[1], -1)


def exchanges_rows_and_columns_of_the_picture(weight, channels, height, width):
    unrolled = weight.reshape(-1, channels, height, width)
    return unrolled.transpose(3, 2, 1, 0).reshape(weight.shape[1], -1)


weights_behind_flatten = Exercise(
    "6.1.8",
    level=3,
    minutes=10,
    points=2,
    solution=keras_order,
    cases=(
        Case(
            lambda: (np.arange(24.0).reshape(2, 12), 2, 2, 3),
            args_text="np.arange(24.0).reshape(2, 12), 2, 2, 3",
            name="height and width exchanged",
        ),
        Case(
            (np.array([[0.0, 1.0, 2.0, 3.0]]), 2, 1, 2),
            expected=np.array([[0.0], [2.0], [1.0], [3.0]]),
            name="transposed only: the order of the inputs stays PyTorch's",
        ),
        Case(
            (np.array([[0.0, 1.0], [2.0, 3.0]]), 2, 1, 1),
            expected=np.array([[0.0, 2.0], [1.0, 3.0]]),
            name="reshaped where axes should be turned",
        ),
        Case(
            lambda: (np.arange(12.0).reshape(2, 6), 1, 2, 3),
            args_text="np.arange(12.0).reshape(2, 6), 1, 2, 3",
            expected=np.arange(12.0).reshape(2, 6).T,
            name="a single channel, where transposing is enough",
        ),
    ),
    wrong={
        only_transposes: 0,
        reads_the_numbers_in_the_new_order: 1,
        forgets_to_transpose: 2,
        leaves_the_outputs_in_front: 2,
        goes_the_other_way: 1,
        exchanges_rows_and_columns_of_the_picture: 2,
    },
    draw=draw_weight,
)


# 6.1.9 one map from three tables ------------------------------------------------------------------


def colour_map(photo, kernel):
    """One map from all channels: photo (C, H, W), kernel (C, a, b) -> (H - a + 1, W - b + 1)

    Each table of the kernel slides over its own channel, without padding; at each place all products
    are added. Raises ValueError that names both numbers of channels where they differ.
    """
    # Common wrong turn: a map for each channel. A filter has one table per channel, and makes one map.
    if len(photo) != len(kernel):
        raise ValueError(f"a kernel for {len(kernel)} channels on a photograph with {len(photo)}")
    windows = np.lib.stride_tricks.sliding_window_view(photo, kernel.shape[1:], axis=(1, 2))
    return np.einsum("cijab,cab->ij", windows, kernel)


def draw_photo_and_kernel(rng):
    """One to four channels, sides that differ, small whole numbers; sometimes the channels do not fit."""
    channels = int(rng.integers(1, 5))
    a, b = (int(n) for n in rng.integers(1, 4, size=2))
    height, width = a + int(rng.integers(0, 4)), b + int(rng.integers(0, 4))
    photo = rng.integers(-3, 4, size=(channels, height, width)).astype(float)
    if rng.random() < 0.1:
        return Case((photo, np.ones((channels + 1, a, b))), raises=ValueError)
    return photo, rng.integers(-2, 3, size=(channels, a, b)).astype(float)


def _maps(photo, kernel):
    """A map for each channel, of which the solution is the sum: (C, H - a + 1, W - b + 1)."""
    return np.stack(
        [colour_map(channel[None], table[None]) for channel, table in zip(photo, kernel, strict=True)]
    )


def _refuse_channels(photo, kernel):
    if len(photo) != len(kernel):
        raise ValueError(f"{len(kernel)} and {len(photo)} channels")


def makes_a_map_for_each_channel(photo, kernel):
    _refuse_channels(photo, kernel)
    return _maps(photo, kernel)


def takes_the_mean_over_the_channels(photo, kernel):
    _refuse_channels(photo, kernel)
    return _maps(photo, kernel).mean(axis=0)


def takes_the_strongest_channel(photo, kernel):
    _refuse_channels(photo, kernel)
    return _maps(photo, kernel).max(axis=0)


def looks_at_the_first_channel_only(photo, kernel):
    _refuse_channels(photo, kernel)
    return _maps(photo, kernel)[0]


def lays_the_first_table_on_every_channel(photo, kernel):
    _refuse_channels(photo, kernel)
    return colour_map(photo, np.repeat(kernel[:1], len(kernel), axis=0))


def makes_the_photograph_grey_first(photo, kernel):
    _refuse_channels(photo, kernel)
    return colour_map(np.repeat(photo.mean(axis=0, keepdims=True), len(photo), axis=0), kernel)


def lays_the_tables_on_in_reverse(photo, kernel):
    _refuse_channels(photo, kernel)
    return colour_map(photo, kernel[::-1])


def turns_the_tables_round(photo, kernel):
    _refuse_channels(photo, kernel)
    return colour_map(photo, kernel[:, ::-1, ::-1])


def exchanges_rows_and_columns_of_the_tables(photo, kernel):
    _refuse_channels(photo, kernel)
    return colour_map(photo.transpose(0, 2, 1), kernel).T if kernel.shape[1] == kernel.shape[2] else None


def leaves_out_the_last_row_and_column(photo, kernel):
    _refuse_channels(photo, kernel)
    return colour_map(photo, kernel)[:-1, :-1]


def keeps_the_size_with_a_border_of_zeros(photo, kernel):
    _refuse_channels(photo, kernel)
    high, wide = (side - 1 for side in kernel.shape[1:])
    sides = ((0, 0), (high // 2, high - high // 2), (wide // 2, wide - wide // 2))
    return colour_map(np.pad(photo, sides), kernel)


def stops_at_the_fewer_channels(photo, kernel):
    fewer = min(len(photo), len(kernel))
    return colour_map(photo[:fewer], kernel[:fewer])


_THREE = np.array([[[1.0, 2, 3]], [[0.0, 1, 0]], [[5.0, 0, 2]]])  # (3, 1, 3): red, green, blue

three_tables = Exercise(
    "6.1.9",
    level=2,
    minutes=10,
    points=2,
    solution=colour_map,
    cases=(
        Case(
            (_THREE, np.array([[[1.0, 1]], [[0.0, 2]], [[-1.0, 0]]])),
            expected=np.array([[0.0, 5.0]]),
            name="a map for each channel, or another way of joining them than a sum",
        ),
        Case(
            (np.array([[[1.0, 2], [3.0, 4]], [[0.0, 1], [1.0, 0]]]), np.array([[[1.0, 2], [3, 4]]] * 2)),
            expected=np.array([[35.0]]),
            name="rows and columns exchanged, or the tables turned round",
        ),
        Case(
            (np.arange(12.0).reshape(2, 2, 3), np.array([[[1.0]], [[0.0]]])),
            expected=np.arange(6.0).reshape(2, 3),
            name="one pixel of one channel comes back as it is",
        ),
        Case(
            (np.ones((3, 2, 2)), np.ones((4, 1, 1))),
            raises=ValueError,
            mentions=(3, 4),
            name="channels that do not fit go unnoticed",
        ),
    ),
    wrong={
        makes_a_map_for_each_channel: 0,
        takes_the_mean_over_the_channels: 0,
        takes_the_strongest_channel: 0,
        looks_at_the_first_channel_only: 0,
        lays_the_first_table_on_every_channel: 1,
        makes_the_photograph_grey_first: 1,
        lays_the_tables_on_in_reverse: 1,
        turns_the_tables_round: 1,
        exchanges_rows_and_columns_of_the_tables: 1,
        leaves_out_the_last_row_and_column: 2,
        keeps_the_size_with_a_border_of_zeros: 2,
        stops_at_the_fewer_channels: None,
    },
    draw=draw_photo_and_kernel,
)

# 6.1.10 a reader of digits, your own --------------------------------------------------------------


def own_reader(X, y):
    """Build a network and train it on pictures X (N, 1, 28, 28), labels y (N,) -> the network, in eval mode

    X float32 and y int64 are NumPy arrays. The network has at most 10,000 parameters and answers a
    tensor (M, 1, 28, 28) with logits (M, 10).
    """
    # Common wrong turns: no zero_grad, so that every step repeats the old ones; a softmax at the end, though
    # cross-entropy brings its own; batches in the order in which the pictures came.
    network = nn.Sequential(
        nn.AvgPool2d(2),  # half as high and wide: a quarter of the work
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Flatten(), nn.Linear(16 * 7 * 7, 10),
    )  # fmt: skip
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    X, y = torch.tensor(X), torch.tensor(y)
    for _ in range(5):
        for rows in torch.randperm(len(X)).split(50):
            loss = F.cross_entropy(network(X[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network.eval()


def _small_network(*behind):
    return nn.Sequential(
        nn.AvgPool2d(2),
        *(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(16 * 7 * 7, 10), *behind),
    )


def _trained(network, X, y, *, clear=True, shuffle=True, epochs=5):
    """The loop of the solution, with its switches."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    X, y = torch.tensor(X), torch.tensor(y)
    for _ in range(epochs):
        order = torch.randperm(len(X)) if shuffle else torch.arange(len(X))
        for rows in order.split(50):
            loss = F.cross_entropy(network(X[rows]), y[rows])
            if clear:
                optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network


def _once(answer):
    """Keep what a listed answer gave: it is asked about the same cases again, and training takes long."""
    kept = {}

    @wraps(answer)
    def asked(X, y):
        key = X.tobytes(), y.tobytes()
        if key not in kept:
            kept[key] = answer(X, y)
        return deepcopy(kept[key])

    return asked


@_once
def forgets_to_clear_the_gradients(X, y):
    return _trained(_small_network(), X, y, clear=False).eval()


@_once
def trains_in_eval_mode(X, y):
    return _trained(_small_network().eval(), X, y, epochs=1)  # one is enough: its share is not asked


@_once
def returns_it_in_training_mode(X, y):
    return _trained(_small_network(), X, y, epochs=1)


@_once
def ends_with_a_softmax(X, y):
    return _trained(_small_network(nn.Softmax(dim=1)), X, y, epochs=1).eval()


@_once
def has_too_many_parameters(X, y):
    return _trained(nn.Sequential(nn.Flatten(), nn.Linear(784, 13), nn.Linear(13, 10)), X, y, epochs=1).eval()


@_once
def takes_the_pictures_in_the_order_given(X, y):
    return _trained(_small_network(), X, y, shuffle=False).eval()


@_once
def trains_on_pictures_from_outside(X, y):
    return _trained(_small_network(), *_lesson()).eval()


@cache
def _lesson():
    """1,000 training digits, as in 6.1: X float32 (1000, 1, 28, 28), y int64 (1000,)."""
    return drawn_digits("train", 1000)


@cache
def _exam():
    """300 digits that occur nowhere else in the course."""
    pictures, labels = small_digits(60_000, 60_300)
    return torch.tensor(pictures / np.float32(255)), torch.tensor(labels)


class _Band(str):
    """Compared as a text, the band into which a number falls; shown as the number itself."""

    def __new__(cls, text, number=None):
        made = super().__new__(cls, text)
        made.number = number
        return made

    def __repr__(self):
        return repr(str(self)) if self.number is None else f"{self.number:,}"


def _marks(turned=False):
    """A function: what can be seen of a trained network, and how many new digits it reads; a dict of texts.

    The share is asked only of a network with which all else is right, so that a wrong mode is named as the
    cause whatever the share. With `turned` digit d has the label 9 - d.
    """

    def examine(network):
        if not isinstance(network, nn.Module):
            return network
        X, y = _exam()
        was_training, network = network.training, deepcopy(network).eval()
        tracked = [layer.num_batches_tracked for layer in network.modules() if hasattr(layer, "running_mean")]
        with torch.no_grad():
            answers = network(X)
        if tuple(answers.shape) != (300, 10):
            return {"answers to 300 pictures": f"shape {tuple(answers.shape)}"}
        probabilities = bool((answers >= 0).all()) and torch.allclose(answers.sum(dim=1), torch.ones(300))
        right = (answers.argmax(dim=1) == (9 - y if turned else y)).float().mean().item()
        many = sum(p.numel() for p in network.parameters())
        was = "training" if was_training else "eval"
        then = "eval" if any(count == 0 for count in tracked) else "training"
        seen = {
            "answers to 300 pictures": "probabilities" if probabilities else "logits (300, 10)",
            "mode": f"trained in {then} mode, returned in {was} mode",
            "parameters": _FEW if many <= 10_000 else _Band("more than 10,000", many),
        }
        band = next(text for least, text in _SHARES if right >= least)
        asked = all(seen[key] == _RIGHT[key] for key in seen)
        return seen | {"share right": _Band(band, round(right, 3)) if asked else _Band("not asked yet")}

    return examine


_FEW = _Band("10,000 or fewer")
_RIGHT = {
    "answers to 300 pictures": "logits (300, 10)",
    "mode": "trained in training mode, returned in eval mode",
    "parameters": _FEW,
    "share right": _Band("0.85 or more"),
}
_SHARES = (0.85, "0.85 or more"), (0.45, "0.45 to 0.85"), (0, "below 0.45")
_LESSON_TEXT = 'drawn_digits("train", 1000)'


def _seeded(change):
    """Arguments of a case: the lesson changed, the dice always the same."""

    def arguments():
        torch.manual_seed(0)
        return change(*(table.copy() for table in _lesson()))

    return arguments


reader_of_your_own = Exercise(
    "6.1.10",
    level=3,
    minutes=20,
    points=3,
    solution=own_reader,
    cases=(
        Case(
            _seeded(lambda X, y: (X, y)),
            args_text=f"*{_LESSON_TEXT}",
            expected=_RIGHT,
            examine=_marks(),
            name="the network does not learn, or is not what was asked for",
        ),
        Case(
            _seeded(lambda X, y: (X[y.argsort()], y[y.argsort()])),
            args_text=f"*(table[{_LESSON_TEXT}[1].argsort()] for table in {_LESSON_TEXT})",
            expected=_RIGHT,
            examine=_marks(),
            name="pictures sorted by class are learnt in that order, and forgotten",
        ),
        Case(
            _seeded(lambda X, y: (X, 9 - y)),
            args_text=f"{_LESSON_TEXT}[0], 9 - {_LESSON_TEXT}[1]",
            expected=_RIGHT,
            examine=_marks(turned=True),
            name="the arguments are ignored, and the notebook's own pictures are learnt",
        ),
    ),
    wrong={
        forgets_to_clear_the_gradients: 0,
        trains_in_eval_mode: 2,
        returns_it_in_training_mode: 2,
        ends_with_a_softmax: 1,
        has_too_many_parameters: 1,
        takes_the_pictures_in_the_order_given: 0,
        trains_on_pictures_from_outside: None,
    },
)

# 6.1.11 what a place says --------------------------------------------------------------------------


def evidence(maps, weights):
    """How much each place of the last maps speaks for each class -> (K, H, W)

    maps (C, H, W): what comes out of the last convolution, for one picture. weights (K, C * H * W): those of
    the linear layer behind Flatten. Raises ValueError that names both lengths where they do not fit.
    """
    # Common wrong turn: adding up the places. The channels are added; the places stay apart.
    if weights.shape[1] != maps.size:
        raise ValueError(f"{weights.shape[1]} weights for each class, {maps.size} numbers in the maps")
    return (weights.reshape(len(weights), *maps.shape) * maps).sum(axis=1)


def draw_maps_and_weights(rng):
    """One to three maps of one to four rows and columns, one to three classes; sometimes they do not fit."""
    shape = tuple(int(n) for n in rng.integers(1, (4, 5, 5)))
    size = int(np.prod(shape)) + int(rng.random() < 0.15)
    maps = rng.integers(0, 4, shape).astype(float)
    weights = rng.integers(-3, 4, (int(rng.integers(1, 4)), size)).astype(float)
    return (maps, weights) if size == maps.size else Case((maps, weights), raises=ValueError)


def _apart(maps, weights):
    evidence(maps, weights)  # refuses what does not fit
    return weights.reshape(len(weights), *maps.shape) * maps


def adds_up_the_places(maps, weights):
    return _apart(maps, weights).sum(axis=(2, 3))


def keeps_the_channels_apart(maps, weights):
    return _apart(maps, weights)


def adds_up_everything(maps, weights):
    return _apart(maps, weights).sum(axis=(1, 2, 3))


def reads_the_row_place_by_place(maps, weights):
    evidence(maps, weights)
    channels, height, width = maps.shape
    turned = weights.reshape(len(weights), height, width, channels).transpose(0, 3, 1, 2)
    return (turned * maps).sum(axis=1)


def exchanges_rows_and_columns(maps, weights):
    evidence(maps, weights)
    channels, height, width = maps.shape
    turned = weights.reshape(len(weights), channels, width, height).transpose(0, 1, 3, 2)
    return (turned * maps).sum(axis=1)


def leaves_out_what_speaks_against(maps, weights):
    return np.maximum(_apart(maps, weights), 0).sum(axis=1)


def takes_the_mean_of_the_channels(maps, weights):
    return _apart(maps, weights).mean(axis=1)


def takes_the_weights_alone(maps, weights):
    return _apart(np.ones_like(maps), weights).sum(axis=1)


def cuts_weights_that_are_too_many(maps, weights):
    return _apart(maps, weights[:, : maps.size]).sum(axis=1)


places_that_speak = Exercise(
    "6.1.11",
    level=2,
    minutes=10,
    points=2,
    solution=evidence,
    cases=(
        Case(
            (np.array([[[1.0, 2.0]], [[3.0, 1.0]]]), np.array([[1.0, 0.0, -1.0, 5.0]])),
            expected=np.array([[[-2.0, 5.0]]]),
        ),
        Case(
            (
                np.array([[[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]]]),
                np.array([[1.0, 2, 3, 4, 5, 6], [1, 0, -3, 0, 5, 0]]),
            ),
            expected=np.array([[[1.0, 0.0, 6.0], [0.0, 5.0, 0.0]], [[1.0, 0.0, -6.0], [0.0, 5.0, 0.0]]]),
            name="two classes, rows and columns that differ",
        ),
        Case((np.ones((2, 1, 2)), np.ones((3, 5))), raises=ValueError, mentions=(5, 4)),
    ),
    wrong={
        adds_up_the_places: 0,
        keeps_the_channels_apart: 0,
        adds_up_everything: 0,
        reads_the_row_place_by_place: 1,
        exchanges_rows_and_columns: 1,
        leaves_out_what_speaks_against: None,
        takes_the_mean_of_the_channels: 0,
        takes_the_weights_alone: None,
        cuts_weights_that_are_too_many: None,
    },
    draw=draw_maps_and_weights,
    draws=200,
)

EXERCISES = (
    shapes_of_a_network,
    count_parameters,
    mean_of_an_epoch,
    shift_images,
    augmentation,
    confusion,
    choose_threshold,
    weights_behind_flatten,
    three_tables,
    reader_of_your_own,
    places_that_speak,
)
