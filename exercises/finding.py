"""Where an exercise stands: `ch2_math/s1_linear_algebra.py` holds those of section 2.1."""

import difflib
import re
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

from .exercise import Exercise

HERE = Path(__file__).parent


def sections() -> dict[str, Path]:
    """{"2.1": path of its .py file, …}: the sections that have exercises, in order."""
    found = {}
    for path in HERE.glob("ch*_*/s*_*.py"):
        chapter, section = (re.match(r"(?:ch|s)(\d+)_", name) for name in (path.parent.name, path.name))
        if chapter and section:
            found[f"{chapter[1]}.{section[1]}"] = path
    return dict(sorted(found.items(), key=lambda item: [int(part) for part in item[0].split(".")]))


def section_file(section: str) -> Path:
    """The .py file of a section ("2.1"). Raises ValueError, naming the nearest, when there is none."""
    files = sections()
    if section not in files:
        raise ValueError(f"there is no section {section!r} with exercises{_nearest(section, files)}")
    return files[section]


def section_exercises(section: str) -> list[Exercise]:
    """The exercises of a section ("2.1"), in order. Raises ValueError when there is no such section."""
    path = section_file(section)
    return import_module(f"exercises.{path.parent.name}.{path.stem}").EXERCISES


def find(number: str) -> Exercise:
    """The exercise of that number ("2.1.3"). Raises ValueError, naming the nearest, when there is none."""
    if not isinstance(number, str) or not re.fullmatch(r"\d+\.\d+\.\d+", number):
        raise ValueError(f'an exercise\'s number is a text like "6.1.3", not {number!r}')
    exercises = {exercise.number: exercise for exercise in section_exercises(number.rpartition(".")[0])}
    if number not in exercises:
        raise ValueError(f"there is no exercise {number!r}{_nearest(number, exercises)}")
    return exercises[number]


def _nearest(wanted: str, known: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(str(wanted), known, n=1, cutoff=0)
    return f"; did you mean {nearest[0]!r}? All: {', '.join(known)}" if nearest else "; there are none at all"
