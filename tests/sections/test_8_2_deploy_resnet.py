"""Section 8.2: its exercises say the same as the service and as NumPy."""

import json

import numpy as np
import pytest

from exercises.ch8_project.s2_deploy_resnet import departures, nearest_rank, pick_version, read_pictures
from service.contract import find, read_question
from service.models import Models
from tests.service.serving import b64, encoded

EXPECTED = {"height": 28, "width": 28, "channels": 1, "mean": [0.2], "std": [0.3], "ink": "light on dark"}


def test_a_percentile_by_nearest_rank_is_numpys_inverted_distribution():
    dice = np.random.default_rng(0)
    for _ in range(200):
        values, q = dice.exponential(size=dice.integers(1, 60)), int(dice.integers(1, 101))
        # NumPy multiplies by q / 100: exact ranks can round up there, so compare next to them
        exact = q * len(values) % 100 == 0
        near = [np.percentile(values, p, method="inverted_cdf") for p in ((q - 1e-6,) if exact else (q,))]
        assert nearest_rank(values, q) in near


def test_no_batch_is_too_large_and_nobody_waits_longer_than_the_door_is_held():
    dice = np.random.default_rng(1)
    for _ in range(200):
        arrivals = np.sort(dice.integers(0, 100, size=dice.integers(0, 40)))
        most, wait = int(dice.integers(1, 9)), int(dice.integers(0, 20))
        done = departures(arrivals, most, wait)
        assert sum(size for _, size in done) == len(arrivals)
        first = 0
        for leaves, size in done:
            members = arrivals[first : first + size]
            assert 1 <= size <= most
            assert members[-1] <= leaves <= members[0] + wait
            assert size == most or leaves == members[0] + wait
            first += size


GOOD = b64(encoded(np.zeros((28, 28), dtype=np.uint8)))
BODIES = [
    b"",
    b"{}",
    b"[]",
    b"instances=1",
    json.dumps({"instances": GOOD}).encode(),
    json.dumps({"instances": []}).encode(),
    json.dumps({"instances": [GOOD, "text"]}).encode(),
    json.dumps({"instances": [GOOD, {"b64": 7}]}).encode(),
    json.dumps({"instances": [{"b64": "data:image/jpeg;base64," + GOOD["b64"]}]}).encode(),
    json.dumps({"instances": [{"b64": GOOD["b64"][:8] + "%" + GOOD["b64"][8:]}]}).encode(),
]


@pytest.mark.parametrize("body", BODIES)
def test_what_the_exercise_refuses_the_service_refuses(body):
    for read in (read_pictures, lambda body: read_question(body, EXPECTED)):
        with pytest.raises(ValueError):  # noqa: PT011 the two say it in words of their own
            read(body)


def test_what_the_exercise_reads_the_service_reads():
    body = json.dumps({"instances": [GOOD] * 3}).encode()
    assert len(read_pictures(body)) == len(read_question(body, EXPECTED).instances) == 3


@pytest.mark.parametrize(
    "asked", [{}, {"version": "2"}, {"version": "7"}, {"label": "stable"}, {"label": "old"}]
)
def test_the_exercise_picks_the_version_that_the_service_picks(asked):
    names, labels = ["1", "10", "2", "3.tmp"], {"stable": 2}
    models = Models({number: number for number in (1, 2, 10)}, labels)

    def answer(pick):
        try:
            return pick()
        except LookupError:
            return LookupError

    assert answer(lambda: pick_version(names, labels, **asked)) == answer(
        lambda: find(models, "resnet", **asked)
    )
