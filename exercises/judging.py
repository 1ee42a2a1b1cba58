"""`check`: the named cases first, then the drawn calls, then the likely cause of what went wrong."""

import ast
import contextlib
import copy
import inspect
import os
import re
import sys
import textwrap
import traceback
import warnings
from typing import NamedTuple

import numpy as np

from helpers.comparing import as_array, as_code, difference, show
from helpers.settings import setting

from . import texts
from .exercise import FROM_SOLUTION, Case
from .finding import find, section_exercises

SLIPS = (NameError, AttributeError, ImportError, SyntaxError, TypeError)  # what a typing mistake raises

_done = set()  # the numbers answered right in this kernel
_shown_hints = {}  # (number, name of the answer) -> the places of the hints shown in this kernel


class WrongAnswer(AssertionError):
    """A blank or wrong answer. A notebook shows its message only, without the calls that led here."""

    def _render_traceback_(self):
        return [f"WrongAnswer: {self}"]


def check(number, answer):
    """Judge the answer to one exercise: `determinant = check("2.1.3", determinant)`.

    number: "2.1.3". answer: the learner's function (not its result), or the value predicted.
    Right: prints `ok` and returns the answer. Blank (a function that raises NotImplementedError, or ...):
    prints `todo` and returns the course's own function, so that the notebook can go on; a blank prediction
    comes back as it is. With COURSE_GRADING=1 in the environment a blank raises, like a wrong answer.
    Wrong: raises WrongAnswer with the call, what was expected, what came, the likely cause where one of the
    listed wrong answers gives the same, and a hint. A slip (the function was called, an argument is missing,
    None came back, a name is misspelt) costs no hint. Hints are counted for each name of an answer: a lambda
    shown beforehand takes none from the learner's function.
    Raises ValueError for a number that does not exist.
    """
    exercise, grading = find(number), _grading()
    if exercise.kind == "design":
        raise ValueError(
            f'{number} is an experiment of your own: nothing to check; see show_solution("{number}")'
        )
    words = texts.words(number)
    _done.discard(number)
    try:
        handed_back = exercise.kind == "fill" and answer is exercise.solution  # what a blank answer got
        if answer is ... or handed_back:
            raise Blank
        problem = first_problem(exercise, answer)
    except Blank:
        if grading:
            raise WrongAnswer(f"{number} {words.title}: no answer yet") from None
        print(f"todo {number} {words.title}")
        return exercise.solution if exercise.kind == "fill" else answer
    if problem is not None:
        raise WrongAnswer(_message(exercise, words, answer, problem)) from problem.cause
    _done.add(number)
    print(f"ok   {number} {words.title}{_how_many(exercise)}")
    return answer


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
    exercise, words = find(number), texts.words(number)
    print(f"{number} {words.title}\n")
    if exercise.kind == "fill":
        print(textwrap.dedent(inspect.getsource(exercise.solution)).rstrip())
    else:
        print(words.model_answer if exercise.kind == "design" else f"prediction = {exercise.solution!r}")
    if words.wrong:
        print("\nCommon wrong turns:")
        for sentence in words.wrong.values():
            print(f"- {sentence}")


class Blank(Exception):
    """The stub is still as it was handed out."""


class Problem(NamedTuple):
    """What is wrong with an answer.

    text   lines for the learner
    cause  the exception behind it, if there is one
    slip   True when it is not about the idea of the exercise: the text says enough, no hint is spent
    case   the call that failed: a Case
    listed the listed wrong answer that gives the same: a Listed
    """

    text: str
    cause: Exception | None = None
    slip: bool = False
    case: Case | None = None
    listed: object = None


def first_problem(exercise, answer):
    """None for a right answer, else the first Problem. Raises Blank for a blank."""
    if exercise.kind == "predict":
        return _problem_of_prediction(exercise, answer)
    if not callable(answer):
        name = exercise.answer_name
        text = (
            f"expected  the function {name}\ngot       {show(answer)}\nHand over the function itself, "
            f'without calling it: {name} = check("{exercise.number}", {name})'
        )
        return Problem(text, slip=True)
    problem = _problem_of_cases(exercise, answer) or _problem_of_draws(exercise, answer)
    if problem is None or problem.case is None:
        return problem
    with _in_silence():
        return problem._replace(listed=likely_cause(exercise, answer, problem.case))


def _problem_of_cases(exercise, answer):
    with contextlib.redirect_stderr(sys.stdout):  # nbgrader takes any stderr, a warning too, for a failure
        for place, case in enumerate(exercise.cases):
            problem = _problem_of_call(exercise, answer, case, first=place == 0)
            if problem is not None:
                return problem._replace(
                    text=f"case      {place + 1} of {len(exercise.cases)}\n{problem.text}"
                )
    return None


def _problem_of_draws(exercise, answer):
    """The problem of the shortest call among the drawn ones that fail."""
    failing = []
    with _in_silence():
        for case in drawn_cases(exercise):
            problem = _problem_of_call(exercise, answer, case)
            if problem is not None:
                failing.append((len(_call_text(exercise, case)), problem))
    if not failing:
        return None
    _, problem = min(failing, key=lambda pair: pair[0])
    return problem._replace(
        text=f"drawn     the shortest of {len(failing)} that fail, of {exercise.draws} calls\n{problem.text}"
    )


def drawn_cases(exercise):
    """The calls that an exercise draws, as Cases: always the same."""
    random = np.random.default_rng(0)
    for _ in range(exercise.draws if exercise.draw else 0):
        call = exercise.draw(random)
        yield call if isinstance(call, Case) else Case(call)


# one call ------------------------------------------------------------------------------------------


class Result(NamedTuple):
    """How a call ended: with a value or an error, and whether an argument was changed."""

    value: object = None
    error: Exception | None = None
    changed: bool = False


def result_of(function, case):
    """Call a function with fresh arguments of its own, so that no other call sees what it does to them."""
    given, kept = _arguments(case), _arguments(case)
    try:
        with np.errstate():
            value = function(*given, **copy.deepcopy(case.kwargs))
    except Exception as error:
        return Result(error=error)
    return Result(value, changed=_changed(given, kept))


def expected_result(exercise, case):
    """What a call must end in: the Result of the solution, or what the case says."""
    if case.raises is not None:
        return Result(error=case.raises())
    if case.expected is not FROM_SOLUTION:
        return Result(copy.deepcopy(case.expected))
    return result_of(exercise.solution, case)


def _problem_of_call(exercise, answer, case, *, first=False):
    call = f"call      {_call_text(exercise, case)}"
    misfit = _misfit(answer, case)
    if misfit is not None:
        return Problem(f"{call}\n{misfit}: keep the signature of the stub", slip=True)
    wanted = expected_result(exercise, case)
    got = result_of(answer, case)
    if isinstance(got.error, NotImplementedError):
        return _not_implemented(answer, got.error, first=first)
    if wanted.error is not None:
        return _problem_of_error(answer, case, wanted.error, got, call)
    if got.error is not None:
        return _own_problem(answer, case, got.error, f"{call}\nexpected  {_indent(show(wanted.value))}\n")
    if got.changed and not exercise.may_change_inputs:
        text = f"{call}\nThe input was changed by the call: work on a copy, or build a new array."
        return Problem(text, slip=True, case=case)
    found = difference(got.value, wanted.value, rtol=exercise.rtol, atol=exercise.atol)
    if found is None:
        return None
    lines = [call, f"expected  {_indent(show(wanted.value))}", f"got       {_indent(show(got.value))}"]
    if got.value is None:
        lines.append("The function returned None: is there a return?")
    elif got.value is Ellipsis:
        lines.append("The function returned ... (three dots): is there a return with a value?")
    elif found != "wrong value":
        lines.append(found)
    return Problem("\n".join(lines), slip=found.about == "type", case=case)


def _problem_of_error(answer, case, wanted, got, call):
    names = " that names " + ", ".join(str(word) for word in case.mentions) if case.mentions else ""
    call = f"{call}\nexpected  {type(wanted).__name__}{names}"
    if got.error is None:
        return Problem(f"{call}\ngot       {_indent(show(got.value))}", slip=got.value is None, case=case)
    if not isinstance(got.error, type(wanted)):
        return _own_problem(answer, case, got.error, f"{call}\n")
    if missing := _not_mentioned(got.error, case):
        text = f"{call}\ngot       {_error_text(got.error)}\nnot named: {', '.join(missing)}"
        return Problem(text, got.error, slip=True, case=case)
    return None


def _not_mentioned(error, case):
    return [str(word) for word in case.mentions if not names(str(error), str(word))]


def names(message, word):
    """Whether the word stands in the message by itself: 5 is in "5 by 5", not in "15" or "5.2"."""
    return re.search(rf"(?<![\w.]){re.escape(word)}(?!\w|\.\d)", message) is not None


def _arguments(case):
    return list(case.args() if callable(case.args) else copy.deepcopy(case.args))


def _misfit(function, case):
    """None when the function can be called so, else Python's sentence about the arguments."""
    try:
        inspect.signature(function).bind(*_arguments(case), **case.kwargs)
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


def _call_text(exercise, case):
    """The call as Python that can be pasted: conv_output_size(28, 5, padding=2)."""
    shown = [case.args_text] if case.args_text else [as_code(value) for value in _arguments(case)]
    shown += [f"{key}={as_code(value)}" for key, value in case.kwargs.items()]
    return f"{exercise.answer_name}({', '.join(shown)})"


@contextlib.contextmanager
def _in_silence():
    """What hundreds of calls print, and warn of, is thrown away."""
    with (
        open(os.devnull, "w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield


# the likely cause ----------------------------------------------------------------------------------


def likely_cause(exercise, answer, case):
    """The listed wrong answer that gives what this answer gives: on the call that failed, and on all others
    of its kind (with a value expected, or with an error). None when there is none."""
    mine = result_of(answer, case)
    alike = [
        listed for listed in exercise.listed if _same(exercise, case, result_of(listed.answer, case), mine)
    ]
    if not alike:
        return None
    calls = [*exercise.cases, *drawn_cases(exercise)]
    ends_in_error = [expected_result(exercise, call).error is not None for call in calls]
    kind = expected_result(exercise, case).error is not None
    of_its_kind = [call for call, error in zip(calls, ends_in_error, strict=True) if error is kind]
    alike = _that_agree(exercise, answer, alike, of_its_kind)
    return (
        (_that_agree(exercise, answer, alike, calls) or [None])[0]
        if len(alike) > 1
        else next(iter(alike), None)
    )


def _that_agree(exercise, answer, listed, calls):
    """Those of the list that give on each of the calls what the answer gives."""
    for call in calls:
        if not listed:
            break
        mine = result_of(answer, call)
        listed = [one for one in listed if _same(exercise, call, result_of(one.answer, call), mine)]
    return listed


def _same(exercise, case, one, other):
    """Whether two calls ended alike: in the same value, or in errors of one type that name the same."""
    if one.error is not None or other.error is not None:
        same_type = type(one.error) is type(other.error)
        return same_type and _not_mentioned(one.error, case) == _not_mentioned(other.error, case)
    tolerance = {"rtol": exercise.rtol, "atol": exercise.atol}
    return (
        one.changed == other.changed
        and difference(one.value, other.value, **tolerance) is None
        and difference(other.value, one.value, **tolerance) is None
    )


# predictions ---------------------------------------------------------------------------------------


def _problem_of_prediction(exercise, answer):
    """What is expected stays unsaid: it is to be found, not copied."""
    if callable(answer):
        got = f"the function {getattr(answer, '__name__', answer)}"
        return Problem(f"expected  a value\ngot       {got}", slip=True)
    if answer is None:
        return Problem("got       None\nWrite a value in place of the three dots.", slip=True)
    found = difference(answer, exercise.solution, rtol=exercise.rtol, atol=exercise.atol)
    if found is None:
        return None
    text = f"got       {show(answer)}"
    if found.about != "value":
        return Problem(f"{text}\n{found}", slip=True)
    for listed in exercise.listed:
        if _is_prediction(answer, listed.answer, exercise):
            return Problem(text, listed=listed)
    if found == "wrong value":
        larger = as_array(answer) > as_array(exercise.solution)
        return Problem(f"{text}\nexpected  a {'smaller' if larger else 'larger'} number")
    return Problem(f"{text}\n{found}")


def _is_prediction(answer, listed, exercise):
    """Whether the answer is the listed one; ... in a listed tuple stands for any value."""
    if isinstance(listed, tuple):
        return all(
            wanted is ... or _is_prediction(item, wanted, exercise)
            for item, wanted in zip(answer, listed, strict=True)
        )
    return difference(answer, listed, rtol=exercise.rtol, atol=exercise.atol) is None


# blanks and errors of the answer -------------------------------------------------------------------


def _grading():
    value = setting("COURSE_GRADING")
    if value not in ("", "0", "1"):
        raise ValueError(f"COURSE_GRADING is {value!r}: use 1 (a blank answer raises) or 0, or leave it out")
    return value == "1" or (value == "" and "NBGRADER_EXECUTION" in os.environ)  # nbgrader sets it by itself


def _not_implemented(answer, error, *, first):
    """The Problem of an answer that raised NotImplementedError; raises Blank when it is still the stub."""
    of_the_stub = not str(error) or str(error).startswith("exercise")
    body = _statements(answer)
    if of_the_stub and first and (body is None or (len(body) == 1 and _raises_not_implemented(body[0]))):
        raise Blank from None
    if of_the_stub and any(_raises_not_implemented(node) for part in body or () for node in ast.walk(part)):
        text = "The line `raise NotImplementedError` is still there: remove it."
        return Problem(text, error, slip=True)
    return _own_problem(answer, None, error)


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


def _own_problem(answer, case, error, text=""):
    """What the learner's code raised, and in which of its lines."""
    text += f"got       {_error_text(error)}"
    own_file = getattr(getattr(answer, "__code__", None), "co_filename", None)
    own_lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == own_file]
    if own_lines and own_lines[-1].line:
        text += f"\n          line {own_lines[-1].lineno}: {own_lines[-1].line}"
    return Problem(text, error, slip=isinstance(error, SLIPS), case=case)


def _error_text(error):
    return f"{type(error).__name__}: {textwrap.shorten(str(error), 500)}"


# what is said --------------------------------------------------------------------------------------


def _message(exercise, words, answer, problem):
    lines = [f"{exercise.number} {words.title}", problem.text]
    hint = None
    if problem.listed is not None:
        sentence = words.wrong[problem.listed.name]
        lines.append(sentence if exercise.kind == "predict" else f"likely cause: {sentence}")
        hint = problem.listed.hint
    if hint is not None or not problem.slip:
        lines.append(_next_hint(exercise, words, hint, answer))
    return "\n".join(lines)


def _next_hint(exercise, words, fitting, answer):
    """The first hint from the place `fitting` on that was not shown; when there is none, how to go on."""
    shown = _shown_hints.setdefault((exercise.number, getattr(answer, "__name__", None)), [])
    more = [place for place in range(fitting or 0, len(words.hints)) if place not in shown]
    if more:
        shown.append(more[0])
        return _hint_text(words, more[0])
    repeated = fitting if fitting is not None else shown[-1]
    return (
        f"{_hint_text(words, repeated)}\nNo more hints. Sleep on it, or look: "
        f'from exercises import show_solution; show_solution("{exercise.number}")'
    )


def _hint_text(words, place):
    question, help_text = words.hints[place]
    paragraphs = "\n".join(textwrap.fill(paragraph, 100) for paragraph in help_text.split("\n\n"))
    return f"hint {place + 1} of {len(words.hints)}: {question}\n{paragraphs}"


def _how_many(exercise):
    """ " (9 cases, 200 draws)" of a function."""
    if exercise.kind == "predict":
        return ""
    draws = f", {exercise.draws} draws" if exercise.draw else ""
    return f" ({len(exercise.cases)} cases{draws})"


def _indent(text):
    return text.replace("\n", "\n" + " " * 10)
