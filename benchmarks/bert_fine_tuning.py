"""The full profile of section 5.3, and its tables: six ways to judge a review, long texts, Chinese.

    python benchmarks/bert_fine_tuning.py     writes bert_fine_tuning.md; twenty minutes of one core

It executes the cells of notebooks/en/5_language/3_bert_fine_tuning.ipynb, exercises left out, in one process
with one thread. A check that fails is named in the file, and the exit status is then 1. ChnSentiCorp comes
by helpers.fetch, so COURSE_MIRROR is tried first.
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
from tools.notebooks import ENGLISH, cells_of, statements, tags_of

NOTEBOOK = ENGLISH / "5_language/3_bert_fine_tuning.ipynb"
KINDS = ("joined", "hidden")  # how the long texts were made, see 5.3


def error_at(share, n):
    """The standard error of a share counted on n reviews."""
    return f"{(share * (1 - share) / n) ** 0.5:.3f}"


def execute(names):
    """Run the notebook's code in the namespace `names`: (processor seconds of each cell, failed checks)."""
    seconds, failed = {}, []
    for cell in cells_of(NOTEBOOK):
        print(f"--- {cell.id}", flush=True)
        started = time.process_time()
        try:
            exec(compile(statements(cell.source), cell.id, "exec"), names)
        except CheckFailed as error:
            failed.append(f"{cell.id}: {error}")
            print(error, flush=True)
        except ValueError as error:
            if "raises-exception" not in tags_of(cell):
                raise
            print(f"{type(error).__name__}: {error}")
        seconds[cell.id] = time.process_time() - started
    return seconds, failed


def method_rows(nb):
    yield "| | trained | seeds | dev and test | each seed | test | hard fifth | s a seed |"
    yield "|---|---:|---:|---:|---|---:|---:|---:|"
    for name in nb["METHODS"]:
        runs = [row for row in nb["results"] if row["method"] == name]
        right = nb["right_by"](name)
        each = right.mean(1)
        spread = f" ± {each.std(ddof=1):.3f}" if len(each) > 1 else ""
        yield (
            f"| {name} | {runs[0]['trained']:,} | {len(runs)} | {each.mean():.3f}{spread} "
            f"| {', '.join(f'{share:.3f}' for share in each)} | {right[:, nb['is_test']].mean():.3f} "
            f"| {right[:, nb['hard']].mean():.3f} | {np.median([row['seconds'] for row in runs]):.0f} |"
        )


def lead_rows(nb):
    yield "| all against | lead on dev and test | standard error |"
    yield "|---|---:|---:|"
    for other in list(nb["METHODS"])[:-1]:
        ahead, error = nb["lead"]("all", other)
        yield f"| {other} | {ahead:+.3f} | {error:.3f} |"


def kind_rows(nb):
    yield "| | reviews | counting words | all | standard error at 0.7 |"
    yield "|---|---:|---:|---:|---:|"
    for kind in ("unmarked", "negation", "irony", "mixed", "faint"):
        here = nb["kinds"] == kind
        by_words, by_all = (nb["right_by"](name)[:, here].mean() for name in ("counting words", "all"))
        yield f"| {kind} | {here.sum()} | {by_words:.2f} | {by_all:.2f} | {(0.21 / here.sum()) ** 0.5:.2f} |"


def long_rows(nb):
    ways = list(dict.fromkeys(way for _, way in nb["long_right"]))
    yield "| | joined: right | as alone | hidden: right | as alone |"
    yield "|---|---:|---:|---:|---:|"
    for way in ways:
        cells = [nb[table][kind, way] for kind in KINDS for table in ("long_right", "like_alone")]
        yield f"| {way} | {' | '.join(f'{share:.2f}' for share in cells)} |"


def chinese_rows(nb):
    yield "| | accuracy |"
    yield "|---|---:|"
    for name, share in nb["zh_right"].items():
        yield f"| {name} | {share:.3f} |"


def main():
    torch.set_num_threads(1)
    nb = {"__name__": "bert_fine_tuning"}
    seconds, failed = execute(nb)
    slow = ", ".join(f"{name} {taken:.0f}" for name, taken in seconds.items() if taken > 20)
    settings = "; ".join(
        f"{name}: {epochs} epochs, rate {rate:g}" for name, (_, epochs, rate) in nb["RUNS"].items()
    )
    judged, test, hard = len(nb["judged"]), nb["is_test"].sum(), nb["hard"].sum()
    curve = nb["curve"]
    lines = f"""\
# BERT, fine-tuned on the course's reviews

{where("torch", "transformers", "scikit-learn")}
Command: `python benchmarks/bert_fine_tuning.py`. One thread.

The cells of section 5.3 in its full profile: {nb["n"]} reviews to learn from, {judged} to be judged by (dev
and test), at most {nb["MAX_LENGTH"]} tokens each, batches of {nb["BATCH"]}.
{settings}; LoRA in the upper {nb["LORA_LAYERS"]} layers.
Seconds of the processor, judging included; ± is the standard deviation of the seeds. The standard error of an
accuracy of 0.7 is {error_at(0.7, judged)} on dev and test, {error_at(0.7, test)} on test,
{error_at(0.7, hard)} on the hard fifth. Rates and epochs were chosen on dev.

@methods

Review by review, the mean of the seeds:

@leads

## The hard reviews

@kinds

## Long texts

At most {nb["N_LONG"]} texts of either kind; the model *all*, seed 0.

@long

## Chinese: ChnSentiCorp

{len(nb["zh_texts"]):,} reviews to learn from, {len(nb["zh_new"]):,} (the dev split) to be judged by,
at most {nb["ZH_LENGTH"]} characters each, {nb["ZH_EPOCHS"]} epochs, one seed. The tiny BERT was pre-trained
on the course's own {len(nb["train"])} reviews, {nb["MLM_EPOCHS"]} epochs: its loss on dev went from
{curve[0]:.2f} to {min(curve):.2f} nats (frequencies alone {nb["by_frequency"]:.2f}). `bert-base-chinese` was
not run: its weights were not to be had. The standard error of an accuracy of 0.8 is
{error_at(0.8, len(nb["zh_new"]))}.

@chinese

## Time

Processor seconds: {sum(seconds.values()):.0f} in all, of which {slow}.
Checks that failed: {"; ".join(failed) or "none"}.
""".splitlines()
    tables = {
        "@methods": method_rows(nb),
        "@leads": lead_rows(nb),
        "@kinds": kind_rows(nb),
        "@long": long_rows(nb),
        "@chinese": chinese_rows(nb),
    }
    write("bert_fine_tuning.md", [row for line in lines for row in tables.get(line, [line])])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
