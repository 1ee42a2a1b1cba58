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
from typing import NamedTuple

from .comparing import as_array, as_code, difference, show

__all__ = ["Case", "Exercise", "WrongAnswer", "check", "show_solution", "still_open"]

KINDS = ("fill", "predict", "design")
FROM_SOLUTION = object()
SLIPS = (NameError, AttributeError, ImportError, SyntaxError, TypeError)  # what a typing mistake raises

_done = set()  # the numbers answered right in this kernel
_shown_hints = {}  # (number, name of the answer) -> the places of the hints shown in this kernel


@dataclass(frozen=True)
class Case:
    """One call of the learner's function, chosen for the mistake it catches.

    name      the mistake, in words that go on from "one of its usual causes": "the result rounded up"
    args      positional arguments, or a function without arguments that makes them (large or unusual arrays)
    kwargs    keyword arguments
    args_text how the arguments are written in the call that a learner is shown, where arrays are too large to
              be printed: "np.arange(48.0).reshape(2, 2, 3, 4), 1, 0"
    hint      the place (0, 1 or 2) of the hint that fits this mistake; left out, hints come from the first on
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
    args_text: str = ""
    hint: int | None = None
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
        for case in self.cases:
            if case.hint is not None and not 0 <= case.hint < len(self.hints):
                raise ValueError(
                    f"{self.number}: case {case.name!r} names hint {case.hint}; "
                    f"the hints are 0 to {len(self.hints) - 1}"
                )
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
    it raises. A wrong answer is met with the hint that fits the failing case, then with the hints after it; a
    slip (the function was called, an argument is missing, None came back, a name is misspelt) is named, and
    costs no hint. Hints are counted for each name of an answer: a lambda shown beforehand takes none from the
    learner's function. Raises ValueError for a number that does not exist.
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
        lines = [f"{number} {exercise.title}", problem.text]
        if not problem.slip:
            lines.append(_next_hint(exercise, problem.hint, answer))
        raise WrongAnswer("\n".join(lines)) from problem.cause
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


class _Problem(NamedTuple):
    """What is wrong with an answer.

    text   lines for the learner
    cause  the exception behind it, if there is one
    slip   True when it is not about the idea of the exercise: the text says enough, no hint is spent
    value  True when the answer is of the right type and shape, and wrong: what the failing case was made for
    hint   the place of the hint that fits
    """

    text: str
    cause: Exception | None = None
    slip: bool = False
    value: bool = False
    hint: int | None = None


def _first_problem(exercise, answer):
    """None, or the first _Problem of the answer. Raises _Blank for a blank."""
    if answer is Ellipsis:
        raise _Blank
    if exercise.kind == "predict":
        return _problem_of_value(exercise, answer)
    if not callable(answer):
        name = exercise.answer_name
        text = (
            f"expected  the function {name}\ngot       {show(answer)}\nHand over the function itself, "
            f'without calling it: check("{exercise.number}", {name})'
        )
        return _Problem(text, slip=True)
    for place, case in enumerate(exercise.cases):
        try:
            problem = _judge_call(exercise, case, answer)
        except NotImplementedError as error:
            problem = _not_implemented(answer, error, first=place == 0)
        except Exception as error:  # whatever the learner's code raises is part of the answer
            problem = _own_problem(answer, error)
        if problem is not None:
            text = f"case      {place + 1} of {len(exercise.cases)}\n{problem.text}"
            if problem.value:
                text += f"\none of its usual causes: {case.name}"
            return problem._replace(text=text, hint=case.hint)
    return None


def _problem_of_value(exercise, answer):
    """The first problem of a prediction, whose cases have no call to show."""
    if callable(answer):
        got = f"the function {getattr(answer, '__name__', answer)}"
        return _Problem(f"expected  a value\ngot       {got}", slip=True)
    if answer is None:
        return _Problem("got       None\nWrite a value in place of the three dots.", slip=True)
    found = difference(answer, exercise.solution, rtol=exercise.rtol, atol=exercise.atol)
    if found is not None and found.about != "value":  # first: the cases compare it with numbers
        return _Problem(f"got       {show(answer)}\n{found}", slip=True)
    for case in exercise.cases:
        if (problem := _judge_value(exercise, case, answer)) is not None:
            return problem._replace(hint=case.hint)
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
    return None if sentence is None else _Problem(f"got       {show(answer)}\n{sentence}")


def _judge_call(exercise, case, answer):
    """One call of the learner's function."""
    if case.check is not None:
        sentence = case.check(answer)
        return None if sentence is None else _Problem(sentence)
    given, kept, for_solution = (_arguments(case) for _ in range(3))
    call = f"call      {_call_text(exercise.answer_name, case, given)}"
    if (misfit := _fits(answer, given, case.kwargs)) is not None:
        return _Problem(f"{call}\n{misfit}: keep the signature of the stub", slip=True)
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
        return _own_problem(answer, error, f"{call}\nexpected  {_indent(show(expected))}\n")
    if not case.may_change_inputs and _changed(given, kept):
        text = f"{call}\nThe input was changed by the call: work on a copy, or build a new array."
        return _Problem(text, slip=True)
    found = difference(got, expected, rtol=exercise.rtol, atol=exercise.atol)
    if found is None:
        return None
    lines = [call, f"expected  {_indent(show(expected))}", f"got       {_indent(show(got))}"]
    if got is None:
        lines.append("The function returned None: is there a return?")
    elif got is Ellipsis:
        lines.append("The function returned ... (three dots): is there a return with a value?")
    elif found != "wrong value":
        lines.append(found)
    return _Problem("\n".join(lines), slip=found.about == "type", value=found.about == "value")


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
            text = f"{call}\ngot       {type(error).__name__}: {error}\nnot named: {', '.join(missing)}"
            return _Problem(text, error, slip=True)
        return None
    except Exception as error:
        return _own_problem(answer, error, f"{call}\n")
    return _Problem(f"{call}\ngot       {_indent(show(got))}", value=got is not None)


def _not_implemented(answer, error, *, first):
    """The _Problem of an answer that raised NotImplementedError; raises _Blank when it is still the stub."""
    of_the_stub = not str(error) or str(error).startswith("exercise")
    body = _statements(answer)
    if of_the_stub and first and (body is None or (len(body) == 1 and _raises_not_implemented(body[0]))):
        raise _Blank from None
    if of_the_stub and any(_raises_not_implemented(node) for part in body or () for node in ast.walk(part)):
        text = "The line `raise NotImplementedError` is still there: remove it."
        return _Problem(text, error, slip=True)
    return _own_problem(answer, error)


def _statements(function):
    """The statements of a function without docstring, `pass` and `...`; None when its source is unknown."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):  # typed into a prompt, no Python, part of a line
        return None
    if not isinstance(tree, ast.FunctionDef):
        return None
    return [
        part
        for part in tree.body
        if not isinstance(part, ast.Pass)
        and not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
    ]


def _raises_not_implemented(node):
    raised = node.exc if isinstance(node, ast.Raise) else None
    raised = raised.func if isinstance(raised, ast.Call) else raised
    return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"


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


def _own_problem(answer, error, text=""):
    """What the learner's code raised, and in which of its lines."""
    text += f"got       {type(error).__name__}: {error}"
    own_file = getattr(getattr(answer, "__code__", None), "co_filename", None)
    own_lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == own_file]
    if own_lines and own_lines[-1].line:
        text += f"\n          line {own_lines[-1].lineno}: {own_lines[-1].line}"
    return _Problem(text, error, slip=isinstance(error, SLIPS))


def _call_text(name, case, args):
    """The call as Python that can be pasted: conv_output_size(28, 5, padding=2)."""
    shown = [case.args_text] if case.args_text else [as_code(value) for value in args]
    shown += [f"{key}={as_code(value)}" for key, value in case.kwargs.items()]
    return f"{name}({', '.join(shown)})"


def _indent(text):
    return text.replace("\n", "\n" + " " * 10)


def _next_hint(exercise, fitting, answer):
    """The first hint from the place `fitting` on that was not shown; when there is none, how to go on."""
    shown = _shown_hints.setdefault((exercise.number, getattr(answer, "__name__", None)), [])
    more = [place for place in range(fitting or 0, len(exercise.hints)) if place not in shown]
    if more:
        shown.append(more[0])
        return _hint_text(exercise, more[0])
    repeated = fitting if fitting is not None else shown[-1]
    return (
        f"{_hint_text(exercise, repeated)}\nNo more hints. Sleep on it, or look: "
        f'from exercises import show_solution; show_solution("{exercise.number}")'
    )


def _hint_text(exercise, place):
    question, help_text = exercise.hints[place]
    return f"hint {place + 1} of {len(exercise.hints)}: {question}\n{textwrap.fill(help_text, 100)}"
