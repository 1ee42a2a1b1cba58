"""The checks are checked: each accepts its solution, rejects what people really answer, and says why."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pytest

import exercises
from exercises import Case, Exercise, WrongAnswer, check, show_solution, still_open
from exercises.comparing import Difference, as_array, as_code, difference
from tools.sync_exercises import cell_id, main, new_cells, notebook_paths, parts, sync

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = sorted(exercises.sections())


@pytest.fixture(autouse=True)
def new_kernel(monkeypatch):
    """Nothing done, nothing tried, not grading."""
    monkeypatch.setattr(exercises, "_done", set())
    monkeypatch.setattr(exercises, "_shown_hints", {})
    for name in ("COURSE_GRADING", "NBGRADER_EXECUTION"):
        monkeypatch.delenv(name, raising=False)


def checked(section):
    """The exercises of a section that have a check."""
    return [exercise for exercise in exercises.section_exercises(section) if exercise.kind != "design"]


def rejected(exercise, answer):
    """Whether the cases of the exercise find something wrong with the answer."""
    return exercises._first_problem(exercise, answer) is not None


def accepted_wrong_answers(exercise):
    return [mistake for mistake, answer in exercise.wrong.items() if not rejected(exercise, answer)]


def cases_that_reject_nothing(exercise):
    """The cases which none of the listed wrong answers fails, and which give no reason for being there."""
    return [
        case.name
        for case in exercise.cases
        if not case.why
        and not any(rejected(replace(exercise, cases=(case,)), wrong) for wrong in exercise.wrong.values())
    ]


def stub_of(exercise):
    """What a learner hands over who has run the answer cell as it is."""
    namespace = {}
    exec(exercise.stub, namespace)
    return namespace[exercise.answer_name]


def message(number, answer):
    with pytest.raises(WrongAnswer) as caught:
        check(number, answer)
    return str(caught.value)


@pytest.fixture
def practice(monkeypatch):
    """One exercise of our own, 9.9.1, made from the arguments of Exercise; returns it."""

    def add(solution, cases, **more):
        hints = (("First?", "Look."), ("Second?", "Look again."))
        given = {"level": 1, "minutes": 5, "points": 1, "statement": "Do it.", "hints": hints, **more}
        exercise = Exercise("9.9.1", "Practice", solution=solution, cases=cases, **given)
        real = exercises.section_exercises
        monkeypatch.setattr(
            exercises, "section_exercises", lambda name: [exercise] if name == "9.9" else real(name)
        )
        return exercise

    return add


# the exercises of the course


@pytest.mark.parametrize("section", SECTIONS)
def test_every_solution_passes_and_says_so_in_one_line(section, capsys):
    for exercise in checked(section):
        check(exercise.number, exercise.solution)
        line = f"ok   {exercise.number} {exercise.title} ({len(exercise.cases)} cases)\n"
        assert capsys.readouterr().out == line
    still_open(section)
    assert capsys.readouterr().out == f"all {len(checked(section))} done\n"


@pytest.mark.parametrize("section", SECTIONS)
def test_every_wrong_answer_that_people_give_is_rejected(section):
    for exercise in checked(section):
        assert len(exercise.wrong) >= 3, exercise.number
        assert accepted_wrong_answers(exercise) == [], exercise.number
        for mistake, answer in exercise.wrong.items():
            told = message(exercise.number, answer)
            assert exercise.title in told
            if exercise.kind == "predict":
                assert "case" not in told
            else:
                assert "\ncase      " in told, mistake


@pytest.mark.parametrize("section", SECTIONS)
def test_every_case_rejects_a_wrong_answer_or_says_why_it_is_there(section):
    for exercise in checked(section):
        assert len(exercise.cases) >= 3, exercise.number
        assert cases_that_reject_nothing(exercise) == [], exercise.number


@pytest.mark.parametrize("section", SECTIONS)
def test_a_blank_is_todo_and_does_not_stop_the_notebook(section, capsys):
    for exercise in checked(section):
        check(exercise.number, stub_of(exercise))
        assert capsys.readouterr().out == f"todo {exercise.number} {exercise.title}\n"
    still_open(section)
    numbers = ", ".join(exercise.number for exercise in checked(section))
    assert capsys.readouterr().out == f"open: {numbers} (0 of {len(checked(section))} done)\n"


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("variable", [{"COURSE_GRADING": "1"}, {"NBGRADER_EXECUTION": "validate"}])
def test_a_blank_raises_when_it_is_graded(section, variable, monkeypatch, capsys):
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    for exercise in checked(section):
        assert message(exercise.number, stub_of(exercise)).endswith("no answer yet")
        check(exercise.number, exercise.solution)
        assert capsys.readouterr().out.startswith("ok ")


@pytest.mark.parametrize("section", SECTIONS)
def test_every_exercise_is_complete(section):
    numbers = [exercise.number for exercise in exercises.section_exercises(section)]
    assert numbers == sorted(set(numbers), key=lambda number: [int(part) for part in number.split(".")])
    for exercise in exercises.section_exercises(section):
        assert exercise.number.rpartition(".")[0] == section
        assert exercise.statement.strip()
        assert exercise.title.strip()
        assert 2 <= len(exercise.hints) <= 3
        assert all(len(hint) == 2 and all(hint) for hint in exercise.hints)
        assert (exercise.points > 0) == (exercise.kind != "design")


@pytest.mark.parametrize("section", SECTIONS)
def test_an_expected_result_does_not_rest_on_the_solution_alone(section):
    """A case that takes its expectation from the solution cannot find fault with the solution."""
    for exercise in checked(section):
        if exercise.kind == "fill":
            by_hand = [
                case
                for case in exercise.cases
                if case.expected is not exercises.FROM_SOLUTION or case.raises or case.check
            ]
            assert by_hand, exercise.number


@pytest.mark.parametrize("section", SECTIONS)
def test_a_notebook_agrees_with_the_source_of_its_exercises(section):
    cells_begin = f"ex-{section.replace('.', '-')}-"
    found = []
    for path in notebook_paths([ROOT / "notebooks"]):
        notebook = nbformat.read(path, as_version=4)
        if any(cell.get("id", "").startswith(cells_begin) for cell in notebook.cells):
            found.append(path)
            assert sync(notebook) == ([], []), f"python -m tools.sync_exercises {path.relative_to(ROOT)}"
    if not found:
        pytest.skip(f"no notebook has the exercises of section {section} yet")


def test_the_solutions_of_6_1_agree_with_the_libraries():
    scipy_ndimage = pytest.importorskip("scipy.ndimage")
    metrics = pytest.importorskip("sklearn.metrics")
    torch = pytest.importorskip("torch")
    from torch import nn

    from exercises import ch6_1_image_classification as ch

    random = np.random.default_rng(0)
    for size, kernel, stride, padding in [(28, 5, 1, 2), (9, 3, 2, 0), (8, 2, 2, 0), (7, 7, 3, 1)]:
        made = nn.Conv2d(1, 1, kernel, stride, padding)(torch.zeros(1, 1, size, size)).shape[-1]
        assert ch.conv_output_size(size, kernel, stride, padding) == made
    layers = [
        nn.Conv2d(1, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.Conv2d(8, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.Linear(16 * 2 * 2, 10),
    ]
    assert sum(p.numel() for layer in layers for p in layer.parameters()) == ch.N_PARAMETERS
    images = random.normal(size=(2, 3, 5, 4))
    for dy, dx in [(0, 0), (1, -2), (-4, 3), (5, 0), (-9, 9)]:
        np.testing.assert_array_equal(
            ch.shift_image(images, dy, dx), scipy_ndimage.shift(images, (0, 0, dy, dx), order=0)
        )
    y_true, y_pred = random.integers(0, 4, size=(2, 50))
    np.testing.assert_array_equal(
        ch.confusion_matrix(y_true, y_pred, 5), metrics.confusion_matrix(y_true, y_pred, labels=range(5))
    )
    y, scores = np.array([0, 1] * 20), random.integers(0, 12, size=40) / 12
    for recall in (0.05, 0.3, 0.5, 0.95, 1.0):
        enough = [t for t in scores if metrics.recall_score(y, scores >= t) >= recall]
        assert ch.threshold_for_recall(y, scores, recall) == max(enough)
    losses, sizes = random.random(7), random.integers(1, 9, 7)
    assert ch.epoch_mean(losses, sizes) == pytest.approx(np.average(losses, weights=sizes))


def test_the_exercises_of_6_1_come_in_the_order_of_the_notebook():
    titles = [(exercise.number, exercise.title) for exercise in exercises.section_exercises("6.1")]
    assert titles == [
        ("6.1.1", "The size of a feature map"),
        ("6.1.2", "How many parameters?"),
        ("6.1.3", "The loss of an epoch"),
        ("6.1.4", "A shift without wrap-around"),
        ("6.1.5", "Which augmentation helps digits?"),
        ("6.1.6", "A confusion matrix"),
        ("6.1.7", "A threshold that misses few"),
    ]


def test_one_number_a_channel_in_batch_normalisation_has_its_own_sentence():
    told = message("6.1.2", 1898)
    assert "more than one number for each of its channels" in told
    assert hints_of(told) == ["Which numbers of a batch normalisation are trained?"]


# a defect in the machinery would be noticed


@pytest.mark.parametrize(
    ("part", "mutant"),
    [
        ("difference", lambda *args, **options: None),
        ("_judge_call", lambda *args: None),
        ("_judge_value", lambda *args: None),
        ("_judge_error", lambda *args: None),
        ("_changed", lambda value, kept: False),
        ("_names", lambda text, word: True),
    ],
)
def test_a_comparison_that_accepts_everything_lets_a_wrong_answer_through(part, mutant, monkeypatch):
    monkeypatch.setattr(exercises, part, mutant)
    assert any(accepted_wrong_answers(exercise) for exercise in checked("6.1"))


def test_a_comparison_that_refuses_everything_is_noticed_by_the_solutions(monkeypatch):
    monkeypatch.setattr(exercises, "difference", lambda *args, **options: Difference("different", "value"))
    assert all(rejected(exercise, exercise.solution) for exercise in checked("6.1"))


def test_a_case_that_rejects_nothing_is_found():
    exercise = next(exercise for exercise in checked("6.1") if exercise.kind == "fill")
    idle = Case("nothing", check=lambda answer: None)
    assert cases_that_reject_nothing(replace(exercise, cases=(*exercise.cases, idle))) == ["nothing"]
    excused = replace(idle, why="documents a property that every answer has")
    assert cases_that_reject_nothing(replace(exercise, cases=(*exercise.cases, excused))) == []


# what a learner is told


def last_item(values):
    """values (N,) -> the last one"""
    return values[-1]


def test_a_wrong_answer_is_told_the_case_expected_got_and_a_hint(practice):
    practice(last_item, (Case("takes the first", ([1, 2, 3],), expected=3),))
    told = message("9.9.1", lambda values: values[0])
    assert told.splitlines() == [
        "9.9.1 Practice",
        "case      1 of 1",
        "call      last_item([1, 2, 3])",
        "expected  3",
        "got       1",
        "one of its usual causes: takes the first",
        "hint 1 of 2: First?",
        "Look.",
    ]


def hints_of(told):
    """The questions of the hints in a message."""
    return [line.partition(": ")[2] for line in told.splitlines() if line.startswith("hint ")]


def test_hints_come_one_by_one_and_then_the_last_again_with_the_way_to_the_solution(practice):
    practice(last_item, (Case("takes the first", ([1, 2],), expected=2),))
    told = [message("9.9.1", lambda values: values[0]) for _ in range(4)]
    assert [hints_of(text) for text in told] == [["First?"], ["Second?"], ["Second?"], ["Second?"]]
    way = 'from exercises import show_solution; show_solution("9.9.1")'
    assert [way in text.splitlines()[-1] for text in told] == [False, False, True, True]


THREE_HINTS = (("About short?", "Look."), ("About long?", "Look."), ("About both?", "Look."))
SHORT_AND_LONG = (
    Case("the short list", ([1, 2],), expected=2, hint=0),
    Case("the long list", ([1, 2, 3],), expected=3, hint=1),
)


def wrong_for_long(values):
    return values[1]


def test_the_hint_that_fits_the_case_comes_first_then_those_after_it_that_were_not_shown(practice):
    practice(last_item, SHORT_AND_LONG, hints=THREE_HINTS)
    told = [message("9.9.1", wrong_for_long) for _ in range(3)]
    assert [hints_of(text) for text in told] == [["About long?"], ["About both?"], ["About long?"]]
    assert ["show_solution" in text for text in told] == [False, False, True]


def test_a_hint_that_was_shown_is_not_shown_again_before_the_others(practice):
    practice(last_item, SHORT_AND_LONG, hints=THREE_HINTS)

    def wrong_for_short(values):
        return values[0]

    wrong_for_short.__name__ = wrong_for_long.__name__
    told = [message("9.9.1", answer) for answer in (wrong_for_long, wrong_for_short, wrong_for_short)]
    assert [hints_of(text) for text in told] == [["About long?"], ["About short?"], ["About both?"]]


def test_a_wrong_answer_shown_on_purpose_takes_no_hint_from_the_learner(practice):
    practice(last_item, SHORT_AND_LONG, hints=THREE_HINTS)
    assert hints_of(message("9.9.1", lambda values: values[0])) == ["About short?"]

    def last_item_of_the_learner(values):
        return values[0]

    assert hints_of(message("9.9.1", last_item_of_the_learner)) == ["About short?"]


def misspelt(values):
    return valeus[-1]  # noqa: F821


def without_return(values):
    values[-1]


SLIPS = {
    "called instead of passed": 2,
    "another kind of number": lambda values: float(values[-1]),
    "another type": lambda values: [values[-1]],
    "too few parameters": lambda: 2,
    "no return": without_return,
    "three dots returned": lambda values: ...,
    "changes its input": lambda values: values.pop(),
    "a misspelt name": misspelt,
    "a misspelt method": lambda values: values.lats(),
    "an operation on the wrong types": lambda values: values + 1,
    "a module that does not exist": lambda values: __import__("nunpy"),
    "source that is no Python": lambda values: exec("values["),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_told_without_a_cause_and_costs_no_hint(practice, slip):
    practice(last_item, SHORT_AND_LONG, hints=THREE_HINTS)
    for _ in range(2):
        told = message("9.9.1", SLIPS[slip])
        assert hints_of(told) == []
        assert "one of its usual causes" not in told
    name = getattr(SLIPS[slip], "__name__", "none")

    def wrong(values):
        return values[0]

    wrong.__name__ = name
    assert hints_of(message("9.9.1", wrong)) == ["About short?"]


def test_an_error_about_the_idea_brings_a_hint_but_no_cause(practice):
    practice(last_item, SHORT_AND_LONG, hints=THREE_HINTS)
    told = message("9.9.1", lambda values: values[len(values)])
    assert "IndexError" in told
    assert hints_of(told) == ["About short?"]
    assert "one of its usual causes" not in told


def test_a_wrong_shape_brings_a_hint_but_no_cause(practice):
    practice(np.array, (Case("adds an axis", ([1, 2],), expected=np.array([1, 2])),))
    told = message("9.9.1", lambda values: np.array([values]))
    assert "wrong shape" in told
    assert hints_of(told) == ["First?"]
    assert "one of its usual causes" not in told


def test_a_slip_in_a_prediction_costs_no_hint(practice):
    practice(
        1922, (Case("too few", check=lambda n: "Too few." if n == 3 else None), Case("any")), kind="predict"
    )
    for slip in (None, "many", 1922.0, (1, 922), np.array([3, 3]), last_item):
        assert hints_of(message("9.9.1", slip)) == []
    assert "return" not in message("9.9.1", None)
    assert "Write a value in place of the three dots." in message("9.9.1", None)
    assert "Too few." in message("9.9.1", 3)


def test_a_missing_error_is_told_with_its_cause_and_hint_and_missing_words_without(practice):
    practice(must_be_positive, (Case("takes any", (-4,), raises=ValueError, mentions=(-4,), hint=1),))
    told = message("9.9.1", lambda number: 2)
    assert "one of its usual causes: takes any" in told
    assert hints_of(told) == ["Second?"]

    def says_nothing(number):
        raise ValueError("negative")

    assert hints_of(message("9.9.1", says_nothing)) == []


def untouched(values):
    """values (N,) -> the last one"""
    raise NotImplementedError("exercise 9.9.1")


def half_written(values):
    """values (N,) -> the last one"""
    last = values[-1]
    raise NotImplementedError(f"exercise 9.9.1{last * 0}")


def test_a_body_with_the_line_of_the_stub_still_below_it_is_told_so(practice, capsys):
    practice(last_item, SHORT_AND_LONG, hints=THREE_HINTS)
    check("9.9.1", untouched)
    assert capsys.readouterr().out == "todo 9.9.1 Practice\n"
    told = message("9.9.1", half_written)
    assert told.endswith("The line `raise NotImplementedError` is still there: remove it.")


def test_a_stub_of_another_exercise_that_is_called_is_not_taken_for_a_blank(practice):
    practice(last_item, SHORT_AND_LONG, hints=THREE_HINTS)

    def relies_on_another(values):
        return untouched(values)

    assert "got       NotImplementedError: exercise 9.9.1" in message("9.9.1", relies_on_another)


def test_a_hint_that_does_not_exist_is_refused(practice):
    with pytest.raises(ValueError, match="names hint 2; the hints are 0 to 1"):
        practice(last_item, (Case("any", ([1],), hint=2),))


@pytest.mark.parametrize("section", SECTIONS)
def test_the_call_of_every_case_can_be_pasted(section):
    for exercise in checked(section):
        for place, case in enumerate(exercise.cases if exercise.kind == "fill" else ()):
            given = exercises._arguments(case)
            text = exercises._call_text("call", case, given)
            args, kwargs = eval(text, {"np": np, "call": lambda *args, **kwargs: (args, kwargs)})
            where = f"{exercise.number}, case {place + 1}: {text}"
            assert difference(list(args), given, rtol=0, atol=0) is None, where
            for got, wanted in zip(args, given, strict=True):
                assert getattr(got, "dtype", None) == getattr(wanted, "dtype", None), where
            assert kwargs == case.kwargs, where
            assert len(text) < 160, where


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (28, "28"),
        (0.1, "0.1"),
        ("text", "'text'"),
        (float("nan"), "np.nan"),
        ([1.0, float("inf")], "[1.0, np.inf]"),
        ((1,), "(1,)"),
        (list(range(12)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]"),
        (np.array([0, 1]), "np.array([0, 1])"),
        (np.array([[0.5, np.nan]]), "np.array([[0.5, np.nan]])"),
        (np.array([True]), "np.array([True])"),
        (np.array([7, 8], np.uint8), "np.array([7, 8], dtype=np.uint8)"),
        (np.array([0.5], np.float32), "np.array([0.5], dtype=np.float32)"),
        (np.zeros((0, 3)), "np.zeros((0, 3))"),
        (np.zeros((2, 3, 7)), "<a numpy array of shape (2, 3, 7), float64>"),
    ],
)
def test_arguments_are_shown_as_python_that_makes_them(value, code):
    assert as_code(value) == code
    if not code.startswith("<"):
        again = eval(code, {"np": np})
        assert difference(again, value, rtol=0, atol=0) is None
        assert as_array(again) is None or as_array(again).dtype == as_array(value).dtype


def test_tensors_are_shown_as_python_that_makes_them():
    torch = pytest.importorskip("torch")
    for tensor in (torch.tensor([1.0]), torch.tensor([1]), torch.tensor([0.5], dtype=torch.bfloat16)):
        again = eval(as_code(tensor), {"torch": torch, "np": np})
        assert torch.equal(again, tensor)
        assert again.dtype == tensor.dtype


def test_a_prediction_is_not_told_the_number(practice):
    practice(1922, (Case("the total"),), kind="predict")
    low, high = message("9.9.1", 1900), message("9.9.1", 2000)
    assert "1922" not in low + high
    assert "expected  a larger number" in low
    assert "expected  a smaller number" in high
    assert "case" not in low + high
    assert "the total" not in low + high
    assert "expected an int, got a str" in message("9.9.1", "many")


def test_a_right_answer_after_wrong_ones_is_ok_and_a_second_check_is_harmless(practice, capsys):
    practice(last_item, (Case("takes the first", ([1, 2],), expected=2),))
    message("9.9.1", lambda values: values[0])
    for _ in range(2):
        check("9.9.1", last_item)
        assert capsys.readouterr().out == "ok   9.9.1 Practice (1 cases)\n"
    still_open("9.9")
    assert capsys.readouterr().out == "all 1 done\n"
    message("9.9.1", lambda values: values[0])
    still_open("9.9")
    assert capsys.readouterr().out == "open: 9.9.1 (0 of 1 done)\n"


def test_an_answer_that_changes_its_input_is_told_so_even_when_its_result_is_right(practice):
    practice(last_item, (Case("empties the list", ([1, 2],), expected=2),))
    assert "The input was changed" in message("9.9.1", lambda values: values.pop())


def test_an_answer_may_change_its_input_where_that_is_the_exercise(practice, capsys):
    practice(last_item, (Case("leaves the list", ([1, 2],), expected=2, may_change_inputs=True),))
    check("9.9.1", lambda values: values.pop())
    assert capsys.readouterr().out.startswith("ok ")


def test_what_one_call_does_to_its_input_no_other_call_sees(practice):
    shared = np.array([1.0, 2.0])
    practice(last_item, (Case("one", (shared,), expected=2.0), Case("two", (shared,), expected=2.0)))

    def destructive(values):
        result = values[-1]
        values[:] = 0
        return result

    assert "1 of 2" in message("9.9.1", destructive)
    assert shared.tolist() == [1.0, 2.0]
    check("9.9.1", last_item)


def test_an_answer_of_the_wrong_kind_is_told_what_to_hand_over(practice):
    practice(last_item, (Case("any", ([1, 2],), expected=2),))
    assert 'without calling it: check("9.9.1", last_item)' in message("9.9.1", 2)
    assert "too many positional arguments: keep the signature" in message("9.9.1", lambda: 2)
    assert "missing a required argument: 'index'" in message("9.9.1", lambda values, index: 2)
    assert "returned None: is there a return?" in message("9.9.1", lambda values: None)
    practice(3, (Case("the number"),), kind="predict")
    assert "expected  a value\ngot       the function last_item" in message("9.9.1", last_item)


def test_an_error_of_the_answer_is_shown_with_its_line(practice):
    practice(last_item, (Case("any", ([1, 2],), expected=2),))

    def broken(values):
        count = 0
        return values[-1] / count

    told = message("9.9.1", broken)
    assert "got       ZeroDivisionError: division by zero" in told
    assert "return values[-1] / count" in told


def test_a_function_that_is_blank_only_in_part_is_wrong_and_not_todo(practice):
    practice(last_item, (Case("short", ([1],), expected=1), Case("long", ([1, 2],), expected=2)))

    def half_done(values):
        if len(values) == 1:
            return values[0]
        raise NotImplementedError("exercise 9.9.1")

    told = message("9.9.1", half_done)
    assert "2 of 2" in told
    assert "is still there" in told


def test_an_operation_that_a_library_does_not_have_is_not_taken_for_a_blank(practice):
    practice(last_item, (Case("any", ([1],), expected=1),))

    def unlucky(values):
        raise NotImplementedError("'index_add' not implemented for 'Half'")

    assert "not implemented for 'Half'" in message("9.9.1", unlucky)


def must_be_positive(number):
    """number -> its root; ValueError that names a negative number"""
    if number < 0:
        raise ValueError(f"{number} is negative")
    return number**0.5


def test_an_expected_error_must_come_be_of_its_kind_and_name_its_numbers(practice):
    practice(must_be_positive, (Case("takes any", (-4,), raises=ValueError, mentions=(-4,)),))
    check("9.9.1", must_be_positive)
    assert "expected  ValueError that names -4\ngot       2" in message("9.9.1", lambda number: 2)

    def wrong_kind(number):
        raise KeyError(number)

    def says_nothing(number):
        raise ValueError("size 14 or -4.5 is bad")

    assert "got       KeyError: -4" in message("9.9.1", wrong_kind)
    assert "not named: -4" in message("9.9.1", says_nothing)


def test_a_blank_is_not_the_error_that_is_expected(practice, capsys):
    practice(must_be_positive, (Case("takes any", (-4,), raises=RuntimeError),))
    check("9.9.1", stub_of(practice(must_be_positive, (Case("takes any", (-4,), raises=RuntimeError),))))
    assert capsys.readouterr().out == "todo 9.9.1 Practice\n"


def test_a_notebook_shows_the_message_without_the_stack(practice):
    practice(last_item, (Case("any", ([1, 2],), expected=2),))
    with pytest.raises(WrongAnswer) as caught:
        check("9.9.1", lambda values: 1)
    assert isinstance(caught.value, AssertionError)
    shown = caught.value._render_traceback_()
    assert shown == [f"WrongAnswer: {caught.value}"]


def test_what_an_answer_writes_to_stderr_costs_no_points(practice, capsys):
    """nbgrader gives 0 to a cell with anything on stderr."""

    def talkative(values):
        print("thinking", file=sys.stderr)
        return values[-1]

    practice(last_item, (Case("any", ([1, 2],), expected=2),))
    check("9.9.1", talkative)
    captured = capsys.readouterr()
    assert captured.out == "thinking\nok   9.9.1 Practice (1 cases)\n"
    assert captured.err == ""


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("6.1.77", "did you mean '6.1.7'"),
        ("6.1.0", "All: 6.1.1, 6.1.2"),
        ("66.1.1", "did you mean '6.1'"),
        (6.1, "a text like"),
        ("6.1", "a text like"),
        ("six", "a text like"),
    ],
)
def test_an_unknown_number_is_refused_with_the_nearest(number, said):
    for call in (lambda: check(number, 1), lambda: show_solution(number)):
        with pytest.raises(ValueError, match=said):
            call()


def test_still_open_refuses_a_section_without_exercises():
    with pytest.raises(ValueError, match=r"no section '6\.77' with exercises; did you mean '6\.1'"):
        still_open("6.77")


def test_a_design_has_no_check_but_a_model_answer(capsys):
    with pytest.raises(ValueError, match="show_solution"):
        check("6.1.5", "my experiment")
    show_solution("6.1.5")
    answer = capsys.readouterr().out
    for part in ("Question:", "Varied:", "Held fixed:", "Prediction:", "Measured", "Common wrong turn:"):
        assert part in answer
    assert "…" not in answer


def test_a_solution_is_shown_with_the_wrong_turns(capsys):
    show_solution("6.1.6")
    shown = capsys.readouterr().out
    assert "def confusion_matrix(y_true, y_pred, n_classes):" in shown
    assert "# Common wrong turn:" in shown
    assert "- fancy indexing with +=" in shown
    show_solution("6.1.2")
    assert "prediction = 1922" in capsys.readouterr().out


def test_a_mistyped_switch_for_grading_is_refused(practice, monkeypatch):
    practice(last_item, (Case("any", ([1, 2],), expected=2),))
    monkeypatch.setenv("COURSE_GRADING", "yes")
    with pytest.raises(ValueError, match="COURSE_GRADING is 'yes'"):
        check("9.9.1", ...)


@pytest.mark.parametrize(
    "wrong", [{"kind": "quiz"}, {"number": "6.1"}, {"level": 6}, {"kind": "design", "points": 1}]
)
def test_an_exercise_that_cannot_be_right_is_refused(wrong):
    given = {"number": "9.9.1", "title": "t", "level": 1, "minutes": 1, "points": 0, "statement": "s"}
    with pytest.raises(ValueError, match=r"9\.9\.1|6\.1"):
        Exercise(**{**given, "hints": (), "solution": "", **wrong})


def test_checking_imports_no_framework():
    code = (
        "import sys; from exercises import check; check('6.1.2', 1922); "
        "print([m for m in ('torch', 'tensorflow', 'keras', 'sklearn', 'matplotlib') if m in sys.modules])"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COURSE_")}
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    assert found.stdout.splitlines()[-1] == "[]"


# comparing


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (2, 2),
        (2, 2.0),
        (np.float32(0.5), 0.5),
        (np.array(3), 3),
        (0.1 + 0.2, 0.3),
        (float("nan"), float("nan")),
        (float("inf"), float("inf")),
        ([1, 2], (1, 2)),
        ((1, np.ones(2)), (1, np.ones(2))),
        ("yes", "yes"),
        ({"a": 1}, {"a": 1}),
        (True, True),
        (np.array([1.0, np.nan]), np.array([1.0, np.nan])),
        (np.ones(2, np.float32), np.ones(2)),
        (np.ones(2, np.uint8), np.ones(2, int)),
        (np.zeros((0, 3)), np.zeros((0, 3))),
        (None, None),
    ],
)
def test_equal_answers_are_equal(got, expected):
    assert difference(got, expected) is None


@pytest.mark.parametrize(
    ("got", "expected", "said"),
    [
        (None, 2, "expected an int, got None"),
        (..., 2, "expected an int, got ... (three dots)"),
        ((1, None), (1, 2), "item 1: expected an int, got None"),
        (2.0, 2, "wrong kind of number: expected an int, got a float"),
        (True, 1, "wrong kind of number: expected an int, got a bool"),
        (3, 2, "wrong value"),
        (float("nan"), 1.0, "wrong value"),
        ("2", 2, "expected an int, got a str"),
        (2, "2", "expected a str, got an int"),
        ([1, 2, 3], (1, 2), "expected 2 items, got 3"),
        (1, (1, 2), "expected a tuple of 2 items, got an int"),
        ((1, 3), (1, 2), "item 1: wrong value"),
        ({"a": 2}, {"a": 1}, "another value than expected"),
        ([1.0], np.ones(1), "expected a numpy array, got a list"),
        (np.ones((3, 1)), np.ones(3), "wrong shape: expected (3,), got (3, 1)"),
        (np.ones(3), np.ones((1, 3)), "wrong shape: expected (1, 3), got (3,)"),
        (np.ones(2), np.ones(2, int), "right shape, wrong kind of numbers: expected integers, got floats"),
        (np.ones(2, int), np.ones(2), "right shape, wrong kind of numbers: expected floats, got integers"),
        (
            np.array([0, 255], np.uint8),
            np.array([1, 0], np.uint8),
            "right shape, wrong values: 2 of 2 differ, largest difference 255 at 1: expected 0, got 255",
        ),
        (
            np.array([[1.0, np.nan], [2.0, 3.0]]),
            np.array([[1.0, 1.0], [5.0, 3.0]]),
            "right shape, wrong values: 2 of 4 differ, largest difference inf at (0, 1): expected 1, got nan",
        ),
    ],
)
def test_the_first_difference_is_named(got, expected, said):
    assert difference(got, expected) == said


def test_tensors_are_compared_like_arrays_but_not_with_arrays():
    torch = pytest.importorskip("torch")
    one = torch.ones(2, dtype=torch.bfloat16, requires_grad=True)
    assert difference(one, torch.ones(2)) is None
    assert difference(one, torch.ones(2, dtype=torch.long)).startswith("right shape, wrong kind")
    assert difference(torch.ones(2), np.ones(2)) == "expected a numpy array, got a torch Tensor"
    assert difference(np.ones(2), torch.ones(2)) == "expected a torch Tensor, got a numpy array"
    assert difference(torch.tensor(2.0), 2.0) is None


# the notebook is written from the source


@pytest.fixture
def notebook():
    """A notebook with the exercises of 6.1, as they are generated, and cells of its own."""
    cells = [nbformat.v4.new_markdown_cell("# 6.1", id="title")]
    for exercise in exercises.section_exercises("6.1"):
        cells += new_cells(exercise)
    return nbformat.v4.new_notebook(cells=[*cells, nbformat.v4.new_code_cell("1 + 1", id="own")])


def by_id(notebook):
    return {cell.id: cell for cell in notebook.cells}


def test_generated_cells_agree_and_are_valid_for_nbformat_and_nbgrader(notebook):
    validator = pytest.importorskip("nbgrader.nbgraderformat").MetadataValidator
    assert sync(notebook) == ([], [])
    nbformat.validate(notebook)
    validator().validate_nb(notebook)


def test_the_cells_of_an_exercise_look_as_agreed(notebook):
    cells = by_id(notebook)
    text = cells["ex-6-1-1-text"].source
    assert text.startswith("### Exercise 6.1.1 · The size of a feature map · ●●○○○ · 10 min\n\n")
    assert text.count("<details><summary>") == text.count("</details>") == 3
    assert cells["ex-6-1-1-answer"].source.startswith(
        "def conv_output_size(size, kernel, stride=1, padding=0):"
    )
    assert cells["ex-6-1-1-answer"].source.endswith('\n    raise NotImplementedError("exercise 6.1.1")')
    assert cells["ex-6-1-1-check"].source == 'check("6.1.1", conv_output_size)'
    assert cells["ex-6-1-2-answer"].source == "prediction = ..."
    assert cells["ex-6-1-1-answer"].metadata.nbgrader == {
        "grade": False,
        "grade_id": "ex-6-1-1-answer",
        "locked": False,
        "schema_version": 3,
        "solution": True,
        "task": False,
    }
    assert cells["ex-6-1-1-check"].metadata.nbgrader.points == 2
    assert cells["ex-6-1-5-answer"].source == "# exercise 6.1.5: your experiment"
    assert "nbgrader" not in cells["ex-6-1-5-text"].metadata
    assert "nbgrader" not in cells["ex-6-1-5-answer"].metadata
    assert "ex-6-1-5-check" not in cells


def test_sync_mends_what_differs_and_touches_nothing_else(notebook):
    wanted = nbformat.from_dict(notebook)
    before = nbformat.writes(wanted)
    cells = by_id(notebook)
    cells["ex-6-1-1-text"].source = "old"
    cells["ex-6-1-2-answer"].source = "prediction = 1922"
    cells["ex-6-1-3-check"].metadata = {"tags": ["x"], "nbgrader": {"grade": True}}
    cells["ex-6-1-4-text"].metadata = {"nbgrader": {}}
    changed, broken = sync(notebook)
    assert broken == []
    assert changed == [
        "ex-6-1-1-text: source",
        "ex-6-1-2-answer: source",
        "ex-6-1-3-check: nbgrader metadata",
        "ex-6-1-4-text: nbgrader metadata",
    ]
    assert cells["ex-6-1-3-check"].metadata.pop("tags") == ["x"]
    assert nbformat.writes(notebook) == before


def test_check_reports_and_writes_nothing_and_without_it_the_file_is_written_once(notebook, tmp_path, capsys):
    path = tmp_path / "1.ipynb"
    by_id(notebook)["ex-6-1-1-answer"].source += "\n# solved"
    nbformat.write(notebook, path)
    before = path.read_bytes()
    assert main(["--check", str(tmp_path)]) == 1
    assert "ex-6-1-1-answer: source differs" in capsys.readouterr().out
    assert path.read_bytes() == before
    assert main([str(path)]) == 0
    assert "ex-6-1-1-answer: source written" in capsys.readouterr().out
    assert main(["--check", str(path)]) == 0
    assert capsys.readouterr().out == ""


def remove(notebook, name):
    notebook.cells.remove(by_id(notebook)[name])


def swap(notebook, first, second):
    places = [cell.id for cell in notebook.cells]
    i, j = places.index(first), places.index(second)
    notebook.cells[i], notebook.cells[j] = notebook.cells[j], notebook.cells[i]


def swap_exercises(notebook, first, second):
    for part in ("text", "answer", "check"):
        swap(notebook, f"ex-{first}-{part}", f"ex-{second}-{part}")


def rename(notebook, name, new_name):
    by_id(notebook)[name].id = new_name


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda n: remove(n, "ex-6-1-3-check"), "cell ex-6-1-3-check is missing"),
        (
            lambda n: [remove(n, f"ex-6-1-4-{p}") for p in ("text", "answer", "check")],
            "ex-6-1-4-text is missing",
        ),
        (lambda n: remove(n, "ex-6-1-5-answer"), "cell ex-6-1-5-answer is missing"),
        (lambda n: swap(n, "ex-6-1-1-answer", "ex-6-1-1-check"), "ex-6-1-1-check stands too early"),
        (lambda n: swap_exercises(n, "6-1-3", "6-1-4"), "ex-6-1-4-text stands too early"),
        (lambda n: rename(n, "own", "ex-6-1-1-extra"), "'ex-6-1-1-extra'"),
        (lambda n: rename(n, "own", "ex-6-1-9-check"), "there is no exercise '6.1.9'"),
        (lambda n: rename(n, "own", "ex-9-9-9-check"), "there is no section '9.9'"),
        (lambda n: by_id(n)["ex-6-1-1-text"].update(cell_type="code"), "is a code cell, must be markdown"),
    ],
)
def test_sync_says_what_it_cannot_mend(notebook, spoil, said):
    spoil(notebook)
    _, broken = sync(notebook)
    assert any(said in line for line in broken), broken


def test_sync_leaves_a_notebook_without_exercises_alone_and_refuses_what_is_no_notebook(tmp_path, capsys):
    path = tmp_path / "plain.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", id="one")]), path)
    before = path.read_bytes()
    assert main([str(path)]) == 0
    assert path.read_bytes() == before
    with pytest.raises(SystemExit):
        main([str(tmp_path / "nowhere")])
    assert "neither a notebook nor a folder" in capsys.readouterr().err


@pytest.mark.parametrize("section", SECTIONS)
def test_every_stub_is_python_and_every_cell_has_its_own_id(section):
    names = []
    for exercise in exercises.section_exercises(section):
        for part, cell_type, source in parts(exercise):
            names.append(cell_id(exercise.number, part))
            if cell_type == "code":
                compile(source, names[-1], "exec")
    assert len(names) == len(set(names))
