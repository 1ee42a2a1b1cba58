"""The GPT of 5.2c, trained on tinyshakespeare for longer than a notebook may: its bits, and what it writes.

    python benchmarks/long_run.py [steps]     writes long_run.md; about six minutes of one core

The loop is that of 5.2d (`helpers.chapters.language.train`), what writes that of 5.2e. The weights are kept
beside the downloaded data, as long_run.safetensors. The text comes by helpers.fetch, so COURSE_MIRROR is
tried first. One thread.
"""

import math
import statistics
import sys
import time

import torch
from common import where, write
from safetensors.torch import save_file

from helpers import data_cache
from helpers.chapters.decoders import held_out
from helpers.chapters.gpt import from_gpt2
from helpers.chapters.language import kneser_ney, load_text, small_gpt2, train
from helpers.files import replacing
from tools.notebooks import ENGLISH, define

WRITING = ENGLISH / "5_language/2e_writing.ipynb"
LENGTH, WIDTH, LAYERS, HEADS, BATCH = 128, 128, 4, 4, 8
LOOKS, JUDGED = 9, 20_000  # how often the held-out text is looked at, and how much of it
PROMPT, TEMPERATURE = "The king ", 0.7


def main(steps: int = 3_600) -> None:
    torch.set_num_threads(1)
    learn, judge = load_text("tinyshakespeare")
    alphabet = sorted({*learn, *judge})
    number_of = {character: number for number, character in enumerate(alphabet)}
    train_ids, val_ids, prompt = (torch.tensor([number_of[c] for c in t]) for t in (learn, judge, PROMPT))
    torch.manual_seed(0)
    start = small_gpt2(len(alphabet), LENGTH, WIDTH, LAYERS, HEADS).transformer.state_dict()
    gpt = from_gpt2(start, HEADS)

    def look() -> float:
        bits = held_out(gpt, val_ids[:JUDGED], LENGTH)
        print(f"{bits:.3f} bits per character, {time.process_time() - began:.0f} s", flush=True)
        return bits

    began = time.process_time()
    optimiser = torch.optim.AdamW(gpt.parameters(), lr=0.004, weight_decay=0.1)
    how = {"length": LENGTH, "batch": BATCH, "steps": steps, "watch": max(1, steps // LOOKS), "look": look}
    losses, rows = train(gpt, train_ids, [optimiser], **how)
    spent = time.process_time() - began
    with replacing(data_cache() / "long_run.safetensors") as file:
        save_file(gpt.state_dict(), file)
    draw = define(WRITING, ["write"], {"torch": torch})["write"]
    texts = [draw(gpt, prompt, 300, lambda logits: logits / TEMPERATURE, seed) for seed in range(3)]

    weights, whole = sum(p.numel() for p in gpt.parameters()), held_out(gpt, val_ids, LENGTH)
    counted, shown = kneser_ney(learn, 6, len(alphabet)), judge[:JUDGED]
    bits = [-math.log2(counted(shown[max(0, i - 5) : i], shown[i])) for i in range(1, JUDGED)]
    by_counts = statistics.mean(bits)
    lines = f"""\
# A long run of the GPT of 5.2c

{where("torch")}
Command: `python benchmarks/long_run.py {steps}`. One thread, with other work on the machine.

{weights:,} weights ({LAYERS} blocks, {WIDTH} numbers per position), trained on the first 90 % of
tinyshakespeare, {len(train_ids):,} characters: {steps:,} steps of {BATCH} windows of {LENGTH}, in
{spent:.0f} s of processor time. AdamW, rate 0.004, rising and falling, weight decay 0.1, seed 0.

Bits per character in training (mean of the last 100 steps) and held out (the first {JUDGED:,} characters of
the rest, windows that begin without a context; Kneser–Ney of order 6 needs {by_counts:.3f} there).
On the whole held-out text: {whole:.3f}.

| step | in training | held out |
|---:|---:|---:|
""".splitlines()
    for step, _, bits in rows:
        lines.append(f"| {step} | {statistics.mean(losses[max(0, step - 100) : step]):.3f} | {bits:.3f} |")
    lines += ["", f"What it writes after `{PROMPT}`, temperature {TEMPERATURE}, the first three seeds:"]
    for seed, ids in enumerate(texts):
        lines += ["", f"Seed {seed}:", "", "```", "".join(alphabet[i] for i in ids), "```"]
    write("long_run.md", lines)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
