"""The exercises of the course: each accepts its solution and refuses, by name, what people really answer.

One exercise: `pytest tests/exercises -k 2_1_3`; one section: `-k 2_1`.
"""

import contextlib
import gc
import io
import re
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path
from types import FunctionType

import nbformat
import numpy as np
import pytest

from exercises import calling, check, finding, judging, still_open, texts
from exercises.comparing import difference
from exercises.exercise import FROM_SOLUTION
from helpers.chapters.drawn_digits import drawn_digits
from tools.notebooks import find_notebooks
from tools.sync_exercises import parts, sync

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = list(finding.sections())
EXERCISES = [exercise for section in SECTIONS for exercise in finding.section_exercises(section)]
CHECKED = [exercise for exercise in EXERCISES if exercise.kind != "design"]
FUNCTIONS = [exercise for exercise in CHECKED if exercise.kind == "fill"]
SECONDS = 0.5  # of processor time for the check of a right answer
SLOW = {"6.1.10": 8}  # number: seconds, where the task itself takes longer


def each(exercises):
    return pytest.mark.parametrize("exercise", exercises, ids=lambda one: one.number.replace(".", "_"))


each_section = pytest.mark.parametrize("section", SECTIONS, ids=lambda name: name.replace(".", "_"))


def solution_of(exercise):
    """What a learner hands over who wrote the very solution: a function of their own."""
    solution = exercise.solution
    if exercise.kind == "predict":
        return solution
    own = FunctionType(
        solution.__code__, solution.__globals__, "solved", solution.__defaults__, solution.__closure__
    )
    own.__kwdefaults__ = solution.__kwdefaults__
    return own


def stub_of(exercise):
    """What a learner hands over who has run the answer cell as it is."""
    namespace = {}
    exec(exercise.stub, namespace)
    return namespace[exercise.answer_name]


def judged(exercise, answer):
    """The first problem of an answer, of which nothing is shown."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(record=True):
        return judging.first_problem(exercise, answer)


def handed_over(listed):
    """A listed wrong answer as a learner gives it: a ... in a tuple stands for any value, here 0."""
    answer = listed.answer
    return tuple(0 if item is ... else item for item in answer) if isinstance(answer, tuple) else answer


@each(CHECKED)
def test_the_solution_passes_in_time_says_so_in_one_line_and_comes_back(exercise, capsys):
    answer = solution_of(exercise)
    gc.disable()  # else a collection of all that the tests hold, half a second, may fall into it
    try:
        start = time.process_time()
        assert check(exercise.number, answer) is answer
        seconds = time.process_time() - start
    finally:
        gc.enable()
    title = texts.words(exercise.number).title
    line = capsys.readouterr().out
    assert line.startswith(f"ok   {exercise.number} {title}")
    assert line.count("\n") == 1
    assert seconds < SLOW.get(exercise.number, SECONDS)


@each(CHECKED)
def test_every_listed_wrong_answer_is_refused_and_named_as_itself(exercise):
    assert len(exercise.listed) >= 3
    for listed in exercise.listed:
        problem = judged(exercise, handed_over(listed))
        assert problem is not None, f"{listed.name} is accepted"
        assert problem.listed is not None, f"{listed.name} is not named: {problem.text}"
        assert problem.listed.name == listed.name, "two of the list give the same, or the names are exchanged"


@each(FUNCTIONS)
def test_a_wrong_answer_that_is_not_listed_is_never_taken_for_one_that_gives_another_result(exercise):
    """Each listed one in turn is taken off the list."""
    for key, listed in zip(exercise.wrong, exercise.listed, strict=True):
        others = {other: hint for other, hint in exercise.wrong.items() if other != key}
        problem = judged(replace(exercise, wrong=others), listed.answer)
        if problem.listed is None:
            continue
        wants_an_error = problem.trial.wanted.error is not None
        with calling.in_silence():
            for case in [*exercise.cases, *calling.drawn_cases(exercise)]:
                if (calling.wanted_from(exercise, case).error is not None) is wants_an_error:
                    results = [calling.result_of(one.answer, case) for one in (listed, problem.listed)]
                    assert judging.same(exercise, case, *results), (listed.name, problem.listed.name)


@each(FUNCTIONS)
def test_every_case_refuses_a_wrong_answer_or_says_why_it_is_there(exercise):
    assert len(exercise.cases) >= 3
    idle = []
    for case in exercise.cases:
        alone = replace(exercise, cases=(case,), draw=None)
        if not case.why and not any(judged(alone, listed.answer) for listed in exercise.listed):
            idle.append(calling.call_text(exercise, case))
    assert idle == []


@each(CHECKED)
def test_a_blank_is_todo_and_the_notebook_goes_on_with_the_solution(exercise, capsys):
    back = check(exercise.number, stub_of(exercise))
    todo = f"todo {exercise.number} {texts.words(exercise.number).title}\n"
    assert capsys.readouterr().out == todo
    assert back is (exercise.solution if exercise.kind == "fill" else ...)
    check(exercise.number, back)
    assert capsys.readouterr().out == todo, "what a blank got back counts as an answer"


@each(FUNCTIONS)
def test_the_solution_raises_only_what_is_promised_and_draws_are_always_the_same(exercise):
    """Warnings are errors here."""
    drawn = [list(calling.drawn_cases(exercise)) for _ in range(2)]
    for case, again in zip(*drawn, strict=True):
        assert calling.call_text(exercise, case) == calling.call_text(exercise, again)
    promised = tuple(case.raises for case in exercise.cases if case.raises)
    for case in [*exercise.cases, *drawn[0]]:
        ended = calling.result_of(exercise.solution, case)
        assert ended.error is None or isinstance(ended.error, promised), calling.call_text(exercise, case)
        assert exercise.may_change_inputs or not ended.changed, calling.call_text(exercise, case)


@each_section
def test_a_section_says_what_is_still_open(section, capsys):
    numbers = [exercise.number for exercise in CHECKED if exercise.number.rpartition(".")[0] == section]
    still_open(section)
    assert capsys.readouterr().out == f"open: {', '.join(numbers)} (0 of {len(numbers)} done)\n"
    judging._done.update(numbers)
    still_open(section)
    assert capsys.readouterr().out == f"all {len(numbers)} done\n"


@each(CHECKED)
@pytest.mark.parametrize("variable", [{"COURSE_GRADING": "1"}, {"NBGRADER_EXECUTION": "validate"}])
def test_a_blank_raises_when_it_is_graded(exercise, variable, monkeypatch, message):
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    assert message(exercise.number, stub_of(exercise)).endswith("no answer yet")


@each_section
def test_the_exercises_of_a_section_are_in_order_and_have_all_their_words(section):
    exercises = [exercise for exercise in EXERCISES if exercise.number.rpartition(".")[0] == section]
    numbers = [exercise.number for exercise in exercises]
    assert numbers == sorted(set(numbers), key=lambda number: [int(part) for part in number.split(".")])
    assert list(texts.section_words(section)) == numbers
    for exercise in exercises:
        words = texts.words(exercise.number)
        assert words.title
        assert words.statement
        assert 2 <= len(words.hints) <= 3
        assert all(question and help_text for question, help_text in words.hints)
        assert list(words.wrong) == [listed.name for listed in exercise.listed]
        assert bool(words.model_answer) == (exercise.kind == "design")
        places = {listed.hint for listed in exercise.listed} - {None}
        assert places <= set(range(len(words.hints))), exercise.number
        assert (exercise.points > 0) == (exercise.kind != "design")


@each(FUNCTIONS)
def test_an_expected_result_does_not_rest_on_the_solution_alone(exercise):
    """A case that takes its expectation from the solution cannot find fault with the solution."""
    assert any(case.expected is not FROM_SOLUTION or case.raises for case in exercise.cases)


@each(FUNCTIONS)
def test_the_call_of_every_case_can_be_pasted(exercise):
    for case in exercise.cases:
        text = calling.call_text(exercise, case).replace(exercise.answer_name, "call", 1)
        names = {"np": np, "torch": sys.modules.get("torch"), "call": lambda *args, **kwargs: (args, kwargs)}
        names["drawn_digits"] = drawn_digits
        args, kwargs = eval(text, names)
        given = calling.arguments(case)
        for got, wanted in zip(args, given, strict=True):
            if callable(wanted):  # a function is the same if it gives the same
                assert callable(got), text
                assert got(given[1]) == wanted(given[1]), text
                continue
            assert difference(got, wanted, rtol=0, atol=0) is None, text
            assert getattr(got, "dtype", None) == getattr(wanted, "dtype", None), text
        assert kwargs == case.kwargs, text
        assert len(text) < 160, text


@each_section
def test_the_notebooks_of_a_section_hold_each_of_its_exercises_once_and_as_in_the_source(section):
    texts_of_exercises = re.compile(rf"ex-{section.replace('.', '-')}-(\d+)-text")
    found = []
    for path in find_notebooks():
        notebook = nbformat.read(path, as_version=4)
        matches = [texts_of_exercises.fullmatch(cell.get("id", "")) for cell in notebook.cells]
        here = [match[1] for match in matches if match]
        if here:
            found += [f"{section}.{place}" for place in here]
            assert sync(notebook) == ([], []), f"python -m tools.sync_exercises {path.relative_to(ROOT)}"
    # a part holds some of them, in order (sync); the parts together hold each once
    assert sorted(found) == sorted(exercise.number for exercise in finding.section_exercises(section))


@each(EXERCISES)
def test_every_stub_is_python(exercise):
    for name, cell_type, source in parts(exercise):
        if cell_type == "code":
            compile(source, name, "exec")
