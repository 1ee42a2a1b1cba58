"""Answers to the exercises of section 4.3c, written from the statements alone."""

import numpy as np

# 4.3.5 quantise --------------------------------------------------------------------------------------------


def _parts(x, bits):
    if bits < 2 or bits > 16:
        raise ValueError(f"{bits} bits")
    if x.size == 0 or not np.all(np.isfinite(x)):
        raise ValueError(f"not finite, or empty: {x}")
    low, high = min(0, x.min()), max(0, x.max())
    return low, high, 2**bits - 1


def wrong_4_3_5_marks_from_minus_half(x, bits):
    low, high, last = _parts(x, bits)
    if low == high:
        return np.zeros(x.shape, int), 1.0, 0
    scale, half = (high - low) / last, (last + 1) // 2
    zero = round(-low / scale) - half
    return np.rint(x / scale).astype(int) + zero, scale, zero


def wrong_4_3_5_rounds_up(x, bits):
    low, high, last = _parts(x, bits)
    if low == high:
        return np.zeros(x.shape, int), 1.0, 0
    scale = (high - low) / last
    zero = round(-low / scale)
    return np.clip(np.ceil(x / scale - 1e-9).astype(int) + zero, 0, last), scale, zero


def wrong_4_3_5_gives_the_floats_back(x, bits):
    low, high, last = _parts(x, bits)
    if low == high:
        return x, 1.0, 0
    scale = (high - low) / last
    return np.rint(x / scale) * scale, scale, round(-low / scale)


def wrong_4_3_5_takes_anything(x, bits):
    low, high, last = min(0, x.min(initial=0)), max(0, x.max(initial=0)), 2**bits - 1
    if low == high:
        return np.zeros(x.shape, int), 1.0, 0
    scale = (high - low) / last
    zero = int(np.rint(-low / scale))
    return np.clip(np.rint(x / scale) + zero, 0, last).astype(int), scale, zero


def right_4_3_5_one_by_one(x, bits):
    low, high, last = _parts(x, bits)
    scale = (high - low) / last or 1.0
    zero = round(-low / scale)
    marks = [min(last, max(0, round(value / scale) + zero)) for value in x.ravel()]
    return np.array(marks).reshape(x.shape), float(scale), int(zero)


# 4.3.6 honest_gain -----------------------------------------------------------------------------------------


def _fit(alone, val, test):
    if len(alone) < 2 or val.shape != test.shape or len(val) != len(alone):
        raise ValueError(f"{alone.shape}, {val.shape}, {test.shape}")


def wrong_4_3_6_another_temperature_for_each_seed(alone, val, test):
    _fit(alone, val, test)
    picked = test[np.arange(len(alone)), val.argmax(axis=1)] - alone
    return int(val.mean(axis=0).argmax()), picked.mean(), picked.std(ddof=1) / len(alone) ** 0.5


def wrong_4_3_6_the_other_way_round(alone, val, test):
    _fit(alone, val, test)
    chosen = int(val.mean(axis=0).argmax())
    gain = alone - test[:, chosen]
    return chosen, gain.mean(), gain.std(ddof=1) / len(alone) ** 0.5


def wrong_4_3_6_counts_from_one(alone, val, test):
    _fit(alone, val, test)
    chosen = int(val.mean(axis=0).argmax())
    gain = test[:, chosen] - alone
    return chosen + 1, gain.mean(), gain.std(ddof=1) / len(alone) ** 0.5


def wrong_4_3_6_adds_two_spreads(alone, val, test):
    _fit(alone, val, test)
    chosen = int(val.mean(axis=0).argmax())
    variance = test[:, chosen].var(ddof=1) + alone.var(ddof=1)
    return chosen, (test[:, chosen] - alone).mean(), (variance / len(alone)) ** 0.5


def right_4_3_6_by_loops(alone, val, test):
    _fit(alone, val, test)
    seeds = len(alone)
    means = [sum(column) / seeds for column in val.T]
    chosen = means.index(max(means))
    gains = [test[i][chosen] - alone[i] for i in range(seeds)]
    mean = sum(gains) / seeds
    variance = sum((gain - mean) ** 2 for gain in gains) / (seeds - 1)
    return chosen, float(mean), float((variance / seeds) ** 0.5)
