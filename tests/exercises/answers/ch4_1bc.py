"""Answers to the exercises of 4.1b and 4.1c from outside: wrong in one thing, or right in another way."""

import itertools
import math

import numpy as np
import torch

right_4_1_4_exact = 1
right_4_1_4_as_a_float = 1.00
wrong_4_1_4_the_root_of_two = 1.41
wrong_4_1_4_of_the_first_number = 5.2 / 0.1


def right_4_1_5_by_torch(X, groups, eps=1e-5):
    if X.shape[1] % groups:
        raise ValueError(f"{groups} groups do not divide {X.shape[1]} channels")
    rows = torch.tensor(np.asarray(X, dtype=float)).unflatten(1, (groups, -1))
    return torch.nn.functional.layer_norm(rows, rows.shape[2:], eps=eps).flatten(1).numpy()


def right_4_1_5_group_by_group(X, groups, eps=1e-5):
    channels = X.shape[1]
    size, left = divmod(channels, groups)
    if left:
        raise ValueError(f"{channels} channels in {groups} groups leave {left}")
    result = np.zeros(X.shape)
    for row, start in itertools.product(range(len(X)), range(0, channels, size)):
        part = X[row, start : start + size]
        result[row, start : start + size] = (part - part.mean()) / math.sqrt(part.var() + eps)
    return result


def wrong_4_1_5_without_the_mean(X, groups, eps=1e-5):
    cut = X.reshape(len(X), groups, -1)
    if X.shape[1] % groups:
        raise ValueError(f"{groups} and {X.shape[1]}")
    return (cut / np.sqrt(cut.var(axis=2, keepdims=True) + eps)).reshape(X.shape)


def wrong_4_1_5_keeps_the_axis_of_groups(X, groups, eps=1e-5):
    if X.shape[1] % groups:
        raise ValueError(f"{groups} and {X.shape[1]}")
    cut = X.reshape(len(X), groups, -1)
    return (cut - cut.mean(axis=2, keepdims=True)) / np.sqrt(cut.var(axis=2, keepdims=True) + eps)


def wrong_4_1_5_refuses_nothing(X, groups, eps=1e-5):
    size = X.shape[1] // groups
    cut = X[:, : size * groups].reshape(len(X), groups, size)
    new = (cut - cut.mean(axis=2, keepdims=True)) / np.sqrt(cut.var(axis=2, keepdims=True) + eps)
    return np.concatenate([new.reshape(len(X), -1), X[:, size * groups :]], axis=1)


def right_4_1_6_by_the_half_angle(step, steps, top, warm):
    if warm < 0 or warm >= steps:
        raise ValueError(f"a warm-up of {warm} steps in a run of {steps}")
    if step < warm:
        return top / warm * (step + 1)
    return top * math.cos(math.pi / 2 * (step - warm) / (steps - warm)) ** 2


def wrong_4_1_6_arrives_at_zero_with_the_last_step(step, steps, top, warm):
    if warm < 0 or warm >= steps:
        raise ValueError(f"a warm-up of {warm} steps in a run of {steps}")
    if step < warm:
        return top * (step + 1) / warm
    return top / 2 * (1 + math.cos(math.pi * (step - warm + 1) / (steps - warm)))


def wrong_4_1_6_falls_to_a_tenth(step, steps, top, warm):
    if warm < 0 or warm >= steps:
        raise ValueError(f"a warm-up of {warm} steps in a run of {steps}")
    if step < warm:
        return top * (step + 1) / warm
    return top * (0.1 + 0.9 * (1 + math.cos(math.pi * (step - warm) / (steps - warm))) / 2)


def wrong_4_1_6_forgets_the_top_in_the_warm_up(step, steps, top, warm):
    if warm < 0 or warm >= steps:
        raise ValueError(f"a warm-up of {warm} steps in a run of {steps}")
    if step < warm:
        return (step + 1) / warm
    return top / 2 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))


def right_4_1_7_by_two_cuts(w, amount):
    if amount < 0:
        raise ValueError(f"amount is {amount}")
    return np.maximum(w - amount, 0) + np.minimum(w + amount, 0)


def right_4_1_7_by_torch(w, amount):
    if amount < 0:
        raise ValueError(f"amount {amount} is below 0")
    return torch.nn.functional.softshrink(torch.tensor(w, dtype=torch.float64), amount).numpy()


def wrong_4_1_7_cuts_at_the_amount(w, amount):
    if amount < 0:
        raise ValueError(f"amount is {amount}")
    return np.clip(w, -amount, amount)


def wrong_4_1_7_moves_by_half(w, amount):
    if amount < 0:
        raise ValueError(f"amount is {amount}")
    return np.sign(w) * np.maximum(abs(w) - amount / 2, 0)


def right_4_1_8_by_running_minima(losses, patience):
    if patience < 1:
        raise ValueError(f"patience {patience}")
    lowest = list(itertools.accumulate(losses, min))
    for last in range(1, len(losses) + 1):
        best = lowest.index(lowest[last - 1]) + 1
        if last - best == patience:
            return best, last
    return best, len(losses)


def wrong_4_1_8_stops_an_epoch_early(losses, patience):
    if patience < 1:
        raise ValueError(f"patience {patience}")
    best, last = right_4_1_8_by_running_minima(losses, patience)
    return best, max(best, last - 1)


def wrong_4_1_8_always_runs_to_the_end(losses, patience):
    if patience < 1:
        raise ValueError(f"patience {patience}")
    return right_4_1_8_by_running_minima(losses, patience)[0], len(losses)


def wrong_4_1_8_the_other_way_round(losses, patience):
    best, last = right_4_1_8_by_running_minima(losses, patience)
    return last, best
