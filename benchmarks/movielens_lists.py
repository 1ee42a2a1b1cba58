"""The recommenders of 7.3b to 7.3i on MovieLens latest-small: real films beside planted ones.

    python benchmarks/movielens_lists.py [7.3b 7.3c ...]     writes movielens_lists.md

Models and functions are those of the notebooks. A rating of any height counts as watched. A fifth of the
ratings is hidden, at random or by time, and each hidden film is ranked among all films but those that the
user is known to have watched: in the rows to learn from, or before. Settings are chosen on a tenth of the
rows to learn from, hidden at random with seed 10; the tables are of other seeds, three at random, and of the
one split by time.
With names of parts only their sections are measured again. One thread; the data come by helpers.fetch, so
COURSE_MIRROR is tried first.
"""

import re
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from common import HERE, where, write
from sklearn.metrics import roc_auc_score

from exercises.finding import find
from helpers import fetch, fit, fit_implicit, predict, seed_everything
from helpers.chapters.listening import places, train, with_negatives
from helpers.chapters.recommending import load_movielens
from helpers.feeding import batches
from tools.notebooks import ENGLISH, define

SEEDS, CHOOSING = (0, 1, 2), 10
DECAYS = (1e-5, 1e-4)  # weight decays to choose from
SAMPLED, MOST = 100, 100  # films of a sampled ranking; so many films count as the most watched
READ, ASKED = 19, 4_000  # films that a reader reads, as in 7.3f; rows it is asked


class Log(NamedTuple):
    """A row a rating, the oldest first: user, film, time, hour of the day, stars; of each film its genre."""

    users: np.ndarray
    films: np.ndarray
    times: np.ndarray
    hours: np.ndarray
    stars: np.ndarray
    genres: np.ndarray

    @property
    def sizes(self) -> tuple[int, int]:
        return int(self.users.max()) + 1, int(self.films.max()) + 1


def defined(part: str, *ids: str, into: dict | None = None) -> dict:
    """What these cells of a part of 7.3 define, and its imports."""
    (path,) = (ENGLISH / "7_recommenders").glob(f"{part}_*.ipynb")
    whole = ("imports", "imports-course") if part in ("3h", "3i") else ("imports",)
    return define(path, ids, into, whole=whole)


@cache
def load_log() -> Log:
    ratings, genres = load_movielens()
    (file,) = (path for path in fetch("ml-latest-small").values() if path.name == "ratings.csv")
    lines = file.read_text(encoding="utf-8").splitlines()[1:]
    seconds = np.sort([int(line.rpartition(",")[2]) for line in lines])  # Ratings are in order of time too
    names = sorted({genre.split("|")[0] for genre in genres})
    first = np.array([names.index(genre.split("|")[0]) for genre in genres])
    return Log(ratings.users, ratings.items, ratings.times, seconds // 3600 % 24, ratings.values, first)


def at_random(log: Log, seed: int) -> np.ndarray:
    """Which rows are hidden, (N,)."""
    return np.random.default_rng(seed).random(len(log.users)) < 0.2


def splits(log: Log) -> Iterator[tuple[str, int, np.ndarray]]:
    """Name of a split, seed, and which rows are hidden, (N,); by time there is one split only."""
    for seed in SEEDS:
        yield "at random", seed, at_random(log, seed)
    yield "by time", SEEDS[0], find("7.3.5").solution(log.times, 0.2)


def tenth(learn: np.ndarray) -> np.ndarray:
    """A tenth of the rows to learn from, to choose settings on."""
    return learn & (np.random.default_rng((CHOOSING, 1)).random(len(learn)) < 0.1)


def watched(log: Log, learn: np.ndarray) -> np.ndarray:
    """(U, I) of 0 and 1."""
    table = np.zeros(log.sizes)
    table[log.users[learn], log.films[learn]] = 1
    return table


def judge(log: Log, learn: np.ndarray, hidden: np.ndarray, score: Callable) -> tuple[np.ndarray, np.ndarray]:
    """Place of each hidden film, and among how many: score(user, rows of the log) -> (I,) or (rows, I)."""
    found, among = np.zeros(len(hidden), dtype=int), np.zeros(len(hidden), dtype=int)
    for user in np.unique(log.users[hidden]):
        own = np.flatnonzero(log.users == user)
        rows = own[hidden[own]]
        scores = np.broadcast_to(score(user, rows), (len(rows), log.sizes[1])).astype(float)
        for row, of_row in zip(rows, scores, strict=True):
            known = own[learn[own] | (own < row)]
            of_row[log.films[known]] = -np.inf
            found[row] = places(of_row[None], log.films[[row]])[0]
            among[row] = log.sizes[1] - len(known)
    return found[hidden], among[hidden]


def of_users(log: Log, learn: np.ndarray, scores: np.ndarray) -> Callable:
    """Scores (U, I) for `judge`; a user who is not met in the rows to learn from is given what is popular."""
    met, counts = np.isin(np.arange(len(scores)), log.users[learn]), popular(log, learn)
    return lambda user, rows: scores[user] if met[user] else counts


def popular(log: Log, learn: np.ndarray) -> np.ndarray:
    return np.bincount(log.films[learn], minlength=log.sizes[1]).astype(float)


def factors(log: Log, learn: np.ndarray, seed: int) -> np.ndarray:
    """Scores (U, I) of the equations of 7.1, with the settings of 7.3g."""
    P, Q = fit_implicit(watched(log, learn), rank=8, alpha=1, reg=5, seed=seed)
    return P @ Q.T


def hit_rate(log: Log, learn: np.ndarray, hidden: np.ndarray, scores: np.ndarray) -> float:
    return float((judge(log, learn, hidden, of_users(log, learn, scores))[0] <= 10).mean())


def scores_of(model: torch.nn.Module, log: Log) -> np.ndarray:
    """(U, I), of each user and each film."""
    user, film = np.divmod(np.arange(np.prod(log.sizes)), log.sizes[1])
    return predict(model, user, film, batch_size=65_536).reshape(log.sizes).numpy()


def best_decay(log: Log, name: str, build: Callable) -> float:
    """Of DECAYS, where build(rows to learn from, seed, decay) -> scores (U, I) hits most."""
    hidden = at_random(log, CHOOSING)
    kept, found = tenth(~hidden), {}
    for decay in DECAYS:
        learn = ~hidden & ~kept
        found[decay] = hit_rate(log, learn, kept, build(learn, CHOOSING, decay))
        print(f"{name} {decay}: {found[decay]:.4f}", flush=True)
    return max(found, key=found.get)


def as_table(found: dict[str, dict[str, list[float]]], decimals: int = 3) -> list[str]:
    """Rows of Markdown: name, and for each column the mean and, of several seeds, the lowest and highest."""
    columns = list(next(iter(found.values())))
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, of in found.items():
        cells = []
        for values in of.values():
            low, high = (f"{end:.{decimals}f}" for end in (min(values), max(values)))
            cells.append(f"{np.mean(values):.{decimals}f}" + (f" ({low} to {high})" if low != high else ""))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def as_words(chosen: dict) -> str:
    return ", ".join(f"{name} {value}" for name, value in chosen.items())


def noted(found: dict, name: str, column: str, value: float) -> None:
    found.setdefault(name, {}).setdefault(column, []).append(float(value))
    print(f"{name}, {column}: {value:.4f}", flush=True)


# 7.3c: a dot product, a network, or both ----------------------------------------------------------


def part_c(log: Log) -> list[str]:
    nb = defined("3c", "dot-again", "ncf-torch-code", "ncf-torch-both")
    models = {"dot product": nb["Dot"], "NeuMF": nb["NeuMF"]}

    def trained(name, learn, seed, decay):
        *ids, label = with_negatives(log.users[learn], log.films[learn], watched(log, learn), seed)
        how = {"rate": 0.02, "decay": decay, "epochs": 10, "batch": 4096}
        loss = F.binary_cross_entropy_with_logits
        return scores_of(train(lambda: models[name](*log.sizes), ids, label, seed, loss=loss, **how), log)

    decays = {name: best_decay(log, name, partial(trained, name)) for name in models}
    found: dict = {}
    for split, seed, hidden in splits(log):
        learn = ~hidden
        scores = {"popularity": np.tile(popular(log, learn), (log.sizes[0], 1))}
        scores |= {name: trained(name, learn, seed, decay) for name, decay in decays.items()}
        scores |= {"the equations of 7.1": factors(log, learn, seed)}
        for name, table in scores.items():
            noted(found, name, split, hit_rate(log, learn, hidden, table))
    met = {split: np.isin(log.users[rows], log.users[~rows]).mean() for split, _, rows in splits(log)}
    return [
        "Hit rate at 10; 16 numbers per user (NeuMF 8 + 8), four negatives drawn evenly, ten epochs, batches "
        "of 4,096, rate 0.02.",
        "",
        *as_table(found),
        "",
        f"Weight decay: {as_words(decays)}. The user of a hidden row was met in learning in "
        f"{met['at random']:.2f} of the rows at random, {met['by time']:.2f} by time; the others are given "
        "what is popular.",
    ]


# 7.3b: a sampled ranking ---------------------------------------------------------------------------


def part_b(log: Log) -> list[str]:
    chance, ranked = cache(find("7.3.2").solution), {}
    for split, seed, hidden in splits(log):
        learn = ~hidden
        scores = {
            "popularity": np.tile(popular(log, learn), (log.sizes[0], 1)),
            "factors": factors(log, learn, seed),
        }
        for name, table in scores.items():
            found, among = judge(log, learn, hidden, of_users(log, learn, table))
            sampled = [chance(int(p), int(n), SAMPLED) for p, n in zip(found[::5], among[::5], strict=True)]
            noted(ranked, name, f"{split}, among all", (found <= 10).mean())
            noted(ranked, name, f"{split}, among {SAMPLED} sampled", np.mean(sampled))
    return [
        "Hit rate at 10 among all films, and among a sample (exact, of every fifth hidden row):",
        "",
        *as_table(ranked),
    ]


# 7.3d: negatives by popularity ---------------------------------------------------------------------


def part_d(log: Log) -> list[str]:
    nb = defined("3d", "logq-model")
    nb["N_USERS"], nb["N_TRACKS"] = log.sizes
    ways = {
        "uniform": ("uniform", False),
        "by popularity": ("popularity", False),
        "by popularity, corrected": ("popularity", True),
    }

    def trained(name, learn, seed, decay, n=8):
        by, corrected = ways[name]
        counts = popular(log, learn)
        q = (counts + 1) / (counts + 1).sum() if by == "popularity" else np.full(len(counts), 1 / len(counts))
        drawn = np.random.default_rng(seed).choice(len(q), size=(learn.sum(), n), p=q)
        rows = np.column_stack([log.films[learn], drawn])
        inputs = log.users[learn][:, None], rows, np.log(q).astype(np.float32)[rows] * corrected
        first, how = np.zeros(len(rows), dtype=int), {"rate": 0.01, "epochs": 8, "batch": 256}
        return scores_of(train(nb["Dot"], inputs, first, seed, decay=decay, **how), log)

    bent: dict = {}
    decay = best_decay(log, "uniform", partial(trained, "uniform"))
    for seed in SEEDS:
        learn = ~(hidden := at_random(log, seed))
        for name in ways:
            table = trained(name, learn, seed, decay)
            noted(bent, name, "hit rate at 10", hit_rate(log, learn, hidden, table))
            lists = np.argsort(np.where(watched(log, learn) > 0, np.inf, -table), axis=1)[:, :10]
            popular_films = np.argsort(-popular(log, learn))[:MOST]
            share = np.isin(lists, popular_films).mean()
            noted(bent, name, f"of ten films, share of the {MOST} most watched", share)
    return [
        "The dot product at random: a softmax over the film watched and eight negatives, eight epochs, "
        f"weight decay {decay:g}:",
        "",
        *as_table(bent),
    ]


# 7.3f: histories ----------------------------------------------------------------------------------


def pieces(log: Log, learn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Films in, and those after them: (N, READ) each; a short row ends in film 0 and in -100, not counted."""
    inputs, targets = [], []
    for user in np.unique(log.users[learn]):
        films = log.films[learn & (log.users == user)]
        for start in range(0, len(films) - 1, READ):
            piece = films[start : start + READ + 1]
            fill = (0, READ + 1 - len(piece))
            inputs.append(np.pad(piece[:-1], fill))
            targets.append(np.pad(piece[1:], fill, constant_values=-100))
    return np.array(inputs), np.array(targets)


def counted(targets: torch.Tensor) -> int:
    return int((targets != -100).sum())


def cross_entropy(scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """As that of torch, of scores (B, I, t), and three times as fast where I is large."""
    return F.cross_entropy(scores.transpose(1, 2).flatten(0, 1), targets.flatten())


def part_f(log: Log) -> list[str]:
    nb = defined("3f", "histories-code", "attention-code")
    nb["LENGTH"], n_films, looks = READ, log.sizes[1], (2, 4)

    def trained(learn, seed, looks):
        """Train, and yield the model after each number of epochs of `looks`, rising."""
        generator, arrays, done = seed_everything(seed), pieces(log, learn), 0
        model = nb["ByDistance"](n_films)
        adam = torch.optim.Adam(model.parameters(), lr=0.02)
        feed = batches(*arrays, batch_size=32, shuffle=True, generator=generator)
        for epochs in looks:
            fit(model, feed, cross_entropy, adam, epochs=epochs - done, count=counted)
            done = epochs
            yield model.eval()

    def reader(model, counts, rng=None):
        """For `judge`: scores after what the user rated before; with a generator, read in shuffled order."""

        @torch.inference_mode()
        def score(user, rows):
            scores = np.tile(counts, (len(rows), 1))  # nothing rated before: what is popular
            for place, row in enumerate(rows):
                past = log.films[:row][log.users[:row] == user][-READ:]
                if len(past):
                    past = past if rng is None else rng.permutation(past)
                    state = model.read(model.tracks(torch.tensor(past[None])))[0, -1]
                    scores[place] = (model.tracks.weight @ state + model.bias).numpy()
            return scores

        return score

    def lately(learn):
        learnt = np.flatnonzero(learn)

        def score(user, rows):
            ends = np.searchsorted(learnt, rows)
            spans = [learnt[max(0, end - len(learnt) // 10) : end] for end in ends]
            return np.stack([np.bincount(log.films[span], minlength=n_films) for span in spans])

        return score

    def folded_in(learn, seed):
        """The factors of the films, and for each row the user's vector solved from all that came before."""
        _, Q = fit_implicit(watched(log, learn), rank=8, alpha=1, reg=5, seed=seed)
        A, counts = Q.T @ Q + 5 * np.eye(8), popular(log, learn)

        def score(user, rows):
            scores = np.tile(counts, (len(rows), 1))
            for place, row in enumerate(rows):
                own = Q[log.films[:row][log.users[:row] == user]]
                if len(own):
                    scores[place] = Q @ np.linalg.solve(A + own.T @ own, 2 * own.sum(axis=0))
            return scores

        return score

    def hits(learn, asked, score):
        return (judge(log, learn, asked, score)[0] <= 10).mean()

    hidden = at_random(log, CHOOSING)
    kept, rates = tenth(~hidden), []
    learn = ~hidden & ~kept
    for model in trained(learn, CHOOSING, looks):
        rates.append(hits(learn, evenly(kept), reader(model, popular(log, learn))))
        print(f"attention: {rates[-1]:.4f}", flush=True)
    epochs = looks[int(np.argmax(rates))]
    found: dict = {}
    for split, seed, hidden in splits(log):
        if seed != SEEDS[0]:
            continue
        learn, asked, counts = ~hidden, evenly(hidden), popular(log, ~hidden)
        scores = {
            "popularity": lambda user, rows, counts=counts: counts,
            "popular lately": lately(learn),
            "matrix factorisation": of_users(log, learn, factors(log, learn, seed)),
            "matrix factorisation, folded in": folded_in(learn, seed),
        }
        for name, score in scores.items():
            noted(found, name, split, hits(learn, asked, score))
        (model,) = trained(learn, seed, (epochs,))
        noted(found, "attention", split, hits(learn, asked, reader(model, counts)))
        mixed = reader(model, counts, np.random.default_rng(seed))
        noted(found, "attention, history shuffled", split, hits(learn, asked, mixed))
    order = np.lexsort((np.arange(len(log.users)), log.users))
    same = np.diff(log.users[order]) == 0
    tied = (np.diff(log.times[order]) == 0)[same].mean()
    return [
        f"Hit rate at 10 in {ASKED:,} hidden rows, evenly over all, seed {SEEDS[0]}; the attention of 7.3f "
        f"reads the last {READ} films that the user rated before, folding in (7.1f) reads all of them.",
        "",
        *as_table(found),
        "",
        f"{epochs} epochs, chosen from {' and '.join(map(str, looks))}. Of a user's ratings "
        f"{tied:.2f} bear the same second as the one before.",
    ]


def evenly(hidden: np.ndarray) -> np.ndarray:
    """At most ASKED of the hidden rows, evenly over all, (N,)."""
    rows, asked = np.flatnonzero(hidden), np.zeros(len(hidden), dtype=bool)
    asked[rows[:: -(-len(rows) // ASKED)]] = True
    return asked


# 7.3h: features -----------------------------------------------------------------------------------


def part_h(log: Log) -> list[str]:
    seen, kinds, stars = 8, int(log.genres.max()) + 1, 4
    within = np.zeros(log.sizes[1], dtype=int)
    for genre in range(kinds):
        within[log.genres == genre] = np.arange((log.genres == genre).sum())
    # the kind of item i is i % KINDS in the notebook: here its first genre
    code = within * kinds + log.genres
    items = int(code.max()) + 1
    ids = ("fm-code", *(f"click-models-{what}" for what in ("code", "fields", "deep", "fm")))
    nb = defined("3i", "click-models-din", into=defined("3h", *ids))
    nb.update(GROUPS=log.sizes[0], ITEMS=items, KINDS=kinds, SEEN=seen, EMPTY=items)
    nb["SIZES"] = (log.sizes[0], items + 1, 24)
    history, liked = np.full((len(log.users), seen), items), [[] for _ in range(log.sizes[0])]
    for row, (user, film) in enumerate(zip(log.users, log.films, strict=True)):
        past = liked[user][-seen:]
        history[row, : len(past)] = past
        if log.stars[row] >= stars:
            liked[user].append(code[film])
    features, likes = (log.users, code[log.films], log.hours, history), np.float32(log.stars >= stars)

    def area(name, learn, hidden, seed, epochs, decay):
        model = train(
            nb[name], [f[learn] for f in features], likes[learn], seed, rate=0.003, batch=512, epochs=epochs,
            decay=decay, loss=F.binary_cross_entropy_with_logits,
        )  # fmt: skip
        return roc_auc_score(likes[hidden], predict(model, *(f[hidden] for f in features)))

    hidden, chosen, found = at_random(log, CHOOSING), {}, {}
    kept = tenth(~hidden)
    for name in ("Linear", "WideAndDeep", "DeepFM", "DIN"):
        rates = {}
        for setting in ((2, 1e-5), (4, 1e-5), (8, 1e-5), (4, 1e-4)):  # epochs, weight decay
            rates[setting] = area(name, ~hidden & ~kept, kept, CHOOSING, *setting)
            print(name, setting, f"{rates[setting]:.4f}", flush=True)
        chosen[name] = max(rates, key=rates.get)
    for split, seed, hidden in splits(log):
        for name, setting in chosen.items():
            noted(found, name, split, area(name, ~hidden, hidden, seed, *setting))
    return [
        f"AUC of {stars} stars and more ({likes.mean():.2f} of the ratings), from user, film, hour of the "
        f"day and the last {seen} films to which the user gave as many; Wide & Deep is told the first genre.",
        "",
        *as_table(found),
        "",
        f"Epochs and weight decay, chosen from four: {as_words(chosen)}.",
    ]


PARTS = {"7.3b": part_b, "7.3c": part_c, "7.3d": part_d, "7.3f": part_f, "7.3h": part_h}


def main(*names: str) -> None:
    if wrong := [name for name in names if name not in PARTS]:
        raise SystemExit(f"no part {wrong[0]!r}: choose from {', '.join(PARTS)}")
    torch.set_num_threads(1)
    log, file = load_log(), HERE / "movielens_lists.md"
    before = file.read_text(encoding="utf-8") if file.is_file() else ""
    sections = dict(re.findall(r"^## (\S+)\n\n(.*?)\n*(?=^## |\Z)", before, re.MULTILINE | re.DOTALL))
    for name in names or PARTS:
        began = time.process_time()
        lines = PARTS[name](log)
        lines += ["", f"{where('torch')} {time.process_time() - began:.0f} s of processor time."]
        sections[name] = "\n".join(lines)
    users, films = log.sizes
    lines = [
        "# Recommenders: lists of real films",
        "",
        "Command: `python benchmarks/movielens_lists.py`. One thread, with other work on the machine.",
        "",
        f"MovieLens latest-small (Harper and Konstan, 2015): {len(log.users):,} ratings by {users} users of "
        f"{films:,} films. A fifth is hidden, at random or by time; each hidden film is ranked among all "
        "that the user is not known to have watched, in the rows to learn from or before. At random the "
        f"mean of the seeds {', '.join(map(str, SEEDS))} (lowest to highest) where all were run, by time "
        "one split. Settings were chosen on a tenth of the rows to learn from, hidden at random, with seed "
        f"{CHOOSING}.",
    ]
    for name in PARTS:
        if name in sections:
            lines += ["", f"## {name}", "", sections[name]]
    write(file.name, lines)


if __name__ == "__main__":
    main(*sys.argv[1:])
