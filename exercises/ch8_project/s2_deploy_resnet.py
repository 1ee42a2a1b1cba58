"""Exercises of section 8.2, deployment: a request, batches, a percentile, when to come back, a version."""

import base64
import json
import math

import numpy as np

from exercises import Case, Exercise

# 8.2.1 what a request holds -----------------------------------------------------------------------


def read_pictures(body):
    """The files in the body of a predict request: bytes -> list of bytes, one for each instance.

    Raises ValueError that says "JSON" or "instances" where the whole is wrong, and names the place (0, 1, …)
    of the first instance that is wrong.
    """
    # Common wrong turn: base64.b64decode drops what is no base64, unless validate=True.
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError) as error:  # ten thousand brackets, one in another
        raise ValueError(f"the body is not JSON that can be read: {error}") from None
    if not isinstance(asked, dict) or not isinstance(asked.get("instances"), list) or not asked["instances"]:
        raise ValueError('the body must be {"instances": [...]} with at least one instance')
    files = []
    for place, instance in enumerate(asked["instances"]):
        if not isinstance(instance, dict) or not isinstance(instance.get("b64"), str):
            raise ValueError(f'instance {place} must be {{"b64": "…"}}')
        try:
            files.append(base64.b64decode(instance["b64"], validate=True))
        except ValueError as error:
            raise ValueError(f"instance {place} is not base64: {error}") from None
    return files


def draw_body(rng):
    """Bodies with files of any bytes, keys not asked for, one instance spoilt; no JSON; no instances."""
    files = [rng.bytes(int(rng.integers(0, 4))) for _ in range(int(rng.integers(1, 4)))]
    instances = [{"b64": base64.b64encode(file).decode()} for file in files]
    where = int(rng.integers(0, len(files)))
    text = base64.b64encode(b"\xfb\xff\xfe" + files[where]).decode()  # begins with "+//+"
    spoilt = [
        text.replace("+", "-").replace("/", "_"),  # the alphabet for addresses
        text[:4] + "\n" + text[4:],
        " " + text,
        text + "A",
        text.rstrip("=") if text.endswith("=") else text + "AA",
        "data:image/png;base64," + text,
        "é",
        [1, 2],
        None,
    ]
    kind = rng.random()
    if kind < 0.4:
        if rng.random() < 0.3:
            instances[where]["name"] = "b64"
        body = (
            {"instances": instances, "signature_name": "x"}
            if rng.random() < 0.3
            else {"instances": instances}
        )
        return (json.dumps(body).encode(),)
    if kind < 0.8:
        instances[where] = {"b64": spoilt[int(rng.integers(0, len(spoilt)))]}
        if rng.random() < 0.2:
            instances[where] = [{}, "AQI=", None, ["b64"], 3][int(rng.integers(0, 5))]
        body = json.dumps({"instances": instances}).encode()
        return Case((body,), raises=ValueError, mentions=(where,))
    if kind < 0.9:
        body = [b"", b"{", b"AQI=", b"{'instances': []}", b"\xff\xfe"][int(rng.integers(0, 5))]
        return Case((body,), raises=ValueError, mentions=("JSON",))
    body = [{"instances": "AQI="}, {"instances": None}, {"instances": 0}, {}, "instances", None, 5]
    body = json.dumps(body[int(rng.integers(0, 7))]).encode()
    return Case((body,), raises=ValueError, mentions=("instances",))


def _instances_of(body):
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("the body is not JSON") from None
    if not isinstance(asked, dict) or not isinstance(asked.get("instances"), list) or not asked["instances"]:
        raise ValueError("no instances")
    return asked["instances"]


def _read_after(body, mend):
    """read_pictures after the text of each instance has been mended."""
    mended = [
        {**one, "b64": mend(one["b64"])} if isinstance(one, dict) and isinstance(one.get("b64"), str) else one
        for one in _instances_of(body)
    ]
    return read_pictures(json.dumps({"instances": mended}).encode())


def trusts_the_client(body):
    return [base64.b64decode(instance["b64"]) for instance in json.loads(body)["instances"]]


def drops_what_is_no_base64(body):
    files = []
    for place, instance in enumerate(_instances_of(body)):
        if not isinstance(instance, dict) or not isinstance(instance.get("b64"), str):
            raise ValueError(f"instance {place}")
        try:
            files.append(base64.b64decode(instance["b64"]))
        except ValueError:
            raise ValueError(f"instance {place}") from None
    return files


def strips_white_space(body):
    return _read_after(body, str.strip)


def takes_the_alphabet_for_addresses(body):
    return _read_after(body, lambda text: text.replace("-", "+").replace("_", "/"))


def adds_what_is_missing_at_the_end(body):
    return _read_after(body, lambda text: text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))


def cuts_off_the_head_of_a_data_url(body):
    return _read_after(body, lambda text: text.partition(",")[2] or text)


def takes_an_empty_list_for_a_request(body):
    return [] if body == b'{"instances": []}' else read_pictures(body)


def does_not_say_which_instance(body):
    _instances_of(body)
    try:
        return read_pictures(body)
    except ValueError:
        raise ValueError("one of the instances is wrong") from None


def hands_on_the_text(body):
    read_pictures(body)
    return [instance["b64"].encode() for instance in _instances_of(body)]


def answers_for_the_first_instance_only(body):
    return read_pictures(json.dumps({"instances": _instances_of(body)[:1]}).encode())


def leaves_out_what_it_cannot_read(body):
    files = []
    for instance in _instances_of(body):
        try:
            files += read_pictures(json.dumps({"instances": [instance]}).encode())
        except ValueError:
            continue
    return files


def says_everything_at_once(body):
    try:
        return read_pictures(body)
    except ValueError:
        raise ValueError("bad request") from None


a_request = Exercise(
    "8.2.1",
    level=3,
    minutes=15,
    points=3,
    solution=read_pictures,
    cases=(
        Case(
            (b'{"instances": [{"b64": "AQI="}]}',),
            expected=[b"\x01\x02"],
            name="the text handed on instead of its bytes",
        ),
        Case(
            (b'{"instances": [{"b64": "/w=="}, {"b64": "AAAA"}, {"b64": "aGk="}]}',),
            expected=[b"\xff", b"\x00\x00\x00", b"hi"],
            name="only the first instance, or another order",
        ),
        Case((b"instances=1",), raises=ValueError, mentions=("JSON",), name="no JSON"),
        Case(
            (b'{"instances": [{"b64": "\xe9"}]}',),
            raises=ValueError,
            mentions=("JSON",),
            name="bytes that are no UTF-8",
            why="UnicodeDecodeError is a ValueError, but does not say JSON",
        ),
        Case(
            lambda: (b"[" * 100_000,),
            args_text='b"[" * 100_000',
            raises=ValueError,
            mentions=("JSON",),
            name="deeper than a parser goes",
        ),
        Case(
            (b"[1, 2]",), raises=ValueError, mentions=("instances",), name="a list in the place of the object"
        ),
        Case((b'{"inputs": []}',), raises=ValueError, mentions=("instances",), name="another key"),
        Case(
            (b'{"instances": {"b64": "AQI="}}',),
            raises=ValueError,
            mentions=("instances",),
            name="one object in the place of a list",
        ),
        Case((b'{"instances": []}',), raises=ValueError, mentions=("instances",), name="an empty list"),
        Case(
            (b'{"instances": [{"b64": "AQI="}, {"b64": "data:image/jpeg;base64,AQI="}]}',),
            raises=ValueError,
            mentions=(1,),
            name="a data URL taken for base64",
        ),
        Case(
            (b'{"instances": [{"b64": "AQI="}, {"b64": "AQI="}, {"b64": 7}]}',),
            raises=ValueError,
            mentions=(2,),
            name="a number in the place of the text",
        ),
        Case(
            (b'{"instances": ["AQI="]}',),
            raises=ValueError,
            mentions=(0,),
            name="text in the place of the object",
        ),
    ),
    wrong={
        trusts_the_client: 0,
        drops_what_is_no_base64: 1,
        strips_white_space: None,
        takes_the_alphabet_for_addresses: None,
        adds_what_is_missing_at_the_end: None,
        cuts_off_the_head_of_a_data_url: None,
        takes_an_empty_list_for_a_request: 0,
        does_not_say_which_instance: 2,
        hands_on_the_text: None,
        answers_for_the_first_instance_only: None,
        leaves_out_what_it_cannot_read: None,
        says_everything_at_once: 0,
    },
    draw=draw_body,
)

# 8.2.2 who travels together ------------------------------------------------------------------------


def departures(arrivals, max_batch, max_wait):
    """Batches of requests: arrivals (N,) in ms, rising -> list of pairs (when it leaves, its size).

    A batch opens with the first request that is in none. It leaves as soon as it has max_batch requests, else
    max_wait ms after it opened; who arrives at that very moment still comes along.
    Raises ValueError that names max_batch where it is below 1.
    """
    # Common wrong turn: counting the wait from the last arrival, so that a steady drip never leaves.
    if max_batch < 1:
        raise ValueError(f"max_batch is {max_batch}: a batch holds 1 request or more")
    done, first = [], 0
    while first < len(arrivals):
        last = first
        deadline = float(arrivals[first]) + max_wait
        while last < len(arrivals) and last - first < max_batch and arrivals[last] <= deadline:
            last += 1
        full = last - first == max_batch
        done.append((float(arrivals[last - 1]) if full else deadline, last - first))
        first = last
    return done


def draw_arrivals(rng):
    """Nobody, one or many; several at once; gaps as long as the wait; no wait at all; batches of one."""
    n = int(rng.integers(0, 9))
    arrivals = np.cumsum(rng.choice([0, 0, 1, 2, 5, 20], size=n)) * float(rng.choice([0.5, 1.0]))
    max_wait = float(rng.choice([0, 1, 5, 10]))
    if rng.random() < 0.1:
        few = -int(rng.integers(0, 3))
        return Case((arrivals.tolist(), few, max_wait), raises=ValueError, mentions=(few,))
    return arrivals if rng.random() < 0.5 else arrivals.tolist(), int(rng.choice([1, 2, 3, 8])), max_wait


def _left(arrivals, max_batch, max_wait, from_last=False, late=False, size=None):
    """The batches as departures makes them, with one thing done otherwise: (members, deadline, full)."""
    if max_batch < 1:
        raise ValueError(f"max_batch {max_batch}")
    size = size or max_batch
    first = 0
    while first < len(arrivals):
        last, deadline = first, float(arrivals[first]) + max_wait
        while last < len(arrivals) and last - first < size:
            if arrivals[last] > deadline or (late and last > first and arrivals[last] == deadline):
                break
            deadline = float(arrivals[last]) + max_wait if from_last else deadline
            last += 1
        yield arrivals[first:last], deadline, last - first == size
        first = last


def _as_pairs(batches):
    return [(float(members[-1]) if full else deadline, len(members)) for members, deadline, full in batches]


def counts_the_wait_from_the_last_arrival(arrivals, max_batch, max_wait):
    return _as_pairs(_left(arrivals, max_batch, max_wait, from_last=True))


def forgets_the_limit(arrivals, max_batch, max_wait):
    return _as_pairs(_left(arrivals, max_batch, max_wait, size=len(arrivals) + 1))


def lets_one_more_in_than_there_is_room(arrivals, max_batch, max_wait):
    return _as_pairs(_left(arrivals, max_batch, max_wait, size=max_batch + 1))


def shuts_the_door_on_who_comes_at_the_deadline(arrivals, max_batch, max_wait):
    return _as_pairs(_left(arrivals, max_batch, max_wait, late=True))


def lets_a_full_batch_wait(arrivals, max_batch, max_wait):
    return [(deadline, len(members)) for members, deadline, _ in _left(arrivals, max_batch, max_wait)]


def loses_the_last_batch(arrivals, max_batch, max_wait):
    batches = list(_left(arrivals, max_batch, max_wait))
    return _as_pairs(batches if not batches or batches[-1][2] else batches[:-1])


def lets_the_last_batch_leave_at_once(arrivals, max_batch, max_wait):
    pairs = departures(arrivals, max_batch, max_wait)
    return [*pairs[:-1], (float(arrivals[-1]), pairs[-1][1])] if pairs else []


def leaves_with_the_last_arrival_in_any_case(arrivals, max_batch, max_wait):
    return [(float(members[-1]), len(members)) for members, *_ in _left(arrivals, max_batch, max_wait)]


def cuts_time_into_windows(arrivals, max_batch, max_wait):
    if max_batch < 1:
        raise ValueError(f"max_batch {max_batch}")
    windows = {}
    for time in arrivals:
        end = (float(time) // max_wait + 1) * max_wait if max_wait else float(time)
        windows[end] = windows.get(end, 0) + 1
    return [
        (end, min(max_batch, size - start))
        for end, size in windows.items()
        for start in range(0, size, max_batch)
    ]


def waits_until_the_batch_is_full(arrivals, max_batch, max_wait):
    if max_batch < 1:
        raise ValueError(f"max_batch {max_batch}")
    groups = [arrivals[start : start + max_batch] for start in range(0, len(arrivals), max_batch)]
    return [(float(group[-1]), len(group)) for group in groups]


def gives_how_long_it_waited(arrivals, max_batch, max_wait):
    batches = _left(arrivals, max_batch, max_wait)
    return [
        (float(members[-1] if full else deadline) - float(members[0]), len(members))
        for members, deadline, full in batches
    ]


def takes_a_batch_of_nobody(arrivals, max_batch, max_wait):
    return departures(arrivals, max(max_batch, 1), max_wait)


together = Exercise(
    "8.2.2",
    level=4,
    minutes=20,
    points=3,
    solution=departures,
    cases=(
        Case(
            ([0, 1, 2, 9, 14], 3, 5),
            expected=[(2.0, 3), (14.0, 2)],
            name="a full batch waits for its deadline, or the last one is lost",
        ),
        Case(
            ([3.0, 7.0, 9.0, 30.0], 8, 5.0),
            expected=[(8.0, 2), (14.0, 1), (35.0, 1)],
            name="windows by the clock",
        ),
        Case(
            (np.arange(0.0, 40.0, 4.0), 8, 10.0),
            expected=[(10.0, 3), (22.0, 3), (34.0, 3), (46.0, 1)],
            name="the wait counted from the last arrival",
        ),
        Case(
            (np.zeros(7), 3, 2.0), expected=[(0.0, 3), (0.0, 3), (2.0, 1)], name="all at once, more than fit"
        ),
        Case(([1.0, 1.0, 6.0], 1, 100.0), expected=[(1.0, 1), (1.0, 1), (6.0, 1)], name="batches of one"),
        Case(([1.0, 1.0, 6.0], 4, 0.0), expected=[(1.0, 2), (6.0, 1)], name="no patience at all"),
        Case(([], 4, 10.0), expected=[], why="an empty list must not fail", name="nobody comes"),
        Case(([1.0], 0, 10.0), raises=ValueError, mentions=(0,), name="a batch for nobody"),
    ),
    wrong={
        counts_the_wait_from_the_last_arrival: 2,
        forgets_the_limit: 0,
        lets_one_more_in_than_there_is_room: 0,
        shuts_the_door_on_who_comes_at_the_deadline: 0,
        lets_a_full_batch_wait: 1,
        loses_the_last_batch: None,
        lets_the_last_batch_leave_at_once: 1,
        leaves_with_the_last_arrival_in_any_case: 1,
        cuts_time_into_windows: 0,
        waits_until_the_batch_is_full: 1,
        gives_how_long_it_waited: None,
        takes_a_batch_of_nobody: None,
    },
    draw=draw_arrivals,
)

# 8.2.3 a percentile that somebody saw --------------------------------------------------------------


def nearest_rank(values, q):
    """The q-th percentile by nearest rank: the smallest value that at least q % of the values do not exceed.

    values: N numbers, in any order; q a whole number, 1 to 100 -> float, one of the values.
    Raises ValueError for no values, and for another q, which it names.
    """
    # Common wrong turn: 0.55 * 100 is 55.00000000000001, and the ceiling of that 56.
    if len(values) == 0:
        raise ValueError("no values: there is no percentile of nothing")
    if not 1 <= q <= 100 or q != int(q):
        raise ValueError(f"q is {q}: choose a whole number from 1 to 100")
    rank = -(-int(q) * len(values) // 100)
    return float(sorted(values)[rank - 1])


def draw_values(rng):
    """One value or many, equal and negative ones; every q, ends included; q broken or outside."""
    n = int(rng.choice([1, 2, 3, 4, 7, 10, 20]))
    values = rng.integers(-3, 4, size=n) / 2 if rng.random() < 0.5 else np.round(rng.normal(size=n) * 100, 1)
    if rng.random() < 0.06:
        return Case(([], int(rng.integers(1, 101))), raises=ValueError)
    if rng.random() < 0.12:
        q = rng.choice([0, -5, 101, 50.5, 0.5, 99.9]).item()
        return Case((values.tolist(), q), raises=ValueError, mentions=(q,))
    q = int(rng.choice([1, 25, 50, 55, 75, 99, 100, int(rng.integers(1, 101))]))
    return values if rng.random() < 0.5 else values.tolist(), q


def _refuse_no_percentile(values, q):
    if len(values) == 0 or not 1 <= q <= 100 or q != int(q):
        raise ValueError(f"{len(values)} values, q {q}")


def _at(values, place):
    """The value at a place of the sorted row, the ends where the place lies outside."""
    return float(sorted(values)[min(max(place, 0), len(values) - 1)])


def interpolates(values, q):
    _refuse_no_percentile(values, q)
    return float(np.percentile(values, q))


def does_not_sort(values, q):
    _refuse_no_percentile(values, q)
    return float(values[-(-q * len(values) // 100) - 1])


def sorts_the_wrong_way_round(values, q):
    _refuse_no_percentile(values, q)
    return float(sorted(values)[::-1][-(-q * len(values) // 100) - 1])


def counts_equal_values_once(values, q):
    _refuse_no_percentile(values, q)
    return nearest_rank(sorted({float(value) for value in values}), q)


def rounds_down(values, q):
    _refuse_no_percentile(values, q)
    return _at(values, q * len(values) // 100 - 1)


def counts_ranks_from_0(values, q):
    _refuse_no_percentile(values, q)
    return _at(values, -(-q * len(values) // 100))


def rounds_to_the_nearest_rank(values, q):
    _refuse_no_percentile(values, q)
    return _at(values, round(q * len(values) / 100) - 1)


def multiplies_by_a_rounded_share(values, q):
    _refuse_no_percentile(values, q)
    return _at(values, math.ceil(q / 100 * len(values)) - 1)


def takes_the_place_between_the_first_and_the_last(values, q):
    _refuse_no_percentile(values, q)
    return _at(values, math.ceil(q / 100 * (len(values) - 1)))


def accepts_a_q_between_two_whole_numbers(values, q):
    return nearest_rank(values, math.ceil(q)) if len(values) and 1 <= q <= 100 else nearest_rank(values, q)


def takes_a_q_below_1_for_a_share(values, q):
    return nearest_rank(values, round(q * 100)) if 0 < q < 1 else nearest_rank(values, q)


def gives_0_for_no_values(values, q):
    return nearest_rank(values, q) if len(values) else 0.0


def accepts_any_q(values, q):
    if len(values) == 0:
        raise ValueError("no values")
    return _at(values, math.ceil(q * len(values) / 100) - 1)


percentile = Exercise(
    "8.2.3",
    level=2,
    minutes=10,
    points=2,
    solution=nearest_rank,
    cases=(
        Case(([30, 10, 20, 40], 51), expected=30.0, name="not sorted"),
        Case(([30, 10, 20, 40], 50), expected=20.0, name="a place too far"),
        Case((np.array([10.0, 1000.0]), 50), expected=10.0, name="interpolated"),
        Case(([3.5, 1.5, 2.5], 100), expected=3.5, name="the last place"),
        Case((list(range(10, 20)), 12), expected=11.0, name="rounded to the nearest place"),
        Case(
            (np.arange(1.0, 101.0), 55),
            args_text="np.arange(1.0, 101.0), 55",
            expected=55.0,
            name="0.55 · 100 is a little more than 55",
        ),
        Case(([], 50), raises=ValueError, name="no values"),
        Case(([1.0, 2.0], 0.5), raises=ValueError, mentions=(0.5,), name="q as a share of 1"),
    ),
    wrong={
        interpolates: None,
        does_not_sort: None,
        sorts_the_wrong_way_round: None,
        counts_equal_values_once: None,
        rounds_down: 0,
        counts_ranks_from_0: 0,
        rounds_to_the_nearest_rank: 0,
        multiplies_by_a_rounded_share: 1,
        takes_the_place_between_the_first_and_the_last: 0,
        accepts_a_q_between_two_whole_numbers: None,
        takes_a_q_below_1_for_a_share: None,
        gives_0_for_no_values: None,
        accepts_any_q: None,
    },
    draw=draw_values,
)

# 8.2.4 when to come back ---------------------------------------------------------------------------


def retry_after(waiting, per_second, least=1, most=60):
    """Whole seconds until what waits is worked off, at least `least` and at most `most` -> int.

    waiting: pictures in the queue; per_second: pictures that the model does in a second; 0 means that it
    stands still. Raises ValueError that names a negative one of the two.
    """
    # Common wrong turn: rounding to the nearest second sends clients back before there is room.
    for name, value in (("waiting", waiting), ("per_second", per_second)):
        if value < 0:
            raise ValueError(f"{name} is {value}: it cannot be negative")
    if per_second == 0:
        return most if waiting else least
    return min(most, max(least, math.ceil(waiting / per_second)))


def draw_queue(rng):
    """Nothing, little or much waits; models that are slow, fast or stand still; other bounds; below 0."""
    waiting = int(rng.choice([0, 1, 7, 60, 400, 900, 5_000, 100_000]))
    per_second = rng.choice([0, 0, 0.3, 1, 7, 7.5, 60, 400]).item()
    bad = rng.random()
    if bad < 0.07:
        return Case((-waiting - 1, per_second), raises=ValueError, mentions=(-waiting - 1,))
    if bad < 0.14:
        return Case((waiting, -per_second - 0.5), raises=ValueError, mentions=(-per_second - 0.5,))
    if rng.random() < 0.4:
        least = int(rng.choice([0, 1, 2, 10]))
        return Case((waiting, per_second), {"least": least, "most": least + int(rng.choice([0, 5, 600]))})
    return waiting, per_second


def _refuse_negative(waiting, per_second):
    if min(waiting, per_second) < 0:
        raise ValueError(f"waiting {waiting}, per_second {per_second}")


def _within(seconds, least, most):
    return min(most, max(least, seconds))


def _with(rounding, waiting, per_second, least, most):
    """retry_after with another rounding."""
    _refuse_negative(waiting, per_second)
    if per_second == 0:
        return most if waiting else least
    return _within(rounding(waiting / per_second), least, most)


def rounds_down_to_a_second(waiting, per_second, least=1, most=60):
    return _with(int, waiting, per_second, least, most)


def rounds_to_the_nearest_second(waiting, per_second, least=1, most=60):
    return _with(round, waiting, per_second, least, most)


def always_adds_a_second(waiting, per_second, least=1, most=60):
    return _with(lambda seconds: int(seconds) + 1, waiting, per_second, least, most)


def divides_the_wrong_way_round(waiting, per_second, least=1, most=60):
    _refuse_negative(waiting, per_second)
    if per_second == 0:
        return most if waiting else least
    return _within(math.ceil(per_second / max(waiting, 1)), least, most)


def divides_whole_numbers(waiting, per_second, least=1, most=60):
    _refuse_negative(waiting, per_second)
    if int(per_second) == 0:
        return retry_after(waiting, per_second, least, most)
    return _within(-(-waiting // int(per_second)), least, most)


def has_no_bounds(waiting, per_second, least=1, most=60):
    return retry_after(waiting, per_second, least=0, most=10**9 if per_second else most)


def forgets_the_least(waiting, per_second, least=1, most=60):
    return retry_after(waiting, per_second, least=0, most=most)


def forgets_the_most(waiting, per_second, least=1, most=60):
    return retry_after(waiting, per_second, least, most=10**9 if per_second else most)


def mixes_up_min_and_max(waiting, per_second, least=1, most=60):
    _refuse_negative(waiting, per_second)
    return max(most, min(least, retry_after(waiting, per_second, least=0, most=10**9)))


def keeps_the_bounds_of_the_stub(waiting, per_second, least=1, most=60):
    return retry_after(waiting, per_second)


def divides_by_zero(waiting, per_second, least=1, most=60):
    _refuse_negative(waiting, per_second)
    return _within(math.ceil(waiting / per_second), least, most)


def sends_all_away_from_a_model_that_stands_still(waiting, per_second, least=1, most=60):
    _refuse_negative(waiting, per_second)
    return most if per_second == 0 else retry_after(waiting, per_second, least, most)


def calls_all_back_to_a_model_that_stands_still(waiting, per_second, least=1, most=60):
    _refuse_negative(waiting, per_second)
    return least if per_second == 0 else retry_after(waiting, per_second, least, most)


def takes_a_negative_queue(waiting, per_second, least=1, most=60):
    return retry_after(max(waiting, 0), per_second, least, most)


def takes_a_negative_rate(waiting, per_second, least=1, most=60):
    return retry_after(waiting, max(per_second, 0), least, most)


def refuses_without_naming_the_number(waiting, per_second, least=1, most=60):
    if min(waiting, per_second) < 0:
        raise ValueError("a negative number")
    return retry_after(waiting, per_second, least, most)


come_back = Exercise(
    "8.2.4",
    level=2,
    minutes=10,
    points=2,
    solution=retry_after,
    cases=(
        Case((900, 400), expected=3, name="rounded down or to the nearest"),
        Case((800, 400.0), expected=2, name="a second too many where it comes out even"),
        Case((10, 400), expected=1, name="below the least"),
        Case((100_000, 400), expected=60, name="above the most"),
        Case((50, 10), {"least": 10, "most": 20}, expected=10, name="other bounds"),
        Case((5, 0), expected=60, name="division by a model that stands still"),
        Case((0, 0), expected=1, name="nothing waits for it"),
        Case((-3, 400), raises=ValueError, mentions=(-3,), name="a negative queue"),
    ),
    wrong={
        rounds_down_to_a_second: 0,
        rounds_to_the_nearest_second: 0,
        always_adds_a_second: 0,
        divides_the_wrong_way_round: 0,
        divides_whole_numbers: None,
        has_no_bounds: 1,
        forgets_the_least: 1,
        forgets_the_most: 1,
        mixes_up_min_and_max: 1,
        keeps_the_bounds_of_the_stub: 1,
        divides_by_zero: 1,
        sends_all_away_from_a_model_that_stands_still: None,
        calls_all_back_to_a_model_that_stands_still: None,
        takes_a_negative_queue: None,
        takes_a_negative_rate: None,
        refuses_without_naming_the_number: None,
    },
    draw=draw_queue,
)

# 8.2.5 which version --------------------------------------------------------------------------------


def pick_version(names, labels, version=None, label=None):
    """The version that answers: names of the folders (list of str), labels {label: int} -> int.

    version: the text in the address, or None; label: likewise. Without both, the highest number counts.
    Raises ValueError where both are given, LookupError, naming what was asked for, where it is not there.
    """
    # Common wrong turn: max(names) compares texts, and "9" is after "10".
    if version is not None and label is not None:
        raise ValueError(f"version {version} and label {label}: ask for one of them")
    numbers = {int(name) for name in names if name.isdecimal()}
    if label is not None:
        if label not in labels:
            raise LookupError(f"no label {label}: there are {', '.join(labels) or 'none'}")
        version = str(labels[label])
    if version is None:
        if not numbers:
            raise LookupError("no version at all")
        return max(numbers)
    if not version.isdecimal() or int(version) not in numbers:
        raise LookupError(f"no version {version}: there are {sorted(numbers)}")
    return int(version)


def draw_folder(rng):
    """Versions of one digit and two among other names; labels that lead nowhere; odd versions."""
    numbers = rng.choice(
        [0, 1, 2, 3, 9, 10, 21, 1_700_000_000], size=int(rng.integers(0, 5)), replace=False
    ).tolist()
    others = rng.choice(
        ["3.tmp", "labels.json", "-4", "v5", "1.5", "", "latest"], size=2, replace=False
    ).tolist()
    names = rng.permutation([*map(str, numbers), *others[: int(rng.integers(0, 3))]]).tolist()
    labels = {"stable": int(rng.choice([*numbers, 7])), "canary": int(rng.choice([*numbers, 7]))}
    kind = rng.random()
    if kind < 0.3:
        return (names, labels) if numbers else Case((names, labels), raises=LookupError)
    if kind < 0.6:
        version = str(rng.choice([*numbers, 7, "abc", "-1", "2.0", "3.tmp"]))
        there = version in map(str, numbers)
        return (
            Case((names, labels), {"version": version})
            if there
            else Case((names, labels), {"version": version}, raises=LookupError, mentions=(version,))
        )
    label = str(rng.choice(["stable", "canary", "old", "2"]))
    if kind < 0.7:
        return Case((names, labels), {"version": "2", "label": label}, raises=ValueError)
    if label not in labels:
        return Case((names, labels), {"label": label}, raises=LookupError, mentions=(label,))
    if labels[label] not in numbers:
        return Case((names, labels), {"label": label}, raises=LookupError)
    return Case((names, labels), {"label": label})


def _numbers(names):
    return [int(name) for name in names if name.isdecimal()]


def takes_an_empty_text_for_none(names, labels, version=None, label=None):
    return pick_version(names, labels, version or None, label or None)


def compares_texts(names, labels, version=None, label=None):
    if version is None and label is None and _numbers(names):
        return int(max(name for name in names if name.isdecimal()))
    return pick_version(names, labels, version, label)


def takes_the_last_in_the_list(names, labels, version=None, label=None):
    if version is None and label is None and _numbers(names):
        return _numbers(names)[-1]
    return pick_version(names, labels, version, label)


def takes_the_lowest_number(names, labels, version=None, label=None):
    if version is None and label is None and _numbers(names):
        return min(_numbers(names))
    return pick_version(names, labels, version, label)


def counts_the_versions(names, labels, version=None, label=None):
    if version is None and label is None and _numbers(names):
        return len(_numbers(names))
    return pick_version(names, labels, version, label)


def takes_every_name_for_a_version(names, labels, version=None, label=None):
    return pick_version([str(int(name)) for name in names], labels, version, label)


def falls_back_on_the_newest(names, labels, version=None, label=None):
    try:
        return pick_version(names, labels, version, label)
    except LookupError:
        return pick_version(names, labels)


def believes_the_labels(names, labels, version=None, label=None):
    if version is None and label in labels:
        return labels[label]
    return pick_version(names, labels, version, label)


def believes_the_version(names, labels, version=None, label=None):
    if label is None and version is not None and version.isdecimal():
        return int(version)
    return pick_version(names, labels, version, label)


def lets_the_label_win(names, labels, version=None, label=None):
    return pick_version(names, labels, None if label is not None else version, label)


def lets_the_version_win(names, labels, version=None, label=None):
    return pick_version(names, labels, version, None if version is not None else label)


def passes_over_the_label(names, labels, version=None, label=None):
    return pick_version(names, labels, version, label if version is not None else None)


def returns_the_text(names, labels, version=None, label=None):
    wanted = pick_version(names, labels, version, label)
    return str(wanted) if version is not None else wanted


def takes_0_for_no_version(names, labels, version=None, label=None):
    return pick_version([name for name in names if name != "0"], labels, version, label)


def fails_over_a_version_that_is_no_number(names, labels, version=None, label=None):
    if version is not None and label is None:
        int(version)
    return pick_version(names, labels, version, label)


def does_not_say_what_is_missing(names, labels, version=None, label=None):
    try:
        return pick_version(names, labels, version, label)
    except LookupError:
        raise LookupError("not found") from None


which = Exercise(
    "8.2.5",
    level=3,
    minutes=15,
    points=3,
    solution=pick_version,
    cases=(
        Case((["1", "2", "10", "9"], {}), expected=10, name="texts compared instead of numbers"),
        Case((["3", "1", "2"], {}), expected=3, name="the last in the list"),
        Case(
            (["2", "labels.json", "3.tmp", "1"], {"stable": 1}), expected=2, name="names that are no versions"
        ),
        Case(
            (["1", "2", "10"], {"stable": 2, "canary": 10}), {"label": "stable"}, expected=2, name="a label"
        ),
        Case((["1", "2", "10"], {}), {"version": "2"}, expected=2, name="text for a number"),
        Case(
            (["1", "2"], {"stable": 1}),
            {"version": "7"},
            raises=LookupError,
            mentions=(7,),
            name="another version in its place",
        ),
        Case(
            (["1", "2"], {"stable": 1}),
            {"label": "canary"},
            raises=LookupError,
            mentions=("canary",),
            name="another label in its place",
        ),
        Case(
            (["2", "3"], {"stable": 1}),
            {"label": "stable"},
            raises=LookupError,
            name="a label for what is gone",
        ),
        Case(
            (["1", "2"], {"stable": 1}),
            {"version": "2", "label": "stable"},
            raises=ValueError,
            name="both at once",
        ),
        Case((["1.tmp"], {}), raises=LookupError, name="no versions at all"),
        Case((["1", "2"], {}), {"version": ""}, raises=LookupError, name="an empty text taken for None"),
        Case((["1", "2"], {}), {"label": ""}, raises=LookupError, name="an empty label taken for None"),
        Case((["1", "²"], {}), expected=1, name="isdigit, which takes ² too", why="int refuses ²"),
    ),
    wrong={
        compares_texts: 0,
        takes_the_last_in_the_list: None,
        takes_the_lowest_number: None,
        counts_the_versions: None,
        takes_every_name_for_a_version: 1,
        falls_back_on_the_newest: 2,
        believes_the_labels: 2,
        believes_the_version: 2,
        lets_the_label_win: None,
        lets_the_version_win: None,
        passes_over_the_label: None,
        returns_the_text: None,
        takes_0_for_no_version: None,
        takes_an_empty_text_for_none: None,
        fails_over_a_version_that_is_no_number: 1,
        does_not_say_what_is_missing: None,
    },
    draw=draw_folder,
)

EXERCISES = (a_request, together, percentile, come_back, which)
