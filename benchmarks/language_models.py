"""GPT-2 and the changes of section 5.2 on tinyshakespeare, over seeds: held-out loss, and the time it took.

    python benchmarks/language_models.py [seeds]     writes language_models.md; minutes per model and seed

The models are those of 5.2a (counts) and of 5.2f and 5.2g (GPT and its changes: `helpers.chapters.recipe`),
in the sizes of their full profile; the LSTM stands here.
The text comes by helpers.fetch, so COURSE_MIRROR is tried first. One thread.
"""

import math
import os
import statistics
import sys
import time

os.environ["COURSE_PROFILE"] = "full"
os.environ["CI"] = "true"  # no progress bars

import torch
from common import where, write
from torch import nn

from helpers.chapters import recipe
from helpers.chapters.decoders import bits, held_out
from helpers.chapters.language import train
from tools.notebooks import ENGLISH, define

COUNTS = ENGLISH / "5_language/2a_counting_and_bits.ipynb"
CHANGES = ENGLISH / "5_language/2g_gain_or_luck.ipynb"
TARGET = 1.88  # nats: what the README of nanoGPT (Karpathy, 2022) says of its example for a CPU
RECIPE, LAST = "nanoGPT's recipe", "+ Muon"


class LSTM(nn.Module):
    """Characters (B, T) -> logits of the next character at each position (B, T, V)."""

    def __init__(self, V, cells=384):
        super().__init__()
        self.vectors, self.head = nn.Embedding(V, 32), nn.Linear(cells, V)
        self.lstm = nn.LSTM(32, cells, batch_first=True)

    def forward(self, ids):
        return self.head(self.lstm(self.vectors(ids))[0])


def nats(in_bits):
    return in_bits * math.log(2)


def contestants(nb):
    """The models to compare, {name: (seed -> model, model -> optimisers)}; each adds a change to the last."""

    def lstm(seed):
        torch.manual_seed(seed)
        return LSTM(nb["V"])

    found = {"LSTM": (lstm, lambda model: [torch.optim.AdamW(model.parameters(), lr=8e-3)])}
    for name, (parts, optimisers) in recipe.CHANGES.items():
        how = nb["SIZES"] | parts
        found[name] = (lambda seed, how=how: recipe.built(seed, **how)), optimisers
    return found


def by_random_batches(nb, model, batches=20):
    """The recipe's own estimate: the mean loss of random batches of held-out text, and its standard error."""
    generator, losses = torch.Generator().manual_seed(1337), []
    with torch.no_grad():
        for _ in range(batches):
            starts = torch.randint(len(nb["val_ids"]) - nb["LENGTH"], (nb["BATCH"],), generator=generator)
            losses.append(nats(bits(model, nb["val_ids"], starts, nb["LENGTH"]).item()))
    return f"{statistics.mean(losses):.4f} ± {statistics.stdev(losses) / batches**0.5:.4f}"


def ladder_rows(runs, parameters):
    yield "| | parameters | loss, each seed | mean | bits | brought | median s |"
    yield "|---|---:|---|---:|---:|---:|---:|"
    before = None
    for name, of_seeds in runs.items():
        losses = [nats(rows[-1][2]) for rows in of_seeds]
        mean = statistics.mean(losses)
        brought = f"{mean - before:+.4f}" if name.startswith("+") else ""
        seconds = statistics.median(rows[-1][1] for rows in of_seeds)
        each = ", ".join(f"{loss:.4f}" for loss in losses)
        yield (
            f"| {name} | {parameters[name]:,} | {each} | {mean:.4f} | {mean / math.log(2):.3f} "
            f"| {brought} | {seconds:.0f} |"
        )
        before = mean


def target_rows(runs):
    yield "| seed | the recipe | + Muon | share of the recipe's whole run |"
    yield "|---:|---|---|---:|"
    for seed, (plain, last) in enumerate(zip(runs[RECIPE], runs[LAST], strict=True)):
        cells = []
        for rows in (plain, last):
            found = next((row for row in rows if nats(row[2]) <= TARGET), None)
            step, spent, _ = found or rows[-1]
            cells.append(f"step {step}, {spent:.0f} s" + ("" if found else ": not reached"))
        yield f"| {seed} | {cells[0]} | {cells[1]} | {spent / plain[-1][1]:.2f} |"


def counted_rows(nb):
    yield "| order | add 1 | add 0.01 | Kneser–Ney | seconds |"
    yield "|---:|---:|---:|---:|---:|"
    text, alphabet = nb["train_text"], nb["alphabet"]
    for order in range(1, 9):
        began, V = time.perf_counter(), len(alphabet)
        models = [nb["add_k"](text, order, V, k) for k in (1, 0.01)]
        models.append(nb["kneser_ney"](text, order, V))
        cells = [f"{nats(nb['bits'](p, nb['val_text'])):.4f}" for p in models]
        yield f"| {order} | {' | '.join(cells)} | {time.perf_counter() - began:.0f} |"


def main(seeds=3):
    counts = define(
        COUNTS,
        ("count-next", "bits", "share", "kneser-ney-code"),
        whole=("imports", "constants", "data-load"),
    )
    nb = define(CHANGES, namespace={"__name__": "changes"}, whole=("imports", "constants", "text", "learn"))
    runs, parameters, estimates = {}, {}, []
    for seed in range(seeds):
        for name, (make, optimisers) in contestants(nb).items():
            model = make(seed)
            _, rows = train(
                model,
                nb["train_ids"],
                optimisers(model),
                length=nb["LENGTH"],
                batch=nb["BATCH"],
                steps=nb["STEPS"],
                seed=seed,
                watch=100,
                look=lambda model=model: held_out(model, nb["val_ids"], nb["LENGTH"]),
            )
            runs.setdefault(name, []).append(rows)
            parameters[name] = sum(p.numel() for p in model.parameters())
            if name == RECIPE:
                estimates.append(by_random_batches(nb, model))
            print(f"seed {seed}  {name:34} {nats(rows[-1][2]):.4f}  {rows[-1][1]:.0f} s", flush=True)

    lines = f"""\
# Language models on tinyshakespeare

{where("torch")}
Command: `python benchmarks/language_models.py {seeds}`. One thread, with other work on the machine.

{nb["STEPS"]:,} steps of {nb["BATCH"]} × {nb["LENGTH"]} characters, seeds 0 … {seeds - 1} (of the weights and
of the windows). The first 90 % of the text to learn from, the rest to judge by: the mean over the **whole**
held-out text ({len(nb["val_ids"]):,} characters), in consecutive blocks of {nb["LENGTH"]}, each without a
context before it. Nats per character; bits are nats / 0.6931.

## The ladder

Each model is the one before it with one change; *brought*: difference of the means.

@ladder

By the recipe's own estimate, 20 random batches of held-out text (mean ± standard error), its model reaches
{", ".join(estimates)} with the seeds 0 … {seeds - 1}. The README of nanoGPT says {TARGET}.

## Time to {TARGET}

Seconds of training (the clock stops while the whole held-out text is looked at, every 100 steps) until the
loss is no more than that; both trained in the same run of this script.

@target

## Counting

The same text. An n-gram reads across the borders of the blocks. Seconds for all three, building and judging.

@counted
""".splitlines()
    tables = {
        "@ladder": ladder_rows(runs, parameters),
        "@target": target_rows(runs),
        "@counted": counted_rows(counts),
    }
    write("language_models.md", [row for line in lines for row in tables.get(line, [line])])


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
