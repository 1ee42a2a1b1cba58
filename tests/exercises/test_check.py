"""What `check` says of an answer: the call, what was expected and came, the likely cause, a hint."""

import copy
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from exercises import Case, Exercise, WrongAnswer, calling, check, judging, show_solution, still_open
from exercises.comparing import Difference

ROOT = Path(__file__).resolve().parents[2]


# what a learner is told


def copied(values):
    """The same values, in a new array or list."""
    return copy.copy(values)


def last_item(values):
    """values (N,) -> the last one"""
    return values[-1]


def takes_the_first(values):
    return values[0]


def test_a_wrong_answer_is_told_the_case_expected_got_and_a_hint(practice, message):
    practice(last_item, (Case(([1, 2, 3],), expected=3),), wrong={takes_the_first: 0})
    told = message("9.9.1", lambda values: values[0])
    assert told.splitlines() == [
        "9.9.1 Practice",
        "case      1 of 1",
        "call      last_item([1, 2, 3])",
        "expected  3",
        "got       1",
        "likely cause: takes the first",
        "hint 1 of 2: First?",
        "Look.",
    ]


def hints_of(told):
    """The questions of the hints in a message."""
    return [line.partition(": ")[2] for line in told.splitlines() if line.startswith("hint ")]


def test_hints_come_one_by_one_and_then_the_last_again_with_the_way_to_the_solution(practice, message):
    practice(last_item, (Case(([1, 2],), expected=2),))
    told = [message("9.9.1", lambda values: values[0]) for _ in range(4)]
    assert [hints_of(text) for text in told] == [["First?"], ["Second?"], ["Second?"], ["Second?"]]
    way = 'from exercises import show_solution; show_solution("9.9.1")'
    assert [way in text.splitlines()[-1] for text in told] == [False, False, True, True]


THREE_HINTS = (("About short?", "Look."), ("About long?", "Look."), ("About both?", "Look."))
SHORT_AND_LONG = (Case(([1, 2],), expected=2), Case(([1, 2, 3],), expected=3))


def wrong_for_long(values):
    return values[1]


WRONG_FOR_SHORT_AND_LONG = {takes_the_first: 0, wrong_for_long: 1}


def test_the_hint_of_the_cause_comes_first_then_those_after_it_that_were_not_shown(practice, message):
    practice(last_item, SHORT_AND_LONG, hints=THREE_HINTS, wrong=WRONG_FOR_SHORT_AND_LONG)
    told = [message("9.9.1", wrong_for_long) for _ in range(3)]
    assert [hints_of(text) for text in told] == [["About long?"], ["About both?"], ["About long?"]]
    assert ["show_solution" in text for text in told] == [False, False, True]


def test_a_hint_that_was_shown_is_not_shown_again_before_the_others(practice, message):
    practice(last_item, SHORT_AND_LONG, hints=THREE_HINTS, wrong=WRONG_FOR_SHORT_AND_LONG)

    def wrong_for_short(values):
        return values[0]

    wrong_for_short.__name__ = wrong_for_long.__name__
    told = [message("9.9.1", answer) for answer in (wrong_for_long, wrong_for_short, wrong_for_short)]
    assert [hints_of(text) for text in told] == [["About long?"], ["About short?"], ["About both?"]]


def test_a_wrong_answer_shown_on_purpose_takes_no_hint_from_the_learner(practice, message):
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
def test_a_slip_is_told_without_a_cause_and_costs_no_hint(practice, slip, message):
    practice(last_item, SHORT_AND_LONG, hints=THREE_HINTS)
    for _ in range(2):
        told = message("9.9.1", SLIPS[slip])
        assert hints_of(told) == []
        assert "likely cause" not in told
    name = getattr(SLIPS[slip], "__name__", "none")

    def wrong(values):
        return values[0]

    wrong.__name__ = name
    assert hints_of(message("9.9.1", wrong)) == ["About short?"]


def test_an_error_about_the_idea_brings_a_hint_but_no_cause(practice, message):
    practice(last_item, SHORT_AND_LONG, hints=THREE_HINTS)
    told = message("9.9.1", lambda values: values[len(values)])
    assert "IndexError" in told
    assert hints_of(told) == ["About short?"]
    assert "likely cause" not in told


def test_a_wrong_shape_brings_a_hint_but_no_cause(practice, message):
    practice(np.array, (Case(([1, 2],), expected=np.array([1, 2])),))
    told = message("9.9.1", lambda values: np.array([values]))
    assert "wrong shape" in told
    assert hints_of(told) == ["First?"]
    assert "likely cause" not in told


def test_a_slip_in_a_prediction_costs_no_hint(practice, message):
    practice(1922, wrong={"too_few": (3, 1)}, kind="predict")
    for slip in (None, "many", 1922.0, (1, 922), np.array([3, 3]), last_item):
        assert hints_of(message("9.9.1", slip)) == []
    assert "return" not in message("9.9.1", None)
    assert "Write a value in place of the three dots." in message("9.9.1", None)
    told = message("9.9.1", 3)
    assert "\ntoo few\n" in told
    assert hints_of(told) == ["Second?"]


def test_three_dots_in_a_listed_prediction_stand_for_any_value(practice, message):
    practice(
        (1, 2), wrong={"first_too_large": ((3, ...), 0), "second_too_large": ((..., 3), 1)}, kind="predict"
    )
    assert "first too large" in message("9.9.1", (3, 2))
    assert "first too large" in message("9.9.1", (3, 9))
    assert "second too large" in message("9.9.1", (1, 3))
    assert "too large" not in message("9.9.1", (1, 4))


def test_a_missing_error_is_told_with_its_cause_and_hint_and_missing_words_without(practice, message):
    def takes_any(number):
        return 2

    practice(must_be_positive, (Case((-4,), raises=ValueError, mentions=(-4,)),), wrong={takes_any: 1})
    told = message("9.9.1", lambda number: 2)
    assert "likely cause: takes any" in told
    assert hints_of(told) == ["Second?"]

    def says_nothing(number):
        raise ValueError("negative")

    assert hints_of(message("9.9.1", says_nothing)) == []


def test_an_error_that_did_not_come_brings_the_hint_about_it_or_none(practice, message):
    def takes_any(number):
        return abs(number) ** 0.5

    def forgets_the_root(number):
        return must_be_positive(number) ** 2

    cases = (Case((9,), expected=3.0), Case((-4,), raises=ValueError, mentions=(-4,)))
    practice(must_be_positive, cases, wrong={forgets_the_root: 0, takes_any: 1})
    told = message("9.9.1", lambda number: max(number, 0) ** 0.5)
    assert "likely cause" not in told
    assert hints_of(told) == ["Second?"]
    practice(must_be_positive, cases, wrong={forgets_the_root: 0})
    assert hints_of(message("9.9.1", lambda number: max(number, 0) ** 0.5)) == []


def test_an_error_that_did_not_come_brings_no_hint_when_the_listed_answers_without_it_have_several(
    practice, message
):
    def takes_any(number):
        return abs(number) ** 0.5

    def forgets_the_root(number):
        return abs(number) ** 2

    cases = (Case((9,), expected=3.0), Case((-4,), raises=ValueError, mentions=(-4,)))
    practice(must_be_positive, cases, wrong={forgets_the_root: 0, takes_any: 1})
    assert hints_of(message("9.9.1", lambda number: max(number, 0) ** 0.5)) == []


def test_the_whole_and_the_broken_number_are_not_the_same_answer_whichever_comes_first(practice):
    exercise = practice(last_item)
    whole, broken = calling.Result(2), calling.Result(2.0)
    assert judging.same(exercise, Case(), whole, calling.Result(2))
    assert not judging.same(exercise, Case(), whole, broken)
    assert not judging.same(exercise, Case(), broken, whole)


def test_what_a_case_says_is_wanted_also_of_a_solution_that_gives_something_else(practice, message):
    case = Case((4,), raises=ValueError)
    exercise = practice(must_be_positive, (case,))
    assert isinstance(calling.wanted_from(exercise, case).error, ValueError)
    assert "expected  ValueError" in message("9.9.1", must_be_positive)


def test_a_number_that_comes_back_is_no_part_of_the_input(practice, capsys):
    def larger(first, second):
        return max(first, second)

    practice(larger, (Case((2, 1)), Case((True, False))), new_result=True)
    check("9.9.1", lambda first, second: first if first > second else second)
    assert capsys.readouterr().out.startswith("ok")


def test_a_cause_for_which_no_hint_fits_is_told_without_one(practice, message):
    practice(last_item, SHORT_AND_LONG, wrong={takes_the_first: None})
    told = message("9.9.1", lambda values: values[0])
    assert "likely cause: takes the first" in told
    assert hints_of(told) == []


def untouched(values):
    """values (N,) -> the last one"""
    raise NotImplementedError("exercise 9.9.1")


def half_written(values):
    """values (N,) -> the last one"""
    last = values[-1]
    raise NotImplementedError(f"exercise 9.9.1{last * 0}")


def test_a_body_with_the_line_of_the_stub_still_below_it_is_told_so(practice, capsys, message):
    practice(last_item, SHORT_AND_LONG, hints=THREE_HINTS)
    check("9.9.1", untouched)
    assert capsys.readouterr().out == "todo 9.9.1 Practice\n"
    told = message("9.9.1", half_written)
    assert told.endswith("The line `raise NotImplementedError` is still there: remove it.")


def written_below(values):
    raise NotImplementedError("exercise 9.9.1")
    return values[-1]


def untouched_but_for_pass(values):
    pass
    raise NotImplementedError("exercise 9.9.1")


def test_an_answer_below_the_line_of_the_stub_is_no_blank_and_a_pass_is(practice, capsys, message):
    practice(last_item, SHORT_AND_LONG, hints=THREE_HINTS)
    assert message("9.9.1", written_below).endswith("is still there: remove it.")
    check("9.9.1", untouched_but_for_pass)
    assert capsys.readouterr().out == "todo 9.9.1 Practice\n"


def test_a_stub_of_another_exercise_that_is_called_is_not_taken_for_a_blank(practice, message):
    practice(last_item, SHORT_AND_LONG, hints=THREE_HINTS)

    def relies_on_another(values):
        return untouched(values)

    assert "got       NotImplementedError: exercise 9.9.1" in message("9.9.1", relies_on_another)


def test_a_prediction_is_not_told_the_number(practice, message):
    practice(1922, kind="predict")
    low, high = message("9.9.1", 1900), message("9.9.1", 2000)
    assert "1922" not in low + high
    assert "expected  a larger number" in low
    assert "expected  a smaller number" in high
    assert "case" not in low + high
    assert "expected an int, got a str" in message("9.9.1", "many")


def test_a_right_answer_after_wrong_ones_is_ok_and_a_second_check_is_harmless(practice, capsys, message):
    practice(last_item, (Case(([1, 2],), expected=2),))
    message("9.9.1", lambda values: values[0])
    for _ in range(2):
        check("9.9.1", last_item)
        assert capsys.readouterr().out == "ok   9.9.1 Practice (1 cases)\n"
    still_open("9.9")
    assert capsys.readouterr().out == "all 1 done\n"
    message("9.9.1", lambda values: values[0])
    still_open("9.9")
    assert capsys.readouterr().out == "open: 9.9.1 (0 of 1 done)\n"


def test_a_result_may_be_examined_and_what_the_exam_says_is_compared(practice, capsys, message):
    def both_signs(numbers):
        return [-1, 1]

    def loses_the_sign(numbers):
        return [1, 1]

    def span(found):
        return {"span": max(found) - min(found)} if isinstance(found, list) else found

    case = Case((3,), expected={"span": 2}, examine=span)
    practice(both_signs, (case,), wrong={loses_the_sign: 1})
    check("9.9.1", lambda numbers: [4, 5, 6])  # another answer with the same marks
    assert capsys.readouterr().out.startswith("ok   9.9.1")
    told = message("9.9.1", lambda numbers: [7])
    assert "{'span': 0}" in told
    assert "likely cause: loses the sign" in told
    assert "is there a return?" in message("9.9.1", lambda numbers: None)


def test_an_answer_that_changes_its_input_is_told_so_even_when_its_result_is_right(practice, message):
    practice(last_item, (Case(([1, 2],), expected=2),))
    assert "The input was changed" in message("9.9.1", lambda values: values.pop())


def test_an_answer_may_change_its_input_where_that_is_the_exercise(practice, capsys):
    practice(last_item, (Case(([1, 2],), expected=2),), may_change_inputs=True)
    check("9.9.1", lambda values: values.pop())
    assert capsys.readouterr().out.startswith("ok ")


def test_what_one_call_does_to_its_input_no_other_call_sees(practice, message):
    shared = np.array([1.0, 2.0])
    practice(last_item, (Case((shared,), expected=2.0), Case((shared,), expected=2.0)))

    def destructive(values):
        result = values[-1]
        values[:] = 0
        return result

    assert "1 of 2" in message("9.9.1", destructive)
    assert shared.tolist() == [1.0, 2.0]
    check("9.9.1", last_item)


def test_what_one_call_does_to_a_keyword_no_other_call_sees(practice, message):
    def with_more(values, more=()):
        """values and more, lists -> one list"""
        return values + list(more)

    shared = [1]
    practice(with_more, (Case(([0],), {"more": shared}, expected=[0, 1]),) * 2)

    def destructive(values, more=()):
        result = values + list(more)
        more.clear()
        return [*result, 9] if len(result) < 2 else result

    check("9.9.1", destructive)
    assert shared == [1]


def test_an_answer_of_the_wrong_kind_is_told_what_to_hand_over(practice, message):
    practice(last_item, (Case(([1, 2],), expected=2),))
    assert 'without calling it: last_item = check("9.9.1", last_item)' in message("9.9.1", 2)
    assert "too many positional arguments: keep the signature" in message("9.9.1", lambda: 2)
    assert "missing a required argument: 'index'" in message("9.9.1", lambda values, index: 2)
    assert "returned None: is there a return?" in message("9.9.1", lambda values: None)
    practice(3, kind="predict")
    assert "expected  a value\ngot       the function last_item" in message("9.9.1", last_item)


def test_an_error_of_the_answer_is_shown_with_its_line(practice, message):
    practice(last_item, (Case(([1, 2],), expected=2),))

    def broken(values):
        count = 0
        return values[-1] / count

    told = message("9.9.1", broken)
    assert "got       ZeroDivisionError: division by zero" in told
    assert "return values[-1] / count" in told


def test_of_an_error_in_a_function_that_the_answer_calls_the_innermost_own_line_is_shown(practice, message):
    practice(last_item, (Case(([1, 2],), expected=2),))

    def share(values, count):
        return values[-1] / count

    def broken(values):
        return share(values, 0)

    line = share.__code__.co_firstlineno + 1
    assert f"line {line}: return values[-1] / count" in message("9.9.1", broken)


def test_a_function_that_is_blank_only_in_part_is_wrong_and_not_todo(practice, message):
    practice(last_item, (Case(([1],), expected=1), Case(([1, 2],), expected=2)))

    def half_done(values):
        if len(values) == 1:
            return values[0]
        raise NotImplementedError("exercise 9.9.1")

    told = message("9.9.1", half_done)
    assert "2 of 2" in told
    assert "is still there" in told


def test_an_operation_that_a_library_does_not_have_is_not_taken_for_a_blank(practice, message):
    practice(last_item, (Case(([1],), expected=1),))

    def unlucky(values):
        raise NotImplementedError("'index_add' not implemented for 'Half'")

    assert "not implemented for 'Half'" in message("9.9.1", unlucky)


def must_be_positive(number):
    """number -> its root; ValueError that names a negative number"""
    if number < 0:
        raise ValueError(f"{number} is negative")
    return number**0.5


def test_an_expected_error_must_come_be_of_its_kind_and_name_its_numbers(practice, message):
    practice(must_be_positive, (Case((-4,), raises=ValueError, mentions=(-4,)),))
    check("9.9.1", must_be_positive)
    assert "expected  ValueError that names -4\ngot       2" in message("9.9.1", lambda number: 2)

    def wrong_kind(number):
        raise KeyError(number)

    def says_nothing(number):
        raise ValueError("size 14 or -4.5 is bad")

    assert "got       KeyError: -4" in message("9.9.1", wrong_kind)
    assert "not named: -4" in message("9.9.1", says_nothing)


def test_a_blank_is_not_the_error_that_is_expected(practice, capsys):
    practice(must_be_positive, (Case((-4,), raises=RuntimeError),))
    check("9.9.1", untouched)
    assert capsys.readouterr().out == "todo 9.9.1 Practice\n"


def test_a_stub_left_in_one_branch_is_not_the_error_that_is_expected(practice, message):
    practice(must_be_positive, (Case((4,), expected=2.0), Case((-4,), raises=RuntimeError)))

    def half_done(number):
        if number < 0:
            raise NotImplementedError("exercise 9.9.1")
        return number**0.5

    assert "is still there: remove it" in message("9.9.1", half_done)


def test_a_notebook_shows_the_message_without_the_stack(practice):
    practice(last_item, (Case(([1, 2],), expected=2),))
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

    practice(last_item, (Case(([1, 2],), expected=2),))
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


def test_one_of_several_parts_lists_the_exercises_that_it_names(capsys):
    judging._done.add("2.1.2")
    still_open("2.1.2", "2.1.3")
    assert capsys.readouterr().out == "open: 2.1.3 (1 of 2 done)\n"
    with pytest.raises(ValueError, match=r"2\.1\.77"):
        still_open("2.1.77")


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
    show_solution("2.1.3")
    shown = capsys.readouterr().out
    assert "def determinant(A):" in shown
    assert "# Common wrong turn:" in shown
    assert "- forgets that each swap of two rows changes the sign" in shown
    show_solution("2.1.1")
    assert "prediction = 9.0" in capsys.readouterr().out


def test_a_mistyped_switch_for_grading_is_refused(practice, monkeypatch):
    practice(last_item, (Case(([1, 2],), expected=2),))
    monkeypatch.setenv("COURSE_GRADING", "yes")
    with pytest.raises(ValueError, match="COURSE_GRADING is 'yes'"):
        check("9.9.1", ...)


def test_blanks_around_the_switch_for_grading_do_not_count(practice, monkeypatch, capsys):
    practice(last_item, (Case(([1, 2],), expected=2),))
    monkeypatch.setenv("COURSE_GRADING", "0 ")
    check("9.9.1", ...)
    assert capsys.readouterr().out.startswith("todo 9.9.1")
    monkeypatch.setenv("COURSE_GRADING", "1 ")  # what cmd.exe makes of set COURSE_GRADING=1 && …
    with pytest.raises(AssertionError):
        check("9.9.1", ...)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "quiz"},
        {"number": "6.1"},
        {"level": 6},
        {"kind": "design", "points": 1},
        {"kind": "predict", "cases": (1,)},
        {"wrong": {lambda values: 1: None}},
        {"wrong": {"takes_the_first": (takes_the_first, 0)}},
    ],
)
def test_an_exercise_that_cannot_be_right_is_refused(wrong):
    given = {"number": "9.9.1", "level": 1, "minutes": 1, "points": 0, "solution": ""}
    with pytest.raises(ValueError, match=r"9\.9\.1|6\.1"):
        Exercise(**{**given, **wrong})


def test_checking_imports_no_framework_where_the_section_s_exercises_need_none():
    code = (
        "import sys; from exercises import check; check('2.1.1', 9); "
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


# a defect in the machinery would be noticed


def takes_it_out(values):
    return values.pop()


def says_nothing(number):
    raise ValueError("negative")


@pytest.mark.parametrize(
    ("module", "part", "mutant", "accepted"),
    [
        (judging, "difference", lambda *args, **options: None, takes_the_first),
        (judging, "_problem_of", lambda *args: None, takes_the_first),
        (calling, "identical", lambda *args: True, takes_it_out),
    ],
)
def test_a_comparison_that_accepts_everything_lets_a_wrong_answer_through(
    practice, module, part, mutant, accepted, monkeypatch
):
    exercise = practice(last_item, SHORT_AND_LONG)
    assert judging.first_problem(exercise, accepted) is not None
    monkeypatch.setattr(module, part, mutant)
    assert judging.first_problem(exercise, accepted) is None


def test_a_message_that_counts_as_naming_everything_lets_a_wrong_answer_through(practice, monkeypatch):
    exercise = practice(must_be_positive, (Case((-4,), raises=ValueError, mentions=(-4,)),))
    assert judging.first_problem(exercise, says_nothing) is not None
    monkeypatch.setattr(judging, "not_named", lambda *args: [])
    assert judging.first_problem(exercise, says_nothing) is None


def test_a_comparison_that_refuses_everything_is_noticed_by_the_solution(practice, monkeypatch):
    exercise = practice(last_item, SHORT_AND_LONG)
    assert judging.problem_of_function(exercise, exercise.solution) is None
    monkeypatch.setattr(judging, "difference", lambda *args, **options: Difference("different", "value"))
    assert judging.problem_of_function(exercise, exercise.solution) is not None


# hundreds of calls


def total(values):
    """values: array (N,) -> their sum"""
    return float(np.sum(values))


def draw_values(random):
    return (random.integers(-3, 4, size=random.integers(0, 6)).astype(float),)


SHORT = (Case((np.array([1.0, 2.0]),), expected=3.0),)


def counts_what_is_negative_twice(values):
    return float(np.sum(values) + np.sum(values[values < 0]))


def starts_at_the_second(values):
    return float(np.sum(values[1:]) + (values[0] if len(values) < 3 else 0)) if len(values) else 0.0


def test_a_right_answer_goes_through_the_cases_and_all_draws(practice, capsys):
    practice(total, SHORT, draw=draw_values, draws=50)
    called = []

    def by_hand(values):
        called.append(values)
        return sum(values.tolist(), 0.0)

    check("9.9.1", by_hand)
    assert len(called) == 51
    assert capsys.readouterr().out == "ok   9.9.1 Practice (1 cases, 50 draws)\n"


def test_the_drawn_calls_are_the_same_each_time(practice):
    exercise = practice(total, SHORT, draw=draw_values, draws=20)
    first, second = ([call.args[0].tolist() for call in calling.drawn_cases(exercise)] for _ in range(2))
    assert first == second
    assert len({str(values) for values in first}) > 10


def test_what_lies_between_the_cases_is_found_and_shown_by_the_shortest_call(practice, message):
    practice(total, SHORT, draw=draw_values)
    told = message("9.9.1", counts_what_is_negative_twice).splitlines()
    assert told[1].startswith("drawn     the shortest of ")
    assert told[1].endswith(" calls that fail, of 200")
    assert told[2] in ("call      total(np.array([-1.0]))", "call      total(np.array([-2.0]))")


def test_a_draw_on_which_the_solution_raises_asks_for_that_error(practice, message):
    def root(number):
        """number -> its root; ValueError below 0"""
        if number < 0:
            raise ValueError(f"{number} is negative")
        return number**0.5

    practice(root, (Case((4,), expected=2.0),), draw=lambda random: (int(random.integers(-5, 5)),))
    assert "expected  ValueError" in message("9.9.1", lambda number: abs(number) ** 0.5)


def test_a_draw_may_be_a_case_with_keywords_and_mentions(practice, message):
    def shifted(values, by=1):
        """values (N,) -> values moved up"""
        return values + by

    practice(
        shifted,
        (Case((np.ones(2),), expected=np.full(2, 2.0)),),
        draw=lambda random: Case((np.zeros(1),), {"by": 2.0}),
        draws=3,
    )
    assert "call      shifted(np.array([0.0]), by=2.0)" in message("9.9.1", lambda values, by=1: values + 1)


def test_what_an_answer_prints_in_drawn_calls_is_thrown_away(practice, capsys):
    practice(total, SHORT, draw=draw_values)

    def talkative(values):
        print("thinking")
        return float(np.sum(values))

    check("9.9.1", talkative)
    assert capsys.readouterr().out.count("thinking") == 1


def test_a_slow_answer_is_asked_fewer_drawn_calls(practice, monkeypatch, message):
    monkeypatch.setattr(judging, "SECONDS", 0)
    practice(total, SHORT, draw=lambda random: (np.array([5.0]),))
    assert "the shortest of 1 calls that fail, of 1" in message("9.9.1", lambda values: 3.0)


# the likely cause


def test_the_cause_is_told_from_the_answer_and_not_from_the_case(practice, message):
    wrong = {takes_the_first: 0, wrong_for_long: 1}
    practice(last_item, (Case(([1, 2, 3],), expected=3),), hints=THREE_HINTS, wrong=wrong)
    assert "likely cause: wrong for long" in message("9.9.1", lambda values: values[-2])
    assert "likely cause: takes the first" in message("9.9.1", lambda values: values[0])
    told = message("9.9.1", lambda values: 7)
    assert "likely cause" not in told
    assert len(hints_of(told)) == 1


def test_an_answer_that_agrees_by_chance_in_the_failing_call_is_not_named(practice, message):
    practice(
        total, SHORT, draw=draw_values, wrong={counts_what_is_negative_twice: 0, starts_at_the_second: 1}
    )
    assert "likely cause: counts what is negative twice" in message(
        "9.9.1", lambda values: float(values.sum() + np.minimum(values, 0).sum())
    )
    only_for_short = message(
        "9.9.1", lambda values: float(values.sum() + (np.minimum(values, 0).sum() if len(values) == 1 else 0))
    )
    assert "likely cause" not in only_for_short


def test_who_has_not_written_the_errors_yet_is_told_the_cause_all_the_same(practice, message):
    def root(number):
        """number -> its root; ValueError below 0"""
        if number < 0:
            raise ValueError(f"{number} is negative")
        return number**0.5

    def forgets_the_root(number):
        if number < 0:
            raise ValueError(f"{number} is negative")
        return number

    cases = (Case((4.0,), expected=2.0), Case((-4.0,), raises=ValueError, mentions=(-4,)))
    practice(root, cases, wrong={forgets_the_root: 0})
    assert "likely cause: forgets the root" in message("9.9.1", lambda number: number)


def test_of_two_causes_that_fit_the_one_that_fits_everywhere_is_named(practice, message):
    def root(number):
        """number -> its root; ValueError below 0"""
        if number < 0:
            raise ValueError(f"{number} is negative")
        return number**0.5

    def forgets_the_root(number):
        if number < 0:
            raise ValueError(f"{number} is negative")
        return number

    def forgets_root_and_error(number):
        return number

    cases = (Case((4.0,), expected=2.0), Case((-4.0,), raises=ValueError, mentions=(-4,)))
    practice(root, cases, wrong={forgets_the_root: 0, forgets_root_and_error: 1})
    assert "likely cause: forgets root and error" in message("9.9.1", lambda number: number)


def test_an_error_is_a_cause_too(practice, message):
    def goes_one_too_far(values):
        return values[len(values)]

    practice(last_item, SHORT_AND_LONG, wrong={takes_the_first: 0, goes_one_too_far: 1})
    assert "likely cause: goes one too far" in message("9.9.1", lambda values: values[99])


# cheats, and what an answer leaves behind


def test_one_message_for_every_error_is_refused(practice, message, capsys):
    cases = (Case((-4,), raises=ValueError, mentions=(-4,)), Case((-5,), raises=ValueError, mentions=(-5,)))
    practice(must_be_positive, cases)

    def lists_everything(number):
        if number < 0:
            raise ValueError("numbers: -1 -2 -3 -4 -5 -6")
        return number**0.5

    told = message("9.9.1", lists_everything)
    assert "both times\nName the values of each call." in told
    check("9.9.1", must_be_positive)
    assert capsys.readouterr().out.startswith("ok")


def test_an_answer_cannot_switch_grading_off(practice, monkeypatch, message):
    practice(last_item, SHORT_AND_LONG)
    monkeypatch.setenv("COURSE_GRADING", "1")
    namespace = {"os": os}
    exec(
        "def sneaky(values):\n    os.environ.pop('COURSE_GRADING')\n    raise NotImplementedError",
        namespace,
    )
    assert message("9.9.1", namespace["sneaky"]).endswith("no answer yet")


def test_a_flood_of_prints_and_a_long_error_are_cut(practice, message, capsys):
    practice(last_item, SHORT_AND_LONG)

    def floods(values):
        print("x" * 1_000_000)
        print("y", file=sys.stderr)
        raise ValueError("z" * 1_000_000)

    told = message("9.9.1", floods)
    assert "zzz" in told
    assert len(told) < 2_000
    printed = capsys.readouterr()
    assert len(printed.out) < 3_000
    assert printed.out.endswith("(what else the function prints is left out)\n")
    assert printed.err == ""


def test_numpy_warns_of_the_same_things_after_a_check(practice, message):
    practice(last_item, SHORT_AND_LONG)
    before = np.geterr()

    def leaves_its_settings(values):
        np.seterr(all="raise")
        return values[0]

    message("9.9.1", leaves_its_settings)
    assert np.geterr() == before


def test_a_list_changed_in_place_is_noticed_whatever_it_holds(practice, message):
    practice(last_item, (Case((["b", "a"],), expected="a"),))

    def sorts_in_place(values):
        last = values[-1]
        values.sort()
        return last

    assert "The input was changed" in message("9.9.1", sorts_in_place)


def test_where_a_new_result_is_asked_for_the_argument_or_a_view_of_it_is_refused(practice, message):
    practice(copied, (Case((np.array([1.0, 2.0]),)), Case(([1, 2],))), new_result=True)
    assert "The input itself, or a part of it, came back" in message("9.9.1", lambda values: values)
    assert "came back" in message("9.9.1", lambda values: values[:])
    assert check("9.9.1", right := lambda values: copy.copy(values)) is right


def test_an_answer_that_leaves_python_is_wrong_like_any_other(practice, message):
    practice(last_item, SHORT_AND_LONG)
    assert "got       SystemExit: 0" in message("9.9.1", lambda values: sys.exit(0))


def test_what_a_blank_answer_got_back_is_no_answer(practice, capsys):
    exercise = practice(last_item, SHORT_AND_LONG)
    assert check("9.9.1", untouched) is exercise.solution
    assert check("9.9.1", exercise.solution) is exercise.solution
    assert capsys.readouterr().out == "todo 9.9.1 Practice\n" * 2


def test_a_right_answer_comes_back(practice):
    practice(last_item, SHORT_AND_LONG)
    assert check("9.9.1", last_item) is last_item
