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


def writes_to_column_i_row_j(x, k):
    height, width = k.shape
    rows, columns = x.shape[0] - height + 1, x.shape[1] - width + 1
    result = np.empty((rows, columns))
    for i, j in np.ndindex(rows, columns):
        result[j, i] = (k * x[i : i + height, j : j + width]).sum()
    return result


def multiplies_as_matrices(x, k):
    height, width = k.shape
    rows, columns = x.shape[0] - height + 1, x.shape[1] - width + 1
    result = np.empty((rows, columns))
    for i, j in np.ndindex(rows, columns):
        result[i, j] = (k @ x[i : i + height, j : j + width]).sum()
    return result


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


def reshapes_in_place_of_a_transpose(x, size, stride=1):
    columns = im2col(x, size, stride)
    return columns.T.reshape(columns.shape)


def looks_at_the_first_channel_only(x, size, stride=1):
    return im2col(x[:1], size, stride)


def draw_stacks(rng):
    size = int(rng.integers(1, 4))
    shape = int(rng.integers(1, 3)), size + int(rng.integers(0, 3)), size + int(rng.integers(0, 3))
    return rng.integers(-9, 10, size=shape).astype(float), size, int(rng.integers(1, 3))


# 3.2.4 the receptive field --------------------------------------------------------------------------


def receptive_field(layers):
    """Pixels across that one number behind the layers sees; layers: a list of (kernel, stride) -> int"""
    pixels, step = 1, 1  # step: how many pixels two neighbours that a layer reads lie apart
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


def takes_a_layers_own_stride_for_the_distance(layers):
    return 1 + sum((kernel - 1) * stride for kernel, stride in layers)


def replaces_the_distance_by_the_stride(layers):
    pixels, step = 1, 1
    for kernel, stride in layers:
        pixels += (kernel - 1) * step
        step = stride
    return pixels


def adds_whole_kernels(layers):
    pixels, step = 1, 1
    for kernel, stride in layers:
        pixels += kernel * step
        step *= stride
    return pixels


def draw_layers(rng):
    return ([(int(rng.integers(1, 6)), int(rng.integers(1, 4))) for _ in range(int(rng.integers(0, 6)))],)


FOUR = np.array([[1.0, 2, 3, 4], [5, 6, 7, 8], [9, 10, 9, 8], [5, 6, 7, 8]])

# 3.2.5 parameters of a convolution -------------------------------------------------------------------


def conv_parameters(inputs, outputs, kernel, groups=1, bias=True):
    """How many numbers a convolution learns: weights, and a bias for each output channel. -> int

    inputs, outputs: channels, in `groups` equal groups; kernel: side of the square window. Raises ValueError
    that names groups and the channels where inputs or outputs cannot be divided by groups.
    """
    for channels in (inputs, outputs):
        if channels % groups:
            raise ValueError(f"{channels} channels cannot be divided into groups={groups} of the same size")
    return outputs * (inputs // groups * kernel**2 + int(bias))


def forgets_the_input_channels(inputs, outputs, kernel, groups=1, bias=True):
    conv_parameters(inputs, outputs, kernel, groups)
    return outputs * (kernel**2 + int(bias))


def gives_all_outputs_one_bias(inputs, outputs, kernel, groups=1, bias=True):
    return conv_parameters(inputs, outputs, kernel, groups, bias=False) + int(bias)


def gives_each_input_a_bias(inputs, outputs, kernel, groups=1, bias=True):
    return conv_parameters(inputs, outputs, kernel, groups, bias=False) + inputs * int(bias)


def takes_the_window_for_a_line(inputs, outputs, kernel, groups=1, bias=True):
    conv_parameters(inputs, outputs, kernel, groups)
    return outputs * (inputs // groups * kernel + int(bias))


def ignores_the_groups(inputs, outputs, kernel, groups=1, bias=True):
    conv_parameters(inputs, outputs, kernel, groups)
    return conv_parameters(inputs, outputs, kernel, 1, bias)


def counts_one_group_only(inputs, outputs, kernel, groups=1, bias=True):
    conv_parameters(inputs, outputs, kernel, groups)
    return conv_parameters(inputs // groups, outputs // groups, kernel, 1, bias)


def always_has_a_bias(inputs, outputs, kernel, groups=1, bias=True):
    return conv_parameters(inputs, outputs, kernel, groups)


def rounds_groups_that_do_not_fit(inputs, outputs, kernel, groups=1, bias=True):
    return outputs * (inputs // groups * kernel**2 + int(bias))


def draw_convolutions(rng):
    groups = int(rng.choice([1, 1, 2, 3]))
    inputs, outputs = (groups * int(n) for n in rng.integers(1, 5, size=2))
    if rng.random() < 0.2:
        inputs += 1  # does not fit where there are groups
    return inputs, outputs, int(rng.integers(1, 6)), groups, bool(rng.random() < 0.6)


# 3.2.7 multiplications -----------------------------------------------------------------------------


def multiplications(side, layers):
    """Multiplications in a chain of convolutions, for one picture of side × side. -> int

    layers: rows (inputs, outputs, kernel, stride, groups); a map of side n becomes one of ceil(n / stride).
    Raises ValueError that names both numbers where a layer's inputs are not the outputs of the one before.
    """
    total, channels = 0, None
    for inputs, outputs, kernel, stride, groups in layers:
        if channels not in (None, inputs):
            raise ValueError(f"a layer wants {inputs} channels, the layer before it gives {channels}")
        side = -(-side // stride)
        total += side**2 * outputs * (inputs // groups) * kernel**2
        channels = outputs
    return total


def _count(side, layers, after=lambda side, kernel, stride: -(-side // stride), places=lambda n: n**2):
    multiplications(1, layers)  # raises where channels do not fit
    total = 0
    for inputs, outputs, kernel, stride, groups in layers:
        side = after(side, kernel, stride)
        total += places(side) * outputs * (inputs // groups) * kernel**2
    return total


def keeps_the_side(side, layers):
    return _count(side, layers, after=lambda side, kernel, stride: side)


def rounds_the_side_down(side, layers):
    return _count(side, layers, after=lambda side, kernel, stride: side // stride)


def forgets_the_padding(side, layers):
    return _count(side, layers, after=lambda side, kernel, stride: (side - kernel) // stride + 1)


def counts_places_along_one_side_only(side, layers):
    return _count(side, layers, places=lambda n: n)


def counts_places_before_the_stride(side, layers):
    multiplications(1, layers)
    total = 0
    for inputs, outputs, kernel, stride, groups in layers:
        total += side**2 * outputs * (inputs // groups) * kernel**2
        side = -(-side // stride)
    return total


def sees_all_channels_in_every_group(side, layers):
    multiplications(1, layers)
    return multiplications(side, [(*row[:4], 1) for row in layers])


def takes_a_row_of_each_window(side, layers):
    multiplications(1, layers)
    return sum(_count(-(-side // _stride_before(layers, i)), [row]) // row[2] for i, row in enumerate(layers))


def counts_parameters(side, layers):
    return _count(side, layers, places=lambda n: 1)


def does_not_compare_channels(side, layers):
    return sum(multiplications(-(-side // _stride_before(layers, i)), [row]) for i, row in enumerate(layers))


def _stride_before(layers, place):
    product = 1
    for row in layers[:place]:
        product *= row[3]
    return product


def draw_chains(rng):
    channels, layers = int(rng.integers(1, 4)), []
    for _ in range(int(rng.integers(0, 4))):
        grouped = bool(rng.random() < 0.4)
        outputs = channels if grouped else int(rng.integers(1, 4))
        kernel, stride = int(rng.choice([1, 3, 5])), int(rng.integers(1, 4))
        layers.append((channels, outputs, kernel, stride, channels if grouped else 1))
        channels = outputs + bool(rng.random() < 0.1)  # now and then the next one does not fit
    return int(rng.integers(1, 12)), layers


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
            writes_to_column_i_row_j: 2,
            multiplies_as_matrices: 1,
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
            "rounded_up": (57, 0),
            "all_places": (56 * 56, None),
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
            reshapes_in_place_of_a_transpose: 1,
            looks_at_the_first_channel_only: 1,
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
            takes_a_layers_own_stride_for_the_distance: 2,
            replaces_the_distance_by_the_stride: 1,
            adds_whole_kernels: 0,
        },
        draw=draw_layers,
        draws=200,
    ),
    Exercise(
        "3.2.5",
        level=2,
        minutes=5,
        points=2,
        solution=conv_parameters,
        cases=(
            Case((6, 16, 5), expected=2416),
            Case((3, 4, 3), kwargs={"bias": False}, expected=108),
            Case((4, 6, 3, 2), expected=114),
            Case((8, 8, 3, 8, False), expected=72),
            Case((400, 120, 1), expected=48_120),
            Case((4, 3, 3, 2), raises=ValueError, mentions=(2, 3)),
            Case((3, 4, 3, 2), raises=ValueError, mentions=(2, 3)),
        ),
        wrong={
            forgets_the_input_channels: 0,
            gives_all_outputs_one_bias: 1,
            gives_each_input_a_bias: 1,
            takes_the_window_for_a_line: 0,
            ignores_the_groups: 2,
            counts_one_group_only: 2,
            always_has_a_bias: 1,
            rounds_groups_that_do_not_fit: 2,
        },
        draw=draw_convolutions,
        draws=200,
    ),
    Exercise(
        "3.2.6",
        kind="predict",
        level=2,
        minutes=5,
        points=1,
        solution=8768,
        wrong={
            "the_ordinary_convolution": (73_728, 0),
            "the_mixing_alone": (8192, 0),
            "the_windows_alone": (576, 1),
            "a_window_for_each_output": (9344, 0),
            "the_first_mixes_too": (45_056, 0),
            "the_second_looks_around_too": (74_304, 0),
        },
    ),
    Exercise(
        "3.2.7",
        level=3,
        minutes=10,
        points=3,
        solution=multiplications,
        cases=(
            Case((8, [(2, 4, 3, 2, 1)]), expected=1152),
            Case((5, [(1, 2, 3, 2, 1), (2, 2, 3, 2, 2)]), expected=234),
            Case((4, [(3, 2, 1, 1, 1)]), expected=96),
            Case((7, []), expected=0, why="no layers, no multiplications"),
            Case((6, [(1, 2, 3, 1, 1), (3, 4, 3, 1, 1)]), raises=ValueError, mentions=(3, 2)),
        ),
        wrong={
            keeps_the_side: 0,
            rounds_the_side_down: 0,
            forgets_the_padding: 0,
            counts_places_along_one_side_only: 1,
            counts_places_before_the_stride: 0,
            sees_all_channels_in_every_group: 1,
            counts_parameters: 1,
            takes_a_row_of_each_window: 1,
            does_not_compare_channels: 2,
        },
        draw=draw_chains,
        draws=200,
    ),
)
