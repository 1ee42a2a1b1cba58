"""The full profile of section 5.3, and its tables: six ways to judge a review, long texts, Chinese.

    python benchmarks/bert_fine_tuning.py     writes bert_fine_tuning.md; twenty minutes of one core

It executes the cells of 3f_your_own_texts, 3g_what_pretraining_is, 3h_hard_reviews and
3i_mistakes_and_attention in notebooks/en/5_language, with the course's solutions where an answer is blank, in
one process with one thread. A check that fails is named in the file, and the exit status is then 1.
ChnSentiCorp comes by helpers.fetch, so COURSE_MIRROR is tried first.
"""

import os
import sys
import time

os.environ["COURSE_PROFILE"] = "full"
os.environ["CI"] = "true"  # no progress bars
os.environ["MPLBACKEND"] = "agg"

import numpy as np
import torch
from common import where, write

from helpers.checking import CheckFailed
from tools.notebooks import ENGLISH, code_cells, read_notebook, statements

PRETRAINING = ENGLISH / "5_language/3g_what_pretraining_is.ipynb"
OWN = ENGLISH / "5_language/3f_your_own_texts.ipynb"
HARD = ENGLISH / "5_language/3h_hard_reviews.ipynb"
CLOSER = ENGLISH / "5_language/3i_mistakes_and_attention.ipynb"
KINDS = ("joined", "hidden")  # how the long texts were made, see 5.3


def error_at(share, n):
    """The standard error of a share counted on n reviews."""
    return f"{(share * (1 - share) / n) ** 0.5:.3f}"


def execute(notebook, names):
    """Run a notebook's code in the namespace `names`: (processor seconds of each cell, failed checks)."""
    seconds, failed = {}, []
    for cell in code_cells(read_notebook(notebook)):  # blank exercises are answered by their check
        print(f"--- {cell.id}", flush=True)
        started = time.process_time()
        try:
            exec(compile(statements(cell.source), cell.id, "exec"), names)
        except CheckFailed as error:
            failed.append(f"{cell.id}: {error}")
            print(error, flush=True)
        seconds[cell.id] = time.process_time() - started
    return seconds, failed


def method_rows(nb):
    yield "| | trained | seeds | dev and test | each seed | test | hard fifth |"
    yield "|---|---:|---:|---:|---|---:|---:|"
    is_test = np.arange(len(nb["judged"])) >= len(nb["dev"])
    for name in nb["METHODS"]:
        runs = [row for row in nb["results"] if row["method"] == name]
        right = nb["right_by"](name)
        each = right.mean(1)
        spread = f" ± {each.std(ddof=1):.3f}" if len(each) > 1 else ""
        yield (
            f"| {name} | {runs[0]['trained']:,} | {len(runs)} | {each.mean():.3f}{spread} "
            f"| {', '.join(f'{share:.3f}' for share in each)} | {right[:, is_test].mean():.3f} "
            f"| {right[:, nb['hard']].mean():.3f} |"
        )


def lead_rows(nb):
    yield "| all against | lead on dev and test | standard error |"
    yield "|---|---:|---:|"
    for other in list(nb["METHODS"])[:-1]:
        difference = nb["right_by"]("all").mean(0) - nb["right_by"](other).mean(0)
        error = difference.std(ddof=1) / len(difference) ** 0.5
        yield f"| {other} | {difference.mean():+.3f} | {error:.3f} |"


def kind_rows(nb, closer):
    yield "| | reviews | counting words | all | standard error at 0.7 |"
    yield "|---|---:|---:|---:|---:|"
    for kind in ("unmarked", "negation", "irony", "mixed", "faint"):
        here = closer["kinds"] == kind
        by_words, by_all = (nb["right_by"](name)[:, here].mean() for name in ("counting words", "all"))
        yield f"| {kind} | {here.sum()} | {by_words:.2f} | {by_all:.2f} | {(0.21 / here.sum()) ** 0.5:.2f} |"


def long_rows(nb):
    ways = list(dict.fromkeys(way for _, way in nb["long_right"]))
    yield "| | joined | hidden |"
    yield "|---|---:|---:|"
    for way in ways:
        cells = [nb["long_right"][kind, way] for kind in KINDS]
        yield f"| {way} | {' | '.join(f'{share:.2f}' for share in cells)} |"


def chinese_rows(nb):
    yield "| | accuracy |"
    yield "|---|---:|"
    for name, share in nb["zh_right"].items():
        yield f"| {name} | {share:.3f} |"


def main():
    torch.set_num_threads(1)
    names = ("hard_reviews", "closer", "pretraining", "own_texts")
    nb, closer, pretraining, own = ({"__name__": name} for name in names)
    seconds, failed = {}, []
    for notebook, names in ((HARD, nb), (CLOSER, closer), (PRETRAINING, pretraining), (OWN, own)):
        more_seconds, more_failed = execute(notebook, names)
        seconds, failed = seconds | more_seconds, failed + more_failed
    slow = ", ".join(f"{name} {taken:.0f}" for name, taken in seconds.items() if taken > 20)
    settings = "; ".join(
        f"{name}: {epochs} epochs, rate {rate:g}" for name, (_, epochs, rate) in nb["RUNS"].items()
    )
    judged, test, hard = len(nb["judged"]), len(nb["test"]), nb["hard"].sum()
    curve = pretraining["curve"]
    lines = f"""\
# BERT, fine-tuned on the course's reviews

{where("torch", "transformers", "scikit-learn")}
Command: `python benchmarks/bert_fine_tuning.py`. One thread.

The cells of section 5.3 in its full profile: {nb["n"]} reviews to learn from, {judged} to be judged by (dev
and test), at most {nb["MAX_LENGTH"]} tokens each, batches of {nb["BATCH"]}.
{settings}; LoRA in the upper {nb["LORA_LAYERS"]} layers.
± is the standard deviation of the seeds. The standard error of an
accuracy of 0.7 is {error_at(0.7, judged)} on dev and test, {error_at(0.7, test)} on test,
{error_at(0.7, hard)} on the hard fifth. Rates and epochs were chosen on dev.

@methods

Review by review, the mean of the seeds:

@leads

## The hard reviews

@kinds

## Long texts

At most {closer["N_LONG"]} texts of either kind; which of six domains, by frozen vectors.

@long

## Chinese: ChnSentiCorp

{len(own["zh_texts"]):,} reviews to learn from, {len(own["zh_new"]):,} (the dev split) to be
judged by, at most 96 characters each, 3 epochs, one seed. `bert-base-chinese` is run only where its weights
and an accelerator are to be had. The standard error of an accuracy of 0.8 is
{error_at(0.8, len(own["zh_new"]))}.

@chinese

## Gaps in English reviews

The tiny BERT of 5.3g: its loss on gaps in new reviews went from {curve[0]:.2f} to {min(curve):.2f} nats
(frequencies alone {pretraining["by_frequency"]:.2f}, both neighbours {pretraining["by_neighbours"]:.2f}).

## Time

Processor seconds: {sum(seconds.values()):.0f} in all, of which {slow}.
Checks that failed: {"; ".join(failed) or "none"}.
""".splitlines()
    tables = {
        "@methods": method_rows(nb),
        "@leads": lead_rows(nb),
        "@kinds": kind_rows(nb, closer),
        "@long": long_rows(closer),
        "@chinese": chinese_rows(own),
    }
    write("bert_fine_tuning.md", [row for line in lines for row in tables.get(line, [line])])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
