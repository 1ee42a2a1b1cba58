"""The words of exercises, read from the Markdown file beside the code: `s1_linear_algebra.en.md`.

    # 2.1 Linear algebra
    ## 2.1.3 How much a matrix enlarges            the title; below it the statement
    ### hint: My sign is wrong.                    the question of a stuck learner; below it the help
    ### wrong answers                              a list: - `name_of_the_wrong_answer`: its sentence
    ### model answer                               of a design exercise only

A translation is a file beside it, `s1_linear_algebra.zh.md`, with the same numbers and names.
"""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from .finding import section_file

EXERCISE = re.compile(r"^## (\d+\.\d+\.\d+) (.+)$", re.MULTILINE)
PART = re.compile(r"^### (hint: .+|wrong answers|model answer)$", re.MULTILINE)
WRONG_ANSWER = re.compile(r"- `(\w+)`: (.+)", re.DOTALL)


class Words(NamedTuple):
    """What a learner reads of one exercise: Markdown, but for the title.

    hints is a list of pairs (question, help); wrong is {name of the wrong answer: its sentence}.
    """

    title: str
    statement: str
    hints: list
    wrong: dict
    model_answer: str


def words(number: str, language: str = "en") -> Words:
    """The Words of the exercise of that number. Raises ValueError when its file does not have it."""
    found = section_words(number.rpartition(".")[0], language)
    if number not in found:
        path = _text_file(number.rpartition(".")[0], language)
        raise ValueError(f'{path.name} has no exercise {number}: it needs a heading "## {number} <title>"')
    return found[number]


@cache
def section_words(section: str, language: str = "en") -> dict[str, Words]:
    """{number: Words} of a section ("2.1")."""
    _, *parts = EXERCISE.split(_text_file(section, language).read_text(encoding="utf-8"))
    return {
        number: _exercise_words(title, text)
        for number, title, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    }


def _text_file(section: str, language: str) -> Path:
    path = section_file(section)
    return path.with_name(f"{path.stem}.{language}.md")


def _exercise_words(title: str, text: str) -> Words:
    statement, *parts = PART.split(text)
    hints, wrong, model_answer = [], {}, ""
    for name, content in zip(parts[::2], parts[1::2], strict=True):
        if name.startswith("hint: "):
            hints.append((name.removeprefix("hint: "), "\n\n".join(_paragraphs(content))))
        elif name == "wrong answers":
            wrong = _wrong_answers(title, content)
        else:
            model_answer = content.strip()
    return Words(title.strip(), statement.strip(), hints, wrong, model_answer)


def _wrong_answers(title: str, content: str) -> dict[str, str]:
    """{name: sentence} of the list; a sentence may go on in indented lines."""
    items = re.split(r"\n(?=- )", content.strip())
    matches = [WRONG_ANSWER.fullmatch(item) for item in items]
    for item, match in zip(items, matches, strict=True):
        if match is None:
            raise ValueError(f"{title}: {item!r} is no line of the form - `name`: sentence")
    return {match[1]: " ".join(match[2].split()) for match in matches}


def _paragraphs(text: str) -> list[str]:
    """The paragraphs, each on one line; what is laid out (a list, a table, code) is left as it is."""
    if "```" in text:
        return [text.strip()]
    return [_unwrapped(block) for block in re.split(r"\n\s*\n", text.strip())]


def _unwrapped(block: str) -> str:
    laid_out = re.search(r"^(\s{4}|\s*[-*|]\s|\s*\d+\. |\$\$)", block, re.MULTILINE)
    return block if laid_out else " ".join(block.split())
