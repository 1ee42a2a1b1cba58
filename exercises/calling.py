"""One call of a function in a room of its own: what it does to its inputs or prints, no other call sees."""

import contextlib
import copy
import io
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import NamedTuple, TextIO

import numpy as np

from .comparing import as_code, identical
from .exercise import FROM_SOLUTION, Case, Exercise

PRINTED = 2_000  # characters of an answer's own prints that are shown


class Result(NamedTuple):
    """How a call ended: with a value or an error; whether it changed an argument, or gave one back."""

    value: object = None
    error: BaseException | None = None
    changed: bool = False
    given_back: bool = False


class Trial(NamedTuple):
    """One call of an answer: what had to come, and what came."""

    case: Case
    wanted: Result
    got: Result


def trial_of(exercise: Exercise, answer: Callable, case: Case) -> Trial:
    """The call of one case. Not caught: what the learner interrupts."""
    return Trial(case, wanted_from(exercise, case), result_of(answer, case))


def wanted_from(exercise: Exercise, case: Case) -> Result:
    """What a call must end in: what the case says, or else what the solution gives."""
    if case.raises is not None:
        return Result(error=case.raises())
    if case.expected is not FROM_SOLUTION:
        return Result(case.expected)
    return result_of(exercise.solution, case)


def result_of(function: Callable, case: Case) -> Result:
    """Call a function with fresh arguments; NumPy's error settings are restored after it."""
    given = arguments(case)
    try:
        with np.errstate():
            value = function(*given, **copy.deepcopy(case.kwargs))
            value = value if case.examine is None else case.examine(value)
    except (Exception, SystemExit) as error:
        return Result(error=error)
    given_back = any(_is_part_of(value, one) for one in given)
    return Result(value, changed=not identical(given, arguments(case)), given_back=given_back)


def _is_part_of(value: object, argument: object) -> bool:
    """Whether a result is an argument itself, or an array that shares its numbers."""
    if isinstance(value, np.ndarray) and isinstance(argument, np.ndarray):
        return np.shares_memory(value, argument)
    return value is argument and isinstance(value, list)


def arguments(case: Case) -> list:
    """Fresh positional arguments."""
    return list(case.args() if callable(case.args) else copy.deepcopy(case.args))


def drawn_cases(exercise: Exercise) -> Iterator[Case]:
    """The calls that an exercise draws, as Cases: always the same."""
    random = np.random.default_rng(0)
    for _ in range(exercise.draws if exercise.draw else 0):
        call = exercise.draw(random)
        yield call if isinstance(call, Case) else Case(call)


def call_text(exercise: Exercise, case: Case) -> str:
    """The call as Python that can be pasted: conv_output_size(28, 5, padding=2)."""
    shown = [case.args_text] if case.args_text else [as_code(value) for value in arguments(case)]
    shown += [f"{key}={as_code(value)}" for key, value in case.kwargs.items()]
    return f"{exercise.answer_name}({', '.join(shown)})"


@contextlib.contextmanager
def prints_bounded() -> Iterator[None]:
    """Shows the beginning of what is printed; stderr too, since nbgrader takes it for a failure."""
    printed = _Beginning(sys.stdout)
    with warnings.catch_warnings():
        warnings.simplefilter("default")  # shown, and no errors, so that a call ends the same in every place
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            yield


@contextlib.contextmanager
def in_silence() -> Iterator[None]:
    """Throws away what hundreds of calls print and warn of."""
    with open(os.devnull, "w") as nowhere, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            yield


class _Beginning(io.TextIOBase):
    """A stream that hands on the first PRINTED characters and says that it left out the rest."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.left = stream, PRINTED

    def write(self, text: str) -> int:
        if self.left > 0:
            self.stream.write(text[: self.left])
            self.left -= len(text)
            if self.left < 0:
                self.stream.write("\n(what else the function prints is left out)\n")
        return len(text)
