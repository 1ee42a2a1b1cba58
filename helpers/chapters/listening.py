"""Listeners, visitors and films made by known rules for section 7.3, and how its recommenders are judged.

Because the rule is known, so is the best score that anybody could reach: the ceiling. U listeners, t plays,
N rows; a code is the number of a track, an item or a film.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from helpers.chapters.recommending import fit_implicit, load_movielens
from helpers.device import seed_everything
from helpers.feeding import batches
from helpers.training import fit

N_TRACKS, N_GENRES = 100, 10
LAG = 4  # plays back: the genre that the part `back` of the rule returns to
GENRE = np.arange(N_TRACKS) % N_GENRES  # of each track
APPEAL = (1 + np.arange(N_TRACKS) // N_GENRES) ** -0.6  # of each track within its genre, where it sums to 1
APPEAL = APPEAL / APPEAL[GENRE == 0].sum()

GROUPS, ITEMS, KINDS, HOURS, SEEN = 10, 32, 16, 6, 8  # of planted_clicks; SEEN: the longest history
KIND = np.arange(ITEMS) % KINDS  # of each item
EMPTY = ITEMS  # the code that stands where a history has ended


# plays --------------------------------------------------------------------------------------------


def next_probabilities(
    taste: np.ndarray, plays: np.ndarray, *, follow: float = 0.0, back: float = 0.0
) -> np.ndarray:
    """Chance of each track to come next: taste (U, N_GENRES), plays (U, t) -> (U, N_TRACKS).

    With chance ``follow`` the genre is the one three further than that of the last play, with chance ``back``
    that of LAG plays ago, else taste decides. Ranking by these chances cannot be beaten in the long run.
    """
    users, t = np.arange(len(plays)), plays.shape[1]
    follow, back = follow * (t >= 1), back * (t >= LAG)
    wish = (1 - follow - back) * taste
    if t >= 1:
        wish[users, (GENRE[plays[:, -1]] + 3) % N_GENRES] += follow
    if t >= LAG:
        wish[users, GENRE[plays[:, -LAG]]] += back
    return wish[:, GENRE] * APPEAL


def planted_plays(n_users: int, length: int, seed: int, **rule: float) -> tuple[np.ndarray, np.ndarray]:
    """Taste (n_users, N_GENRES) and plays (n_users, length), the oldest first; rule: follow=, back=."""
    rng = np.random.default_rng(seed)
    taste = rng.dirichlet(np.linspace(0.48, 0.12, N_GENRES), size=n_users)
    plays = np.zeros((n_users, 0), dtype=int)
    for _ in range(length):
        sums = next_probabilities(taste, plays, **rule).cumsum(axis=1)
        drawn = (sums > rng.random((n_users, 1)) * sums[:, -1:]).argmax(axis=1)
        plays = np.column_stack([plays, drawn])
    return taste, plays


# clicks -------------------------------------------------------------------------------------------


def planted_clicks(world: str, n: int, seed: int) -> tuple[tuple, np.ndarray, np.ndarray]:
    """(group, item, hour: each (n,), history (n, SEEN)), the chance of a click (n,), and the click (n,).

    The logit of a click is in world "main" a number of the group + one of the item + one of the hour; in
    "cross" also a number of the pair (group, kind of the item); in "history" also 2.4 if any item of the
    history is of the item's kind, else -0.6. Items i and i + KINDS are of one kind. Raises ValueError for
    another world.
    """
    if world not in ("main", "cross", "history"):
        raise ValueError(f"world {world!r}: choose 'main', 'cross' or 'history'")
    rng = np.random.default_rng(seed)
    of_group, of_item, of_hour = (rng.normal(0, 0.5, size) for size in (GROUPS, ITEMS, HOURS))
    of_pair = rng.normal(0, 1.3, (GROUPS, KINDS))
    group, hour = rng.integers(GROUPS, size=n), rng.integers(HOURS, size=n)
    liked = np.argsort(rng.random((n, KINDS)), axis=1)[:, :3]  # three kinds that this visitor looks at
    history = np.take_along_axis(liked, rng.integers(3, size=(n, SEEN)), 1)
    history += KINDS * rng.integers(2, size=(n, SEEN))
    alike = (history[:, 0] + KINDS * rng.integers(2, size=n)) % ITEMS
    item = np.where(rng.random(n) < 0.35, alike, rng.integers(ITEMS, size=n))
    history[np.arange(SEEN) >= rng.integers(2, SEEN + 1, size=(n, 1))] = EMPTY
    logit = of_group[group] + of_item[item] + of_hour[hour]
    if world == "cross":
        logit = logit + of_pair[group, KIND[item]]
    if world == "history":
        alike = (np.append(KIND, -1)[history] == KIND[item][:, None]).any(axis=1)
        logit = logit + np.where(alike, 2.4, -0.6)
    chance = 1 / (1 + np.exp(-logit))
    return (group, item, hour, history), chance, (rng.random(n) < chance).astype(np.float32)


# a log of films -----------------------------------------------------------------------------------


def planted_log(
    n_users: int = 300, n_films: int = 150, *, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A log in order of time: users (N,), films (N,), times (N,) in [0, 1]; nobody watches a film twice.

    A film has a release date and loses its appeal soon after; a user watches up to 24 films for a while.
    """
    rng = np.random.default_rng(seed)
    style, release, rows = np.arange(n_films) % N_GENRES, rng.uniform(-0.3, 1, n_films), []
    for user in range(n_users):
        taste, start = rng.dirichlet(np.full(N_GENRES, 0.5)), rng.uniform(-0.2, 1)
        watched = np.zeros(n_films, dtype=bool)
        for time in np.sort(rng.uniform(start, start + 0.3, 24)):
            wish = taste[style] * np.exp((release - time) / 0.15) * (release <= time) * ~watched
            if 0 <= time <= 1 and wish.sum() > 0:
                film = rng.choice(n_films, p=wish / wish.sum())
                watched[film] = True
                rows.append((time, user, film))
    times, users, films = np.array(sorted(rows)).T
    return users.astype(int), films.astype(int), times


def film_log(kind: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Users (N,), films (N,), times (N,) in [0, 1], the oldest first: kind "planted", or "MovieLens".

    Raises ValueError for another kind, OSError as ``fetch`` does.
    """
    if kind == "planted":
        return planted_log(seed=seed)
    if kind == "MovieLens":
        ratings, _ = load_movielens()
        return ratings.users, ratings.items, ratings.times
    raise ValueError(f"kind {kind!r}: choose 'planted' or 'MovieLens'")


# training and judging -----------------------------------------------------------------------------


def table(rows: int, width: int, std: float = 0.1) -> nn.Embedding:
    """A table of ``rows`` rows of ``width`` numbers, to be trained; it starts normal with this spread."""
    layer = nn.Embedding(rows, width)
    nn.init.normal_(layer.weight, std=std)
    return layer


def network(width: int, *hidden: int) -> nn.Sequential:
    """A feed-forward network with ReLU: (N, width) -> one logit each (N,)."""
    layers: list[nn.Module] = []
    for wide in hidden:
        layers += [nn.Linear(width, wide), nn.ReLU()]
        width = wide
    return nn.Sequential(*layers, nn.Linear(width, 1), nn.Flatten(0))


def train(
    build: Callable[[], nn.Module],
    inputs: Sequence[Any],
    targets: Any,
    seed: int,
    *,
    rate: float,
    epochs: int,
    batch: int,
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
    decay: float = 0.0,
) -> nn.Module:
    """Build a model from a seed and train it with Adam: inputs, arrays of N rows; targets (N, ...)."""
    generator = seed_everything(seed)
    model = build()
    feed = batches(*inputs, targets, batch_size=batch, shuffle=True, generator=generator)
    adam = torch.optim.Adam(model.parameters(), lr=rate, weight_decay=decay)
    return fit(model, feed, loss, adam, epochs=epochs).model


def with_negatives(
    users: np.ndarray, items: np.ndarray, played: np.ndarray, seed: int, n: int = 4
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each positive pair and n items that its user has not played: users, items, labels, each (N (1 + n),).

    users (N,), items (N,), played (U, I), above 0 where played. Built in 7.3a. Raises ValueError, which names
    the user, where somebody has played everything.
    """
    if (full := (played[users] > 0).all(axis=1)).any():
        raise ValueError(f"user {users[full][0]} has played all {played.shape[1]} tracks: leave them out")
    rng = np.random.default_rng(seed)
    drawn = rng.integers(played.shape[1], size=(len(users), n))
    while (wrong := played[users[:, None], drawn] > 0).any():  # draw these again
        drawn[wrong] = rng.integers(played.shape[1], size=wrong.sum())
    labels = np.tile(np.array([1.0] + n * [0.0], dtype=np.float32), len(users))
    return np.repeat(users, 1 + n), np.column_stack([items, drawn]).ravel(), labels


def places(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Place of the target among all items, 1 is best: scores (N, I), targets (N,) codes -> (N,).

    Equal scores and nan count against the target, or a model that scores all alike would always be right.
    """
    own = scores[np.arange(len(targets)), targets][:, None]
    return scores.shape[1] - (scores < own).sum(axis=1)


def hit_rate(scores: np.ndarray, targets: np.ndarray, k: int = 10) -> float:
    """Share of the rows whose target is among the first k: scores (N, I), targets (N,)."""
    return float((places(scores, targets) <= k).mean())


def hit_rate_ahead(
    recommend: Callable[[np.ndarray], np.ndarray], plays: np.ndarray, *, start: int = 20, k: int = 10
) -> float:
    """Hit rate over the plays from ``start`` on, each from those before it: recommend (U, t) -> (U, I)."""
    return float(
        np.mean([hit_rate(recommend(plays[:, :t]), plays[:, t], k) for t in range(start, plays.shape[1])])
    )


def rates_without_reading(
    taste: np.ndarray, plays: np.ndarray, rule: dict[str, float], *, start: int = 20
) -> dict[str, float]:
    """Hit rates ahead of what does not read the order of plays, and the ceiling.

    taste (U, N_GENRES), plays (U, t). The factors are those of 7.1d, from the plays before ``start``;
    ``rule`` is that of ``planted_plays``.
    """
    known, played = plays[:, :start], np.zeros((len(plays), N_TRACKS))
    played[np.arange(len(plays))[:, None], known] = 1
    P, Q = fit_implicit(played, rank=8, alpha=1, reg=5)
    counts = np.bincount(known.ravel(), minlength=N_TRACKS)
    recommend = {
        "popularity": lambda past: np.tile(counts, (len(plays), 1)),
        "matrix factorisation": lambda past: P @ Q.T,
        "ceiling": lambda past: next_probabilities(taste, past, **rule),
    }
    return {name: hit_rate_ahead(scores, plays, start=start) for name, scores in recommend.items()}
