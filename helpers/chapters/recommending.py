"""Recommenders: a table of ratings, a planted one with a known answer, fast models, and ways to judge them.

Built in chapter 7, section 1. Users and items are numbered 0, 1, … inside (their codes); the ids they came
with, texts or numbers, stay beside them. U users, I items, N ratings, K factors.
"""

import csv
import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from scipy.stats import norm

from helpers.data import fetch

STARS = (0.5, 5.0)  # lowest and highest rating; half stars between


# ratings ------------------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class Ratings:
    """N ratings: codes users (N,) and items (N,), values (N,) within scale, times (N,) in [0, 1].

    user_ids (U,) and item_ids (I,) name all that are known, also those without a rating here.
    """

    users: np.ndarray
    items: np.ndarray
    values: np.ndarray
    times: np.ndarray
    user_ids: np.ndarray
    item_ids: np.ndarray
    scale: tuple[float, float] = STARS

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"Ratings({len(self):,} by {self.n_users:,} users of {self.n_items:,} items)"

    @property
    def n_users(self) -> int:
        """U, the number of users, those without a rating included."""
        return len(self.user_ids)

    @property
    def n_items(self) -> int:
        """I, the number of items, those without a rating included."""
        return len(self.item_ids)

    def rows(self, chosen: Any) -> "Ratings":
        """The chosen ratings (row numbers, a slice or a mask); users and items keep their codes."""
        columns = {name: getattr(self, name)[chosen] for name in ("users", "items", "values", "times")}
        return replace(self, **columns)

    def matrix(self, values: Any = None) -> sparse.csr_array:
        """The ratings, or other ``values`` (N,) in their places, as a sparse matrix (U, I).

        Raises ValueError when a user rated an item twice: a sparse matrix would add the two up.
        """
        values = self.values if values is None else np.broadcast_to(values, len(self))
        matrix = sparse.csr_array((values, (self.users, self.items)), (self.n_users, self.n_items))
        if matrix.nnz != len(self):
            raise ValueError(
                f"{len(self) - matrix.nnz} ratings repeat a user and item; make the table with "
                "rating_table(..., duplicates='last')"
            )
        return matrix

    def user(self, user_id: Any) -> int:
        """The code of a user; ValueError, with the nearest id, for one who is not known."""
        return _code(self.user_ids, user_id, "user")

    def item(self, item_id: Any) -> int:
        """The code of an item; ValueError, with the nearest id, for one that is not known."""
        return _code(self.item_ids, item_id, "item")


def _code(ids: np.ndarray, wanted: Any, what: str) -> int:
    found = np.flatnonzero(ids == wanted)
    if len(found):
        return int(found[0])
    nearest = difflib.get_close_matches(str(wanted), map(str, ids), n=1, cutoff=0)
    kind = f"ids here are of type {type(ids[0].item()).__name__}; " if len(ids) else ""
    raise ValueError(f"no {what} {wanted!r}: {kind}nearest: {', '.join(nearest) or 'there are none'}")


def _whole(codes: Any, what: str, size: int | None = None) -> np.ndarray:
    """The codes as an array of whole numbers; ValueError, naming it, for one below 0 or not below ``size``.

    NumPy takes -1 for the last row, so a code that stands for "nobody" would be answered with somebody.
    """
    codes = np.asarray(codes)
    if codes.size and codes.dtype.kind not in "iu":
        raise ValueError(f"{what}: codes are whole numbers from 0, not {codes.dtype}: {codes.ravel()[:3]}")
    codes = codes.astype(np.int64)
    wrong = codes[(codes < 0) | (codes >= (np.inf if size is None else size))]
    if wrong.size:
        known = "codes begin at 0" if size is None else f"there are {size}, with codes 0 to {size - 1}"
        raise ValueError(f"{what} {wrong[0]} is not known: {known}")
    return codes


def rating_table(
    users: Sequence,
    items: Sequence,
    values: Sequence[float],
    times: Sequence[float] | None = None,
    *,
    scale: tuple[float, float] = STARS,
    duplicates: str = "error",
) -> Ratings:
    """A Ratings of N rows; ids are texts or whole numbers, one kind a column.

    Times may have any unit and are brought to [0, 1]; without them the row number stands in. A user who rated
    an item more than once is an error, or with ``duplicates="last"`` the last row counts.
    Raises ValueError for no rows, columns of unequal length, ids of mixed kinds, a rating that is nan or
    outside the scale, a time that is no number.
    """
    if duplicates not in ("error", "last"):
        raise ValueError(f"duplicates={duplicates!r}: choose 'error' or 'last'")
    lengths = [len(column) for column in (users, items, values) + ((times,) if times is not None else ())]
    if len(set(lengths)) > 1 or lengths[0] == 0:
        raise ValueError(f"columns of {', '.join(map(str, lengths))} rows: all need the same, at least one")
    user_ids, user_codes = _coded(users, "user")
    item_ids, item_codes = _coded(items, "item")
    values = np.asarray(values, dtype=float)
    low, high = scale
    wrong = np.flatnonzero(~((values >= low) & (values <= high)))  # nan too
    if len(wrong):
        raise ValueError(
            f"row {wrong[0]}: rating {values[wrong[0]]:g} is outside the scale {low:g} to {high:g} "
            f"({len(wrong)} such rows); correct or drop it, or name another scale="
        )
    when = np.arange(len(values), dtype=float) if times is None else np.asarray(times, dtype=float)
    if not np.isfinite(when).all():
        row = np.flatnonzero(~np.isfinite(when))[0]
        raise ValueError(f"row {row}: the time {when[row]} is no number")
    when = (when - when.min()) / (np.ptp(when) or 1.0)
    pairs = user_codes * len(item_ids) + item_codes
    _, from_end = np.unique(pairs[::-1], return_index=True)
    last = np.sort(len(pairs) - 1 - from_end)
    if len(last) < len(pairs) and duplicates == "error":
        row = np.setdiff1d(np.arange(len(pairs)), last)[0]
        raise ValueError(
            f"{len(pairs) - len(last)} ratings are repeated later, first in row {row}: user "
            f"{user_ids[user_codes[row]]}, item {item_ids[item_codes[row]]}; say duplicates='last' to keep "
            "the last one"
        )
    return Ratings(user_codes, item_codes, values, when, user_ids, item_ids, scale).rows(last)


def _coded(ids: Sequence, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Distinct ids, sorted, and the code of each row."""
    kinds = {str if isinstance(x, str) else int if isinstance(x, (int, np.integer)) else type(x) for x in ids}
    if kinds not in ({str}, {int}):
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise ValueError(f"{what} ids are of type {names}: use texts only or whole numbers only")
    distinct, codes = np.unique(np.asarray(ids), return_inverse=True)
    return distinct, codes


# a planted world ----------------------------------------------------------------------------------

GENRES = ("space", "love", "crime", "music")
_WORDS = (
    "Comet Orbit Rocket Planet Galaxy Eclipse Meteor Saturn Nebula Lander",
    "Kiss Letter Wedding Heart Promise Summer Valentine Dance Garden Bouquet",
    "Alibi Heist Detective Witness Poison Verdict Ransom Burglar Evidence Motive",
    "Violin Chorus Melody Drummer Opera Rhythm Trumpet Encore Cello Ballad",
)  # the last word of a title tells the genre
_FIRST_WORDS = (
    "Silent Crimson Hidden Golden Broken Distant Second Velvet Northern Paper Winter Electric Borrowed "
    "Seventh Hollow Quiet Amber Restless Last Early"
)


class Planted(NamedTuple):
    """What planted_ratings put in: all that a model could at best find out."""

    mean: float
    user_bias: np.ndarray  # (U,)
    item_bias: np.ndarray  # (I,)
    user_factors: np.ndarray  # (U, 4)
    item_factors: np.ndarray  # (I, 4)
    user_slope: np.ndarray  # (U,) stars over the whole period
    genre: np.ndarray  # (I,) of 0 … 3, the places in GENRES
    watch_weight: np.ndarray  # (U, I) unscaled chances that a user comes to rate an item
    noise: float  # standard deviation, in stars
    signal: np.ndarray  # (N,) the rating before noise and rounding


def planted_ratings(
    n_users: int = 400, n_items: int = 300, *, noise: float = 0.6, seed: int = 0
) -> tuple[Ratings, Planted]:
    """Ratings in half stars, in order of time, made by a known recipe; and the recipe's numbers.

    signal = mean + user bias + item bias + user factors · item factors + slope (time - 1/2), to which normal
    noise is added before it is rounded and cut to 0.5 … 5. Who rates what depends on how well known the film
    is and on taste. Raises ValueError for fewer than 50 items or more than 800, no users, negative noise.
    """
    if not 50 <= n_items <= 800 or n_users < 1 or noise < 0:
        raise ValueError(
            f"n_users={n_users}, n_items={n_items}, noise={noise}: users >= 1, items 50 to 800, noise >= 0"
        )
    rng = np.random.default_rng(seed)
    genre = rng.integers(len(GENRES), size=n_items)
    fame = rng.permutation(-1.2 * np.log(np.arange(n_items) + 8.0))
    item_factors = 0.9 * np.eye(len(GENRES))[genre] + 0.35 * rng.standard_normal((n_items, len(GENRES)))
    item_bias = 0.35 * rng.standard_normal(n_items) + 0.15 * (fame - fame.mean()) / fame.std()
    user_factors = 0.55 * rng.standard_normal((n_users, len(GENRES)))
    user_bias = 0.35 * rng.standard_normal(n_users)
    user_slope = 0.5 + 0.5 * rng.standard_normal(n_users)
    taste = user_factors @ item_factors.T

    weight = np.exp(fame + taste)
    active = np.clip(np.exp(3.7 + 0.6 * rng.standard_normal(n_users)).astype(int), 15, n_items // 2)
    order = np.argsort(-(np.log(weight) + rng.gumbel(size=taste.shape)), axis=1)
    users = np.repeat(np.arange(n_users), active)
    items = np.concatenate([row[:count] for row, count in zip(order, active, strict=True)])
    times = rng.random(len(users))
    users, items, times = (column[np.argsort(times)] for column in (users, items, times))

    signal = (
        3.3 + user_bias[users] + item_bias[items] + taste[users, items] + user_slope[users] * (times - 0.5)
    )
    values = to_stars(signal + noise * rng.standard_normal(len(signal)))
    user_ids = np.array([f"u{number:03d}" for number in range(n_users)])
    ratings = Ratings(users, items, values, times, user_ids, _titles(genre))
    truth = Planted(
        3.3, user_bias, item_bias, user_factors, item_factors, user_slope, genre, weight, noise, signal
    )
    return ratings, truth


def _titles(genre: np.ndarray) -> np.ndarray:
    """A title for each item that tells its genre, none twice."""
    first, last, made, titles = _FIRST_WORDS.split(), [words.split() for words in _WORDS], [0] * 4, []
    for g in genre:
        turn, place = divmod(made[g], 10)
        number = turn // len(first)
        titles.append(
            f"{first[(turn + 7 * place) % len(first)]} {last[g][place]}" + f" {number + 1}" * (number > 0)
        )
        made[g] += 1
    return np.array(titles)


def to_stars(x: Any) -> np.ndarray:
    """Any numbers to the nearest half star from 0.5 to 5."""
    return np.clip(np.floor(2 * np.asarray(x) + 0.5) / 2, *STARS)


def expected_stars(signal: Any, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of ``to_stars(signal + noise)`` for normal noise: signal (...) -> two arrays (...).

    No model can predict better than the mean; the root of the averaged variance is the noise floor.
    Raises ValueError unless noise >= 0.
    """
    if not noise >= 0:
        raise ValueError(f"noise={noise}: a standard deviation is at least 0")
    if noise == 0:
        return to_stars(signal), np.zeros(np.shape(signal))
    stars = np.arange(STARS[0], STARS[1] + 0.25, 0.5)
    edges = np.concatenate([[-np.inf], stars[1:] - 0.25, [np.inf]])
    chance = np.diff(norm.cdf((edges - np.asarray(signal)[..., None]) / noise), axis=-1)
    mean = chance @ stars
    return mean, chance @ stars**2 - mean**2


def load_movielens() -> tuple[Ratings, list[str]]:
    """MovieLens latest-small: the Ratings, in order of time, by title; and the genres, "Drama|War", of each.

    Not for commercial use. Harper and Konstan (2015). Five titles name two films: the later one gets its
    number. Raises OSError as ``fetch`` does.
    """
    files = {path.name: path for path in fetch("ml-latest-small").values()}

    def read(name: str):
        with files[name].open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    titles, genres = {}, {}
    for row in read("movies.csv"):
        title = row["title"] if row["title"] not in genres else f"{row['title']} [{row['movieId']}]"
        titles[row["movieId"]], genres[title] = title, row["genres"]
    rows = sorted(read("ratings.csv"), key=lambda row: int(row["timestamp"]))
    table = rating_table(
        [int(row["userId"]) for row in rows],
        [titles[row["movieId"]] for row in rows],
        [float(row["rating"]) for row in rows],
        [int(row["timestamp"]) for row in rows],
    )
    return table, [genres[title] for title in table.item_ids]


# models -------------------------------------------------------------------------------------------


class Factors(NamedTuple):
    """rating = mean + user_bias[u] + item_bias[i] + user_factors[u] · item_factors[i]; the scale cuts it."""

    mean: float
    user_bias: np.ndarray  # (U,)
    item_bias: np.ndarray  # (I,)
    user_factors: np.ndarray  # (U, K)
    item_factors: np.ndarray  # (I, K)
    scale: tuple[float, float] = STARS
    implicit_factors: np.ndarray | None = None  # (I, K) of SVD++; its sums are part of user_factors already

    def predict(self, users: Any, items: Any) -> np.ndarray:
        """Ratings of users (N,) for items (N,), codes -> (N,). Raises ValueError for an unknown code."""
        users = _whole(users, "user", len(self.user_bias))
        items = _whole(items, "item", len(self.item_bias))
        inner = (self.user_factors[users] * self.item_factors[items]).sum(-1)
        return np.clip(self.mean + self.user_bias[users] + self.item_bias[items] + inner, *self.scale)

    def scores(self) -> np.ndarray:
        """Uncut ratings of everybody for everything (U, I)."""
        biases = self.user_bias[:, None] + self.item_bias
        return self.mean + biases + self.user_factors @ self.item_factors.T


def fit_factors(
    ratings: Ratings,
    rank: int = 10,
    *,
    reg: float = 12.0,
    reg_bias: float = 4.0,
    by_count: float = 0.0,
    implicit: float | None = None,
    sweeps: int = 15,
    seed: int = 0,
) -> Factors:
    """Matrix factorisation with biases by alternating least squares; rank 0 leaves the biases.

    Minimises the squared error on the observed ratings + reg (|P|² + |Q|²) + reg_bias (|user bias|² + |item
    bias|²). With ``implicit`` it is SVD++: the user's vector is P[u] + the sum of Y[j] over the items j that
    u has rated / sqrt(their number), with implicit |Y|² in the penalty; Y moves by three steps of conjugate
    gradients a sweep, all else is solved exactly. The returned user_factors hold both parts.
    With ``by_count`` c above 0, reg |P[u]|² of a user with n ratings is multiplied by (n / mean n) ** c.
    A user or item without ratings gets zeros, so the mean and what is known of the other side remain.
    Koren, Bell and Volinsky (2009); Koren (2008). Raises ValueError for numbers out of range.
    """
    above_zero = [reg, reg_bias, sweeps] + ([] if implicit is None else [implicit])
    if not (rank >= 0 and by_count >= 0 and all(number > 0 for number in above_zero)):  # nan too
        raise ValueError(
            f"rank={rank}, reg={reg}, reg_bias={reg_bias}, by_count={by_count}, implicit={implicit}, "
            f"sweeps={sweeps}: rank and by_count may be 0, the others must be above 0"
        )
    mean = float(ratings.values.mean())
    R = ratings.matrix(ratings.values - mean)
    M = ratings.matrix(1.0)
    RT, MT = R.T.tocsr(), M.T.tocsr()
    counts = np.maximum(M.sum(axis=1), 1.0)
    N = sparse.diags_array(1 / np.sqrt(counts)) @ M
    NT = N.T.tocsr()
    Q = np.column_stack(
        [0.1 * np.random.default_rng(seed).standard_normal((ratings.n_items, rank)), np.ones(ratings.n_items)]
    )
    P = np.ones((ratings.n_users, rank + 1))  # the last column of both is 1: there the other's bias is solved
    Y = np.zeros((ratings.n_items, rank))
    S = np.zeros((ratings.n_users, rank))  # what Y says of the user
    item_bias = np.zeros(ratings.n_items)
    penalty = np.append(np.full(rank, float(reg)), reg_bias)
    user_penalty = np.tile(penalty, (ratings.n_users, 1))
    user_penalty[:, :rank] *= (counts / counts.mean())[:, None] ** by_count
    for _ in range(sweeps):
        A, B = _normal_equations(M, R, Q, item_bias)
        own = _ridge(A, B - _times(A[:, :, :rank], S), user_penalty)
        if implicit is not None and rank:
            target = NT @ (B - _times(A, own))[:, :rank]
            Y = _conjugate_gradients(A[:, :rank, :rank], N, NT, implicit, target, Y, steps=3)
            S = N @ Y
            own = _ridge(A, B - _times(A[:, :, :rank], S), user_penalty)
        P[:, :rank], user_bias = own[:, :rank] + S, own[:, rank]
        A, B = _normal_equations(MT, RT, P, user_bias)
        found = _ridge(A, B, penalty)
        Q[:, :rank], item_bias = found[:, :rank], found[:, rank]
    P, Q = P[:, :rank].copy(), Q[:, :rank].copy()
    return Factors(mean, user_bias, item_bias, P, Q, ratings.scale, None if implicit is None else Y)


def _normal_equations(
    M: sparse.csr_array, R: sparse.csr_array, Q: np.ndarray, bias: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each row of R (n, m), over its entries: A (n, k, k) sums q qᵀ, B (n, k) sums q (r - bias)."""
    k = Q.shape[1]
    above = np.triu_indices(k)
    A = np.empty((M.shape[0], k, k))
    A[:, above[0], above[1]] = M @ (Q[:, above[0]] * Q[:, above[1]])
    A[:, above[1], above[0]] = A[:, above[0], above[1]]
    return A, R @ Q - M @ (Q * bias[:, None])


def _ridge(A: np.ndarray, B: np.ndarray, penalty: np.ndarray) -> np.ndarray:
    """Solve (A + diag(penalty)) x = B: A (n, k, k), B (n, k), penalty (k,) or (n, k) -> (n, k)."""
    A = A.copy()
    along = np.arange(A.shape[1])
    A[:, along, along] += penalty
    return np.linalg.solve(A, B[..., None])[..., 0]


def _times(A: np.ndarray, x: np.ndarray) -> np.ndarray:
    """A (n, j, k) times x (n, k), row by row -> (n, j)."""
    return (A @ x[..., None])[..., 0]


def _conjugate_gradients(
    A: np.ndarray,
    N: sparse.csr_array,
    NT: sparse.csr_array,
    reg: float,
    target: np.ndarray,
    Y: np.ndarray,
    steps: int,
) -> np.ndarray:
    """A few steps from Y (I, K) towards the solution of NT A N Y + reg Y = target."""

    def left(Y: np.ndarray):
        return NT @ _times(A, N @ Y) + reg * Y

    residual = target - left(Y)
    direction, size = residual, (residual**2).sum()
    for _ in range(steps):
        if size < 1e-20:
            break
        moved = left(direction)
        step = size / (direction * moved).sum()
        Y, residual = Y + step * direction, residual - step * moved
        size, before = (residual**2).sum(), size
        direction = residual + size / before * direction
    return Y


def predict_from_neighbours(
    ratings: Ratings,
    base: Factors,
    users: Any,
    items: Any,
    *,
    by: str = "item",
    measure: str = "cosine",
    k: int = 40,
    shrink: float = 100.0,
    damp: float = 0.1,
) -> np.ndarray:
    """``base`` plus what the k most alike items (or users) were rated above it: codes (N,), (N,) -> (N,).

    Alike is the cosine of what base leaves over, holes being 0, or with ``measure="pearson"`` its correlation
    over what both have ratings for; times n / (n + shrink) for n ratings in common. Only positive ones count.
    ``damp`` joins the sum of weights that is divided by: where neighbours are few and hardly alike, base
    stands. Similarities are made when needed; nothing (I, I) is stored. Raises ValueError for settings out
    of range and codes that are not known.
    """
    sensible = k >= 1 and shrink >= 0 and damp >= 0  # not so for nan
    if by not in ("item", "user") or measure not in ("cosine", "pearson") or not sensible:
        raise ValueError(
            f"by={by!r}, measure={measure!r}, k={k}, shrink={shrink}, damp={damp}: by is 'item' or 'user', "
            "measure 'cosine' or 'pearson', k >= 1, the others >= 0"
        )
    users, items = _whole(users, "user", ratings.n_users), _whole(items, "item", ratings.n_items)
    left = ratings.values - base.predict(ratings.users, ratings.items)
    table = ratings.matrix(1.0).toarray().astype(np.float32)
    table[ratings.users, ratings.items] = left
    known = ratings.matrix(1.0).toarray().astype(np.float32)
    mine, other = (users, items) if by == "item" else (items, users)
    if by == "item":
        table, known = np.ascontiguousarray(table.T), np.ascontiguousarray(known.T)
    unit = table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-12)
    squares = table**2 if measure == "pearson" else None
    result = base.predict(users, items)
    for owner in np.unique(mine):
        asked = np.flatnonzero(mine == owner)
        wanted, near = other[asked], np.flatnonzero(known[:, owner])
        if not len(near):
            continue
        common = known[wanted] @ known[near].T
        if measure == "cosine":
            alike = unit[wanted] @ unit[near].T
        else:
            alike = _correlations(table, known, squares, wanted, near, np.maximum(common, 1))
        alike = np.maximum(alike, 0) * (common / (common + max(shrink, 1e-12)))
        if k < len(near):
            alike[alike < np.partition(alike, -k, axis=1)[:, [-k]]] = 0
        result[asked] += alike @ table[near, owner] / np.maximum(alike.sum(axis=1) + damp, 1e-12)
    return np.clip(result, *ratings.scale)


def _correlations(
    table: np.ndarray, known: np.ndarray, squares: np.ndarray, one: np.ndarray, two: np.ndarray, n: np.ndarray
) -> np.ndarray:
    """Correlations of rows `one` with rows `two`, over the n >= 1 places that both know; 0 without spread."""
    total_one, total_two = table[one] @ known[two].T, known[one] @ table[two].T
    spread_one = squares[one] @ known[two].T - total_one**2 / n
    spread_two = known[one] @ squares[two].T - total_two**2 / n
    size = np.sqrt(np.maximum(spread_one, 0) * np.maximum(spread_two, 0))
    shared = table[one] @ table[two].T - total_one * total_two / n
    return np.where(size > 1e-4, shared / np.maximum(size, 1e-4), 0)


def fit_implicit(
    seen: Any, rank: int = 8, *, alpha: float = 10.0, reg: float = 5.0, sweeps: int = 10, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Alternating least squares for implicit feedback: seen (U, I) of 0 and 1 -> (U, K), (I, K).

    Wants 1 where seen, 0 elsewhere, and counts a seen place 1 + alpha times. Hu, Koren and Volinsky (2008).
    Raises ValueError for other values, such as numbers of plays, and for settings out of range.
    """
    if not (rank >= 1 and alpha >= 0 and reg > 0 and sweeps >= 1):
        raise ValueError(f"rank={rank}, alpha={alpha}, reg={reg}, sweeps={sweeps}: >= 1, >= 0, > 0, >= 1")
    seen = sparse.csr_array(seen, dtype=float)
    other = seen.data[(seen.data != 0) & (seen.data != 1)]
    if len(other):
        raise ValueError(f"seen holds {other[0]:g}: only 0 and 1; for numbers of plays give seen > 0")
    Q = 0.1 * np.random.default_rng(seed).standard_normal((seen.shape[1], rank))
    seen_T = seen.T.tocsr()
    for _ in range(sweeps):
        P = _implicit_side(seen, Q, alpha, reg)
        Q = _implicit_side(seen_T, P, alpha, reg)
    return _implicit_side(seen, Q, alpha, reg), Q


def _implicit_side(seen: sparse.csr_array, Q: np.ndarray, alpha: float, reg: float) -> np.ndarray:
    A, B = _normal_equations(seen, seen, Q, np.zeros(len(Q)))
    return _ridge(Q.T @ Q + alpha * A, (1 + alpha) * B, np.full(Q.shape[1], reg))


# lists, and how good they are ---------------------------------------------------------------------


def top_n(scores: Any, seen: Any, n: int = 10) -> np.ndarray:
    """The n items of highest score that a user has not seen: scores (U, I), seen (U, I) -> codes (U, n).

    Equal scores are taken in the order of their codes; -inf comes last, yet before what is seen, which is
    never taken. Raises ValueError, naming the user, where fewer than n candidates are left or the score of
    a candidate is nan.
    """
    seen = seen.toarray() if sparse.issparse(seen) else np.asarray(seen)
    scores, seen = np.asarray(scores, dtype=float), seen != 0
    if scores.shape != seen.shape or scores.ndim != 2 or n < 1:
        raise ValueError(f"scores {scores.shape}, seen {seen.shape}, n={n}: one shape (U, I) and n >= 1")
    left = (~seen).sum(axis=1)
    if (left < n).any():
        user = int(np.argmin(left))
        raise ValueError(
            f"user {user} has {left[user]} candidates left, {n} are asked for: lower n, or let seen items in"
        )
    nowhere = np.argwhere(np.isnan(scores) & ~seen)
    if len(nowhere):
        user, item = nowhere[0]
        raise ValueError(f"the score of user {user} for item {item} is nan: has the model diverged?")
    return np.lexsort((-scores, seen), axis=1)[:, :n]  # by seen, then by score, then by code


def _lists(lists: Any, size: int | None = None) -> np.ndarray:
    """Lists (U, n) of item codes, at least one of at least one."""
    lists = np.asarray(lists)
    if lists.ndim != 2 or not lists.size:
        raise ValueError(f"lists have shape {lists.shape}: (U, n) is needed, n items for each of U users")
    return _whole(lists, "item", size)


def ranking_metrics(lists: Any, relevant: Sequence) -> dict[str, float]:
    """Precision, recall, F1, NDCG and hit rate of lists (U, n); relevant: U collections of item codes.

    Means over the users who have something relevant; F1 of each user before the mean. An item counts once:
    shown again it is a miss, and relevant twice (two plays of one song) it is one item to find.
    Raises ValueError when nobody has, for another number of collections than lists, and for what is no code.
    """
    lists = _lists(lists)
    if len(relevant) != len(lists):
        raise ValueError(f"{len(lists)} lists and {len(relevant)} collections of relevant items: one a user")
    rows = []
    discount = 1 / np.log2(np.arange(lists.shape[1]) + 2)
    for shown, wanted in zip(lists, relevant, strict=True):
        wanted = np.unique(_whole(list(wanted), "relevant item"))
        if len(wanted) == 0:
            continue
        first = np.zeros(len(shown), dtype=bool)
        first[np.unique(shown, return_index=True)[1]] = True
        hit = np.isin(shown, wanted) & first
        precision, recall = hit.mean(), hit.sum() / len(wanted)
        f1 = 2 * precision * recall / (precision + recall) if hit.any() else 0.0
        ndcg = (hit * discount).sum() / discount[: len(wanted)].sum()
        rows.append((precision, recall, f1, ndcg, float(hit.any())))
    if not rows:
        raise ValueError("no user has a relevant item: nothing to find; hold some ratings out")
    names = ("precision", "recall", "F1", "NDCG", "hit rate")
    return dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True))


def variety_metrics(lists: Any, popularity: Any, vectors: Any) -> dict[str, float]:
    """Coverage, diversity and novelty of lists (U, n), whatever they hit.

    popularity (I,): how many users have seen the item, out of U; vectors (I, D): what items are alike by.
    Coverage: share of the items that are in any list. Diversity: mean of 1 - cosine over the pairs in a list.
    Novelty: mean of -log2 of the share of users who know the item (unknown to all: as if one knew it).
    Raises ValueError for shapes that do not fit, codes that are not known, and a popularity outside 0 … U.
    """
    popularity, vectors = np.asarray(popularity, dtype=float), np.asarray(vectors, dtype=float)
    if popularity.ndim != 1 or vectors.ndim != 2 or len(vectors) != len(popularity):
        raise ValueError(f"popularity {popularity.shape} and vectors {vectors.shape}: (I,) and (I, D)")
    lists = _lists(lists, len(popularity))
    if not ((popularity >= 0) & (popularity <= len(lists))).all():  # nan too
        raise ValueError(
            f"popularity goes from {popularity.min():g} to {popularity.max():g}: it counts how many of the "
            f"{len(lists)} users, one a list, have seen the item"
        )
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    n = lists.shape[1]
    cosines = np.einsum("und,umd->unm", unit[lists], unit[lists])
    pairs = np.triu_indices(n, 1)
    return {
        "coverage": len(np.unique(lists)) / len(popularity),
        "diversity": float(1 - cosines[:, pairs[0], pairs[1]].mean()) if n > 1 else 0.0,
        "novelty": float(-np.log2(np.maximum(popularity, 1)[lists] / len(lists)).mean()),
    }
