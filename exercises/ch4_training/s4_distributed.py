"""Section 4.4, distributed training: code of its exercises. The words are in s4_distributed.en.md."""

import numpy as np

from exercises import Case, Exercise

# 4.4.1 one gradient from those of the workers ----------------------------------------------------------


def combined_gradient(gradients, sizes):
    """Gradient of the mean loss over the rows of all workers. -> (D,)

    gradients (W, D): row w is the gradient of the mean loss over the sizes[w] rows of worker w.
    sizes (W,) whole numbers, 0 or more; the gradient of a worker without rows is nan, and does not count.
    Raises ValueError if no worker has a row.
    """
    sizes = np.asarray(sizes)
    if sizes.sum() == 0:
        raise ValueError("no worker has a row, so there is no mean loss")
    busy = sizes > 0
    return sizes[busy] @ gradients[busy] / sizes.sum()


def takes_the_plain_mean(gradients, sizes):
    if sizes.sum() == 0:
        raise ValueError("no rows")
    return gradients[sizes > 0].mean(axis=0)


def adds_the_gradients_up(gradients, sizes):
    if sizes.sum() == 0:
        raise ValueError("no rows")
    return gradients[sizes > 0].sum(axis=0)


def forgets_to_divide_by_all_rows(gradients, sizes):
    if sizes.sum() == 0:
        raise ValueError("no rows")
    return sizes[sizes > 0] @ gradients[sizes > 0]


def divides_by_all_workers(gradients, sizes):
    if sizes.sum() == 0:
        raise ValueError("no rows")
    return gradients[sizes > 0].sum(axis=0) / len(sizes)


def multiplies_nan_by_zero(gradients, sizes):
    if sizes.sum() == 0:
        raise ValueError("no rows")
    return sizes @ gradients / sizes.sum()


def draw_shares(rng):
    workers, width = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    sizes = rng.integers(0, 4, size=workers)
    gradients = rng.integers(-6, 7, size=(workers, width)).astype(float)
    gradients[sizes == 0] = np.nan
    if sizes.sum() == 0:
        return Case((gradients, sizes), raises=ValueError)
    return gradients, sizes


# 4.4.2 one step of the ring ------------------------------------------------------------------------------


def ring_step(chunks, step):
    """What the workers of a ring hold after one step more. -> a new array (W, W)

    chunks (W, W): row w holds the W chunks of worker w, W at least 2. step counts from 0 to 2W - 3.
    """
    return _ring_step(chunks, step)


def _ring_step(chunks, step, *, to=1, sends=None, adds=None):
    """The step with one thing done differently."""
    workers = len(chunks)
    after = np.array(chunks)
    adds = step < workers - 1 if adds is None else adds(step, workers)
    for worker in range(workers):
        chunk = (worker - step if sends is None else sends(worker, step)) % workers
        other = (worker + to) % workers
        after[other, chunk] = chunks[worker, chunk] + (chunks[other, chunk] if adds else 0)
    return after


def passes_to_the_worker_before(chunks, step):
    return _ring_step(chunks, step, to=-1)


def sends_the_same_chunk_in_every_step(chunks, step):
    return _ring_step(chunks, step, sends=lambda worker, _: worker)


def counts_the_chunks_upwards(chunks, step):
    return _ring_step(chunks, step, sends=lambda worker, step: worker + step)


def adds_in_every_step(chunks, step):
    return _ring_step(chunks, step, adds=lambda *_: True)


def replaces_in_every_step(chunks, step):
    return _ring_step(chunks, step, adds=lambda *_: False)


def adds_in_one_step_too_many(chunks, step):
    return _ring_step(chunks, step, adds=lambda step, workers: step < workers)


def moves_instead_of_copying(chunks, step):
    after = _ring_step(chunks, step)
    for worker in range(len(chunks)):
        after[worker, (worker - step) % len(chunks)] = 0
    return after


def draw_rings(rng):
    workers = int(rng.integers(2, 5))
    return rng.integers(-5, 10, size=(workers, workers)), int(rng.integers(0, 2 * workers - 2))


# 4.4.3 mean and variance of all rows ---------------------------------------------------------------------


def pooled_statistics(means, variances, sizes):
    """Mean and variance of the rows of all workers together, for each channel. -> (mean (C,), variance (C,))

    means, variances (W, C): row w is that of the sizes[w] rows of worker w. sizes (W,), each at least 1.
    A variance is the mean squared distance from the mean: divided by the number of rows.
    """
    return _pooled(means, variances, sizes)


def _pooled(means, variances, sizes, *, weights=None, between=True, squared=True, unbiased=False):
    """The statistics with one step done differently."""
    shares = sizes / sizes.sum() if weights is None else weights(sizes)
    mean = shares @ means
    apart = (means - mean) ** 2 if squared else abs(means - mean)
    variance = shares @ (variances + (apart if between else 0))
    return mean, variance * sizes.sum() / max(sizes.sum() - 1, 1) if unbiased else variance


def averages_the_variances(means, variances, sizes):
    return _pooled(means, variances, sizes, between=False)


def counts_every_worker_alike(means, variances, sizes):
    return _pooled(means, variances, sizes, weights=lambda sizes: np.full(len(sizes), 1 / len(sizes)))


def divides_by_one_row_less(means, variances, sizes):
    return _pooled(means, variances, sizes, unbiased=True)


def forgets_the_square(means, variances, sizes):
    return _pooled(means, variances, sizes, squared=False)


def adds_the_variances_up(means, variances, sizes):
    mean, _ = _pooled(means, variances, sizes)
    return mean, variances.sum(axis=0)


def counts_the_distances_alike(means, variances, sizes):
    shares = sizes / sizes.sum()
    return shares @ means, shares @ variances + means.var(axis=0)


def takes_plain_means_of_both(means, variances, sizes):
    return means.mean(axis=0), variances.mean(axis=0)


def draw_statistics(rng):
    workers, channels = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    means = rng.integers(-4, 5, size=(workers, channels)) / 2
    variances = rng.integers(0, 7, size=(workers, channels)) / 2
    sizes = rng.integers(1, 5, size=workers)
    sizes[0] += sizes.sum() == 1  # or the variance divided by one row less could not be told
    return means, variances, sizes


# 4.4.4 bytes of a worker ---------------------------------------------------------------------------------


def bytes_per_worker(parameters, workers, stage):
    """Bytes that each of several workers holds to train with Adam, all numbers float32. -> int

    parameters: how many the network has, a multiple of workers. stage 0: each worker holds everything;
    1: Adam's two averages are divided among the workers; 2: the gradients as well; 3: the parameters as well.
    Raises ValueError that names stage if it is not 0, 1, 2 or 3.
    """
    return _bytes(parameters, workers, stage)


def _bytes(parameters, workers, stage, *, adam=8, order=("adam", "gradients", "parameters"), divided=None):
    """The bytes with one thing counted differently."""
    if stage not in (0, 1, 2, 3):
        raise ValueError(f"stage is {stage}; it must be 0, 1, 2 or 3")
    each = {"adam": adam, "gradients": 4, "parameters": 4}
    pieces = order[:stage] if divided is None else divided(stage)
    return sum(parameters * size // (workers if name in pieces else 1) for name, size in each.items())


def counts_one_average_of_adam(parameters, workers, stage):
    return _bytes(parameters, workers, stage, adam=4)


def divides_one_of_the_two_averages(parameters, workers, stage):
    _bytes(parameters, workers, stage)
    divided = 4 * stage
    return parameters * (16 - divided) + parameters // workers * divided


def divides_the_parameters_first(parameters, workers, stage):
    return _bytes(parameters, workers, stage, order=("parameters", "gradients", "adam"))


def divides_everything_from_stage_1_on(parameters, workers, stage):
    return _bytes(
        parameters, workers, stage, divided=lambda stage: ("adam", "gradients", "parameters") * stage
    )


def divides_only_what_the_stage_adds(parameters, workers, stage):
    names = ("adam", "gradients", "parameters")
    return _bytes(parameters, workers, stage, divided=lambda stage: names[stage - 1 : stage] if stage else ())


def counts_numbers_not_bytes(parameters, workers, stage):
    return _bytes(parameters, workers, stage) // 4


def counts_a_stage_below_0_from_the_end(parameters, workers, stage):
    return _bytes(parameters, workers, stage + 4 if stage < 0 else stage)


def draw_sizes(rng):
    workers = int(rng.integers(1, 9))
    parameters, stage = workers * int(rng.integers(1, 20)), int(rng.integers(-1, 5))
    if stage in (-1, 4):
        return Case((parameters, workers, stage), raises=ValueError, mentions=(stage,))
    return parameters, workers, stage


# 4.4.5 a pipeline ----------------------------------------------------------------------------------------


def schedule(stages, micro_batches):
    """Forward pass of a pipeline: which stage works on what, and when. -> integers, an array (stages, times)

    Entry [s, t] is the micro-batch (0, 1, ...) on which stage s works at time t, and -1 where it waits. No
    stage works before the stage before it has finished; each begins as early as it can.
    """
    table = np.full((stages, stages + micro_batches - 1), -1)
    for stage in range(stages):
        table[stage, stage : stage + micro_batches] = np.arange(micro_batches)
    return table


def all_stages_begin_at_once(stages, micro_batches):
    return np.tile(np.arange(micro_batches), (stages, 1))


def works_on_one_micro_batch_at_a_time(stages, micro_batches):
    table = np.full((stages, stages * micro_batches), -1)
    for stage in range(stages):
        table[stage, stage::stages] = np.arange(micro_batches)
    return table


def stops_before_the_last_have_passed(stages, micro_batches):
    return schedule(stages, micro_batches)[:, : max(stages, micro_batches)]


def goes_on_after_the_last_micro_batch(stages, micro_batches):
    return np.maximum(np.arange(stages + micro_batches - 1) - np.arange(stages)[:, None], -1)


def has_a_column_for_each_micro_batch_only(stages, micro_batches):
    return schedule(stages, micro_batches)[:, :micro_batches]


def begins_with_the_last_stage(stages, micro_batches):
    return schedule(stages, micro_batches)[::-1].copy()


def adds_an_empty_time(stages, micro_batches):
    return np.pad(schedule(stages, micro_batches), ((0, 0), (0, 1)), constant_values=-1)


def counts_micro_batches_from_1(stages, micro_batches):
    table = schedule(stages, micro_batches)
    return np.where(table < 0, table, table + 1)


def writes_0_where_a_stage_waits(stages, micro_batches):
    return np.maximum(schedule(stages, micro_batches), 0)


def draw_pipelines(rng):
    return int(rng.integers(1, 5)), int(rng.integers(1, 6))


# 4.4.6 the time between two checkpoints ------------------------------------------------------------


def best_interval(write, hours, machines):
    """Seconds of training between two checkpoints with which the least time is lost. -> a float

    write: seconds that one checkpoint takes. hours: after which one machine fails, on average.
    machines: how many there are, and any failure stops them all. Raises ValueError if there are fewer than 1.
    """
    # Common wrong turn: a thousand machines do not last a thousand times as long, they fail a thousand times
    # as often.
    if machines < 1:
        raise ValueError(f"{machines} machines: a run needs at least 1")
    between = hours * 3600 / machines
    return float((2 * write * between) ** 0.5)


def draw_cluster(rng):
    """Some checkpoint, some machines; one machine alone and none at all among them."""
    if rng.random() < 0.1:
        return Case((30, 100, -int(rng.integers(0, 3))), raises=ValueError)
    write = int(rng.choice([0, 1, 8, 45, 300]))
    return write, int(rng.integers(1, 50_000)), int(rng.choice([1, 2, 8, 1_000, 16_384]))


def loses_a_whole_interval_at_each_failure(write, hours, machines):
    return best_interval(write, hours, machines) / 2**0.5


def looks_at_one_machine_only(write, hours, machines):
    best_interval(write, hours, machines)
    return best_interval(write, hours, 1)


def lets_many_machines_last_longer(write, hours, machines):
    best_interval(write, hours, machines)
    return best_interval(write, hours * machines, 1)


def mixes_hours_and_seconds(write, hours, machines):
    return best_interval(write, hours, machines) / 60


def answers_in_hours(write, hours, machines):
    return best_interval(write, hours, machines) / 3600


def forgets_the_square_root(write, hours, machines):
    return best_interval(write, hours, machines) ** 2


def trains_on_no_machine(write, hours, machines):
    return best_interval(write, hours, machines) if machines >= 1 else 0.0


# 4.4.7 the seconds of one step ---------------------------------------------------------------------


def step_seconds(workers, compute, size, bandwidth, latency):
    """Seconds of one step of data-parallel training, first computed, then exchanged around a ring. -> a float

    compute: seconds of one worker for its own rows. size: bytes of the gradient. bandwidth: bytes that a
    worker sends per second. latency: seconds of delay that each of the ring's 2 (workers - 1) rounds adds.
    """
    # Common wrong turn: with more workers a round carries less, and there are more rounds.
    rounds = 2 * (workers - 1)
    return float(compute + rounds * (size / workers / bandwidth + latency))


def draw_step(rng):
    """One worker to a thousand; with and without delay, and gradients from a few bytes to a gigabyte."""
    workers = int(rng.choice([1, 2, 3, 8, 64, 1_000]))
    size, bandwidth = int(rng.choice([8, 4_000, 10**9])), int(rng.choice([1_000, 10**6, 25 * 10**9]))
    return workers, float(rng.choice([0.0, 0.25, 1.5])), size, bandwidth, float(rng.choice([0.0, 0.001, 0.5]))


def goes_round_the_ring_once(workers, compute, size, bandwidth, latency):
    return float(compute + (workers - 1) * (size / workers / bandwidth + latency))


def sends_the_whole_gradient_in_each_round(workers, compute, size, bandwidth, latency):
    return float(compute + 2 * (workers - 1) * (size / bandwidth + latency))


def waits_for_one_delay_only(workers, compute, size, bandwidth, latency):
    return float(compute + 2 * (workers - 1) * (size / workers / bandwidth) + latency)


def lets_a_single_worker_send(workers, compute, size, bandwidth, latency):
    return float(compute + 2 * workers * (size / workers / bandwidth + latency))


def divides_the_computing_too(workers, compute, size, bandwidth, latency):
    return step_seconds(workers, compute / workers, size, bandwidth, latency)


def takes_bytes_for_bits(workers, compute, size, bandwidth, latency):
    return step_seconds(workers, compute, 8 * size, bandwidth, latency)


def computes_while_it_sends(workers, compute, size, bandwidth, latency):
    return max(float(compute), step_seconds(workers, 0.0, size, bandwidth, latency))


EXERCISES = (
    Exercise(
        "4.4.1",
        level=2,
        minutes=10,
        points=2,
        solution=combined_gradient,
        cases=(
            Case((np.array([[-7.0], [-4.0]]), np.array([2, 1])), expected=np.array([-6.0])),
            Case((np.array([[3.0, 1.0], [np.nan, np.nan]]), np.array([4, 0])), expected=np.array([3.0, 1.0])),
            Case((np.array([[1.0, 0.0], [1.0, 2.0], [4.0, 4.0]]), np.array([1, 1, 2]))),
            Case(
                (np.array([[np.nan], [np.nan]]), np.array([0, 0])),
                raises=ValueError,
                why="nothing to average is refused, not answered with nan",
            ),
        ),
        wrong={
            takes_the_plain_mean: 0,
            adds_the_gradients_up: 0,
            forgets_to_divide_by_all_rows: 0,
            divides_by_all_workers: 0,
            multiplies_nan_by_zero: 1,
        },
        draw=draw_shares,
        draws=200,
    ),
    Exercise(
        "4.4.2",
        level=3,
        minutes=10,
        points=3,
        solution=ring_step,
        cases=(
            Case(
                (np.array([[1, 2, 3], [10, 20, 30], [100, 200, 300]]), 0),
                expected=np.array([[1, 2, 303], [11, 20, 30], [100, 220, 300]]),
            ),
            Case(
                (np.array([[1, 2, 303], [11, 20, 30], [100, 220, 300]]), 1),
                expected=np.array([[1, 222, 303], [11, 20, 333], [111, 220, 300]]),
            ),
            Case((np.array([[1, 222, 303], [11, 20, 333], [111, 220, 300]]), 2)),
            Case((np.array([[5, 7], [1, 2]]), 1)),
        ),
        wrong={
            passes_to_the_worker_before: 0,
            sends_the_same_chunk_in_every_step: 1,
            counts_the_chunks_upwards: 1,
            adds_in_every_step: 2,
            replaces_in_every_step: 2,
            adds_in_one_step_too_many: 2,
            moves_instead_of_copying: 0,
        },
        draw=draw_rings,
        draws=200,
        new_result=True,
    ),
    Exercise(
        "4.4.3",
        level=3,
        minutes=10,
        points=2,
        solution=pooled_statistics,
        cases=(
            Case(
                (np.array([[0.0], [4.0]]), np.array([[1.0], [1.0]]), np.array([2, 2])),
                expected=(np.array([2.0]), np.array([5.0])),
            ),
            Case(
                (np.array([[0.0], [3.0]]), np.array([[0.0], [0.0]]), np.array([2, 1])),
                expected=(np.array([1.0]), np.array([2.0])),
            ),
            Case((np.array([[1.0, -1.0], [1.0, 0.5]]), np.array([[2.0, 0.5], [4.0, 1.0]]), np.array([3, 1]))),
        ),
        wrong={
            averages_the_variances: 1,
            counts_every_worker_alike: 0,
            divides_by_one_row_less: 2,
            forgets_the_square: 1,
            adds_the_variances_up: 1,
            counts_the_distances_alike: 1,
            takes_plain_means_of_both: 1,
        },
        draw=draw_statistics,
        draws=200,
    ),
    Exercise(
        "4.4.4",
        level=2,
        minutes=10,
        points=2,
        solution=bytes_per_worker,
        cases=(
            Case((10, 2, 0), expected=160),
            Case((10, 2, 1), expected=120),
            Case((10, 2, 2), expected=100),
            Case((10, 2, 3), expected=80),
            Case((10, 2, -1), raises=ValueError, mentions=(-1,)),
        ),
        wrong={
            counts_one_average_of_adam: 0,
            divides_one_of_the_two_averages: 1,
            divides_the_parameters_first: 1,
            divides_everything_from_stage_1_on: 1,
            divides_only_what_the_stage_adds: 1,
            counts_numbers_not_bytes: 0,
            counts_a_stage_below_0_from_the_end: None,
        },
        draw=draw_sizes,
        draws=200,
    ),
    Exercise(
        "4.4.5",
        level=2,
        minutes=10,
        points=2,
        solution=schedule,
        cases=(
            Case((2, 3), expected=np.array([[0, 1, 2, -1], [-1, 0, 1, 2]])),
            Case((3, 1), expected=np.array([[0, -1, -1], [-1, 0, -1], [-1, -1, 0]])),
            Case((1, 2), expected=np.array([[0, 1]])),
            Case((3, 2)),
        ),
        wrong={
            all_stages_begin_at_once: 0,
            works_on_one_micro_batch_at_a_time: 1,
            stops_before_the_last_have_passed: 2,
            goes_on_after_the_last_micro_batch: 2,
            has_a_column_for_each_micro_batch_only: 2,
            begins_with_the_last_stage: 0,
            adds_an_empty_time: 2,
            counts_micro_batches_from_1: None,
            writes_0_where_a_stage_waits: None,
        },
        draw=draw_pipelines,
        draws=100,
    ),
    Exercise(
        "4.4.6",
        level=3,
        minutes=10,
        points=2,
        solution=best_interval,
        cases=(
            Case((50, 25, 9), expected=1_000.0),
            Case((2, 1, 1), expected=120.0),
            Case((8, 100, 1_000)),
            Case((30, 100, 0), raises=ValueError, mentions=(0,)),
        ),
        wrong={
            loses_a_whole_interval_at_each_failure: 0,
            looks_at_one_machine_only: 1,
            lets_many_machines_last_longer: 1,
            mixes_hours_and_seconds: 2,
            answers_in_hours: 2,
            forgets_the_square_root: 0,
            trains_on_no_machine: None,
        },
        draw=draw_cluster,
        draws=200,
    ),
    Exercise(
        "4.4.7",
        level=2,
        minutes=10,
        points=2,
        solution=step_seconds,
        cases=(
            Case((4, 1.0, 2_000, 1_000, 0.5), expected=7.0),
            Case((1, 1.5, 2_000, 1_000, 0.5), expected=1.5),
            Case((2, 0.0, 8, 1_000, 0.0), expected=0.008),
            Case((1_000, 0.25, 10**9, 25 * 10**9, 0.001)),
        ),
        wrong={
            goes_round_the_ring_once: 0,
            sends_the_whole_gradient_in_each_round: 1,
            waits_for_one_delay_only: 2,
            lets_a_single_worker_send: 0,
            divides_the_computing_too: None,
            takes_bytes_for_bits: None,
            computes_while_it_sends: None,
        },
        draw=draw_step,
        draws=200,
    ),
)
