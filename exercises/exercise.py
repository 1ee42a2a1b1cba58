"""What an exercise is: its solution, its cases, its wrong answers, its draws. The words stand in Markdown."""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

KINDS = ("fill", "predict", "design")
FROM_SOLUTION = object()


@dataclass(frozen=True)
class Case:
    """One call of the learner's function, chosen for the mistake it catches.

    args      positional arguments, or a function without arguments that makes them (large or unusual arrays)
    kwargs    keyword arguments
    expected  the right result; left out, it is what the solution returns
    raises    the exception the call must end with, instead of a result ...
    mentions  ... and what its message must name: numbers, texts, tuples of numbers
    examine   a function of the result: what it returns is compared instead, a network's marks in an exam, say
    args_text how the arguments are written in the call that a learner is shown, where arrays are too large to
              be printed: "np.arange(48.0).reshape(2, 2, 3, 4), 1, 0"
    name      the mistake that it catches, for maintainers
    why       needed when none of the listed wrong answers fails this case: why it is here
    """

    args: tuple | Callable = ()
    kwargs: dict = field(default_factory=dict)
    expected: object = FROM_SOLUTION
    raises: type[Exception] | None = None
    mentions: tuple = ()
    examine: Callable | None = None
    args_text: str = ""
    name: str = ""
    why: str = ""


class Listed(NamedTuple):
    """A wrong answer of the list: its name, the answer, and the place of the hint that fits (or None)."""

    name: str
    answer: object
    hint: int | None


@dataclass(frozen=True)
class Exercise:
    """One exercise. Its words (title, statement, hints, sentences) are found by its number: `texts.words`.

    number    "6.1.3": chapter, section, place
    level     1 (a minute's thought) to 5;  minutes: what to set aside;  points: for grading
    kind      "fill" (a function), "predict" (a value, said before it is run) or "design" (no check, 0 points)
    solution  fill: a function whose signature and docstring become the stub;  predict: the value
    cases     fill: the named calls, in the order in which they are tried
    wrong     what people really answer.  fill: {function: place of the hint that fits, or None};
              predict: {name: (value, place of the hint)}, where ... in a tuple stands for any value
    draw      fill: a function of a random generator (numpy.random.Generator) that makes one call: a tuple of
              positional arguments, or a Case. What is expected is what the solution returns or raises
    draws     how many calls are drawn, always the same ones
    rtol, atol  floats are compared within atol + rtol · |expected|
    may_change_inputs  True where the exercise is about changing an argument in place
    new_result  True where the statement asks for a new array or list: an argument or a view of it is refused
    """

    number: str
    level: int
    minutes: int
    points: int = 0
    solution: object = None
    cases: tuple[Case, ...] = ()
    wrong: dict = field(default_factory=dict)
    draw: Callable | None = None
    draws: int = 200
    kind: str = "fill"
    rtol: float = 1e-6
    atol: float = 1e-9
    may_change_inputs: bool = False
    new_result: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(
                f"{self.number}: kind {self.kind!r} is unknown; choose one of {', '.join(KINDS)}"
            )
        if not re.fullmatch(r"\d+\.\d+\.\d+", self.number):
            raise ValueError(f'an exercise\'s number looks like "6.1.3", not {self.number!r}')
        if not 1 <= self.level <= 5:
            raise ValueError(f"{self.number}: level {self.level} is outside 1 to 5")
        if self.kind == "design" and self.points:
            raise ValueError(f"{self.number}: a design exercise has no check, so 0 points")
        if self.kind != "fill" and (self.cases or self.draw):
            raise ValueError(f"{self.number}: only a function has cases and draws, not kind {self.kind!r}")
        for answer in self.wrong if self.kind == "fill" else ():
            if not re.fullmatch(r"[a-z]\w*", getattr(answer, "__name__", "")):
                raise ValueError(
                    f"{self.number}: wrong answer {answer!r} is no function with a name of its own"
                )

    @property
    def answer_name(self) -> str | None:
        """What the learner's answer is called in the notebook; None for a design."""
        return {"fill": getattr(self.solution, "__name__", None), "predict": "prediction"}.get(self.kind)

    @property
    def listed(self) -> list[Listed]:
        """The wrong answers as a list of Listed."""
        if self.kind == "predict":
            return [Listed(name, value, hint) for name, (value, hint) in self.wrong.items()]
        return [Listed(function.__name__, function, hint) for function, hint in self.wrong.items()]

    @property
    def stub(self) -> str:
        """The source of the answer cell: signature and docstring of the solution, then a blank."""
        if self.kind == "predict":
            return "prediction = ..."
        if self.kind == "design":
            return f"# exercise {self.number}: your experiment"
        source = textwrap.dedent(inspect.getsource(self.solution))
        docstring = ast.parse(source).body[0].body[0]
        head = "\n".join(source.splitlines()[: docstring.end_lineno])
        return f'{head}\n    raise NotImplementedError("exercise {self.number}")'
