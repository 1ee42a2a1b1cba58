"""Exercises that answer back: `check` says todo, ok, or which case went wrong and what to ask yourself next.

One file per section holds statements, solutions, cases, wrong answers and hints:
`ch6_1_image_classification.py` for section 6.1. The notebooks only call what is exported here:

    check("6.1.1", conv_output_size)    one line per exercise: todo, ok, or an error that teaches
    still_open("6.1")                   the last cell of a notebook: what is still to do
    show_solution("6.1.1")              the solution, and the common wrong turns
"""

import ast
import contextlib
import copy
import difflib
import importlib
import inspect
import os
import pkgutil
import re
import sys
import textwrap
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

from .comparing import as_array, difference, show

__all__ = ["Case", "Exercise", "WrongAnswer", "check", "show_solution", "still_open"]

KINDS = ("fill", "predict", "design")
FROM_SOLUTION = object()

_done = set()  # the numbers answered right in this kernel
_wrong_attempts = {}  # number -> how often a wrong answer was given in this kernel


@dataclass(frozen=True)
class Case:
    """One call of the learner's function, chosen for the mistake it catches.

    name      the mistake, in words: "rounds up instead of down"
    args      positional arguments, or a function without arguments that makes them (large or unusual arrays)
    kwargs    keyword arguments
    expected  the right result; left out, it is what the solution returns
    raises    the exception the call must end with, instead of a result ...
    mentions  ... and what its message must name
    check     instead of all these: takes the answer, returns None when it is right, else a sentence.
              The only way for a prediction, where `expected` alone compares the whole answer.
    may_change_inputs  True where the exercise is about changing them in place
    why       needed when none of the exercise's wrong answers fails this case: why it is here
    """

    name: str
    args: tuple | Callable = ()
    kwargs: dict = field(default_factory=dict)
    expected: object = FROM_SOLUTION
    raises: type[Exception] | None = None
    mentions: tuple = ()
    check: Callable | None = None
    may_change_inputs: bool = False
    why: str = ""


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    number     "6.1.3": chapter, section, place
    level      1 (a minute's thought) to 5;  minutes: what to set aside;  points: for grading
    statement  Markdown: the contract (shapes, kinds, errors) and one small example
    hints      pairs (the question a stuck learner asks, the help), in the order they are given
    solution   fill: a function whose signature and docstring become the stub;  predict: the value;
               design: the model answer, Markdown
    wrong      what people really answer: {the mistake in words: answer}
    kind       "fill", "predict" (a value, said before it is run) or "design" (no check, no points)
    """

    number: str
    title: str
    level: int
    minutes: int
    points: int
    statement: str
    hints: tuple
    solution: object
    cases: tuple = ()
    wrong: dict = field(default_factory=dict)
    kind: str = "fill"
    rtol: float = 1e-6
    atol: float = 1e-9

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(
                f"{self.number}: kind {self.kind!r} is unknown; choose one of {', '.join(KINDS)}"
            )
        if not re.fullmatch(r"\d+\.\d+\.\d+", self.number):
            raise ValueError(f'an exercise\'s number looks like "6.1.3", not {self.number!r}')
        if not 1 <= self.level <= 5:
            raise ValueError(f"{self.number}: level {self.level} is outside 1 to 5")
        if self.kind == "design" and (self.points or self.cases):
            raise ValueError(f"{self.number}: a design exercise has no check, so no cases and 0 points")

    @property
    def answer_name(self):
        """What the learner's answer is called in the notebook; None for a design."""
        return {"fill": getattr(self.solution, "__name__", None), "predict": "prediction"}.get(self.kind)

    @property
    def stub(self):
        """The source of the answer cell: signature and docstring of the solution, then a blank."""
        if self.kind == "predict":
            return "prediction = ..."
        if self.kind == "design":
            return f"# exercise {self.number}: your experiment"
        source = textwrap.dedent(inspect.getsource(self.solution))
        docstring = ast.parse(source).body[0].body[0]
        head = "\n".join(source.splitlines()[: docstring.end_lineno])
        return f'{head}\n    raise NotImplementedError("exercise {self.number}")'


class WrongAnswer(AssertionError):
    """A blank or wrong answer. A notebook shows its message only, without the calls that led here."""

    def _render_traceback_(self):
        return [f"WrongAnswer: {self}"]


def check(number, answer):
    """Judge the answer to one exercise: prints a line that says todo or ok, or raises WrongAnswer.

    number: "6.1.3". answer: the learner's function (not its result), or the value predicted.
    A blank answer (raises NotImplementedError, or is ...) is `todo`; with COURSE_GRADING=1 in the environment
    it raises. Each wrong answer is met with the next hint. Raises ValueError for a number that does not
    exist.
    """
    exercise = find(number)
    if exercise.kind == "design":
        raise ValueError(
            f'{number} is an experiment of your own: nothing to check; see show_solution("{number}")'
        )
    _done.discard(number)
    try:
        with contextlib.redirect_stderr(
            sys.stdout
        ):  # nbgrader takes any stderr, a warning too, for a failure
            problem = _first_problem(exercise, answer)
    except _Blank:
        if _grading():
            raise WrongAnswer(f"{number} {exercise.title}: no answer yet") from None
        print(f"todo {number} {exercise.title}")
        return
    if problem is not None:
        text, cause = problem
        raise WrongAnswer(f"{number} {exercise.title}\n{text}\n{_next_hint(exercise)}") from cause
    _done.add(number)
    print(f"ok   {number} {exercise.title} ({len(exercise.cases)} cases)")


def still_open(section):
    """Print which exercises of a section ("6.1") this kernel has not yet seen answered right."""
    numbers = [exercise.number for exercise in section_exercises(section) if exercise.kind != "design"]
    todo = [number for number in numbers if number not in _done]
    if todo:
        print(f"open: {', '.join(todo)} ({len(numbers) - len(todo)} of {len(numbers)} done)")
    else:
        print(f"all {len(numbers)} done")


def show_solution(number):
    """Print the solution of an exercise and the wrong turns that are commonly taken."""
    exercise = find(number)
    print(f"{number} {exercise.title}\n")
    if exercise.kind == "fill":
        print(textwrap.dedent(inspect.getsource(exercise.solution)).rstrip())
    else:
        print(exercise.solution if exercise.kind == "design" else f"prediction = {exercise.solution!r}")
    if exercise.wrong:
        print("\nCommon wrong turns:")
        for mistake in exercise.wrong:
            print(f"- {mistake}")


# finding an exercise ------------------------------------------------------------------------------


def sections():
    """{"6.1": "ch6_1_image_classification", …}: the sections that have exercises, by file name."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        if match := re.match(r"ch(\d+)_(\d+)_", module.name):
            found[f"{match[1]}.{match[2]}"] = module.name
    return found


def section_exercises(section):
    """The exercises of a section ("6.1"), in order. Raises ValueError when there is no such section."""
    files = sections()
    if section not in files:
        raise ValueError(f"there is no section {section!r} with exercises{_nearest(section, files)}")
    return importlib.import_module(f"{__name__}.{files[section]}").EXERCISES


def find(number):
    """The exercise of that number ("6.1.3"). Raises ValueError, naming the nearest, when there is none."""
    if not isinstance(number, str) or not re.fullmatch(r"\d+\.\d+\.\d+", number):
        raise ValueError(f'an exercise\'s number is a text like "6.1.3", not {number!r}')
    exercises = {exercise.number: exercise for exercise in section_exercises(number.rpartition(".")[0])}
    if number not in exercises:
        raise ValueError(f"there is no exercise {number!r}{_nearest(number, exercises)}")
    return exercises[number]


def _nearest(wanted, known):
    nearest = difflib.get_close_matches(str(wanted), known, n=1, cutoff=0)
    return f"; did you mean {nearest[0]!r}? All: {', '.join(known)}" if nearest else "; there are none at all"


# judging ------------------------------------------------------------------------------------------


class _Blank(Exception):
    """The stub is still as it was handed out."""


def _grading():
    value = os.environ.get("COURSE_GRADING", "")
    if value not in ("", "0", "1"):
        raise ValueError(f"COURSE_GRADING is {value!r}: use 1 (a blank answer raises) or 0, or leave it out")
    return value == "1" or (value == "" and "NBGRADER_EXECUTION" in os.environ)  # nbgrader sets it by itself


def _first_problem(exercise, answer):
    """None, or (what to tell the learner, the exception behind it or None). Raises _Blank for a blank."""
    if answer is Ellipsis:
        raise _Blank
    if exercise.kind == "fill" and not callable(answer):
        name = exercise.answer_name
        return (
            f"expected  the function {name}\ngot       {show(answer)}\nHand over the function itself, "
            f'without calling it: check("{exercise.number}", {name})'
        ), None
    if exercise.kind == "predict" and callable(answer):
        return f"expected  a value\ngot       the function {getattr(answer, '__name__', answer)}", None
    judge = _judge_call if exercise.kind == "fill" else _judge_value
    for place, case in enumerate(exercise.cases):
        try:
            problem = judge(exercise, case, answer)
        except NotImplementedError as error:
            if place == 0 and (not str(error) or str(error).startswith("exercise")):
                raise _Blank from None
            problem = _own_error(answer, error), error
        except Exception as error:  # whatever the learner's code raises is part of the answer
            problem = _own_error(answer, error), error
        if problem is not None:
            catches = f"case      {place + 1} of {len(exercise.cases)}, which catches: {case.name}"
            return f"{catches}\n{problem[0]}", problem[1]
    return None


def _judge_value(exercise, case, answer):
    """A prediction. What is expected stays unsaid: it is to be found, not copied."""
    if case.check is not None:
        sentence = case.check(answer)
    else:
        expected = exercise.solution if case.expected is FROM_SOLUTION else case.expected
        sentence = difference(answer, expected, rtol=exercise.rtol, atol=exercise.atol)
        if sentence == "wrong value":
            sentence = (
                f"expected  a {'smaller' if as_array(answer) > as_array(expected) else 'larger'} number"
            )
    return None if sentence is None else (f"got       {show(answer)}\n{sentence}", None)


def _judge_call(exercise, case, answer):
    """One call of the learner's function."""
    if case.check is not None:
        sentence = case.check(answer)
        return None if sentence is None else (sentence, None)
    given, kept, for_solution = (_arguments(case) for _ in range(3))
    call = f"call      {_call_text(exercise.answer_name, given, case.kwargs)}"
    if (misfit := _fits(answer, given, case.kwargs)) is not None:
        return f"{call}\n{misfit}: keep the signature of the stub", None
    if case.raises is not None:
        return _judge_error(case, answer, given, call)
    expected = case.expected
    if expected is FROM_SOLUTION:
        expected = exercise.solution(*for_solution, **copy.deepcopy(case.kwargs))
    try:
        got = answer(*given, **copy.deepcopy(case.kwargs))
    except NotImplementedError:
        raise
    except Exception as error:
        return f"{call}\nexpected  {_indent(show(expected))}\n{_own_error(answer, error)}", error
    if not case.may_change_inputs and _changed(given, kept):
        return f"{call}\nThe input was changed by the call: work on a copy, or build a new array.", None
    sentence = difference(got, expected, rtol=exercise.rtol, atol=exercise.atol)
    if sentence is None:
        return None
    lines = [call, f"expected  {_indent(show(expected))}", f"got       {_indent(show(got))}"]
    if sentence != "wrong value":
        lines.append(sentence)
    return "\n".join(lines), None


def _judge_error(case, answer, given, call):
    names = " that names " + ", ".join(str(word) for word in case.mentions) if case.mentions else ""
    call = f"{call}\nexpected  {case.raises.__name__}{names}"
    try:
        got = answer(*given, **copy.deepcopy(case.kwargs))
    except NotImplementedError:  # first: it is a RuntimeError too
        raise
    except case.raises as error:
        missing = [str(word) for word in case.mentions if not _names(str(error), str(word))]
        if missing:
            return (
                f"{call}\ngot       {type(error).__name__}: {error}\nnot named: {', '.join(missing)}",
                error,
            )
        return None
    except Exception as error:
        return f"{call}\n{_own_error(answer, error)}", error
    return f"{call}\ngot       {_indent(show(got))}", None


def _names(message, word):
    """Whether the word stands in the message by itself: 5 is in "5 by 5", not in "15" or "5.2"."""
    return re.search(rf"(?<![\w.]){re.escape(word)}(?!\w|\.\d)", message) is not None


def _fits(function, args, kwargs):
    """None when the function can be called so, else Python's sentence about the arguments."""
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except TypeError as error:
        return str(error)
    except ValueError:  # a function written in C tells no signature: the call itself will show
        return None


def _changed(value, kept):
    """Whether an argument is no longer what it was. Looks at numbers, arrays and containers of them."""
    if isinstance(value, (list, tuple)):
        return len(value) != len(kept) or any(map(_changed, value, kept))
    if isinstance(value, dict):
        return value.keys() != kept.keys() or any(_changed(value[key], kept[key]) for key in value)
    return as_array(value) is not None and difference(value, kept, rtol=0, atol=0) is not None


def _arguments(case):
    """Fresh arguments for one call, as a list: what one call does to them, no other sees."""
    return list(case.args() if callable(case.args) else copy.deepcopy(case.args))


def _own_error(answer, error):
    """What the learner's code raised, and in which of its lines."""
    text = f"got       {type(error).__name__}: {error}"
    own_file = getattr(getattr(answer, "__code__", None), "co_filename", None)
    own_lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == own_file]
    if own_lines and own_lines[-1].line:
        text += f"\n          line {own_lines[-1].lineno}: {own_lines[-1].line}"
    return text


def _call_text(name, args, kwargs):
    shown = [show(value, one_line=True) for value in args]
    shown += [f"{key}={show(value, one_line=True)}" for key, value in kwargs.items()]
    return f"{name}({', '.join(shown)})"


def _indent(text):
    return text.replace("\n", "\n" + " " * 10)


def _next_hint(exercise):
    attempt = _wrong_attempts.get(exercise.number, 0)
    _wrong_attempts[exercise.number] = attempt + 1
    if attempt < len(exercise.hints):
        question, help_text = exercise.hints[attempt]
        return f"hint {attempt + 1} of {len(exercise.hints)}: {question}\n{textwrap.fill(help_text, 100)}"
    return (
        "No more hints. Sleep on it, or look: "
        f'from exercises import show_solution; show_solution("{exercise.number}")'
    )
