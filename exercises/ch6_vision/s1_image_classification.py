"""Exercises of section 6.1, image classification: sizes, counts, shifts, and the numbers we judge by."""

import math
from statistics import mean

import numpy as np

from exercises import Case, Exercise

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


def error_without_numbers(size, kernel, stride=1, padding=0):
    result = (size + 2 * padding - kernel) // stride + 1
    if result < 1:
        raise ValueError("the image is too small")
    return result


size_of_a_map = Exercise(
    "6.1.1",
    level=2,
    minutes=10,
    points=2,
    solution=conv_output_size,
    cases=(
        Case((28, 5), expected=24, name="the first position forgotten (+ 1)"),
        Case((28, 5), {"padding": 2}, expected=28, name="padding added on one side only"),
        Case((32, 2, 2), expected=16, name="stride left out"),
        Case((7, 3, 2, 1), expected=4, name="padding added after the division by the stride"),
        Case((7, 3), {"padding": 2}, expected=9, name="any padding taken to keep the size"),
        Case(
            (3, 5),
            {"padding": 1},
            expected=1,
            name="the kernel compared with the picture before it is padded",
        ),
        Case((7, 2, 2), expected=3, name="rounded up: half a window counted"),
        Case((3, 4, 2), raises=ValueError, mentions=(3, 4), name="nothing is left, yet a size is returned"),
        Case(
            (5, 7),
            raises=ValueError,
            mentions=(5, 7),
            name="the kernel is larger than the image, yet a size is returned",
        ),
    ),
    wrong={
        "forgets_the_first_position": (
            _size_when_something_is_left(lambda n, k, s, p: (n + 2 * p - k) // s),
            0,
        ),
        "pads_one_side": (_size_when_something_is_left(lambda n, k, s, p: (n + p - k) // s + 1), 1),
        "adds_the_padding_after_the_division": (
            _size_when_something_is_left(lambda n, k, s, p: (n - k) // s + 1 + 2 * p),
            1,
        ),
        "takes_any_padding_to_keep_the_size": (
            _size_when_something_is_left(lambda n, k, s, p: n // s if p else (n - k) // s + 1),
            1,
        ),
        "refuses_a_kernel_larger_than_the_picture_padded_or_not": (
            _size_when_something_is_left(lambda n, k, s, p: 0 if k > n else (n + 2 * p - k) // s + 1),
            None,
        ),
        "ignores_the_stride": (_size_when_something_is_left(lambda n, k, s, p: n + 2 * p - k + 1), 1),
        "divides_with_so_that_sizes_are_floats": (
            _size_when_something_is_left(lambda n, k, s, p: (n + 2 * p - k) / s + 1),
            0,
        ),
        "rounds_up": (_size_when_something_is_left(lambda n, k, s, p: math.ceil((n + 2 * p - k) / s) + 1), 1),
        "rounds_towards_zero_with_int": (
            _size_when_something_is_left(lambda n, k, s, p: int((n + 2 * p - k) / s) + 1),
            2,
        ),
        "returns_0_or_less_instead_of_raising": (
            lambda size, kernel, stride=1, padding=0: (size + 2 * padding - kernel) // stride + 1,
            2,
        ),
        error_without_numbers: 2,
    },
)

# 6.1.2 how many parameters? -----------------------------------------------------------------------


def _is_not(number, sentence):
    """A check that knows one wrong number and where it comes from."""
    return lambda answer: sentence if answer == number else None


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


def _refuse_lengths(losses, sizes):
    if len(losses) != len(sizes) or len(losses) == 0:
        raise ValueError("lengths")


def last_batch(losses, sizes):
    _refuse_lengths(losses, sizes)
    return float(losses[-1])


def plain_mean(losses, sizes):
    _refuse_lengths(losses, sizes)
    return float(mean(losses))


def sum_over_examples(losses, sizes):
    _refuse_lengths(losses, sizes)
    return float(sum(losses) / sum(sizes))


def weighted_sum(losses, sizes):
    _refuse_lengths(losses, sizes)
    return float(np.dot(losses, sizes))


def assumes_full_batches(losses, sizes):
    _refuse_lengths(losses, sizes)
    return float(np.sum(np.multiply(losses, sizes[0])) / np.sum(sizes))


def ignores_nan(losses, sizes):
    _refuse_lengths(losses, sizes)
    return float(np.nansum(np.multiply(losses, sizes)) / np.sum(sizes))


def zip_that_stops(losses, sizes):
    return float(sum(loss * size for loss, size in zip(losses, sizes, strict=False)) / max(sum(sizes), 1))


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
        last_batch: 0,
        plain_mean: 0,
        sum_over_examples: 0,
        weighted_sum: 0,
        assumes_full_batches: 0,
        ignores_nan: 2,
        zip_that_stops: 2,
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


def rolled(images, dy, dx):
    return np.roll(images, (dy, dx), axis=(2, 3))


def _blanked(rolled, dy, dx):
    """Zero the rows and columns that came round the edge. Right, if it is not done to the input."""
    height, width = rolled.shape[2:]
    rolled[:, :, : max(dy, 0)] = 0
    rolled[:, :, max(height + min(dy, 0), 0) :] = 0
    rolled[..., : max(dx, 0)] = 0
    rolled[..., max(width + min(dx, 0), 0) :] = 0
    return rolled


def shift_in_place(images, dy, dx):
    images[:] = shift_image(images, dy, dx)
    return images


def shift_by_negative_slices(images, dy, dx):
    shifted = np.zeros_like(images)
    if dy > 0 and dx > 0:
        shifted[:, :, dy:, dx:] = images[:, :, :-dy, :-dx]
    else:
        part = images[:, :, :-dy, :-dx]
        shifted[:, :, : part.shape[2], : part.shape[3]] = part
    return shifted


def shift_without_guard(images, dy, dx):
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
        rolled: 0,
        shift_in_place: 0,
        "exchanges_the_axes": (lambda images, dy, dx: shift_image(images, dx, dy), 0),
        "moves_the_wrong_way": (lambda images, dy, dx: shift_image(images, -dy, -dx), 0),
        "moves_images_and_channels": (
            lambda images, dy, dx: _blanked(np.roll(images, (dy, dx), axis=(0, 1)), dy, dx),
            0,
        ),
        shift_by_negative_slices: 0,
        shift_without_guard: 2,
        "starts_from_np_zeros_shape_which_is_float64": (
            lambda images, dy, dx: shift_image(images.astype(float), dy, dx),
            None,
        ),
    },
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


def counted_at_once(y_true, y_pred, n_classes):
    matrix = np.zeros((n_classes, n_classes), dtype=int)
    matrix[y_true, y_pred] += 1
    return matrix


def present_classes_only(y_true, y_pred, n_classes):
    present = np.union1d(y_true, y_pred)
    return np.array([[np.sum((y_true == i) & (y_pred == j)) for j in present] for i in present])


def unguarded(y_true, y_pred, n_classes):
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
        return unguarded(kept["true"], kept["pred"], n_classes)

    return answer


def row_shares(y_true, y_pred, n_classes):
    matrix = confusion_matrix(y_true, y_pred, n_classes)
    return matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)


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
        "rows_and_columns_exchanged": (
            lambda y_true, y_pred, n_classes: confusion_matrix(y_pred, y_true, n_classes),
            0,
        ),
        counted_at_once: 1,
        present_classes_only: None,
        row_shares: 0,
        unguarded: 2,
        "looks_at_the_true_labels_only": (_looks_at(("true", "low"), ("true", "high")), 2),
        "looks_at_the_predicted_labels_only": (_looks_at(("pred", "low"), ("pred", "high")), 2),
        "below_0_in_the_true_labels_too_large_in_the_predicted": (
            _looks_at(("true", "low"), ("pred", "high")),
            2,
        ),
        "too_large_in_the_true_labels_below_0_in_the_predicted": (
            _looks_at(("true", "high"), ("pred", "low")),
            2,
        ),
        "everything_but_a_true_label_below_0": (
            _looks_at(("pred", "low"), ("true", "high"), ("pred", "high")),
            2,
        ),
        "everything_but_a_predicted_label_below_0": (
            _looks_at(("true", "low"), ("true", "high"), ("pred", "high")),
            2,
        ),
        "everything_but_a_true_label_that_is_too_large": (
            _looks_at(("true", "low"), ("pred", "low"), ("pred", "high")),
            2,
        ),
        "everything_but_a_predicted_label_that_is_too_large": (
            _looks_at(("true", "low"), ("pred", "low"), ("true", "high")),
            2,
        ),
        "takes_n_classes_itself_for_a_label": (
            lambda y_true, y_pred, n_classes: confusion_matrix(y_true, y_pred, n_classes + 1)[
                :n_classes, :n_classes
            ],
            2,
        ),
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


def by_quantile(y_true, scores, recall):
    _refuse(y_true, recall)
    return float(np.quantile(scores[y_true == 1], 1 - recall))


def of_all_examples(y_true, scores, recall):
    _refuse(y_true, recall)
    return float(np.sort(scores)[::-1][math.ceil(recall * len(scores)) - 1])


def smallest_threshold(y_true, scores, recall):
    _refuse(y_true, recall)
    return float(scores[y_true == 1].min())


def each_score_once(y_true, scores, recall):
    _refuse(y_true, recall)
    values = np.unique(scores[y_true == 1])[::-1]
    return float(values[math.ceil(recall * len(values)) - 1])


def strictly_above(y_true, scores, recall):
    _refuse(y_true, recall)
    for t in np.unique(scores)[::-1]:
        if np.mean(scores[y_true == 1] > t) >= recall:
            return float(t)
    return -math.inf


def at_most_the_recall(y_true, scores, recall):
    _refuse(y_true, recall)
    reached = [t for t in np.unique(scores) if np.mean(scores[y_true == 1] >= t) <= recall]
    return float(min(reached, default=scores.max()))


def rounded_up_product(y_true, scores, recall):
    _refuse(y_true, recall)
    positives = np.sort(scores[y_true == 1])[::-1]
    return float(positives[min(math.ceil(recall * len(positives)), len(positives)) - 1])


def without_refusal(y_true, scores, recall):
    positives = np.sort(scores[y_true == 1])[::-1]
    if len(positives) == 0:
        return 0.0
    return threshold_for_recall(y_true, scores, min(max(recall, 1e-9), 1))


def grid_from_one_to_zero(y_true, scores, recall):
    _refuse(y_true, recall)
    for t in np.arange(1, 0, -0.01):
        if np.mean(scores[y_true == 1] >= t) >= recall:
            return t


def grid_over_the_scores(y_true, scores, recall):
    _refuse(y_true, recall)
    for t in np.arange(scores.max(), scores.min() - 0.01, -0.01):
        if np.mean(scores[y_true == 1] >= t - 1e-9) >= recall:
            return float(t)


def none_below_zero(y_true, scores, recall):
    _refuse(y_true, recall)
    return next(
        (t for t in scores[np.argsort(-scores)] if t >= 0 and np.mean(scores[y_true == 1] >= t) >= recall),
        0.0,
    )


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
        by_quantile: 0,
        of_all_examples: 0,
        smallest_threshold: 0,
        each_score_once: 2,
        strictly_above: 0,
        at_most_the_recall: 0,
        rounded_up_product: 2,
        grid_from_one_to_zero: 1,
        grid_over_the_scores: 1,
        none_below_zero: 1,
        without_refusal: 0,
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
