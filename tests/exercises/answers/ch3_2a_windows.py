"""Answers to the exercises of 3.2a from outside: wrong in one thing, or right and written differently."""

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import signal


def right_3_2_1_by_a_view(x, k):
    return (sliding_window_view(x, k.shape) * k).sum(axis=(2, 3))


def right_3_2_1_one_number_of_the_kernel_at_a_time(x, k):
    rows, columns = x.shape[0] - k.shape[0] + 1, x.shape[1] - k.shape[1] + 1
    return sum(k[a, b] * x[a : a + rows, b : b + columns] for a, b in np.ndindex(k.shape))


def right_3_2_1_by_scipy(x, k):
    return signal.correlate2d(x, k, "valid")


def wrong_3_2_1_keeps_the_size(x, k):
    return signal.correlate2d(x, k, "same")


def wrong_3_2_1_square_kernels_only(x, k):
    size = len(k)
    rows, columns = x.shape[0] - size + 1, x.shape[1] - size + 1
    return np.array(
        [[(k * x[i : i + size, j : j + size]).sum() for j in range(columns)] for i in range(rows)]
    )


def wrong_3_2_1_the_largest_product(x, k):
    return (sliding_window_view(x, k.shape) * k).max(axis=(2, 3))


def wrong_3_2_1_turned_to_the_side(x, k):
    return right_3_2_1_by_a_view(x, k[:, ::-1])


def right_3_2_3_by_a_view(x, size, stride=1):
    windows = sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    return windows.transpose(0, 3, 4, 1, 2).reshape(len(x) * size * size, -1)


def right_3_2_3_rows_then_transposed(x, size, stride=1):
    rows, columns = (range(0, side - size + 1, stride) for side in x.shape[1:])
    return np.array([x[:, i : i + size, j : j + size].ravel() for i in rows for j in columns]).T


def wrong_3_2_3_stride_of_the_rows_only(x, size, stride=1):
    rows, columns = range(0, x.shape[1] - size + 1, stride), range(x.shape[2] - size + 1)
    return np.array([x[:, i : i + size, j : j + size].ravel() for i in rows for j in columns]).T


def wrong_3_2_3_height_for_the_width(x, size, stride=1):
    places = range(0, x.shape[1] - size + 1, stride)
    windows = [x[:, i : i + size, j : j + size] for i in places for j in places]
    return np.array([window.ravel() for window in windows if window.shape[1:] == (size, size)]).T


def right_3_2_4_from_behind(layers):
    pixels = 1
    for kernel, stride in reversed(layers):
        pixels = (pixels - 1) * stride + kernel
    return pixels


def right_3_2_4_as_a_sum(layers):
    distances = [math.prod(stride for _, stride in layers[:place]) for place in range(len(layers))]
    return 1 + sum((kernel - 1) * d for (kernel, _), d in zip(layers, distances, strict=True))


def wrong_3_2_4_windows_side_by_side(layers):
    pixels = 1
    for kernel, stride in reversed(layers):
        pixels = pixels * stride + kernel - 1
    return pixels


def wrong_3_2_4_the_largest_kernel(layers):
    return max([kernel for kernel, _ in layers], default=1)


def wrong_3_2_4_without_the_last_layer(layers):
    return right_3_2_4_from_behind(layers[:-1])
