"""The reviews written for the course, which the notebooks of chapter 5 read."""

import csv
import re

from helpers.data import MANIFEST, known

REVIEWS = MANIFEST.with_name("reviews.csv")


def load_reviews(split: str | None = None) -> list[dict]:
    """The reviews written for the course, in Chinese and English; ``split`` is train, dev, test; None: all.

    A review is {"id", "split", "domain", "label": 1 good or 0 bad, "hard": "" or the kind of difficulty,
    "zh", "en": the text, "zh_names", "en_names": [(start, end, "PER" | "LOC" | "ORG"), …] in that text}.
    How they were made: data/README.md. Raises ValueError for an unknown split.
    """
    if split is not None:
        known("split of the reviews", split, dict.fromkeys(("train", "dev", "test")))
    with REVIEWS.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if split in (None, row["split"])]
    for row in rows:
        row["label"] = int(row["label"])
        for language in ("zh", "en"):
            row[language], row[f"{language}_names"] = _without_marks(row[language])
    return rows


def _without_marks(text: str) -> tuple[str, list[tuple[int, int, str]]]:
    """Take the marks out: "By [PER Ann]." -> "By Ann.", [(3, 6, "PER")]."""
    plain, names, end = "", [], 0
    for mark in re.finditer(r"\[(PER|LOC|ORG) ([^\[\]]+)\]", text):
        plain += text[end : mark.start()]
        names.append((len(plain), len(plain) + len(mark[2]), mark[1]))
        plain, end = plain + mark[2], mark.end()
    return plain + text[end:], names
