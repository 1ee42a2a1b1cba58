"""For section 5.2: texts, the n-gram model of 5.2a, GPT-2's order of the bytes, and drawings."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor, nn

from helpers.chapters.attention import attention
from helpers.chapters.decoders import train_on_windows
from helpers.chapters.language_drawings import visible
from helpers.chapters.reviews import load_reviews
from helpers.data import fetch
from helpers.plotting import PALETTE, draw_grid

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel

BLUE, ORANGE = PALETTE[:2]
WORDS = r" ?\w+| ?[^\w\s]+|\s+"  # a word with the space before it, a run of signs, or blanks


def load_text(name: str) -> tuple[str, str]:
    """A text to learn from and a text to judge by.

    "reviews": the English reviews of the course, parts train and dev. "tinyshakespeare": cut once, after nine
    tenths, as nanoGPT does (Karpathy, 2022); it is downloaded. Raises ValueError for another name.
    """
    if name == "reviews":
        learn, judge = ("\n".join(review["en"] for review in load_reviews(part)) for part in ("train", "dev"))
        return learn, judge
    if name == "tinyshakespeare":
        text = fetch(name)["input.txt"].read_text(encoding="utf-8")
        return text[: int(0.9 * len(text))], text[int(0.9 * len(text)) :]
    raise ValueError(f"no text is called {name!r}: take 'reviews' or 'tinyshakespeare'")


def count_next(text: str, n: int) -> dict[str, Counter]:
    """{each context of n - 1 characters: Counter of the characters that came next}."""
    after = defaultdict(Counter)
    for i in range(n - 1, len(text)):
        after[text[i - n + 1 : i]][text[i]] += 1
    return after


def share_out(counts: Counter, c: str, lower: float, D: float = 0.75) -> float:
    """p(c) from the counts after one context, each discounted by D; lower: p(c) after the shorter one."""
    kept, saved = max(counts[c] - D, 0), D * len(counts)
    return (kept + saved * lower) / counts.total()


def discounted(levels: list[dict], context: str, c: str, V: int) -> float:
    """p(c | context); levels: what came after 0, 1, 2 … characters. A context never seen adds nothing."""
    p = 1 / V
    for size in range(min(len(levels), len(context) + 1)):
        ending = context[len(context) - size :]  # the last `size` characters
        if counts := levels[size].get(ending):
            p = share_out(counts, c, p)
    return p


def different(after: dict[str, Counter]) -> dict[str, Counter]:
    """Counts for contexts shorter by one character: after how many different ones each came."""
    shorter = defaultdict(Counter)
    for h, counts in after.items():
        shorter[h[1:]].update(counts.keys())  # a key counts once
    return shorter


def kneser_ney(text: str, order: int, V: int) -> Callable[[str, str], float]:
    """p(context, character), interpolated Kneser–Ney (Kneser and Ney, 1995), as 5.2a builds it."""
    levels = [count_next(text, order)]
    while len(levels) < order:
        levels.insert(0, different(levels[0]))
    return lambda context, c: discounted(levels, context, c, V)


def bits(p: Callable[[str, str], float], text: str, given: int = 0) -> float:
    """Bits per character, without the first ``given``; infinite where p(context, character) is 0."""
    ps = [p(text[max(0, i - 16) : i], text[i]) for i in range(given, len(text))]  # 16: more than we need
    return -sum(map(math.log2, ps)) / len(ps) if all(ps) else math.inf


def gpt2_letters() -> dict[int, str]:
    """The letter by which GPT-2's vocabulary writes each byte, in the order of the bytes' numbers there.

    Bytes that print stand for themselves, the others for unused letters, the space for Ġ.
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(others)}
    return dict(sorted(letters.items(), key=lambda item: item[1]))


def library_bpe(text: str, merges: int, pattern: str = WORDS) -> Tokenizer:
    """A byte-pair tokeniser of the library `tokenizers`, trained on a text cut into pieces by ``pattern``."""
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    bytewise = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, bytewise])
    tokenizer.decoder = decoders.ByteLevel()
    letters = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=256 + merges, initial_alphabet=letters, show_progress=False)
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


def small_gpt2(V: int, length: int, width: int, layers: int, heads: int) -> "GPT2LMHeadModel":
    """The library's GPT-2 with V tokens and windows of ``length``, at random weights, without dropout."""
    from transformers import GPT2Config, GPT2LMHeadModel  # slow to import, and only this needs it

    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=V,
            n_positions=length,
            n_embd=width,
            n_layer=layers,
            n_head=heads,
            initializer_range=0.08,
            bos_token_id=0,
            eos_token_id=0,
        )
    ).eval()


def warm_then_cosine(step: int, steps: int) -> float:
    """Factor of the learning rate at a step, counted from 0: up for a twentieth of the steps, then down.

    It rises in equal parts to 1, and falls along a cosine towards a tenth (Loshchilov and Hutter, 2017).
    """
    return min((step + 1) / max(1, steps // 20), 0.55 + 0.45 * math.cos(math.pi * step / steps))


def train(
    model: nn.Module,
    ids: Tensor,
    optimisers: Sequence[torch.optim.Optimizer],
    *,
    rate: Callable[[int, int], float] = warm_then_cosine,
    **how: Any,
) -> tuple[list[float], list[tuple[int, float, float]]]:
    """`decoders.train_on_windows` as in 5.2d: the rate rises and falls, a gradient is at most 1 long."""
    return train_on_windows(model, ids, optimisers, factor=rate, longest=1.0, **how)


def draw_next(text: str, contexts: Sequence[str]) -> list[Axes]:
    """Bars of the ten largest shares of the characters that come next in a text; one picture a context."""
    size = 4.8 * len(contexts), 2.6
    axes = plt.subplots(1, len(contexts), figsize=size, squeeze=False, sharey=True)[1][0]
    for ax, context in zip(axes, contexts, strict=True):
        found = Counter(match[1] for match in re.finditer(f"{re.escape(context)}(?=(.))", text, re.DOTALL))
        shown, total = found.most_common(10), sum(found.values())
        ax.bar(range(len(shown)), [n / total for _, n in shown], color=BLUE)
        ax.set_xticks(range(len(shown)), [visible(character) for character, _ in shown])
        ax.set_title(f"after {visible(context)}: the ten commonest")
    axes[0].set_ylabel("share")
    return list(axes)


def draw_pairs(text: str) -> Axes:
    """Table of how often each character of a short text is followed by which; returns the Axes."""
    alphabet, pairs = sorted(set(text)), Counter(pairwise(text))
    table = np.array([[pairs[first, second] for second in alphabet] for first in alphabet])
    ax = plt.subplots(figsize=(0.6 * len(alphabet) + 0.8, 0.45 * len(alphabet) + 0.7))[1]
    ax.imshow(table, cmap="Blues", vmax=1.6 * max(1, table.max()), aspect="auto")
    for row, column in np.argwhere(table >= 0):
        ax.text(column, row, table[row, column], ha="center", va="center")
    ax.set_xticks(range(len(alphabet)), [visible(character) for character in alphabet])
    ax.set_yticks(range(len(alphabet)), [visible(character) for character in alphabet])
    ax.xaxis.tick_top()
    ax.xaxis.set_label_position("top")
    ax.set(xlabel="next character", ylabel="character")
    ax.grid(visible=False)
    return ax


def plot_bits() -> Axes:
    """The bits that a character of probability p costs, with 1, 1/2, 1/4 and 1/8 marked; returns the Axes."""
    ax = plt.subplots(figsize=(6.4, 3))[1]
    p = np.linspace(0.02, 1, 200)
    ax.plot(p, -np.log2(p))
    for bits, name in enumerate(("1", "1/2", "1/4", "1/8")):
        ax.plot(0.5**bits, bits, "o", color=ORANGE)
        text = f"p = {name}: {bits} bit{'s' * (bits != 1)}"
        place = (
            {"xytext": (7, 7)} if bits else {"xytext": (4, 16), "ha": "right"}
        )  # the last one fits no more
        ax.annotate(text, (0.5**bits, bits), textcoords="offset points", annotation_clip=False, **place)
    ax.set(xlabel="probability p of what came", ylabel="bits", xlim=(0, 1.05), ylim=(-0.3, 6))
    return ax


def draw_before(words: Sequence[str], wanted: Sequence[str]) -> Axes:
    """For each wanted word the words that it came after in a text, each with how often; returns the Axes."""
    pairs = Counter(pairwise(words))
    before = {word: [(first, n) for (first, second), n in pairs.items() if second == word] for word in wanted}
    height = sum(map(len, before.values()))
    ax = plt.subplots(figsize=(7.4, 0.6 * height + 0.3))[1]
    at = 0.0
    for word, found in before.items():
        middle = at - (len(found) - 1) / 2
        for row, (first, n) in enumerate(found):
            ax.plot([0.8, 3.2], [at - row, middle], color="0.6", linewidth=1.5 * n, zorder=0)
            _boxed(ax, 0.8, at - row, f"{first}, {n} times" if n > 1 else f"{first}, once", BLUE)
        _boxed(ax, 3.2, middle, word, ORANGE)
        total, plural = sum(n for _, n in found), "s" * (len(found) > 1)
        ax.text(3.8, middle, f"came {total} times,\nafter {len(found)} word{plural}", va="center")
        at -= len(found) + 0.3
    ax.set(xlim=(0, 5.4), ylim=(at + 0.6, 0.6))
    ax.set_axis_off()
    return ax


def plot_orders(
    orders: Iterable[int],
    found: dict[str, Sequence[float]],
    *,
    xlabel: str = "order n",
    ylabel: str = "bits per character",
) -> Axes:
    """One number against the order (or another count), a line per name; returns the Axes."""
    ax = plt.subplots(figsize=(6.4, 3.4))[1]
    for (name, values), style in zip(found.items(), ("--", ":", "-", "-."), strict=False):
        ax.plot(list(orders), values, style, marker="o", label=name)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend()
    return ax


def draw_tokens(rows: dict[str, Sequence[str]]) -> Axes:
    """Rows of boxes, one for each token, the row's name in front; a part of a character is a dot."""
    widths = {name: [_width(token) for token in tokens] for name, tokens in rows.items()}
    longest = max(map(sum, widths.values()))
    ax = plt.subplots(figsize=(0.17 * longest + 1.4, 0.6 * len(rows) + 0.1))[1]
    for height, (name, tokens) in enumerate(rows.items()):
        ax.text(-0.8, -height, name, ha="right", va="center")
        at = 0.0
        for token, width in zip(tokens, widths[name], strict=True):
            box = {"facecolor": "white", "edgecolor": BLUE, "linewidth": 1.5}
            ax.add_patch(plt.Rectangle((at + 0.1, -height - 0.36), width - 0.2, 0.72, **box))
            ax.text(at + width / 2, -height, _in_box(token), ha="center", va="center", fontsize=11)
            at += width
    ax.set(xlim=(-8, longest), ylim=(0.5 - len(rows), 0.5))
    ax.set_axis_off()
    return ax


def draw_merges(rows: Sequence[Sequence[str]]) -> Axes:
    """A word being merged: each row its tokens after one merge more, as boxes as wide as their text."""
    size = 0.62 * max(len("".join(row)) for row in rows) + 0.4, 0.55 * len(rows) + 0.2
    ax = plt.subplots(figsize=size)[1]
    for height, row in enumerate(rows):
        at = 0
        for token in row:
            fresh = height > 0 and len(token) > 1 and token not in rows[height - 1]
            box = {"facecolor": "white", "edgecolor": ORANGE if fresh else BLUE, "linewidth": 2}
            ax.add_patch(plt.Rectangle((at + 0.06, -height - 0.38), len(token) - 0.12, 0.76, **box))
            ax.text(at + len(token) / 2, -height, visible(token), ha="center", va="center")
            at += len(token)
    ax.set(xlim=(0, max(len("".join(row)) for row in rows)), ylim=(-len(rows) + 0.5, 0.5))
    ax.set_axis_off()
    return ax


def draw_shift(text: str) -> Axes:
    """A window as two rows of boxes: what goes in, and what should come out, one character later."""
    ax = plt.subplots(figsize=(0.5 * len(text) + 1.6, 1.4))[1]
    rows = {"goes in": (text[:-1], BLUE), "should come out": (text[1:], ORANGE)}
    for height, (name, (characters, colour)) in enumerate(rows.items()):
        ax.text(-0.3, -height, name, ha="right", va="center")
        for place, character in enumerate(characters):
            box = {"facecolor": "white", "edgecolor": colour, "linewidth": 2}
            ax.add_patch(plt.Rectangle((place + 0.06, -height - 0.36), 0.88, 0.72, **box))
            ax.text(place + 0.5, -height, visible(character), ha="center", va="center")
    ax.set(xlim=(-3.2, len(text) - 1), ylim=(-1.5, 0.5))
    ax.set_axis_off()
    return ax


def draw_rows(words: Sequence[str], tables: dict[str, Tensor | Sequence]) -> list[Axes]:
    """Tables of numbers side by side under their titles, a row for each word in front; returns the Axes."""
    widths = [len(table[0]) for table in tables.values()]
    size = 0.8 * sum(widths) + 0.9 * len(tables), 0.5 * len(words) + 0.5
    spread = {"gridspec_kw": {"width_ratios": widths, "wspace": 0.15}, "layout": "none"}
    axes = plt.subplots(1, len(tables), figsize=size, squeeze=False, **spread)[1]
    for ax, (title, table) in zip(axes[0], tables.items(), strict=True):
        draw_grid(table, ax=ax)
        ax.set_title(title, fontsize=12)
    box = {"boxstyle": "round", "facecolor": "white", "edgecolor": BLUE, "linewidth": 2}
    for row, word in enumerate(words):
        axes[0][0].text(-0.85, row, word, ha="right", va="center", bbox=box)
    return list(axes[0])


def draw_mlp(word: str, narrow: int = 4) -> Axes:
    """The MLP of a GPT at the position of one word: D numbers, 4D, D again, a line for each weight."""
    ax = plt.subplots(figsize=(8.6, 4.2))[1]
    columns = {1.0: narrow, 3.0: 4 * narrow, 4.2: 4 * narrow, 6.2: narrow}
    heights = {x: np.arange(n) - (n - 1) / 2 for x, n in columns.items()}
    for x, after in ((1.0, 3.0), (4.2, 6.2)):
        for y in heights[x]:
            for end in heights[after]:
                ax.plot([x, after], [y, end], color="0.75", linewidth=0.6, zorder=0)
    for y in heights[3.0]:
        ax.annotate("", (4.1, y), (3.1, y), arrowprops={"arrowstyle": "->", "color": ORANGE})
    for x, ys in heights.items():
        ax.plot([x] * len(ys), ys, "o", color=BLUE if x in (1.0, 6.2) else ORANGE, markersize=9)
    above = {1.0: "D", 2.0: "c_fc", 3.0: "4D", 3.6: "GELU", 4.2: "4D", 5.2: "c_proj", 6.2: "D"}
    for x, text in above.items():
        ax.text(x, 2 * narrow + 0.6, text, ha="center", weight="bold" if "D" in text else "normal")
    box = {"boxstyle": "round", "facecolor": "white", "edgecolor": BLUE, "linewidth": 2}
    ax.text(0.7, 0, word, ha="right", va="center", bbox=box)
    ax.text(6.5, 0, f"what {word}\nhas become", ha="left", va="center", bbox=box)
    ax.set(xlim=(-0.2, 8.2), ylim=(-2 * narrow - 0.3, 2 * narrow + 1.6))
    ax.set_axis_off()
    return ax


def draw_heads(block: nn.Module, x: Tensor, text: str) -> list[Axes]:
    """Attention weights (T, T) of the heads of a GPT block that reads vectors x (T, D), one per character.

    ``block`` has ``ln_1`` and an ``attn`` whose ``heads`` gives queries, keys and values (B, heads, T, d).
    """
    with torch.no_grad():
        q, k, v = block.attn.heads(block.ln_1(x[None]))
        weights = attention(q, k, v, torch.ones(len(text), len(text), dtype=torch.bool).tril())[1][0]
    rows, columns = -(-len(weights) // 2), min(2, len(weights))
    axes = plt.subplots(rows, columns, figsize=(5 * columns, 5 * rows), squeeze=False)[1].flat
    for head, (ax, table) in enumerate(zip(axes, weights, strict=True)):
        ax.imshow(table, cmap="Blues", vmin=0, vmax=1)
        for ticks in (ax.set_xticks, ax.set_yticks):
            ticks(range(len(text)), [visible(character) for character in text], fontsize=13)
        ax.set(title=f"head {head}", xlabel="attended to", ylabel="attends")
        ax.grid(visible=False)
    return list(axes)


def plot_losses(losses: Sequence[float], pairs: float) -> Axes:
    """Bits per character of each step, a mean over the last 20 steps or fewer; a table of pairs dotted."""
    ax = plt.subplots(figsize=(6.4, 3.4))[1]
    smooth = [np.mean(losses[max(0, step - 20) : step]) for step in range(1, len(losses) + 1)]
    ax.plot(range(1, len(losses) + 1), smooth, label="GPT-2, training text, mean of the last 20 steps")
    ax.axhline(pairs, color="gray", linestyle=":", label="a table of pairs, held-out text")
    ax.set(xlabel="step", ylabel="bits per character")
    ax.legend()
    return ax


def plot_long_run(found: dict[int, float], counts: float) -> Axes:
    """Held-out bits per character against the step, {step: bits}; counting's as a dotted line."""
    ax = plt.subplots(figsize=(6.4, 3))[1]
    ax.plot(list(found), list(found.values()), "o-", label="our GPT")
    ax.axhline(counts, color="gray", linestyle=":", label="Kneser–Ney")
    ax.set(xlabel="step", ylabel="bits per character, held-out")
    ax.legend()
    return ax


def show_choice(before: Tensor, after: Tensor, alphabet: Sequence[str], title: str) -> None:
    """Bars of the probabilities after the knobs, dots as the model had them, for the 14 likeliest; shown.

    before, after: logits (V,).
    """
    p, q = before.softmax(0), after.softmax(0)
    likely = p.argsort(descending=True)[:14]
    ax = plt.subplots(figsize=(6.4, 3.2))[1]
    ax.bar(range(len(likely)), q[likely].tolist(), color=BLUE, label="with the knobs")
    ax.plot(range(len(likely)), p[likely].tolist(), "o", color="black", label="as the model has it")
    ax.set_xticks(range(len(likely)), [visible(alphabet[i]) for i in likely])
    ax.set(ylim=(0, 1), ylabel="probability", title=f"{title}: {int((q > 0).sum())} characters left")
    ax.legend()
    plt.show()


def draw_knobs(found: dict[str, Tensor]) -> list[Axes]:
    """Bars of the probabilities of some characters after each knob, one picture a knob; returns the Axes."""
    axes = plt.subplots(1, len(found), figsize=(2.6 * len(found), 2.4), squeeze=False, sharey=True)[1][0]
    for ax, (name, p) in zip(axes, found.items(), strict=True):
        bars = ax.bar(range(1, len(p) + 1), p.tolist(), color=BLUE)
        ax.bar_label(bars, [f"{value:.2f}" if value else "" for value in p.tolist()], fontsize=11)
        ax.set(title=name, ylim=(0, 0.85), xticks=range(1, len(p) + 1), xlabel="character")
    axes[0].set_ylabel("probability")
    return list(axes)


def plot_changes(found: dict[str, Sequence[float]], *, label: str, beside: str = "{:.2f}") -> Axes:
    """One row per variant, the first on top: a dot for each seed, its mean beside them; returns the Axes."""
    ax = plt.subplots(figsize=(7.6, 0.5 * len(found) + 0.8))[1]
    for row, values in enumerate(found.values()):
        ax.plot(values, [row] * len(values), "o", color=BLUE, alpha=0.6)
        mean = sum(values) / len(values)
        ax.annotate(
            beside.format(mean), (max(values), row), xytext=(8, 0), textcoords="offset points", va="center"
        )
    ax.set_yticks(range(len(found)), list(found))
    ax.margins(x=0.12)
    ax.invert_yaxis()
    ax.set_xlabel(label)
    return ax


def _in_box(token: str) -> str:
    """A token as it is shown: a part of a character (which decodes to the replacement sign) as a dot."""
    return "·" if set(token) == {"\ufffd"} else visible(token)


def _width(token: str) -> float:
    """The width of a token's box: a Chinese sign counts twice."""
    return 0.9 + sum(2 if east_asian_width(sign) in "WF" else 1 for sign in _in_box(token))


def _boxed(ax: Axes, x: float, y: float, text: str, colour: str) -> None:
    box = {"boxstyle": "round", "facecolor": "white", "edgecolor": colour, "linewidth": 2}
    ax.text(x, y, text, ha="center", va="center", bbox=box)
