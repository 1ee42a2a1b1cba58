"""`check`: the named cases first, then the drawn calls, then the likely cause of what went wrong."""

import inspect
import os
import textwrap
import time
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

from helpers.settings import setting

from . import texts
from .blank import is_blank, is_still_there
from .calling import (
    Result,
    Trial,
    call_text,
    drawn_cases,
    in_silence,
    prints_bounded,
    result_of,
    trial_of,
)
from .comparing import as_array, difference, show
from .exercise import Case, Exercise, Listed
from .finding import find, section_exercises
from .mentions import not_named, values_named
from .texts import Words

SLIPS = (NameError, AttributeError, ImportError, SyntaxError, TypeError)  # what a typing mistake raises
SECONDS = 10  # after which a slow answer is asked no more drawn calls
ERROR = 500  # characters of an error's message that are shown

_done = set()  # the numbers answered right in this kernel
_shown_hints = {}  # (number, name of the answer) -> the places of the hints shown in this kernel


class WrongAnswer(AssertionError):
    """A blank or wrong answer. A notebook shows its message only, without the calls that led here."""

    def _render_traceback_(self) -> list[str]:
        return [f"WrongAnswer: {self}"]


def check(number: str, answer: Any) -> Any:
    """Judge the answer to one exercise, and return what the notebook goes on with.

    Called as in `determinant = check("2.1.3", determinant)`.
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
    exercise, grading = find(number), _grading()  # before the answer runs, which might change the environment
    if exercise.kind == "design":
        raise ValueError(
            f'{number} is an experiment of your own: nothing to check; see show_solution("{number}")'
        )
    words = texts.words(number)
    _done.discard(number)
    try:
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


def still_open(*what: str) -> None:
    """Print which exercises this kernel has not yet seen answered right.

    Those of a section, still_open("6.1"), or the ones named, still_open("3.1.4", "3.1.5"), in a notebook that
    is one of several parts of its section.
    """
    exercises = []
    for name in what:
        exercises += [find(name)] if str(name).count(".") == 2 else section_exercises(name)
    numbers = [exercise.number for exercise in exercises if exercise.kind != "design"]
    todo = [number for number in numbers if number not in _done]
    if todo:
        print(f"open: {', '.join(todo)} ({len(numbers) - len(todo)} of {len(numbers)} done)")
    else:
        print(f"all {len(numbers)} done")


def show_solution(number: str) -> None:
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


# what is wrong -------------------------------------------------------------------------------------


class Blank(Exception):
    """The stub is still as it was handed out."""


class Problem(NamedTuple):
    """What is wrong with an answer.

    text    lines for the learner
    cause   the exception behind it, if there is one
    slip    True when it is not about the idea of the exercise: the text says enough, no hint is spent
    trial   the call that went wrong; None where a listed wrong answer cannot be the cause
    listed  the listed wrong answer that gives the same
    hint    the place of the hint that fits; None: of a listed cause none does, else they come in order
    """

    text: str
    cause: BaseException | None = None
    slip: bool = False
    trial: Trial | None = None
    listed: Listed | None = None
    hint: int | None = None


def first_problem(exercise: Exercise, answer: Any) -> Problem | None:
    """None for a right answer, else the first Problem. Raises Blank for a blank."""
    if answer is ...:
        raise Blank
    if exercise.kind == "predict":
        return _problem_of_prediction(exercise, answer)
    if answer is exercise.solution:  # what `check` gave back for a blank is blank still
        raise Blank
    return problem_of_function(exercise, answer)


def problem_of_function(exercise: Exercise, answer: Any) -> Problem | None:
    """The first Problem of a function: in the named cases, then the shortest of the drawn calls that fail."""
    if not callable(answer):
        name = exercise.answer_name
        text = (
            f"expected  the function {name}\ngot       {show(answer)}\nHand over the function itself, "
            f'without calling it: {name} = check("{exercise.number}", {name})'
        )
        return Problem(text, slip=True)
    trials = []
    with prints_bounded():
        problem = _problem_of_cases(exercise, answer, trials)
    with in_silence():
        problem = problem or _problem_of_draws(exercise, answer, trials)
        if problem is None:
            return _one_message_for_all(exercise, trials)
        if problem.trial is None:
            return problem
        listed = likely_cause(exercise, answer, problem.trial, trials)
        if listed is not None:
            return problem._replace(listed=listed, hint=listed.hint)
        if problem.slip or problem.trial.wanted.error is None:
            return problem
        hint = _hint_for_error(exercise, problem.trial.case)
        return problem._replace(hint=hint, slip=hint is None)


def _problem_of_cases(exercise: Exercise, answer: Any, trials: list[Trial]) -> Problem | None:
    for place, case in enumerate(exercise.cases):
        trials.append(trial_of(exercise, answer, case))
        if place == 0 and is_blank(answer, trials[0].got.error):
            raise Blank
        problem = _problem_of(exercise, answer, trials[-1])
        if problem is not None:
            return problem._replace(text=f"case      {place + 1} of {len(exercise.cases)}\n{problem.text}")
    return None


def _problem_of_draws(exercise: Exercise, answer: Any, trials: list[Trial]) -> Problem | None:
    failing, until = [], time.monotonic() + SECONDS
    for case in drawn_cases(exercise):
        trials.append(trial_of(exercise, answer, case))
        problem = _problem_of(exercise, answer, trials[-1])
        if problem is not None:
            failing.append((len(call_text(exercise, case)), problem))
        if time.monotonic() > until:
            break
    if not failing:
        return None
    problem = min(failing, key=lambda pair: pair[0])[1]
    drawn = len(trials) - len(exercise.cases)
    return problem._replace(
        text=f"drawn     the shortest of {len(failing)} calls that fail, of {drawn}\n{problem.text}"
    )


def _problem_of(exercise: Exercise, answer: Any, trial: Trial) -> Problem | None:
    """What is wrong with one call; None when it is right."""
    wanted, got = trial.wanted, trial.got
    found = None
    if wanted.error is None and got.error is None:
        changed = got.changed and not exercise.may_change_inputs
        given_back = got.given_back and exercise.new_result
        found = difference(got.value, wanted.value, rtol=exercise.rtol, atol=exercise.atol)
        if found is None and not changed and not given_back:
            return None
    elif _is_the_error(got.error, wanted.error) and not not_named(str(got.error), trial.case.mentions):
        return None
    call = f"call      {call_text(exercise, trial.case)}"
    if isinstance(got.error, NotImplementedError) and is_still_there(answer, got.error):
        return Problem(
            "The line `raise NotImplementedError` is still there: remove it.", got.error, slip=True
        )
    if isinstance(got.error, TypeError) and (misfit := _misfit(answer, trial.case)) is not None:
        return Problem(f"{call}\n{misfit}: keep the signature of the stub", slip=True)
    if wanted.error is not None:
        return _problem_of_error(answer, trial, call)
    call += f"\nexpected  {_indent(show(wanted.value))}"
    if got.error is not None:
        return _own_problem(answer, trial, call)
    if found is None:
        what = "was changed by the call" if got.changed else "itself, or a part of it, came back"
        text = f"{call}\nThe input {what}: work on a copy, or build a new array."
        return Problem(text, slip=True, trial=trial)
    lines = [call, f"got       {_indent(show(got.value))}"]
    if got.value is None:
        lines.append("The function returned None: is there a return?")
    elif got.value is Ellipsis:
        lines.append("The function returned ... (three dots): is there a return with a value?")
    elif found != "wrong value":
        lines.append(found)
    return Problem("\n".join(lines), slip=found.about == "type", trial=trial)


def _problem_of_error(answer: Any, trial: Trial, call: str) -> Problem:
    mentions, wanted, got = trial.case.mentions, trial.wanted, trial.got
    named = " that names " + ", ".join(str(mention) for mention in mentions) if mentions else ""
    call += f"\nexpected  {type(wanted.error).__name__}{named}"
    if got.error is None:
        return Problem(f"{call}\ngot       {_indent(show(got.value))}", slip=got.value is None, trial=trial)
    if not _is_the_error(got.error, wanted.error):
        return _own_problem(answer, trial, call)
    missing = ", ".join(not_named(str(got.error), mentions))
    text = f"{call}\ngot       {_error_text(got.error)}\nnot named: {missing}"
    return Problem(text, got.error, slip=True, trial=trial)


def _is_the_error(error: BaseException | None, wanted: BaseException | None) -> bool:
    """Whether an error is of the type wanted; what a stub or a library leaves undone never is."""
    return wanted is not None and isinstance(error, type(wanted)) and type(error) is not NotImplementedError


def _own_problem(answer: Any, trial: Trial, text: str) -> Problem:
    """What the learner's code raised, and in which of its lines."""
    error = trial.got.error
    text += f"\ngot       {_error_text(error)}"
    own_file = getattr(getattr(answer, "__code__", None), "co_filename", None)
    own_lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == own_file]
    if own_lines and own_lines[-1].line:
        text += f"\n          line {own_lines[-1].lineno}: {own_lines[-1].line[:ERROR]}"
    return Problem(text, error, slip=isinstance(error, SLIPS), trial=trial)


def _one_message_for_all(exercise: Exercise, trials: list[Trial]) -> Problem | None:
    """The Problem of errors that have to name different numbers and do it with the very same words."""
    said = {}
    for trial in trials:
        values = values_named(trial.case.mentions)
        if trial.wanted.error is None or not values:
            continue
        message = str(trial.got.error)
        other = said.setdefault(message, trial)
        if values_named(other.case.mentions) != values:
            calls = [f"call      {call_text(exercise, one.case)}" for one in (other, trial)]
            got = f"got       {_error_text(trial.got.error)}, both times"
            return Problem("\n".join([*calls, got, "Name the values of each call."]), slip=True)
    return None


def _misfit(function: Callable, case: Case) -> str | None:
    """None when the function can be called so, else Python's sentence about the arguments."""
    try:
        inspect.signature(function).bind(*(case.args() if callable(case.args) else case.args), **case.kwargs)
    except TypeError as error:
        return str(error)
    except ValueError:  # a function written in C tells no signature
        return None


# the likely cause ----------------------------------------------------------------------------------


def likely_cause(exercise: Exercise, answer: Any, failed: Trial, trials: list[Trial]) -> Listed | None:
    """The listed wrong answer that gives what this answer gives; None when there is none.

    It must give the same in the trial that failed and in all others of its kind: with a value expected, or
    with an error. (Many write the computation first and its errors later.) Of several, the one that gives the
    same in all trials. trials: those made so far, in the order of cases and draws.
    """
    alike = _that_agree(exercise, exercise.listed, [failed])
    if not alike:
        return None
    calls = [*exercise.cases, *drawn_cases(exercise)]
    trials = [*trials, *(trial_of(exercise, answer, case) for case in calls[len(trials) :])]
    error_wanted = failed.wanted.error is not None
    alike = _that_agree(
        exercise, alike, [trial for trial in trials if (trial.wanted.error is not None) is error_wanted]
    )
    if len(alike) > 1:
        alike = _that_agree(exercise, alike, trials)
    return alike[0] if alike else None


def _that_agree(exercise: Exercise, listed: list[Listed], trials: list[Trial]) -> list[Listed]:
    """Those of the list that give in each of the trials what the answer gave."""
    for trial in trials:
        if not listed:
            break
        listed = [
            one for one in listed if same(exercise, trial.case, result_of(one.answer, trial.case), trial.got)
        ]
    return listed


def _hint_for_error(exercise: Exercise, case: Case) -> int | None:
    """The hint about an error that did not come: that of the listed answers without it, if they have one."""
    trials = [(one, trial_of(exercise, one.answer, case)) for one in exercise.listed]
    hints = {one.hint for one, trial in trials if _problem_of(exercise, one.answer, trial)} - {None}
    return hints.pop() if len(hints) == 1 else None


def same(exercise: Exercise, case: Case, one: Result, other: Result) -> bool:
    """Whether two calls ended alike: in the same value, or in errors of one type that name the same."""
    if one.error is not None or other.error is not None:
        left_out = [not_named(str(result.error), case.mentions) for result in (one, other)]
        return type(one.error) is type(other.error) and left_out[0] == left_out[1]
    tolerance = {"rtol": exercise.rtol, "atol": exercise.atol}
    return (
        one.changed == other.changed
        and (one.given_back == other.given_back or not exercise.new_result)
        and difference(one.value, other.value, **tolerance) is None
        and difference(other.value, one.value, **tolerance) is None
    )


# predictions ---------------------------------------------------------------------------------------


def _problem_of_prediction(exercise: Exercise, answer: Any) -> Problem | None:
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
            return Problem(text, listed=listed, hint=listed.hint)
    if found == "wrong value":
        larger = as_array(answer) > as_array(exercise.solution)
        return Problem(f"{text}\nexpected  a {'smaller' if larger else 'larger'} number")
    return Problem(f"{text}\n{found}")


def _is_prediction(answer: Any, listed: Any, exercise: Exercise) -> bool:
    """Whether the answer is the listed one; ... in a listed tuple stands for any value."""
    if isinstance(listed, tuple):
        return all(
            wanted is ... or _is_prediction(item, wanted, exercise)
            for item, wanted in zip(answer, listed, strict=True)
        )
    return difference(answer, listed, rtol=exercise.rtol, atol=exercise.atol) is None


# what is said --------------------------------------------------------------------------------------


def _grading() -> bool:
    value = setting("COURSE_GRADING")
    if value not in ("", "0", "1"):
        raise ValueError(f"COURSE_GRADING is {value!r}: use 1 (a blank answer raises) or 0, or leave it out")
    return value == "1" or (value == "" and "NBGRADER_EXECUTION" in os.environ)  # nbgrader sets it by itself


def _message(exercise: Exercise, words: Words, answer: Any, problem: Problem) -> str:
    lines = [f"{exercise.number} {words.title}", problem.text]
    if problem.listed is not None:
        sentence = words.wrong[problem.listed.name]
        lines.append(sentence if exercise.kind == "predict" else f"likely cause: {sentence}")
    if problem.hint is not None or not (problem.slip or problem.listed):
        lines.append(_next_hint(exercise, words, problem.hint, answer))
    return "\n".join(lines)


def _next_hint(exercise: Exercise, words: Words, fitting: int | None, answer: Any) -> str:
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


def _hint_text(words: Words, place: int) -> str:
    question, help_text = words.hints[place]
    paragraphs = "\n".join(textwrap.fill(paragraph, 100) for paragraph in help_text.split("\n\n"))
    return f"hint {place + 1} of {len(words.hints)}: {question}\n{paragraphs}"


def _how_many(exercise: Exercise) -> str:
    """What a right function went through: " (9 cases, 200 draws)"."""
    if exercise.kind == "predict":
        return ""
    draws = f", {exercise.draws} draws" if exercise.draw else ""
    return f" ({len(exercise.cases)} cases{draws})"


def _error_text(error: BaseException | None) -> str:
    message = str(error)
    return f"{type(error).__name__}: {message[:ERROR]}{' …' if len(message) > ERROR else ''}"


def _indent(text: str) -> str:
    return text.replace("\n", "\n" + " " * 10)
