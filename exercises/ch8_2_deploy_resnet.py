"""Exercises of section 8.2, deployment: a request, batches, a percentile, when to come back, a version."""

import base64
import binascii
import json
import math

import numpy as np

from . import Case, Exercise

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


def _trusting(body):
    return [base64.b64decode(instance["b64"]) for instance in json.loads(body)["instances"]]


def _skips_what_it_cannot_read(body):
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


def _counts_from_one(body):
    for place, instance in enumerate(_checked(body), 1):
        try:
            read_pictures(json.dumps({"instances": [instance]}).encode())
        except ValueError:
            raise ValueError(f"instance {place} is wrong") from None
    return read_pictures(body)


def _cuts_off_the_head(body):
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
    number="8.2.1",
    title="What a request holds",
    level=3,
    minutes=15,
    points=3,
    statement="""\
The service above answered each mistake with a sentence. Write the function that finds them:
`read_pictures`.

- `body` is the `bytes` of a request, `{"instances": [{"b64": "…"}, …]}`. The result is a list with the
  decoded `bytes` of every instance, in order.
- A body that is no JSON: `ValueError` that says "JSON". No object, no `instances`, something that is no list,
  or an empty list: `ValueError` that says "instances".
- An instance that is no object with a text under `b64`, or whose text is not entirely base64 (a data URL,
  say, or a space in it): `ValueError` that names its place, counted from 0. One bad instance refuses the
  whole request.

By hand: `b'{"instances": [{"b64": "AQI="}]}'` gives `[b"\\x01\\x02"]`.""",
    hints=(
        (
            "Which errors come by themselves?",
            "json.loads raises a ValueError of its own for a bad body. A missing key raises KeyError, text "
            "in the place of an object TypeError: the service would answer 500 to both. Ask with "
            "isinstance first.",
        ),
        (
            "A data URL goes through.",
            "base64.b64decode leaves out every character that it does not know. Its argument validate=True "
            "makes it refuse them.",
        ),
        (
            "The error must say where.",
            "enumerate(instances) counts from 0. Raise a new ValueError with the place in its text.",
        ),
    ),
    solution=read_pictures,
    cases=(
        Case(
            "the text handed on instead of its bytes",
            (b'{"instances": [{"b64": "AQI="}]}',),
            expected=[b"\x01\x02"],
        ),
        Case(
            "only the first instance, or another order",
            (b'{"instances": [{"b64": "/w=="}, {"b64": "AAAA"}, {"b64": "aGk="}]}',),
            expected=[b"\xff", b"\x00\x00\x00", b"hi"],
        ),
        Case("no JSON", (b"instances=1",), hint=0, raises=ValueError, mentions=("JSON",)),
        Case(
            "a list in the place of the object",
            (b"[1, 2]",),
            hint=0,
            raises=ValueError,
            mentions=("instances",),
        ),
        Case("another key", (b'{"inputs": []}',), hint=0, raises=ValueError, mentions=("instances",)),
        Case(
            "one object in the place of a list",
            (b'{"instances": {"b64": "AQI="}}',),
            hint=0,
            raises=ValueError,
            mentions=("instances",),
        ),
        Case("an empty list", (b'{"instances": []}',), hint=0, raises=ValueError, mentions=("instances",)),
        Case(
            "a data URL taken for base64",
            (b'{"instances": [{"b64": "AQI="}, {"b64": "data:image/jpeg;base64,AQI="}]}',),
            hint=1,
            raises=ValueError,
            mentions=(1,),
        ),
        Case(
            "a number in the place of the text",
            (b'{"instances": [{"b64": "AQI="}, {"b64": "AQI="}, {"b64": 7}]}',),
            hint=2,
            raises=ValueError,
            mentions=(2,),
        ),
        Case(
            "text in the place of the object",
            (b'{"instances": ["AQI="]}',),
            hint=2,
            raises=ValueError,
            mentions=(0,),
        ),
    ),
    wrong={
        "trusts the client": _trusting,
        "lets b64decode drop what is no base64": _reader(validate=False),
        "takes an empty list for a request": _reader(empty=True),
        "does not say which instance": _reader(named=False),
        "counts instances from 1": _counts_from_one,
        "hands on the text": _reader(decode=False),
        "answers for the first instance only": _reader(only=1),
        "walks over the keys of an object": _reader(strict_list=False),
        "does not look at the type of an instance": _reader(kinds=False),
        "leaves out what it cannot read": _skips_what_it_cannot_read,
        "guesses what a data URL was meant to be": _cuts_off_the_head,
    },
)

# 8.2.2 who travels together ------------------------------------------------------------------------


def batches(arrivals, max_batch, max_wait):
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
    """batches with one thing done otherwise."""

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


def _by_windows(arrivals, max_batch, max_wait):
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


def _by_number(arrivals, max_batch, max_wait):
    if max_batch < 1:
        raise ValueError(f"max_batch {max_batch}")
    groups = [arrivals[start : start + max_batch] for start in range(0, len(arrivals), max_batch)]
    return [(float(group[-1]), len(group)) for group in groups]


together = Exercise(
    number="8.2.2",
    title="Who travels together",
    level=4,
    minutes=20,
    points=3,
    statement="""\
Our queue starts a batch whenever the model is free. TensorFlow Serving and others can also hold the door: a
batch leaves when it is full, or when its first request has waited long enough. Write that rule, without any
model, as `batches`.

- `arrivals` `(N,)` are times in milliseconds, rising (a list or an array; it may be empty). A batch opens
  with the first request that is in none.
- It leaves when its `max_batch`-th request arrives, else `max_wait` ms after it opened. A request that
  arrives at that very moment still comes along. The last batch leaves by the same rule.
- The result is a list of pairs: when the batch leaves (`float`) and how many are in it (`int`). `max_batch`
  below 1: `ValueError` that names it.

By hand: arrivals 0, 1, 2, 9, 14 with `max_batch` 3 and `max_wait` 5 give `[(2.0, 3), (14.0, 2)]`: the first
batch is full at 2; the second opens at 9, leaves at 14, and takes the request of 14 along.""",
    hints=(
        (
            "Where do I begin?",
            "With the first request i that is in no batch: its deadline is arrivals[i] + max_wait. Walk on "
            "from i while there is room and the arrivals are not after the deadline.",
        ),
        (
            "My times are too late.",
            "Two ends are possible. A full batch leaves with its last arrival, a batch that is not full at "
            "its deadline, even if nobody came after the first.",
        ),
        (
            "A slow drip makes one endless batch.",
            "The deadline belongs to the first request of the batch. Later ones do not move it.",
        ),
    ),
    solution=batches,
    cases=(
        Case(
            "a full batch waits for its deadline, or the last one is lost",
            ([0, 1, 2, 9, 14], 3, 5),
            hint=1,
            expected=[(2.0, 3), (14.0, 2)],
        ),
        Case(
            "windows by the clock",
            ([3.0, 7.0, 9.0, 30.0], 8, 5.0),
            hint=0,
            expected=[(8.0, 2), (14.0, 1), (35.0, 1)],
        ),
        Case(
            "the wait counted from the last arrival",
            (np.arange(0.0, 40.0, 4.0), 8, 10.0),
            hint=2,
            expected=[(10.0, 3), (22.0, 3), (34.0, 3), (46.0, 1)],
        ),
        Case(
            "all at once, more than fit",
            (np.zeros(7), 3, 2.0),
            hint=0,
            expected=[(0.0, 3), (0.0, 3), (2.0, 1)],
        ),
        Case("batches of one", ([1.0, 1.0, 6.0], 1, 100.0), hint=1, expected=[(1.0, 1), (1.0, 1), (6.0, 1)]),
        Case("no patience at all", ([1.0, 1.0, 6.0], 4, 0.0), hint=0, expected=[(1.0, 2), (6.0, 1)]),
        Case("nobody comes", ([], 4, 10.0), expected=[], why="an empty list must not fail"),
        Case("a batch for nobody", ([1.0], 0, 10.0), raises=ValueError, mentions=(0,)),
    ),
    wrong={
        "counts the wait from the last arrival": _batches(from_last=True),
        "forgets the limit": _batches(limit=False),
        "shuts the door on who comes at the deadline": _batches(late=True),
        "lets a full batch wait": _batches(full_waits=True),
        "loses the last batch": _batches(keep_rest=False),
        "leaves with the last arrival in any case": _batches(early=True),
        "cuts time into windows": _by_windows,
        "waits until the batch is full": _by_number,
        "takes a batch of nobody": _batches(guard=False),
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


def _interpolated(values, q):
    if len(values) == 0 or not 1 <= q <= 100:
        raise ValueError(f"{len(values)} values, q {q}")
    return float(np.percentile(values, q))


percentile = Exercise(
    number="8.2.3",
    title="A percentile that somebody saw",
    level=2,
    minutes=10,
    points=2,
    statement="""\
There are nine definitions of a percentile in use, and NumPy's default interpolates: its p50 of 10 and 1,000
is 505, a time that nobody waited. Monitoring mostly uses the *nearest rank*: the smallest value that at
least $q$ % of all values do not exceed, so the one at rank $\\lceil q n / 100 \\rceil$ of the sorted row,
counted from 1. Write `nearest_rank`.

- `values` is a list or an array of $n$ numbers in any order, and stays as it is; `q` is a whole number from
  1 to 100. The result is a `float`.
- No values: `ValueError`. Another `q`: `ValueError` that names it.

By hand: of 30, 10, 20, 40 the p50 has rank 2 and is 20.0, the p51 has rank 3 and is 30.0, the p100 is
40.0.""",
    hints=(
        (
            "I am off by one.",
            "Ranks count from 1, Python from 0. For four values, which rank has q = 50, and which place?",
        ),
        (
            "It fails for 100 values and q = 55 only.",
            "q / 100 cannot be stored exactly: 0.55 * 100 is a little above 55. Multiply whole numbers "
            "first, divide last. (-(-a // b) is the ceiling of a / b.)",
        ),
    ),
    solution=nearest_rank,
    cases=(
        Case("not sorted", ([30, 10, 20, 40], 51), hint=0, expected=30.0),
        Case("a place too far", ([30, 10, 20, 40], 50), hint=0, expected=20.0),
        Case("interpolated", (np.array([10.0, 1000.0]), 50), expected=10.0),
        Case("the last place", ([3.5, 1.5, 2.5], 100), hint=0, expected=3.5),
        Case("rounded to the nearest place", (list(range(10, 20)), 12), hint=0, expected=11.0),
        Case(
            "0.55 · 100 is a little more than 55",
            (np.arange(1.0, 101.0), 55),
            hint=1,
            args_text="np.arange(1.0, 101.0), 55",
            expected=55.0,
        ),
        Case("no values", ([], 50), raises=ValueError),
        Case("q as a share of 1", ([1.0, 2.0], 0.5), raises=ValueError, mentions=(0.5,)),
    ),
    wrong={
        "interpolates": _interpolated,
        "does not sort": _rank(lambda q, n: -(-q * n // 100) - 1, order=list),
        "sorts the wrong way round": _rank(
            lambda q, n: -(-q * n // 100) - 1, order=lambda v: sorted(v)[::-1]
        ),
        "rounds down": _rank(lambda q, n: q * n // 100 - 1),
        "counts ranks from 0": _rank(lambda q, n: -(-q * n // 100)),
        "rounds to the nearest rank": _rank(lambda q, n: round(q * n / 100) - 1),
        "multiplies by a rounded share": _rank(lambda q, n: math.ceil(q / 100 * n) - 1),
        "takes the place between the first and the last": _rank(lambda q, n: math.ceil(q / 100 * (n - 1))),
        "takes any q": _rank(lambda q, n: -(-int(q) * n // 100) - 1, guard=False),
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


def _clamped_the_wrong_way(waiting, per_second, least=1, most=60):
    return max(most, min(least, retry_after(waiting, per_second, least=0, most=10**9)))


come_back = Exercise(
    number="8.2.4",
    title="When to come back",
    level=2,
    minutes=10,
    points=2,
    statement="""\
The service answers overload with `Retry-After: 1`, whatever waits. A better guess: the time in which the
model works off what is in the queue now. Write `retry_after`.

- `waiting` pictures are in the queue, the model does `per_second` pictures in a second. The result is an
  `int`, in seconds, rounded **up**, and never below `least` nor above `most`.
- A model that stands still (`per_second` 0) with something waiting: `most`; with nothing waiting: `least`.
- A negative `waiting` or `per_second`: `ValueError` that names the number.

By hand: 900 waiting at 400 a second take 2.25 s, so 3. With 10 waiting it is 1, with 100,000 it is 60.""",
    hints=(
        (
            "Which way round?",
            "Pictures divided by pictures a second are seconds. Then round up: who comes back too early is "
            "refused again.",
        ),
        (
            "Where do the bounds go?",
            "min(most, max(least, seconds)) keeps a number between two others. What is to be done before the "
            "division, so that it never fails?",
        ),
    ),
    solution=retry_after,
    cases=(
        Case("rounded down or to the nearest", (900, 400), hint=0, expected=3),
        Case("a second too many where it comes out even", (800, 400.0), hint=0, expected=2),
        Case("below the least", (10, 400), hint=1, expected=1),
        Case("above the most", (100_000, 400), hint=1, expected=60),
        Case("other bounds", (50, 10), {"least": 10, "most": 20}, hint=1, expected=10),
        Case("division by a model that stands still", (5, 0), hint=1, expected=60),
        Case("nothing waits for it", (0, 0), hint=1, expected=1),
        Case("a negative queue", (-3, 400), raises=ValueError, mentions=(-3,)),
    ),
    wrong={
        "rounds down": _seconds(rounding=int),
        "rounds to the nearest second": _seconds(rounding=round),
        "always adds a second": _seconds(rounding=lambda seconds: int(seconds) + 1),
        "divides the wrong way round": _seconds(swapped=True),
        "answers in milliseconds": _seconds(scale=1000),
        "has no bounds": _seconds(clamp=False),
        "divides by zero": _seconds(still=False),
        "sends all away from a model that stands still": _seconds(idle=False),
        "takes a negative queue": _seconds(guard=False),
        "mixes up min and max": _clamped_the_wrong_way,
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


def _as_text(names, labels, version=None, label=None):
    wanted = str(pick_version(names, labels, version, label))
    return wanted if version is not None else int(wanted)


def _without_label(names, labels, version=None, label=None):
    asked = (version, label) if version is not None else (None, None)
    return pick_version(names, labels, *asked)


which = Exercise(
    number="8.2.5",
    title="Which version",
    level=3,
    minutes=15,
    points=3,
    statement="""\
A request may name a version (`…/versions/2:predict`), a label (`…/labels/stable:predict`), or neither. Write
`pick_version`, which says who answers.

- `names` are the names found in the model's folder, in any order. Only those of decimal digits are versions:
  `3.tmp` is not finished, `labels.json` is a file. `labels` maps labels to numbers. The result is an `int`.
- Neither version nor label: the **highest number**. `version` is text, as it stands in the address.
- Both at once: `ValueError`. A version or a label that is not there, a label for a version that is not
  there, no versions at all: `LookupError`; it names the version or the label.

By hand: of `["1", "2", "10", "11.tmp"]` it is 10; with `labels = {"stable": 2}` and `label="stable"` it is
2.""",
    hints=(
        (
            "It says 2 where there is a 10.",
            'As texts, "2" comes after "10". Make numbers of the names first.',
        ),
        (
            "It fails over a name.",
            'int("3.tmp") raises ValueError. Which method of a text says that it holds digits only?',
        ),
        (
            "What if it is not there?",
            "Answering with another version than the one asked for is worse than an error: nobody would "
            "notice. A label leads to a version, which must be there too.",
        ),
    ),
    solution=pick_version,
    cases=(
        Case("texts compared instead of numbers", (["1", "2", "10", "9"], {}), hint=0, expected=10),
        Case("the last in the list", (["3", "1", "2"], {}), hint=0, expected=3),
        Case(
            "names that are no versions",
            (["2", "labels.json", "3.tmp", "1"], {"stable": 1}),
            hint=1,
            expected=2,
        ),
        Case("a label", (["1", "2", "10"], {"stable": 2, "canary": 10}), {"label": "stable"}, expected=2),
        Case("text for a number", (["1", "2", "10"], {}), {"version": "2"}, expected=2),
        Case(
            "another version in its place",
            (["1", "2"], {"stable": 1}),
            {"version": "7"},
            hint=2,
            raises=LookupError,
            mentions=(7,),
        ),
        Case(
            "another label in its place",
            (["1", "2"], {"stable": 1}),
            {"label": "canary"},
            hint=2,
            raises=LookupError,
            mentions=("canary",),
        ),
        Case(
            "a label for what is gone",
            (["2", "3"], {"stable": 1}),
            {"label": "stable"},
            hint=2,
            raises=LookupError,
            mentions=(1,),
        ),
        Case(
            "both at once",
            (["1", "2"], {"stable": 1}),
            {"version": "2", "label": "stable"},
            raises=ValueError,
        ),
        Case("no versions at all", (["1.tmp"], {}), hint=1, raises=LookupError),
    ),
    wrong={
        "compares texts": _pick(newest=lambda kept: int(max(map(str, kept)))),
        "takes the last in the list": _pick(newest=lambda kept: kept[-1]),
        "takes every name for a version": _pick(junk=True),
        "falls back on the newest": _pick(fall_back=True),
        "believes the labels": _pick(trust_labels=True),
        "lets the label win": _pick(both=True),
        "returns the text": _as_text,
        "passes over the label": _without_label,
    },
)

EXERCISES = [a_request, together, percentile, come_back, which]
