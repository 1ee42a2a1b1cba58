"""Answers to the exercises of chapter 3, written from the statements alone."""

import numpy as np

# 3.1.1 perceptron_pass -------------------------------------------------------------------------------------


def _perceptron(X, y, w, b, *, fires=lambda z: z > 0, step=1.0, bias=1.0, order=1):
    w, mistakes = np.array(w, dtype=float), 0
    for x, wanted in list(zip(X, y, strict=True))[::order]:
        error = wanted - int(fires(x @ w + b))
        w, b, mistakes = w + step * error * x, b + bias * error, mistakes + abs(error)
    return w, b, int(mistakes)


def wrong_3_1_1_fires_at_zero(X, y, w, b):
    return _perceptron(X, y, w, b, fires=lambda z: z >= 0)


def wrong_3_1_1_half_steps(X, y, w, b):
    return _perceptron(X, y, w, b, step=0.5)


def wrong_3_1_1_bias_stays(X, y, w, b):
    return _perceptron(X, y, w, b, bias=0.0)


def wrong_3_1_1_backwards(X, y, w, b):
    return _perceptron(X, y, w, b, order=-1)


def wrong_3_1_1_stops_at_the_first_mistake(X, y, w, b):
    for i, (x, wanted) in enumerate(zip(X, y, strict=True)):
        if wanted != int(x @ w + b > 0):
            return _perceptron(X[: i + 1], y[: i + 1], w, b)
    return np.array(w, dtype=float), b, 0


def wrong_3_1_1_only_missed_ones_teach(X, y, w, b):
    w, mistakes = np.array(w, dtype=float), 0
    for x, wanted in zip(X, y, strict=True):
        answer = int(x @ w + b > 0)
        mistakes += int(answer != wanted)
        if wanted == 1 and answer == 0:
            w, b = w + x, b + 1
    return w, b, mistakes


def wrong_3_1_1_in_place(X, y, w, b):
    mistakes = 0
    for x, wanted in zip(X, y, strict=True):
        error = wanted - int(x @ w + b > 0)
        w += error * x
        b, mistakes = b + error, mistakes + abs(error)
    return w, b, int(mistakes)


def wrong_3_1_1_counts_mistakes_afterwards(X, y, w, b):
    w, b, _ = _perceptron(X, y, w, b)
    return w, b, int((np.asarray(y) != (X @ w + b > 0)).sum())


def right_3_1_1_with_ifs(X, y, w, b):
    w, mistakes = [float(weight) for weight in w], 0
    for x, wanted in zip(X.tolist(), y.tolist(), strict=True):
        z = sum(weight * number for weight, number in zip(w, x, strict=True)) + b
        if wanted == 1 and z <= 0:
            w, b, mistakes = [a + c for a, c in zip(w, x, strict=True)], b + 1, mistakes + 1
        elif wanted == 0 and z > 0:
            w, b, mistakes = [a - c for a, c in zip(w, x, strict=True)], b - 1, mistakes + 1
    return np.array(w), b, mistakes


# 3.1.2 backward --------------------------------------------------------------------------------------------


def _slopes(X, y, W1, b1, W2, b2, *, mask=lambda z1: z1 > 0, divide=None, sign=1.0):
    z1 = X @ W1 + b1
    h = np.maximum(z1, 0)
    z2 = h @ W2 + b2
    e = np.exp(z2 - z2.max(axis=1, keepdims=True))
    g2 = e / e.sum(axis=1, keepdims=True)
    g2[np.arange(len(y)), y] -= 1
    g2 = sign * g2 / (divide or len(y))
    g1 = g2 @ W2.T * mask(z1)
    return X.T @ g1, g1.sum(axis=0), h.T @ g2, g2.sum(axis=0)


def wrong_3_1_2_the_sum(X, y, W1, b1, W2, b2):
    return _slopes(X, y, W1, b1, W2, b2, divide=1)


def wrong_3_1_2_mean_over_classes(X, y, W1, b1, W2, b2):
    return _slopes(X, y, W1, b1, W2, b2, divide=W2.shape[1])


def wrong_3_1_2_no_relu(X, y, W1, b1, W2, b2):
    return _slopes(X, y, W1, b1, W2, b2, mask=lambda z1: 1.0)


def wrong_3_1_2_mask_of_x(X, y, W1, b1, W2, b2):
    return _slopes(X, y, W1, b1, W2, b2, mask=lambda z1: (X @ W1) > 0)


def wrong_3_1_2_downhill(X, y, W1, b1, W2, b2):
    return _slopes(X, y, W1, b1, W2, b2, sign=-1.0)


def wrong_3_1_2_sums_before_the_relu(X, y, W1, b1, W2, b2):
    dW1, db1, _, db2 = _slopes(X, y, W1, b1, W2, b2)
    z1 = X @ W1 + b1
    z2 = np.maximum(z1, 0) @ W2 + b2
    e = np.exp(z2 - z2.max(axis=1, keepdims=True))
    g2 = e / e.sum(axis=1, keepdims=True)
    g2[np.arange(len(y)), y] -= 1
    return dW1, db1, z1.T @ g2 / len(y), db2


def wrong_3_1_2_biases_as_rows(X, y, W1, b1, W2, b2):
    dW1, db1, dW2, db2 = _slopes(X, y, W1, b1, W2, b2)
    return dW1, db1[None], dW2, db2[None]


def wrong_3_1_2_last_layer_only(X, y, W1, b1, W2, b2):
    _, _, dW2, db2 = _slopes(X, y, W1, b1, W2, b2)
    return np.zeros_like(W1), np.zeros_like(b1), dW2, db2


def right_3_1_2_row_by_row(X, y, W1, b1, W2, b2):
    total = [np.zeros(np.shape(p)) for p in (W1, b1, W2, b2)]
    for x, k in zip(X, y, strict=True):
        z1 = x @ W1 + b1
        h = np.where(z1 > 0, z1, 0.0)
        z2 = h @ W2 + b2
        p = np.exp(z2 - z2.max())
        g2 = p / p.sum() - (np.arange(len(p)) == k)
        g1 = np.where(z1 > 0, W2 @ g2, 0.0)
        for sum_, part in zip(total, (np.outer(x, g1), g1, np.outer(h, g2), g2), strict=True):
            sum_ += part / len(X)
    return tuple(total)


# 3.1.5 sum_to ----------------------------------------------------------------------------------------------


def wrong_3_1_5_leading_axes_only(slope, shape):
    return slope.sum(axis=tuple(range(slope.ndim - len(shape)))) if slope.ndim > len(shape) else slope


def wrong_3_1_5_ones_only(slope, shape):
    axes = tuple(axis for axis, length in enumerate(shape) if length == 1 and slope.ndim == len(shape))
    return slope.sum(axis=axes, keepdims=True)


def wrong_3_1_5_means(slope, shape):
    result = right_3_1_5_axis_by_axis(slope, shape)
    return result / max(slope.size // max(result.size, 1), 1)


def wrong_3_1_5_drops_the_ones(slope, shape):
    return np.squeeze(right_3_1_5_axis_by_axis(slope, shape))


def wrong_3_1_5_reshapes(slope, shape):
    size = int(np.prod(shape))
    return slope.reshape(-1)[:size].reshape(shape)


def wrong_3_1_5_lines_up_from_the_left(slope, shape):
    axes = tuple(range(len(shape), slope.ndim))
    result = slope.sum(axis=axes) if axes else slope
    ones = tuple(axis for axis, length in enumerate(shape) if length == 1)
    result = result.sum(axis=ones, keepdims=True)
    return result if result.shape == tuple(shape) else right_3_1_5_axis_by_axis(slope, shape) * 0


def right_3_1_5_axis_by_axis(slope, shape):
    result = np.asarray(slope)
    while result.ndim > len(shape):
        result = result.sum(axis=0)
    for axis, length in enumerate(shape):
        if length == 1 and result.shape[axis] != 1:
            result = result.sum(axis=axis, keepdims=True)
    return result


# 3.1.6 lookup_slope ----------------------------------------------------------------------------------------


def wrong_3_1_6_the_last_wins(ids, slope, rows):
    result = np.zeros((rows, slope.shape[1]))
    result[ids] = slope
    return result


def wrong_3_1_6_added_once(ids, slope, rows):
    result = np.zeros((rows, slope.shape[1]))
    result[ids] += slope
    return result


def wrong_3_1_6_the_mean(ids, slope, rows):
    result = right_3_1_6_one_hot(ids, slope, rows)
    return result / np.maximum(np.bincount(ids, minlength=rows), 1)[:, None]


def wrong_3_1_6_used_rows_only(ids, slope, rows):
    return right_3_1_6_one_hot(ids, slope, rows)[np.unique(ids)]


def wrong_3_1_6_rows_of_the_largest_id(ids, slope, rows):
    return right_3_1_6_one_hot(ids, slope, int(max(ids)) + 1)


def wrong_3_1_6_whole_numbers(ids, slope, rows):
    result = np.zeros((rows, slope.shape[1]), dtype=int)
    np.add.at(result, ids, slope.astype(int))
    return result


def right_3_1_6_one_hot(ids, slope, rows):
    return (np.arange(rows)[:, None] == np.asarray(ids)[None]).astype(float) @ slope


# 3.1.8 dead_share ------------------------------------------------------------------------------------------


def wrong_3_1_8_silent_for_some_row(X, W, b):
    return float(((X @ W + b) <= 0).any(axis=0).mean())


def wrong_3_1_8_share_of_silent_answers(X, W, b):
    return float(((X @ W + b) <= 0).mean())


def wrong_3_1_8_zero_is_alive(X, W, b):
    return float(((X @ W + b) < 0).all(axis=0).mean())


def wrong_3_1_8_without_the_bias(X, W, b):
    return float(((X @ W) <= 0).all(axis=0).mean())


def wrong_3_1_8_rows_for_neurons(X, W, b):
    return float(((X @ W + b) <= 0).all(axis=1).mean())


def wrong_3_1_8_alive_ones(X, W, b):
    return float(((X @ W + b) > 0).any(axis=0).mean())


def wrong_3_1_8_the_number(X, W, b):
    return float(((X @ W + b) <= 0).all(axis=0).sum())


def wrong_3_1_8_the_mean_input(X, W, b):
    return float((X.mean(axis=0) @ W + b <= 0).mean())


def right_3_1_8_by_the_largest_sum(X, W, b):
    return np.mean([max(x @ W[:, i] + b[i] for x in X) <= 0 for i in range(W.shape[1])])


# 3.1.9 outer_weights ---------------------------------------------------------------------------------------


def wrong_3_1_9_slopes_themselves(places, heights):
    return np.diff(heights) / np.diff(places), float(heights[0])


def wrong_3_1_9_heights_for_slopes(places, heights):
    return np.diff(np.diff(heights), prepend=0.0), float(heights[0])


def wrong_3_1_9_no_bias(places, heights):
    slopes = np.diff(heights) / np.diff(places)
    return np.diff(slopes, prepend=0.0), 0.0


def wrong_3_1_9_width_of_the_first_piece(places, heights):
    slopes = np.diff(heights) / (places[1] - places[0])
    return np.diff(slopes, prepend=0.0), float(heights[0])


def wrong_3_1_9_first_weight_missing(places, heights):
    slopes = np.diff(heights) / np.diff(places)
    return np.diff(slopes), float(heights[0])


def wrong_3_1_9_bias_at_zero(places, heights):
    slopes = np.diff(heights) / np.diff(places)
    return np.diff(slopes, prepend=0.0), float(heights[0] - slopes[0] * places[0])


def right_3_1_9_by_solving(places, heights):
    places, heights = np.asarray(places, dtype=float), np.asarray(heights, dtype=float)
    h = np.maximum(0, places[:, None] - places[None, :-1])
    solved = np.linalg.solve(np.column_stack([h, np.ones(len(places))]), heights)
    return solved[:-1], solved[-1]
