"""Section 5.2d: the loop is the helper's; a head looks one position back; a mixture beats both models."""

import re
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from exercises.finding import find
from helpers.chapters import decoders, language
from helpers.chapters.attention import attention
from tests.sections.run_cell import run_cell
from tools.notebooks import ENGLISH, ROOT, define

NOTEBOOK = ENGLISH / "5_language/2d_training_a_gpt.ipynb"


@pytest.fixture(scope="module")
def nb():
    """What the notebook defines, with a GPT trained for a while."""
    threads = torch.get_num_threads()
    names = define(NOTEBOOK, whole=("imports", "constants", "text", "loop-start"))
    how = {"length": names["LENGTH"], "batch": names["BATCH"], "steps": 300}
    language.train(names["gpt"], names["train_ids"], [names["optimiser"]], **how)
    torch.set_num_threads(threads)
    return SimpleNamespace(**names)


run = partial(run_cell, NOTEBOOK)


def test_a_model_that_has_learnt_nothing_needs_a_little_more_than_an_even_guess(nb):
    first = run(run(nb, "loop-start"), "first-step")
    assert tuple(first.logits.shape) == (2, nb.LENGTH, nb.V)
    assert 6.32 < first.loss < 7.0  # log2 of 80 is 6.32


def test_a_step_of_about_3_down_the_first_gradient_is_best_and_one_of_15_is_worse_than_none(nb):
    first = run(run(nb, "loop-start"), "first-step")
    loss_after = run(first, "down").loss_after
    assert loss_after(0) == pytest.approx(first.loss.item(), rel=1e-5)
    by_length = {length: loss_after(length) for length in (0, 1, 2, 3, 4, 6, 15)}
    assert min(by_length, key=by_length.get) in (2, 3, 4)
    assert by_length[15] > by_length[0]


def test_what_judges_in_the_open_is_the_helper(nb):
    ids = nb.val_ids[:5_000]
    assert nb.bits_on(nb.gpt, ids) == pytest.approx(decoders.held_out(nb.gpt, ids, nb.LENGTH), abs=1e-4)


def test_after_300_steps_it_is_better_than_a_table_of_pairs(nb):
    held_out = decoders.held_out(nb.gpt, nb.val_ids[:10_000], nb.LENGTH)
    assert held_out < decoders.count_pairs(nb.train_ids, nb.val_ids[:10_000])


def test_the_short_context_at_the_beginning_of_each_window_costs_little(nb):
    starts = torch.arange(0, 10_000, nb.LENGTH)
    windows = nb.val_ids[starts[:, None] + torch.arange(nb.LENGTH + 1)]
    with torch.no_grad():
        p = nb.gpt(windows[:, :-1]).softmax(2).gather(2, windows[:, 1:, None])[..., 0]
    by_position = -p.log2().mean(dim=0)
    assert by_position[0] > by_position[nb.LENGTH // 2 :].mean()
    assert by_position.mean() < by_position[nb.LENGTH // 2 :].mean() + 0.1


def test_the_network_draws_more_characters_than_the_text_has(nb):
    assert len(nb.train_text) < nb.STEPS * nb.BATCH * nb.LENGTH


def test_one_head_of_the_first_block_looks_mostly_one_position_back(nb):
    ids, block = nb.encode("The room was cold, and nobody came."), nb.gpt.h[0]
    with torch.no_grad():
        q, k, v = block.attn.heads(block.ln_1(nb.gpt.wte(ids[:30]) + nb.gpt.wpe.weight[:30])[None])
    weights = attention(q, k, v, torch.ones(30, 30, dtype=torch.bool).tril())[1][0]
    back = weights.diagonal(-1, dim1=1, dim2=2).mean(dim=1)
    assert back.max() > 0.3  # after 300 steps; far more after the 800 of the notebook
    assert back.max() > 2 * back.median()


def test_a_mixture_helps_where_the_models_err_at_different_characters():
    best_mix = find("5.2.5").solution
    shares = [k / 20 for k in range(21)]
    assert best_mix([0.5, 0.1], [0.1, 0.5], shares)[1] < best_mix([0.5, 0.1], [0.1, 0.5], [0, 1])[1]
    assert best_mix([0.5, 0.4], [0.3, 0.1], shares)[0] == 1  # one is better everywhere


def test_the_loop_in_the_open_is_the_helpers_step_for_step(nb, capsys):
    start = run(nb, "loop-start")
    loop = run(start, "loop", STEPS=40, bits_on=lambda *_: 0.0)
    fresh = run(nb, "loop-start")
    theirs, _ = language.train(
        fresh.gpt, nb.train_ids, [fresh.optimiser], length=nb.LENGTH, batch=nb.BATCH, steps=40
    )
    assert loop.losses == pytest.approx(theirs, rel=1e-4)
    assert loop.losses[-1] < loop.losses[0] - 1


def test_one_loop_at_one_rate_is_adam_as_anybody_would_write_it(nb):
    ids, how = nb.train_ids[:2_000], {"length": 8, "batch": 4, "steps": 5}

    def tiny():
        torch.manual_seed(0)
        return nn.Embedding(nb.V, nb.V)

    model, losses = tiny(), []
    adam, generator = torch.optim.Adam(model.parameters(), lr=0.01), torch.Generator().manual_seed(0)
    for _ in range(5):
        loss = decoders.bits(model, ids, torch.randint(len(ids) - 8, (4,), generator=generator), 8)
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert decoders.train(tiny(), ids, rate=0.01, **how) == pytest.approx(losses, rel=1e-6)


def test_three_times_the_steps_bring_2_68_bits(nb):
    start, how = run(nb, "loop-start"), {"length": nb.LENGTH, "batch": nb.BATCH, "steps": 3 * nb.STEPS}
    language.train(start.gpt, nb.train_ids, [start.optimiser], **how)
    assert decoders.held_out(start.gpt, nb.val_ids, nb.LENGTH) == pytest.approx(2.68, abs=0.05)


def test_a_share_chosen_on_the_first_half_gains_3_hundredths_on_the_second_too(nb):
    start, how = run(nb, "loop-start"), {"length": nb.LENGTH, "batch": nb.BATCH, "steps": nb.STEPS}
    language.train(start.gpt, nb.train_ids, [start.optimiser], **how)
    both, best_mix = run(start, "both"), find("5.2.5").solution
    half = len(both.from_gpt) // 2
    first, second = ((of[:half], of[half:]) for of in (both.from_counts, both.from_gpt))
    (p, q), (later_p, later_q) = zip(first, second, strict=True)
    share, _ = best_mix(p, q, [k / 20 for k in range(21)])
    gain = best_mix(later_p, later_q, [0, 1])[1] - best_mix(later_p, later_q, [share])[1]
    assert gain == pytest.approx(0.03, abs=0.01)


def test_the_long_run_that_is_shown_is_the_one_that_was_measured(nb):
    measured = (ROOT / "benchmarks/long_run.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| [\d.]+ \| ([\d.]+) \|$", measured, re.MULTILINE)
    assert {int(step): float(bits) for step, bits in rows} == nb.LONG_RUN
