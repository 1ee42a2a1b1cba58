"""The GPT of 5.2b, trained on tinyshakespeare for longer than a notebook may: its bits, and what it writes.

    python benchmarks/long_run.py [steps]     prints a table and a text; about six minutes of one core

The loop is that of 5.2c (`helpers.chapters.language.train`), and so is what writes. One thread. The weights
are kept beside the downloaded data, as long_run.safetensors.
"""

import sys
import time

import torch
from safetensors.torch import save_file

from helpers import data_cache
from helpers.chapters.decoders import held_out
from helpers.chapters.gpt import from_gpt2
from helpers.chapters.language import load_text, small_gpt2, train
from helpers.files import replacing
from tools.notebooks import ENGLISH, define

WRITING = ENGLISH / "5_language/2c_training_and_writing.ipynb"
LENGTH, WIDTH, LAYERS, HEADS, BATCH = 128, 128, 4, 4, 8
LOOKS, JUDGED = 9, 20_000  # how often the held-out text is looked at, and how much of it


def main(steps: int = 3_600) -> None:
    torch.set_num_threads(1)
    learn, judge = load_text("tinyshakespeare")
    alphabet = sorted({*learn, *judge})
    number_of = {character: number for number, character in enumerate(alphabet)}
    train_ids, val_ids = (torch.tensor([number_of[c] for c in text]) for text in (learn, judge))
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
    with replacing(data_cache() / "long_run.safetensors") as file:
        save_file(gpt.state_dict(), file)
    print(f"{sum(p.numel() for p in gpt.parameters()):,} weights, {len(train_ids):,} characters")
    for step, _, bits in rows:
        print(f"step {step}: training {sum(losses[step - 100 : step]) / 100:.3f}, held-out {bits:.3f}")
    print(f"the whole held-out text: {held_out(gpt, val_ids, LENGTH):.3f}")
    write = define(WRITING, ["write"], {"torch": torch})["write"]
    for seed in range(3):
        ids = write(gpt, torch.tensor([number_of[c] for c in "The king "]), 300, lambda z: z / 0.7, seed)
        print(f"\nseed {seed}: {''.join(alphabet[i] for i in ids)}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
