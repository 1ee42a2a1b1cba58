"""Answers to the exercises of 4.4b from outside: wrong in one thing, or right and written differently."""

import numpy as np

DIVIDED = {0: 0, 1: 8, 2: 12, 3: 16}


def right_4_4_4_by_a_table(parameters, workers, stage):
    if stage not in DIVIDED:
        raise ValueError(f"no stage {stage}")
    return parameters * (16 - DIVIDED[stage]) + parameters // workers * DIVIDED[stage]


def right_4_4_4_each_number_by_itself(parameters, workers, stage):
    if not 0 <= stage <= 3:
        raise ValueError(f"stage {stage} is not one of 0, 1, 2, 3")
    piece = parameters // workers
    weights = piece if stage == 3 else parameters
    gradients = piece if stage >= 2 else parameters
    averages = 2 * (piece if stage >= 1 else parameters)
    return 4 * (weights + gradients + averages)


def wrong_4_4_4_a_key_error_for_an_unknown_stage(parameters, workers, stage):
    return parameters * (16 - DIVIDED[stage]) + parameters // workers * DIVIDED[stage]


def wrong_4_4_4_all_workers_together(parameters, workers, stage):
    return right_4_4_4_by_a_table(parameters, workers, stage) * workers


def wrong_4_4_4_a_float(parameters, workers, stage):
    if stage not in DIVIDED:
        raise ValueError(f"no stage {stage}")
    return parameters * (16 - DIVIDED[stage]) + parameters / workers * DIVIDED[stage]


def wrong_4_4_4_gradients_before_the_averages(parameters, workers, stage):
    if stage not in DIVIDED:
        raise ValueError(f"no stage {stage}")
    divided = (0, 4, 12, 16)[stage]
    return parameters * (16 - divided) + parameters // workers * divided


def right_4_4_5_by_subtraction(stages, micro_batches):
    table = np.arange(stages + micro_batches - 1) - np.arange(stages)[:, None]
    return np.where((table >= 0) & (table < micro_batches), table, -1)


def right_4_4_5_by_walking_through_time(stages, micro_batches):
    columns, now = [], [-1] * stages
    for time in range(stages + micro_batches - 1):
        now = [time if time < micro_batches else -1, *now[:-1]]
        columns.append(now)
    return np.array(columns).T


def wrong_4_4_5_keeps_counting_after_the_end(stages, micro_batches):
    return np.maximum(np.arange(stages + micro_batches - 1) - np.arange(stages)[:, None], -1)


def wrong_4_4_5_time_goes_down(stages, micro_batches):
    return right_4_4_5_by_subtraction(stages, micro_batches).T


def wrong_4_4_5_the_last_micro_batch_first(stages, micro_batches):
    table = right_4_4_5_by_subtraction(stages, micro_batches)
    return np.where(table < 0, table, micro_batches - 1 - table)
