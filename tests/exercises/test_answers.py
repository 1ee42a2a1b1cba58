"""The exercises from outside: answers written from the statements, wrong in one thing or right otherwise.

They stand in answers/, by chapter; none is on the lists of the exercises. A function says in its name which
exercise it answers: `wrong_2_1_3_sign_kept`, `right_2_1_3_by_permutations`.
"""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from exercises import calling, finding, judging

ANSWERS = {}
for path in sorted(Path(__file__).with_name("answers").glob("*.py")):
    for name, function in runpy.run_path(str(path)).items():
        if match := re.match(r"(wrong|right)_(\d+)_(\d+)_(\d+)_", name):
            ANSWERS[name] = match[1], ".".join(match.groups()[1:]), function


def each(kind):
    return pytest.mark.parametrize("name", [name for name in ANSWERS if ANSWERS[name][0] == kind])


def problem_of(name):
    _, number, answer = ANSWERS[name]
    with np.errstate(all="ignore"), calling.in_silence():
        return judging.first_problem(finding.find(number), answer)


@each("wrong")
def test_a_wrong_answer_that_is_not_listed_is_refused(name):
    assert problem_of(name) is not None


@each("right")
def test_a_right_answer_written_in_another_way_is_accepted(name):
    assert problem_of(name) is None
