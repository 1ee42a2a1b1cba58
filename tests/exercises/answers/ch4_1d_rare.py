"""Answers to the exercises of 4.1d from outside: wrong in one thing, or right and written differently."""

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve


def right_4_1_9_by_scikit_learn(y, scores):
    if not y.any():
        raise ValueError("no 1 in y")
    return float(average_precision_score(y, scores))


def right_4_1_9_a_loop_over_the_distinct_scores(y, scores):
    if y.sum() == 0:
        raise ValueError("there is no positive row")
    area, before = 0.0, 0.0
    for t in sorted(set(scores.tolist()), reverse=True):
        claimed = scores >= t
        recall = y[claimed].sum() / y.sum()
        area += (recall - before) * y[claimed].mean()
        before = recall
    return area


def wrong_4_1_9_the_best_precision_from_here_on(y, scores):
    if not y.any():
        raise ValueError("no 1 in y")
    precision, recall, _ = precision_recall_curve(y, scores)
    best = np.maximum.accumulate(precision)
    return float(-np.sum(np.diff(recall) * best[:-1]))


def wrong_4_1_9_the_precision_before_each_step(y, scores):
    if not y.any():
        raise ValueError("no 1 in y")
    precision, recall, _ = precision_recall_curve(y, scores)
    return float(-np.sum(np.diff(recall) * precision[1:]))


def right_4_1_10_by_running_sums(y, scores, miss, alarm):
    order = np.argsort(-scores, kind="stable")
    costs = miss * (y.sum() - np.cumsum(y[order])) + alarm * np.cumsum(1 - y[order])
    ends = np.append(np.diff(scores[order]) != 0, True)
    costs, places = costs[ends], scores[order][ends]
    best = int(np.argmin(costs))
    return float(places[best]) if costs[best] < miss * y.sum() else float("inf")


def wrong_4_1_10_the_mean_cost_of_each_class(y, scores, miss, alarm):
    candidates = [np.inf, *np.unique(scores)[::-1]]

    def total(t):
        ones, zeros = scores[y == 1], scores[y == 0]
        return (miss * (ones < t).mean() if len(ones) else 0) + (
            alarm * (zeros >= t).mean() if len(zeros) else 0
        )

    return float(min(candidates, key=total))


def wrong_4_1_10_halfway_between_two_scores(y, scores, miss, alarm):
    t = right_4_1_10_by_running_sums(y, scores, miss, alarm)
    below = scores[scores < t]
    return float((t + below.max()) / 2) if np.isfinite(t) and len(below) else t


def right_4_1_11_by_way_of_the_logit(p, weight):
    if (p < 0).any() or (p > 1).any():
        raise ValueError(f"not from 0 to 1: {p[(p < 0) | (p > 1)][0]}")
    if weight <= 0:
        raise ValueError(f"the weight {weight} is not above 0")
    with np.errstate(divide="ignore"):
        z = np.log(p) - np.log(1 - p) - np.log(weight)
    return 1 / (1 + np.exp(-z))


def wrong_4_1_11_scaled_to_the_same_sum(p, weight):
    right_4_1_11_by_way_of_the_logit(p, weight)
    return p * (1 / weight) / (p * (1 / weight) + (1 - p) * weight)


def wrong_4_1_11_cut_off_below_one(p, weight):
    return np.clip(right_4_1_11_by_way_of_the_logit(p, weight), 1e-3, 1 - 1e-3)
