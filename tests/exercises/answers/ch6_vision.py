"""Answers to the exercises of chapter 6, written from the statements alone."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from helpers import batches, fit

# 6.1.1 layer_shapes ----------------------------------------------------------------------------------------


def _shapes(layers, shape, padded=lambda padding: 2 * padding, made=lambda filters, channels: filters):
    shapes = []
    for layer in layers:
        if layer[0] == "flatten":
            shape = (int(np.prod(shape)),)
        else:
            window, room = (layer[2], padded(layer[3])) if layer[0] == "conv" else (layer[1], 0)
            stride = 1 if layer[0] == "conv" else window
            channels = made(layer[1], shape[0]) if layer[0] == "conv" else shape[0]
            sides = [(side + room - window) // stride + 1 for side in shape[1:]]
            if min(sides) < 1:
                raise ValueError(f"a window of {window} on {shape}")
            shape = (channels, *sides)
        shapes.append(shape)
    return shapes


def wrong_6_1_1_padding_once(layers, shape):
    return _shapes(layers, shape, padded=lambda padding: padding)


def wrong_6_1_1_channels_added(layers, shape):
    return _shapes(layers, shape, made=lambda filters, channels: filters + channels)


def wrong_6_1_1_channels_multiplied(layers, shape):
    return _shapes(layers, shape, made=lambda filters, channels: filters * channels)


def wrong_6_1_1_same_padding(layers, shape):
    return _shapes([(*layer[:3], layer[2] // 2) if layer[0] == "conv" else layer for layer in layers], shape)


def wrong_6_1_1_wide_as_high(layers, shape):
    return _shapes(layers, (shape[0], shape[2], shape[2]))


def wrong_6_1_1_only_the_last(layers, shape):
    return _shapes(layers, shape)[-1] if layers else shape


def wrong_6_1_1_every_error_alike(layers, shape):
    try:
        return _shapes(layers, shape)
    except ValueError:
        raise ValueError("too small") from None


def right_6_1_1_counted(layers, shape):
    shapes = []
    for kind, *numbers in layers:
        if kind == "flatten":
            shape = (len(np.zeros(shape).ravel()),)
        elif kind == "conv":
            filters, kernel, padding = numbers
            sides = [len(range(side + 2 * padding - kernel + 1)) for side in shape[1:]]
            if 0 in sides:
                raise ValueError(f"{kernel}x{kernel} does not fit")
            shape = (filters, *sides)
        else:
            sides = [side // numbers[0] for side in shape[1:]]
            if 0 in sides:
                raise ValueError(f"{numbers[0]}x{numbers[0]} does not fit")
            shape = (shape[0], *sides)
        shapes.append(shape)
    return shapes


# 6.1.3 epoch_mean ------------------------------------------------------------------------------------------


def _checked(losses, sizes):
    if len(losses) != len(sizes) or not len(losses):
        raise ValueError("no batch, or lengths")
    return np.asarray(losses, dtype=float), np.asarray(sizes)


def wrong_6_1_3_mean_of_means(losses, sizes):
    return float(_checked(losses, sizes)[0].mean())


def wrong_6_1_3_broadcasts(losses, sizes):
    losses, sizes = np.asarray(losses, dtype=float), np.asarray(sizes)
    if not losses.size:
        raise ValueError("no batch")
    return float((losses * sizes).sum() / sizes.sum())


def wrong_6_1_3_nanmean(losses, sizes):
    losses, sizes = _checked(losses, sizes)
    good = ~np.isnan(losses)
    return float((losses[good] * sizes[good]).sum() / sizes[good].sum()) if good.any() else float("nan")


def wrong_6_1_3_last_batch_left_out(losses, sizes):
    losses, sizes = _checked(losses, sizes)
    if len(losses) > 1:
        losses, sizes = losses[:-1], sizes[:-1]
    return float((losses * sizes).sum() / sizes.sum())


def wrong_6_1_3_first_size_for_all(losses, sizes):
    losses, sizes = _checked(losses, sizes)
    return float((losses * sizes[0]).sum() / sizes.sum())


def wrong_6_1_3_the_sum(losses, sizes):
    losses, sizes = _checked(losses, sizes)
    return float((losses * sizes).sum())


def wrong_6_1_3_divides_by_the_batches(losses, sizes):
    losses, sizes = _checked(losses, sizes)
    return float((losses * sizes).sum() / len(sizes))


def wrong_6_1_3_in_whole_numbers(losses, sizes):
    losses, sizes = _checked(losses, sizes)
    return float(np.nan_to_num(losses * sizes).astype(int).sum() / sizes.sum())


def right_6_1_3_by_repeating(losses, sizes):
    examples = [loss for loss, size in zip(losses, sizes, strict=True) for _ in range(int(size))]
    if not examples:
        raise ValueError("no batch")
    return math.fsum(examples) / len(examples)


# 6.1.4 shift_image -----------------------------------------------------------------------------------------


def _by_pixels(images, dy, dx, out):
    height, width = images.shape[-2:]
    for y in range(height):
        for x in range(width):
            if 0 <= y - dy < height and 0 <= x - dx < width:
                out[..., y, x] = images[..., y - dy, x - dx]
    return out


def wrong_6_1_4_wraps(images, dy, dx):
    return np.roll(images, (dy, dx), axis=(2, 3))


def wrong_6_1_4_up_for_down(images, dy, dx):
    return _by_pixels(images, -dy, dx, np.zeros_like(images))


def wrong_6_1_4_exchanges_the_axes(images, dy, dx):
    return _by_pixels(images, dx, dy, np.zeros_like(images))


def wrong_6_1_4_floats(images, dy, dx):
    return _by_pixels(images, dy, dx, np.zeros(images.shape))


def wrong_6_1_4_the_input_itself_for_no_shift(images, dy, dx):
    return images if dy == 0 and dx == 0 else _by_pixels(images, dy, dx, np.zeros_like(images))


def wrong_6_1_4_no_negative_shift(images, dy, dx):
    out = np.zeros_like(images)
    height, width = images.shape[-2:]
    dy, dx = max(dy, 0), max(dx, 0)
    if dy < height and dx < width:
        out[:, :, dy:, dx:] = images[:, :, : height - dy, : width - dx]
    return out


def wrong_6_1_4_far_shifts_come_back(images, dy, dx):
    out = np.roll(images, (dy, dx), axis=(2, 3))
    if dy > 0:
        out[:, :, :dy] = 0
    elif dy < 0:
        out[:, :, dy:] = 0
    if dx > 0:
        out[:, :, :, :dx] = 0
    elif dx < -1:
        out[:, :, :, dx:] = 0
    return out


def wrong_6_1_4_edges_repeat(images, dy, dx):
    height, width = images.shape[-2:]
    rows = np.clip(np.arange(height) - dy, 0, height - 1)
    columns = np.clip(np.arange(width) - dx, 0, width - 1)
    return images[:, :, rows][:, :, :, columns]


def wrong_6_1_4_square_only(images, dy, dx):
    out = np.zeros_like(images)
    side = min(images.shape[-2:])
    for y in range(side):
        for x in range(side):
            if 0 <= y - dy < side and 0 <= x - dx < side:
                out[..., y, x] = images[..., y - dy, x - dx]
    return out


def right_6_1_4_by_padding(images, dy, dx):
    height, width = images.shape[2:]
    dy, dx = max(-height, min(dy, height)), max(-width, min(dx, width))
    wide = np.pad(images, ((0, 0), (0, 0), (height, height), (width, width)))
    return wide[:, :, height - dy : 2 * height - dy, width - dx : 2 * width - dx].copy()


# 6.1.6 confusion_matrix ------------------------------------------------------------------------------------


def _labels(y_true, y_pred, n_classes):
    for label in [*y_true.tolist(), *y_pred.tolist()]:
        if not 0 <= label < n_classes:
            raise ValueError(f"label {label} is outside 0 … {n_classes - 1}")


def wrong_6_1_6_transposed(y_true, y_pred, n_classes):
    _labels(y_true, y_pred, n_classes)
    return np.array(
        [[((y_pred == i) & (y_true == j)).sum() for j in range(n_classes)] for i in range(n_classes)]
    )


def wrong_6_1_6_in_bytes(y_true, y_pred, n_classes):
    _labels(y_true, y_pred, n_classes)
    places = y_true * y_true.dtype.type(n_classes) + y_pred
    return np.bincount(places, minlength=n_classes**2)[: n_classes**2].reshape(n_classes, n_classes)


def wrong_6_1_6_counted_once(y_true, y_pred, n_classes):
    _labels(y_true, y_pred, n_classes)
    matrix = np.zeros((n_classes, n_classes), dtype=int)
    matrix[y_true, y_pred] += 1
    return matrix


def wrong_6_1_6_negative_labels_count_from_the_end(y_true, y_pred, n_classes):
    matrix = np.zeros((n_classes, n_classes), dtype=int)
    for t, p in zip(y_true, y_pred, strict=True):
        if max(t, p) >= n_classes:
            raise ValueError(f"label {max(t, p)}")
        matrix[t, p] += 1
    return matrix


def wrong_6_1_6_only_classes_that_occur(y_true, y_pred, n_classes):
    _labels(y_true, y_pred, n_classes)
    classes = sorted({*y_true.tolist(), *y_pred.tolist()})
    return np.array([[((y_true == i) & (y_pred == j)).sum() for j in classes] for i in classes])


def wrong_6_1_6_only_the_truth_is_checked(y_true, y_pred, n_classes):
    _labels(y_true, y_true, n_classes)
    matrix = np.zeros((n_classes, n_classes), dtype=int)
    for t, p in zip(y_true, y_pred, strict=True):
        matrix[t, min(p, n_classes - 1)] += 1
    return matrix


def wrong_6_1_6_shares(y_true, y_pred, n_classes):
    _labels(y_true, y_pred, n_classes)
    matrix = np.zeros((n_classes, n_classes))
    for t, p in zip(y_true, y_pred, strict=True):
        matrix[t, p] += 1
    return matrix


def wrong_6_1_6_bytes_overflow(y_true, y_pred, n_classes):
    _labels(y_true, y_pred, n_classes)
    matrix = np.zeros((n_classes, n_classes), dtype=np.uint8)
    np.add.at(matrix, (y_true, y_pred), 1)
    return matrix


def right_6_1_6_by_histogram(y_true, y_pred, n_classes):
    for label in np.unique(np.concatenate([y_true.astype(int), y_pred.astype(int)])):
        if label < 0 or label >= n_classes:
            raise ValueError(f"{label}: there are {n_classes} classes")
    edges = np.arange(n_classes + 1) - 0.5
    return np.histogram2d(y_true, y_pred, bins=(edges, edges))[0].astype(int)


# 6.1.7 threshold_for_recall --------------------------------------------------------------------------------


def _recall_checked(y_true, recall):
    if not 0 < recall <= 1 or not np.any(np.asarray(y_true) == 1):
        raise ValueError(f"recall {recall}")


def _found(y_true, scores, t):
    y_true, scores = np.asarray(y_true), np.asarray(scores)
    return (scores[y_true == 1] >= t).mean()


def wrong_6_1_7_the_smallest_threshold(y_true, scores, recall):
    _recall_checked(y_true, recall)
    return float(min(t for t in scores if _found(y_true, scores, t) >= recall))


def wrong_6_1_7_more_than_recall(y_true, scores, recall):
    _recall_checked(y_true, recall)
    return float(max([t for t in scores if _found(y_true, scores, t) > recall], default=min(scores)))


def wrong_6_1_7_quantile(y_true, scores, recall):
    _recall_checked(y_true, recall)
    return float(np.quantile(np.asarray(scores, dtype=float)[np.asarray(y_true) == 1], 1 - recall))


def wrong_6_1_7_rounds_down(y_true, scores, recall):
    _recall_checked(y_true, recall)
    positive = np.sort(np.asarray(scores, dtype=float)[np.asarray(y_true) == 1])[::-1]
    return float(positive[max(int(recall * len(positive)) - 1, 0)])


def wrong_6_1_7_strictly_above(y_true, scores, recall):
    _recall_checked(y_true, recall)
    y_true, scores = np.asarray(y_true), np.asarray(scores, dtype=float)
    good = [t for t in scores if (scores[y_true == 1] > t).mean() >= recall]
    return float(max(good, default=scores.min()))


def wrong_6_1_7_precision(y_true, scores, recall):
    _recall_checked(y_true, recall)
    y_true, scores = np.asarray(y_true), np.asarray(scores, dtype=float)
    good = [t for t in scores if y_true[scores >= t].mean() >= recall]
    return float(max(good, default=scores.min()))


def wrong_6_1_7_recall_of_one_refused(y_true, scores, recall):
    if not 0 < recall < 1 or not np.any(np.asarray(y_true) == 1):
        raise ValueError(f"recall {recall}")
    return float(max(t for t in scores if _found(y_true, scores, t) >= recall))


def wrong_6_1_7_all_examples(y_true, scores, recall):
    _recall_checked(y_true, recall)
    scores = np.asarray(scores, dtype=float)
    return float(max(t for t in scores if (scores >= t).mean() >= recall))


def right_6_1_7_walking_down(y_true, scores, recall):
    total = sum(1 for y in y_true if y == 1)
    if total == 0 or not (recall > 0 and recall <= 1):
        raise ValueError("recall in (0, 1], and at least one positive")
    for t in sorted(set(np.asarray(scores, dtype=float).tolist()), reverse=True):
        if sum(y == 1 and s >= t for y, s in zip(y_true, scores, strict=True)) / total >= recall:
            return t


# 6.1.8 keras_order -----------------------------------------------------------------------------------------


def wrong_6_1_8_swapped_once(weight, channels, height, width):
    return weight.reshape(-1, channels, height * width).transpose(1, 2, 0).reshape(weight.shape[1], -1)


def wrong_6_1_8_outputs_in_front(weight, channels, height, width):
    return weight.reshape(-1, channels, height, width).transpose(0, 2, 3, 1).reshape(len(weight), -1)


def right_6_1_8_by_index(weight, channels, height, width):
    places = [
        (c * height + i) * width + j for i in range(height) for j in range(width) for c in range(channels)
    ]
    return weight[:, places].T


# 6.1.9 colour_map ------------------------------------------------------------------------------------------


def _fits(photo, kernel):
    if photo.shape[0] != kernel.shape[0]:
        raise ValueError(f"{photo.shape[0]} channels, a kernel for {kernel.shape[0]}")


def right_6_1_9_four_loops(photo, kernel):
    _fits(photo, kernel)
    channels, a, b = kernel.shape
    made = np.zeros((photo.shape[1] - a + 1, photo.shape[2] - b + 1))
    for i in range(made.shape[0]):
        for j in range(made.shape[1]):
            made[i, j] = sum((photo[c, i : i + a, j : j + b] * kernel[c]).sum() for c in range(channels))
    return made


def right_6_1_9_with_pytorch(photo, kernel):
    _fits(photo, kernel)
    return F.conv2d(torch.tensor(photo)[None], torch.tensor(kernel)[None])[0, 0].numpy()


def wrong_6_1_9_squared_differences(photo, kernel):
    _fits(photo, kernel)
    windows = np.lib.stride_tricks.sliding_window_view(photo, kernel.shape[1:], axis=(1, 2))
    return ((windows - kernel[:, None, None]) ** 2).sum(axis=(0, 3, 4))


def wrong_6_1_9_last_channel_left_out(photo, kernel):
    _fits(photo, kernel)
    return right_6_1_9_four_loops(photo[:-1], kernel[:-1])


def wrong_6_1_9_behind_relu(photo, kernel):
    return np.maximum(right_6_1_9_four_loops(photo, kernel), 0)


def wrong_6_1_9_one_number_for_both(photo, kernel):
    if len(photo) != len(kernel):
        raise ValueError(f"the kernel has {len(kernel)} channels")
    return right_6_1_9_four_loops(photo, kernel)


def wrong_6_1_9_by_its_own_size(photo, kernel):
    return right_6_1_9_four_loops(photo, kernel)[:: kernel.shape[1], :: kernel.shape[2]]


# 6.1.10 own_reader -----------------------------------------------------------------------------------------


def _loop(network, X, y, *, epochs=5, rate=1e-2, loss=F.cross_entropy, labels=lambda y, rows: y[rows]):
    X, y = torch.tensor(X), torch.tensor(y)
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate)
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(32):
            optimizer.zero_grad()
            loss(network(X[rows]), labels(y, rows)).backward()
            optimizer.step()
    return network.eval()


def _plain(maps=12, norm=nn.Identity):
    """About 7,000 parameters, a stride in place of the first pooling."""
    return nn.Sequential(
        *(nn.Conv2d(1, maps, 5, stride=2, padding=2), norm(maps), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(maps, maps, 3, padding=1), norm(maps), nn.ReLU(), nn.Flatten()),
        nn.Linear(maps * 7 * 7, 10),
    )


def right_6_1_10_without_normalisation(X, y):
    return _loop(_plain(), X, y, epochs=12, rate=4e-3)


def right_6_1_10_with_fit(X, y):
    network = _plain(norm=nn.BatchNorm2d)
    feed = batches(X, y, batch_size=25, shuffle=True)
    fit(
        network,
        feed,
        F.cross_entropy,
        torch.optim.AdamW(network.parameters(), lr=4e-3),
        epochs=6,
        device="cpu",
    )
    return network.cpu().eval()


def wrong_6_1_10_too_many_parameters(X, y):
    return _loop(_plain(maps=40, norm=nn.BatchNorm2d), X, y, epochs=1)


def wrong_6_1_10_a_linear_layer(X, y):
    return _loop(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), X, y)


def wrong_6_1_10_labels_of_other_pictures(X, y):
    return _loop(_plain(norm=nn.BatchNorm2d), X, y, labels=lambda y, rows: y[: len(rows)])


def wrong_6_1_10_untrained(X, y):
    return _plain(norm=nn.BatchNorm2d).eval()


def wrong_6_1_10_never_steps(X, y):
    network, optimizer = _plain(), None
    for _ in range(2):
        optimizer = torch.optim.SGD(network.parameters(), lr=0.0)
        F.cross_entropy(network(torch.tensor(X[:50])), torch.tensor(y[:50])).backward()
        optimizer.step()
    return network.eval()


def wrong_6_1_10_five_outputs(X, y):
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 5)).eval()


def wrong_6_1_10_returns_nothing(X, y):
    _loop(_plain(norm=nn.BatchNorm2d), X, y, epochs=1)


# 6.1.11 evidence -------------------------------------------------------------------------------------------


def right_6_1_11_place_by_place(maps, weights):
    channels, height, width = maps.shape
    if weights.shape[1] != channels * height * width:
        raise ValueError(f"{weights.shape[1]} is not {channels * height * width}")
    found = np.zeros((len(weights), height, width))
    for c in range(channels):
        for row in range(height):
            for column in range(width):
                place = c * height * width + row * width + column
                found[:, row, column] += weights[:, place] * maps[c, row, column]
    return found


def right_6_1_11_with_einsum(maps, weights):
    if weights.shape[1] != maps.size:
        raise ValueError(f"{weights.shape[1]} is not {maps.size}")
    return np.einsum("kchw,chw->khw", weights.reshape(-1, *maps.shape), maps)


def wrong_6_1_11_cuts_what_is_too_long(maps, weights):
    return right_6_1_11_place_by_place(maps, weights[:, : maps.size])


def wrong_6_1_11_the_first_class_only(maps, weights):
    return right_6_1_11_place_by_place(maps, weights[:1])


def wrong_6_1_11_turned_upside_down(maps, weights):
    return right_6_1_11_place_by_place(maps, weights)[:, ::-1]
