"""The message of an error names its values however it is written, and nothing else counts as naming them."""

import pytest

from exercises.mentions import names, not_named, values_named


@pytest.mark.parametrize(
    ("message", "mention"),
    [
        ("A is 2 by 3", 2),
        ("a 2x3 matrix is not square", 2),
        ("a 2x3 matrix is not square", 3),
        ("not square: (2,3)", 3),
        ("not square: 2 × 3", 2),
        ("shape is [2,300]", 300),
        ("v7 is not there", 7),
        ("v7 is not there", "7"),
        ("vabc is not there", "abc"),
        ("v-1 is not there", "-1"),
        ("1,000 rows", 1000),
        ("1_000 rows", 1000),
        ("index 2.", 2),
        ("index 2.0", 2),
        ("error is −0.1", -0.1),
        ("error is -0.10", -0.1),
        ("error is np.float64(-0.1)", -0.1),
        ("about 0.33", 1 / 3),
        ("1e-05 is too small", 1e-5),
        ("between 2-3", 3),
        ("got NaN", float("nan")),
        ("got nan", "nan"),
        ("(2, 3) and (2,) do not fit", (2, 3)),
        ("2x3 against 2", (2, 3)),
        ("torch.Size([2, 3])", (2, 3)),
        ("the shape ()", ()),
        ("'Instances' is missing", "instances"),
    ],
)
def test_what_is_named_is_found(message, mention):
    assert names(message, mention)


@pytest.mark.parametrize(
    ("message", "mention"),
    [
        ("12 rows", 2),
        ("2.5 rows", 2),
        ("a rate of 0.1", 0.149),  # rounds to it, but a third of it is gone
        ("5.2 rows", 2),
        ("rows: -2", 2),
        ("rows: 2", -2),
        ("1e-2", 2),
        ("0.4", 1 / 3),
        ("0.36", 0.35),
        ("version 1.2.3", 0.3),
        ("about 0", 0.04),
        ("about 0.0", 0.04),
        ("the shape (3, 2)", (2, 3)),
        ("the shape (2,)", (2, 3)),
        ("not square", 2),
        ("an instance", "instances"),
        ("banana", "nan"),
    ],
)
def test_what_is_not_named_is_not_found(message, mention):
    assert not names(message, mention)


def test_what_is_left_out_is_said_as_text():
    assert not_named("2 rows", (2, (2, 3), "nan", -0.1)) == ["(2, 3)", "nan", "-0.1"]


def test_the_values_of_a_call_are_its_numbers():
    assert values_named((2, (3, 4), "nan", "name", "7", True)) == {2, 3, 4, 7}
