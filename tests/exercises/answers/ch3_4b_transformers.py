"""Answers to the exercises of section 3.4b, written from the statements alone."""

import math

import numpy as np

# 3.4.5 sinusoidal ------------------------------------------------------------------------------------------


def _hands(T, D, angle, parts=(math.sin, math.cos)):
    return np.array([[parts[j % 2](angle(t, j // 2, D)) for j in range(D)] for t in range(T)])


def wrong_3_4_5_in_degrees(T, D):
    return _hands(T, D, lambda t, i, D: math.radians(t * 10_000 ** (-2 * i / D)))


def wrong_3_4_5_base_one_thousand(T, D):
    return _hands(T, D, lambda t, i, D: t * 1_000 ** (-2 * i / D))


def wrong_3_4_5_sines_only(T, D):
    return _hands(T, D, lambda t, i, D: t * 10_000 ** (-2 * i / D), (math.sin, math.sin))


def wrong_3_4_5_last_speed_is_reached(T, D):
    return _hands(T, D, lambda t, i, D: t * 10_000 ** (-i / max(1, D // 2 - 1)))


def wrong_3_4_5_places_in_columns(T, D):
    return _hands(T, D, lambda t, i, D: t * 10_000 ** (-2 * i / D)).T


def wrong_3_4_5_whole_numbers(T, D):
    return _hands(T, D, lambda t, i, D: t * 10_000 ** (-2 * i / D)).round().astype(int)


def right_3_4_5_by_loops(T, D):
    return _hands(T, D, lambda t, i, D: t / 10_000 ** (2 * i / D))


def right_3_4_5_into_columns(T, D):
    table = np.zeros((T, D))
    angles = np.outer(np.arange(T), np.exp(-np.log(10_000.0) * np.arange(0, D, 2) / D))
    table[:, 0::2], table[:, 1::2] = np.sin(angles), np.cos(angles)
    return table


# 3.4.6 layer_parameters ------------------------------------------------------------------------------------


def wrong_3_4_6_only_one_linear_layer_after_attention(D):
    return 4 * (D * D + D) + D * 4 * D + 4 * D + 4 * D


def wrong_3_4_6_as_wide_inside_as_outside(D):
    return 6 * (D * D + D) + 4 * D


def wrong_3_4_6_a_float(D):
    return 12.0 * D**2 + 13.0 * D


def wrong_3_4_6_queries_and_keys_alone(D):
    return 10 * D * D + 11 * D


def wrong_3_4_6_norm_of_the_inner_width(D):
    return 12 * D * D + 9 * D + 2 * D + 8 * D


def right_3_4_6_collected(D):
    return D * (12 * D + 13)


def right_3_4_6_by_shapes(D):
    shapes = [(D, D)] * 4 + [(D, 4 * D), (4 * D, D)]
    return sum((inputs + 1) * outputs for inputs, outputs in shapes) + 2 * 2 * D
