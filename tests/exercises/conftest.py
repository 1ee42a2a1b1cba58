"""What the tests of the exercises share: a kernel in which nothing was tried yet, and one small exercise."""

from types import FunctionType

import pytest

from exercises import Exercise, WrongAnswer, check, finding, judging, texts
from exercises.texts import Words


@pytest.fixture(autouse=True)
def new_kernel(monkeypatch):
    """Nothing done, nothing tried, not grading."""
    monkeypatch.setattr(judging, "_done", set())
    monkeypatch.setattr(judging, "_shown_hints", {})
    for name in ("COURSE_GRADING", "NBGRADER_EXECUTION"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def message():
    """A function: the message of a wrong answer."""

    def told(number, answer):
        with pytest.raises(WrongAnswer) as caught:
            check(number, answer)
        return str(caught.value)

    return told


@pytest.fixture
def practice(monkeypatch):
    """One exercise of our own, 9.9.1, made from the arguments of Exercise and the hints; returns it.

    The sentence of a wrong answer is its name, with spaces for the underscores.
    """

    def add(solution, cases=(), *, hints=(("First?", "Look."), ("Second?", "Look again.")), **more):
        if isinstance(solution, FunctionType):  # a copy: the test may hand over its own
            solution = FunctionType(solution.__code__, solution.__globals__, solution.__name__)
        given = {"level": 1, "minutes": 5, "points": 1, **more}
        exercise = Exercise("9.9.1", solution=solution, cases=cases, **given)
        wrong = {listed.name: listed.name.replace("_", " ") for listed in exercise.listed}
        words = Words("Practice", "Do it.", list(hints), wrong, "")
        ours = {
            "section_exercises": ([exercise], finding.section_exercises),
            "section_words": ({"9.9.1": words}, texts.section_words),
        }
        for name, (own, real) in ours.items():
            for module in (finding, texts, judging):
                if hasattr(module, name):
                    monkeypatch.setattr(
                        module,
                        name,
                        lambda section, *more, o=own, r=real: o if section == "9.9" else r(section),
                    )
        return exercise

    return add


def _either(own, real):
    return lambda section, *more: own if section == "9.9" else real(section, *more)
