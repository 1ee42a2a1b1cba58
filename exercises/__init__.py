"""Exercises that answer back: `check` says todo, ok, or which call went wrong and why.

    determinant = check("2.1.3", determinant)    one line per exercise; gives a right answer back
    still_open("2.1")                            the last cell of a notebook: what is still to do
    show_solution("2.1.3")                       the solution, and the common wrong turns

`ch2_math/s1_linear_algebra.py` holds the code of section 2.1 (solutions, cases, wrong answers, draws), and
`s1_linear_algebra.en.md` beside it every word that a learner reads.
"""

from .exercise import Case, Exercise
from .judging import WrongAnswer, check, show_solution, still_open

__all__ = ["Case", "Exercise", "WrongAnswer", "check", "show_solution", "still_open"]
