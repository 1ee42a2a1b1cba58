"""Answers to the exercises of section 4.4c, written from the statements alone."""

import math

# 4.4.6 best_interval ---------------------------------------------------------------------------------------


def wrong_4_4_6_counts_checkpoints(write, hours, machines):
    return hours * 3600 / machines / math.sqrt(2 * write * hours * 3600 / machines)


def wrong_4_4_6_never_below_a_minute(write, hours, machines):
    return max(60.0, right_4_4_6_in_steps(write, hours, machines))


def wrong_4_4_6_minutes(write, hours, machines):
    return math.sqrt(2 * write * hours * 60 / machines)


def wrong_4_4_6_root_of_the_machines_forgotten(write, hours, machines):
    if machines < 1:
        raise ValueError(f"{machines} machines")
    return math.sqrt(2 * write * hours * 3600) / machines


def wrong_4_4_6_refuses_in_silence(write, hours, machines):
    if machines < 1:
        raise ValueError("too few")
    return right_4_4_6_in_steps(write, hours, machines)


def right_4_4_6_in_steps(write, hours, machines):
    if machines < 1:
        raise ValueError(f"machines is {machines}, it must be at least 1")
    failures_per_second = machines / (hours * 60 * 60)
    return math.sqrt(2 * write / failures_per_second)


def right_4_4_6_as_a_power(write, hours, machines):
    if machines <= 0:
        raise ValueError(f"got {machines} machines")
    return (7200.0 * write * hours / machines) ** 0.5


# 4.4.7 step_seconds ----------------------------------------------------------------------------------------


def wrong_4_4_7_everybody_to_one(workers, compute, size, bandwidth, latency):
    return compute + (workers - 1) * size / bandwidth + latency


def wrong_4_4_7_always_twice_the_gradient(workers, compute, size, bandwidth, latency):
    return compute + 2 * size / bandwidth + 2 * (workers - 1) * latency


def wrong_4_4_7_chunks_of_one_fewer(workers, compute, size, bandwidth, latency):
    return compute + 2 * size / bandwidth * (workers > 1) + 2 * (workers - 1) * latency


def wrong_4_4_7_no_delay(workers, compute, size, bandwidth, latency):
    return compute + 2 * (workers - 1) * size / workers / bandwidth


def wrong_4_4_7_throughput(workers, compute, size, bandwidth, latency):
    return 1 / right_4_4_7_by_a_loop(workers, compute + 1, size, bandwidth, latency)


def right_4_4_7_by_a_loop(workers, compute, size, bandwidth, latency):
    seconds = float(compute)
    for _ in range(2 * (workers - 1)):
        seconds += size / workers / bandwidth + latency
    return seconds


def right_4_4_7_in_two_parts(workers, compute, size, bandwidth, latency):
    sent = size - size / workers
    return float(compute + 2 * sent / bandwidth + latency * 2 * (workers - 1))
