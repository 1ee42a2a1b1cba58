"""Exercises of section 8.2, deployment: a request, batches, a percentile, when to come back, a version."""

import base64
import binascii
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
    except ValueError as error:
        raise ValueError(f"the body is not JSON: {error}") from None
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


def _reader(validate=True, strict_list=True, empty=False, named=True, decode=True, kinds=True, only=None):
    """read_pictures with one thing done otherwise."""

    def answer(body):
        try:
            asked = json.loads(body)
        except ValueError:
            raise ValueError("not JSON") from None
        instances = asked.get("instances") if isinstance(asked, dict) else None
        if strict_list and not isinstance(instances, list):
            raise ValueError("no instances")
        if not instances and not empty:
            raise ValueError("no instances")
        files = []
        for place, instance in enumerate(instances[:only]):
            where = f"instance {place}" if named else "an instance"
            if kinds and (not isinstance(instance, dict) or not isinstance(instance.get("b64"), str)):
                raise ValueError(f"{where} is no object with b64")
            try:
                text = instance["b64"]
                files.append(base64.b64decode(text, validate=validate) if decode else text.encode())
            except binascii.Error:
                raise ValueError(f"{where} is not base64") from None
        return files

    return answer


def trusting(body):
    return [base64.b64decode(instance["b64"]) for instance in json.loads(body)["instances"]]


def skips_what_it_cannot_read(body):
    files = []
    for instance in _checked(body):
        try:
            files.append(base64.b64decode(instance["b64"], validate=True))
        except (TypeError, KeyError, ValueError):
            continue
    return files


def _checked(body):
    try:
        asked = json.loads(body)
    except ValueError:
        raise ValueError("not JSON") from None
    if not isinstance(asked, dict) or not isinstance(asked.get("instances"), list) or not asked["instances"]:
        raise ValueError("no instances")
    return asked["instances"]


def counts_from_one(body):
    for place, instance in enumerate(_checked(body), 1):
        try:
            read_pictures(json.dumps({"instances": [instance]}).encode())
        except ValueError:
            raise ValueError(f"instance {place} is wrong") from None
    return read_pictures(body)


def cuts_off_the_head(body):
    asked = {
        "instances": [
            {"b64": one["b64"].partition(",")[2] or one["b64"]}
            if isinstance(one, dict) and isinstance(one.get("b64"), str)
            else one
            for one in _checked(body)
        ]
    }
    return read_pictures(json.dumps(asked).encode())


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
        trusting: 0,
        "lets_b64decode_drop_what_is_no_base64": (_reader(validate=False), 1),
        "takes_an_empty_list_for_a_request": (_reader(empty=True), 0),
        "does_not_say_which_instance": (_reader(named=False), 1),
        counts_from_one: 1,
        "hands_on_the_text": (_reader(decode=False), None),
        "answers_for_the_first_instance_only": (_reader(only=1), None),
        "walks_over_the_keys_of_an_object": (_reader(strict_list=False), 0),
        "does_not_look_at_the_type_of_an_instance": (_reader(kinds=False), 2),
        skips_what_it_cannot_read: 1,
        cuts_off_the_head: 1,
    },
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


def _batches(
    from_last=False, limit=True, late=False, full_waits=False, keep_rest=True, early=False, guard=True
):
    """departures with one thing done otherwise."""

    def answer(arrivals, max_batch, max_wait):
        if max_batch < 1 and guard:
            raise ValueError(f"max_batch {max_batch}")
        done, first = [], 0
        while first < len(arrivals):
            last, deadline = first, float(arrivals[first]) + max_wait
            while last < len(arrivals) and (last - first < max(max_batch, 1) or not limit):
                if arrivals[last] > deadline or (late and last > first and arrivals[last] == deadline):
                    break
                deadline = float(arrivals[last]) + max_wait if from_last else deadline
                last += 1
            full = last - first >= max_batch and limit
            if full or keep_rest or last < len(arrivals):
                leaves = float(arrivals[last - 1]) if (full and not full_waits) or early else deadline
                done.append((leaves, last - first))
            first = last
        return done

    return answer


def by_windows(arrivals, max_batch, max_wait):
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


def by_number(arrivals, max_batch, max_wait):
    if max_batch < 1:
        raise ValueError(f"max_batch {max_batch}")
    groups = [arrivals[start : start + max_batch] for start in range(0, len(arrivals), max_batch)]
    return [(float(group[-1]), len(group)) for group in groups]


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
        "counts_the_wait_from_the_last_arrival": (_batches(from_last=True), 1),
        "forgets_the_limit": (_batches(limit=False), 1),
        "shuts_the_door_on_who_comes_at_the_deadline": (_batches(late=True), 1),
        "lets_a_full_batch_wait": (_batches(full_waits=True), 1),
        "loses_the_last_batch": (_batches(keep_rest=False), 1),
        "leaves_with_the_last_arrival_in_any_case": (_batches(early=True), 0),
        by_windows: 1,
        by_number: 0,
        "takes_a_batch_of_nobody": (_batches(guard=False), None),
    },
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
    if not 1 <= q <= 100:
        raise ValueError(f"q is {q}: choose 1 to 100")
    rank = -(-q * len(values) // 100)
    return float(sorted(values)[rank - 1])


def _rank(position, guard=True, order=sorted):
    """nearest_rank with another place in the row."""

    def answer(values, q):
        if guard and (len(values) == 0 or not 1 <= q <= 100):
            raise ValueError(f"{len(values)} values, q {q}")
        return float(order(values)[min(max(position(q, len(values)), 0), len(values) - 1)])

    return answer


def interpolated(values, q):
    if len(values) == 0 or not 1 <= q <= 100:
        raise ValueError(f"{len(values)} values, q {q}")
    return float(np.percentile(values, q))


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
        interpolated: 0,
        "does_not_sort": (_rank(lambda q, n: -(-q * n // 100) - 1, order=list), 0),
        "sorts_the_wrong_way_round": (
            _rank(lambda q, n: -(-q * n // 100) - 1, order=lambda v: sorted(v)[::-1]),
            0,
        ),
        "rounds_down": (_rank(lambda q, n: q * n // 100 - 1), 0),
        "counts_ranks_from_0": (_rank(lambda q, n: -(-q * n // 100)), 0),
        "rounds_to_the_nearest_rank": (_rank(lambda q, n: round(q * n / 100) - 1), 0),
        "multiplies_by_a_rounded_share": (_rank(lambda q, n: math.ceil(q / 100 * n) - 1), 1),
        "takes_the_place_between_the_first_and_the_last": (
            _rank(lambda q, n: math.ceil(q / 100 * (n - 1))),
            0,
        ),
        "takes_any_q": (_rank(lambda q, n: -(-int(q) * n // 100) - 1, guard=False), None),
    },
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


def _seconds(rounding=math.ceil, clamp=True, guard=True, still=True, swapped=False, scale=1, idle=True):
    """retry_after with one thing done otherwise."""

    def answer(waiting, per_second, least=1, most=60):
        if guard and min(waiting, per_second) < 0:
            raise ValueError(f"waiting {waiting}, per_second {per_second}")
        if per_second == 0 and still:
            return least if idle and not waiting else most
        seconds = per_second / max(waiting, 1) if swapped else waiting / per_second
        seconds = rounding(scale * seconds)
        return min(most, max(least, seconds)) if clamp else seconds

    return answer


def clamped_the_wrong_way(waiting, per_second, least=1, most=60):
    return max(most, min(least, retry_after(waiting, per_second, least=0, most=10**9)))


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
        "rounds_down": (_seconds(rounding=int), 0),
        "rounds_to_the_nearest_second": (_seconds(rounding=round), 0),
        "always_adds_a_second": (_seconds(rounding=lambda seconds: int(seconds) + 1), 0),
        "divides_the_wrong_way_round": (_seconds(swapped=True), 0),
        "answers_in_milliseconds": (_seconds(scale=1000), 0),
        "has_no_bounds": (_seconds(clamp=False), 1),
        "divides_by_zero": (_seconds(still=False), 1),
        "sends_all_away_from_a_model_that_stands_still": (_seconds(idle=False), 1),
        "takes_a_negative_queue": (_seconds(guard=False), None),
        clamped_the_wrong_way: 0,
    },
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


def _pick(newest=max, junk=False, both=False, fall_back=False, trust_labels=False):
    """pick_version with one thing done otherwise."""

    def answer(names, labels, version=None, label=None):
        if version is not None and label is not None and not both:
            raise ValueError(f"{version} and {label}")
        kept = [int(name) for name in names if junk or name.isdecimal()]
        if label is not None:
            if label not in labels and not fall_back:
                raise LookupError(f"no label {label}")
            if trust_labels and label in labels:
                return labels[label]
            version = str(labels[label]) if label in labels else None
        if version is None:
            if not kept:
                raise LookupError("none")
            return newest(kept)
        if not version.isdecimal() or int(version) not in kept:
            if fall_back:
                return newest(kept)
            raise LookupError(f"no version {version}")
        return int(version)

    return answer


def as_text(names, labels, version=None, label=None):
    wanted = str(pick_version(names, labels, version, label))
    return wanted if version is not None else int(wanted)


def without_label(names, labels, version=None, label=None):
    asked = (version, label) if version is not None else (None, None)
    return pick_version(names, labels, *asked)


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
            mentions=(1,),
            name="a label for what is gone",
        ),
        Case(
            (["1", "2"], {"stable": 1}),
            {"version": "2", "label": "stable"},
            raises=ValueError,
            name="both at once",
        ),
        Case((["1.tmp"], {}), raises=LookupError, name="no versions at all"),
    ),
    wrong={
        "compares_texts": (_pick(newest=lambda kept: int(max(map(str, kept)))), 0),
        "takes_the_last_in_the_list": (_pick(newest=lambda kept: kept[-1]), 0),
        "takes_every_name_for_a_version": (_pick(junk=True), 1),
        "falls_back_on_the_newest": (_pick(fall_back=True), 2),
        "believes_the_labels": (_pick(trust_labels=True), 2),
        "lets_the_label_win": (_pick(both=True), None),
        as_text: None,
        without_label: None,
    },
)

EXERCISES = [a_request, together, percentile, come_back, which]
