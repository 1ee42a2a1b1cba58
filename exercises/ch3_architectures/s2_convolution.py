"""Section 3.2, convolution: code of its exercises. The words are in s2_convolution.en.md."""

import numpy as np

from exercises import Case, Exercise

# 3.2.1 a window slides over a picture ---------------------------------------------------------------


def cross_correlate(x, k):
    """Slide the kernel k (a, b) over the picture x (H, W), and add up -> (H - a + 1, W - b + 1)"""
    height, width = k.shape
    rows, columns = x.shape[0] - height + 1, x.shape[1] - width + 1
    result = np.empty((rows, columns))
    for i, j in np.ndindex(rows, columns):
        result[i, j] = (k * x[i : i + height, j : j + width]).sum()
    return result


def turns_the_kernel_round(x, k):
    return cross_correlate(x, k[::-1, ::-1])


def leaves_out_the_last_places(x, k):
    return cross_correlate(x, k)[:-1, :-1]


def exchanges_rows_and_columns(x, k):
    return cross_correlate(x, k).T


def moves_by_the_width_of_the_kernel(x, k):
    return cross_correlate(x, k)[:: k.shape[0], :: k.shape[1]]


def takes_the_mean_of_the_products(x, k):
    return cross_correlate(x, k) / k.size


def lets_the_kernel_hang_over_the_edge(x, k):
    below, right = k.shape[0] - 1, k.shape[1] - 1
    return cross_correlate(np.pad(x, ((0, below), (0, right))), k)


def draw_pictures(rng):
    sides = [int(side) for side in rng.integers(1, 6, size=2)]
    kernel = [int(rng.integers(1, min(side, 3) + 1)) for side in sides]
    return rng.integers(-3, 4, size=sides).astype(float), rng.integers(-3, 4, size=kernel).astype(float)


# 3.2.2 two layers of ResNet -------------------------------------------------------------------------

STEM = 56  # (224 + 6 - 7) // 2 + 1 = 112, then (112 + 2 - 3) // 2 + 1

# 3.2.3 every window becomes a column ----------------------------------------------------------------


def im2col(x, size, stride=1):
    """The windows of x (C, H, W) as the columns of a matrix -> (C · size · size, number of places)

    Places come row by row. Within a column: channel by channel, each of them row by row.
    """
    rows, columns = (range(0, side - size + 1, stride) for side in x.shape[1:])
    windows = [x[:, i : i + size, j : j + size].reshape(-1) for i in rows for j in columns]
    return np.stack(windows, axis=1)


def lays_the_windows_as_rows(x, size, stride=1):
    return im2col(x, size, stride).T


def puts_the_channels_last(x, size, stride=1):
    columns = im2col(x, size, stride)
    return columns.reshape(len(x), size * size, -1).swapaxes(0, 1).reshape(columns.shape)


def reads_windows_column_by_column(x, size, stride=1):
    columns = im2col(x, size, stride)
    return columns.reshape(len(x), size, size, -1).swapaxes(1, 2).reshape(columns.shape)


def takes_the_places_column_by_column(x, size, stride=1):
    columns = im2col(x.swapaxes(1, 2), size, stride)
    return columns.reshape(len(x), size, size, -1).swapaxes(1, 2).reshape(columns.shape)


def ignores_the_stride(x, size, stride=1):
    return im2col(x, size)


def moves_by_the_size_of_the_window(x, size, stride=1):
    return im2col(x, size, size)


def adds_up_the_channels(x, size, stride=1):
    return im2col(x.sum(axis=0, keepdims=True), size, stride)


def draw_stacks(rng):
    size = int(rng.integers(1, 4))
    shape = int(rng.integers(1, 3)), size + int(rng.integers(0, 3)), size + int(rng.integers(0, 3))
    return rng.integers(-9, 10, size=shape).astype(float), size, int(rng.integers(1, 3))


# 3.2.4 the receptive field --------------------------------------------------------------------------


def receptive_field(layers):
    """Pixels across that one number behind the layers sees; layers: a list of (kernel, stride) -> int"""
    pixels, step = 1, 1  # step: how many pixels of the picture lie between two neighbours of this layer
    for kernel, stride in layers:
        pixels += (kernel - 1) * step
        step *= stride
    return pixels


def adds_up_the_kernels(layers):
    return sum(kernel for kernel, _ in layers)


def forgets_the_strides(layers):
    return 1 + sum(kernel - 1 for kernel, _ in layers)


def lets_a_stride_widen_its_own_layer(layers):
    pixels, step = 1, 1
    for kernel, stride in layers:
        step *= stride
        pixels += (kernel - 1) * step
    return pixels


def adds_up_the_strides(layers):
    pixels, step = 1, 1
    for kernel, stride in layers:
        pixels += (kernel - 1) * step
        step += stride - 1
    return pixels


def forgets_the_pixel_to_start_with(layers):
    return receptive_field(layers) - 1


def begins_with_the_last_layer(layers):
    return receptive_field(layers[::-1])


def multiplies_the_kernels(layers):
    return int(np.prod([kernel for kernel, _ in layers], dtype=int))


def draw_layers(rng):
    return ([(int(rng.integers(1, 6)), int(rng.integers(1, 4))) for _ in range(int(rng.integers(0, 6)))],)


FOUR = np.array([[1.0, 2, 3, 4], [5, 6, 7, 8], [9, 10, 9, 8], [5, 6, 7, 8]])

EXERCISES = (
    Exercise(
        "3.2.1",
        level=2,
        minutes=10,
        points=2,
        solution=cross_correlate,
        cases=(
            Case(
                (FOUR, np.array([[1.0, 2.0], [3.0, 4.0]])),
                expected=np.array([[44.0, 54, 64], [84, 86, 82], [68, 74, 78]]),
            ),
            Case((np.array([[1.0, 2.0, 3.0, 4.0]]), np.array([[-1.0, 0.0, 1.0]]))),
            Case((np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[2.0]]))),
        ),
        wrong={
            turns_the_kernel_round: 1,
            leaves_out_the_last_places: 0,
            exchanges_rows_and_columns: 2,
            moves_by_the_width_of_the_kernel: 0,
            takes_the_mean_of_the_products: 1,
            lets_the_kernel_hang_over_the_edge: 0,
        },
        draw=draw_pictures,
        draws=200,
    ),
    Exercise(
        "3.2.2",
        kind="predict",
        level=2,
        minutes=5,
        points=1,
        solution=STEM,
        wrong={
            "the_first_layer_only": (112, 1),
            "without_padding": (54, 0),
            "padding_on_one_side": (55, 0),
            "without_strides": (224, 1),
        },
    ),
    Exercise(
        "3.2.3",
        level=3,
        minutes=10,
        points=3,
        solution=im2col,
        cases=(
            Case(
                (np.array([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]), 2),
                expected=np.array([[1.0, 2], [2, 3], [4, 5], [5, 6]]),
            ),
            Case(
                lambda: (np.arange(24.0).reshape(2, 3, 4), 2),
                args_text="np.arange(24.0).reshape(2, 3, 4), 2",
            ),
            Case(
                lambda: (np.arange(20.0).reshape(1, 4, 5), 2, 2),
                args_text="np.arange(20.0).reshape(1, 4, 5), 2, 2",
            ),
        ),
        wrong={
            lays_the_windows_as_rows: 1,
            puts_the_channels_last: 1,
            reads_windows_column_by_column: 1,
            takes_the_places_column_by_column: 0,
            ignores_the_stride: 0,
            moves_by_the_size_of_the_window: 0,
            adds_up_the_channels: 1,
        },
        draw=draw_stacks,
        draws=200,
    ),
    Exercise(
        "3.2.4",
        level=2,
        minutes=5,
        points=2,
        solution=receptive_field,
        cases=(
            Case(([(3, 1), (3, 1)],), expected=5),
            Case(([(3, 1), (2, 2), (3, 1)],), expected=8),
            Case(([(7, 2), (3, 2), (3, 1)],)),
            Case(([],)),
        ),
        wrong={
            adds_up_the_kernels: 0,
            forgets_the_strides: 1,
            lets_a_stride_widen_its_own_layer: 2,
            adds_up_the_strides: 1,
            forgets_the_pixel_to_start_with: 0,
            begins_with_the_last_layer: 2,
            multiplies_the_kernels: 0,
        },
        draw=draw_layers,
        draws=200,
    ),
)
