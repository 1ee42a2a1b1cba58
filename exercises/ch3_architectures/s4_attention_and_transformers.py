"""Section 3.4, attention and transformers: code of its exercises. The words are in the .en.md beside it."""

import math

import numpy as np
import torch

from exercises import Case, Exercise

# 3.4.1 attention for one query -----------------------------------------------------------------------


def attend(query, keys, values):
    """The answer to one query: a mixture of the values. -> (D_v,)

    query (D,), keys (S, D), values (S, D_v). Weights: softmax of the dot products of query and keys.
    """
    scores = keys @ query
    weights = np.exp(scores - scores.max())
    return weights / weights.sum() @ values


def takes_the_best_value_alone(query, keys, values):
    return values[np.argmax(keys @ query)]


def mixes_by_the_scores_themselves(query, keys, values):
    return (keys @ query) @ values


def divides_the_scores_by_their_sum(query, keys, values):
    scores = keys @ query
    return scores / scores.sum() @ values


def takes_the_mean_of_the_values(query, keys, values):
    return values.mean(axis=0)


def mixes_the_keys(query, keys, values):
    return attend(query, keys, keys)


def exchanges_query_and_keys(query, keys, values):
    scores = query @ keys
    weights = np.exp(scores - scores.max())
    return weights / weights.sum() @ values


def keeps_a_row_for_each_key(query, keys, values):
    weights = np.exp(keys @ query - (keys @ query).max())
    return (weights / weights.sum())[:, None] * values


def multiplies_without_adding_up(query, keys, values):
    weights = np.exp(keys @ query - (keys @ query).max())
    return weights / weights.sum() * values


def forgets_to_divide(query, keys, values):
    scores = keys @ query
    return np.exp(scores - scores.max()) @ values


def overflows_at_large_scores(query, keys, values):
    weights = np.exp(keys @ query)
    return weights / weights.sum() @ values


def divides_by_the_root_of_the_width(query, keys, values):
    return attend(query / np.sqrt(len(query)), keys, values)


def draw_lookups(rng):
    places, width, width_of_values = (int(n) for n in rng.integers(1, 4, size=3))
    query, keys = rng.integers(-2, 3, size=width), rng.integers(-2, 3, size=(places, width))
    values = rng.integers(-5, 6, size=(places, width_of_values))
    return query.astype(float), keys.astype(float), values.astype(float)


# 3.4.2 a padding mask --------------------------------------------------------------------------------


def padding_mask(lengths, size):
    """Which places of padded texts are real. -> (B, size) booleans, True: real, False: padding

    lengths (B,) whole numbers from 0 to size: text i fills the first lengths[i] places.
    Raises ValueError for a length below 0 or above size; the message names the length and the size.
    """
    for length in lengths:
        if not 0 <= length <= size:
            raise ValueError(f"length {length} does not fit: it must be from 0 to {size}")
    return np.arange(size) < np.asarray(lengths)[:, None]


def marks_the_padding(lengths, size):
    return ~padding_mask(lengths, size)


def marks_one_place_too_many(lengths, size):
    padding_mask(lengths, size)
    return np.arange(size) <= np.asarray(lengths)[:, None]


def pads_in_front(lengths, size):
    return padding_mask(lengths, size)[:, ::-1].copy()


def is_as_wide_as_the_longest(lengths, size):
    return padding_mask(lengths, size)[:, : max(lengths)]


def gives_ones_and_zeros(lengths, size):
    return padding_mask(lengths, size).astype(float)


def lets_wrong_lengths_pass(lengths, size):
    return np.arange(size) < np.asarray(lengths)[:, None]


def refuses_an_empty_text(lengths, size):
    if min(lengths) < 1:
        raise ValueError(f"length {min(lengths)} does not fit: it must be from 1 to {size}")
    return padding_mask(lengths, size)


def draw_lengths(rng):
    size = int(rng.integers(1, 6))
    lengths = rng.integers(0, size + 1, size=int(rng.integers(1, 4)))
    if rng.random() < 0.1:
        lengths[0] = rng.choice([-1, size + 1])
    return lengths, size


# 3.4.3 how a cost grows ------------------------------------------------------------------------------


def growth(sizes, costs):
    """The power p in cost = c · sizeᵖ, from measurements. -> float

    sizes (N,) and costs (N,), all above 0. p is the slope of the line fitted to their logarithms.
    """
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def fits_without_logarithms(sizes, costs):
    return float(np.polyfit(sizes, costs, 1)[0])


def takes_the_logarithm_of_the_costs_only(sizes, costs):
    return float(np.polyfit(sizes, np.log(costs), 1)[0])


def looks_at_the_first_and_the_last_only(sizes, costs):
    return float(np.log(costs[-1] / costs[0]) / np.log(sizes[-1] / sizes[0]))


def exchanges_the_two(sizes, costs):
    return float(np.polyfit(np.log(costs), np.log(sizes), 1)[0])


def fits_a_line_through_the_origin(sizes, costs):
    return float(np.log(sizes) @ np.log(costs) / (np.log(sizes) @ np.log(sizes)))


def gives_the_factor_of_one_doubling(sizes, costs):
    return 2 ** growth(sizes, costs)


def gives_the_constant(sizes, costs):
    return float(np.exp(np.polyfit(np.log(sizes), np.log(costs), 1)[1]))


def draw_measurements(rng):
    count = int(rng.integers(2, 6))
    sizes = np.sort(rng.choice(np.array([2, 4, 8, 10, 16, 32, 50, 100]), size=count, replace=False))
    return sizes.astype(float), rng.choice(np.array([0.5, 2, 3, 8, 20]), size=count)


# 3.4.4 the best without places ----------------------------------------------------------------------

BEST_WITHOUT_PLACES = 1 / 5

# 3.4.5 sinusoidal positions -------------------------------------------------------------------------


def sinusoidal(T, D):
    """The positions of the first Transformer: a vector of D numbers for each of T places. -> array (T, D)

    Place t, counted from 0: column 2i holds sin(t · w), column 2i + 1 holds cos(t · w), with the frequency
    w = 10,000 to the power of -2i / D. D is even.
    """
    angles = np.arange(T)[:, None] * 10_000.0 ** (-np.arange(0, D, 2) / D)  # (T, D / 2)
    return np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(T, D)


def _clocks(T, D, *, first=0, exponents=None, interleave=True, parts=(np.sin, np.cos)):
    """The positions with one step done differently."""
    exponents = -np.arange(0, D, 2) / D if exponents is None else exponents
    angles = np.arange(first, T + first)[:, None] * 10_000.0**exponents
    parts = [part(angles) for part in parts]
    return np.stack(parts, axis=2).reshape(T, D) if interleave else np.concatenate(parts, axis=1)


def counts_places_from_one(T, D):
    return _clocks(T, D, first=1)


def puts_all_sines_first(T, D):
    return _clocks(T, D, interleave=False)


def gives_every_column_a_frequency_of_its_own(T, D):
    angles = np.arange(T)[:, None] * 10_000.0 ** (-np.arange(D) / D)
    return np.where(np.arange(D) % 2 == 0, np.sin(angles), np.cos(angles))


def forgets_the_two_in_the_exponent(T, D):
    return _clocks(T, D, exponents=-np.arange(D // 2) / D)


def takes_the_column_for_the_pair(T, D):
    angles = np.arange(T)[:, None] * 10_000.0 ** (-2 * np.arange(D) / D)
    return np.where(np.arange(D) % 2 == 0, np.sin(angles), np.cos(angles))


def divides_the_power_instead_of_the_exponent(T, D):
    angles = np.arange(T)[:, None] * 10_000.0 ** -np.arange(0, D, 2) / D
    return np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(T, D)


def exchanges_sine_and_cosine(T, D):
    return _clocks(T, D, parts=(np.cos, np.sin))


def multiplies_by_the_power(T, D):
    return _clocks(T, D, exponents=np.arange(0, D, 2) / D)


def draw_sizes(rng):
    return int(rng.integers(1, 6)), 2 * int(rng.integers(1, 5))


BY_HAND = np.array(
    [[0.0, 1.0, 0.0, 1.0], [math.sin(1), math.cos(1), math.sin(0.01), math.cos(0.01)]],
)

# 3.4.6 the parameters of a layer --------------------------------------------------------------------


def layer_parameters(D):
    """Number of parameters of an encoder layer of width D, biases and layer norms included. -> integer

    Attention: four linear layers from D to D. Then one from D to 4D, one from 4D to D, and two layer norms.
    """
    attention = 4 * (D * D + D)
    feed_forward = (D * 4 * D + 4 * D) + (4 * D * D + D)
    return attention + feed_forward + 2 * (D + D)


def leaves_out_the_biases(D):
    return 12 * D * D + 4 * D


def counts_the_matrices_alone(D):
    return 12 * D * D


def leaves_out_the_layer_norms(D):
    return layer_parameters(D) - 4 * D


def counts_one_layer_norm(D):
    return layer_parameters(D) - 2 * D


def forgets_the_way_out_of_attention(D):
    return layer_parameters(D) - (D * D + D)


def gives_one_bias_number_to_each_layer(D):
    return 12 * D * D + 6 + 4 * D


def draw_widths(rng):
    return (int(rng.integers(1, 100)),)


# 3.4.7 only the size --------------------------------------------------------------------------------


def rms_norm(x, weight, eps=1e-6):
    """Divide each row by its root mean square, then multiply by the weights. -> (..., D)

    x (..., D) and weight (D,) are tensors. eps is added to the mean square, before the root.
    """
    return x * torch.rsqrt(x.pow(2).mean(dim=-1, keepdim=True) + eps) * weight


def subtracts_the_mean(x, weight, eps=1e-6):
    x = x - x.mean(dim=-1, keepdim=True)
    return x / torch.sqrt(x.pow(2).mean(dim=-1, keepdim=True) + eps) * weight


def divides_by_the_length(x, weight, eps=1e-6):
    return x / torch.sqrt(x.pow(2).sum(dim=-1, keepdim=True) + eps) * weight


def takes_one_size_for_all_rows(x, weight, eps=1e-6):
    return x / torch.sqrt(x.pow(2).mean() + eps) * weight


def forgets_keepdim(x, weight, eps=1e-6):
    return x / torch.sqrt(x.pow(2).mean(dim=-1) + eps) * weight


def adds_eps_after_the_root(x, weight, eps=1e-6):
    return x / (torch.sqrt(x.pow(2).mean(dim=-1, keepdim=True)) + eps) * weight


def leaves_out_the_weights(x, weight, eps=1e-6):
    return x / torch.sqrt(x.pow(2).mean(dim=-1, keepdim=True) + eps)


def forgets_the_root(x, weight, eps=1e-6):
    return x / (x.pow(2).mean(dim=-1, keepdim=True) + eps) * weight


def draw_rows(rng):
    d = int(rng.integers(1, 5))
    rows = [(), (1,), (2,), (2, 2)][int(rng.integers(0, 4))]
    x = torch.tensor(rng.integers(-8, 9, size=(*rows, d)) / 2, dtype=torch.float32)
    weight = torch.tensor(rng.integers(-4, 5, size=d) / 2, dtype=torch.float32)
    return (x, weight) if rng.random() < 0.5 else (x, weight, 0.25)


# 3.4.8 a cache of a large model ---------------------------------------------------------------------

# keys and values · blocks · key-value heads · numbers per head · tokens · bytes, in GiB
CACHE = 2 * 32 * 8 * 128 * 8192 * 2 / 2**30

# 3.4.9 the load-balancing loss ----------------------------------------------------------------------


def balance_loss(logits, k):
    """E times the sum over the experts of share · mean probability. -> a tensor with one number

    logits (N, E): what the router says of N tokens and E experts. k: how many experts each token goes to.
    The share of an expert is the number of tokens that go to it, divided by N: the shares sum to k.
    """
    N, E = logits.shape
    p = logits.softmax(dim=-1)
    chosen = p.topk(k, dim=-1).indices
    share = torch.bincount(chosen.flatten(), minlength=E) / N
    return E * (share * p.mean(dim=0)).sum()


def _share(logits, k):
    chosen = logits.topk(k, dim=-1).indices
    return torch.bincount(chosen.flatten(), minlength=logits.shape[1]) / len(logits)


def divides_the_shares_by_k(logits, k):
    return balance_loss(logits, k) / k


def leaves_out_the_number_of_experts(logits, k):
    return balance_loss(logits, k) / logits.shape[1]


def multiplies_shares_with_shares(logits, k):
    return logits.shape[1] * (_share(logits, k) ** 2).sum()


def multiplies_probabilities_with_probabilities(logits, k):
    return logits.shape[1] * (logits.softmax(dim=-1).mean(dim=0) ** 2).sum()


def counts_the_first_choice_only(logits, k):
    return balance_loss(logits, 1)


def adds_up_the_tokens(logits, k):
    return len(logits) * balance_loss(logits, k)


def takes_the_logits_for_probabilities(logits, k):
    return logits.shape[1] * (_share(logits, k) * logits.mean(dim=0)).sum()


def takes_the_chosen_probabilities_only(logits, k):
    p, chosen = logits.softmax(dim=-1), logits.topk(k, dim=-1).indices
    kept = torch.zeros_like(p).scatter(1, chosen, p.gather(1, chosen))
    return logits.shape[1] * (_share(logits, k) * kept.mean(dim=0)).sum()


def detaches_the_probabilities(logits, k):
    return balance_loss(logits.detach(), k)


def draw_routers(rng):
    n, e = int(rng.integers(1, 6)), int(rng.integers(1, 5))
    # no two numbers of a row are equal, so that nobody's choice rests on the order of ties
    rows = np.array([(rng.permutation(2 * e)[:e] - e) / 2 for _ in range(n)])
    return torch.tensor(rows, dtype=torch.float32), int(rng.integers(1, e + 1))


EXERCISES = (
    Exercise(
        "3.4.1",
        level=2,
        minutes=10,
        points=2,
        solution=attend,
        cases=(
            Case(
                (np.array([np.log(3)]), np.array([[1.0], [0.0]]), np.array([[4.0], [8.0]])),
                expected=np.array([5.0]),  # scores log 3 and 0: weights 3/4 and 1/4
                args_text="np.array([np.log(3)]), np.array([[1.0], [0.0]]), np.array([[4.0], [8.0]])",
            ),
            Case(
                (
                    np.array([0.0, 0.0]),
                    np.array([[1.0, 2.0], [3.0, 4.0]]),
                    np.array([[1.0, 0.0, 2.0], [3.0, 2.0, 2.0]]),
                ),
                expected=np.array([2.0, 1.0, 2.0]),  # all scores 0: the mean
            ),
            Case((np.array([1000.0, 0.0]), np.eye(2), np.array([[7.0], [9.0]])), expected=np.array([7.0])),
            Case((np.array([2.0, 1.0]), np.array([[1.0, 0.0], [0.0, -1.0], [0.0, 1.0]]), np.eye(3))),
        ),
        wrong={
            takes_the_best_value_alone: 0,
            mixes_by_the_scores_themselves: 0,
            divides_the_scores_by_their_sum: 0,
            takes_the_mean_of_the_values: 1,
            mixes_the_keys: 1,
            exchanges_query_and_keys: 0,
            keeps_a_row_for_each_key: 1,
            multiplies_without_adding_up: 1,
            forgets_to_divide: 0,
            overflows_at_large_scores: 2,
            divides_by_the_root_of_the_width: None,
        },
        draw=draw_lookups,
        draws=200,
    ),
    Exercise(
        "3.4.2",
        level=2,
        minutes=10,
        points=2,
        solution=padding_mask,
        cases=(
            Case(
                (np.array([2, 0, 3]), 3),
                expected=np.array([[True, True, False], [False, False, False], [True, True, True]]),
            ),
            Case((np.array([1]), 4), expected=np.array([[True, False, False, False]])),
            Case((np.array([2, 5]), 4), raises=ValueError, mentions=(5, 4)),
            Case((np.array([-1]), 3), raises=ValueError, mentions=(-1, 3)),
        ),
        wrong={
            marks_the_padding: 1,
            marks_one_place_too_many: 0,
            pads_in_front: 0,
            is_as_wide_as_the_longest: 0,
            gives_ones_and_zeros: 1,
            lets_wrong_lengths_pass: 2,
            refuses_an_empty_text: 2,
        },
        draw=draw_lengths,
        draws=200,
    ),
    Exercise(
        "3.4.3",
        level=2,
        minutes=5,
        points=2,
        solution=growth,
        cases=(
            Case((np.array([1, 2, 4, 8]), np.array([3, 12, 48, 192])), expected=2.0),
            Case((np.array([1, 2, 4, 8]), np.array([1, 1, 1, 8])), expected=0.9),  # not 1: all four count
            Case((np.array([10, 1000]), np.array([0.5, 0.05])), expected=-0.5),
        ),
        wrong={
            fits_without_logarithms: 0,
            takes_the_logarithm_of_the_costs_only: 0,
            looks_at_the_first_and_the_last_only: 1,
            exchanges_the_two: 1,
            fits_a_line_through_the_origin: 1,
            gives_the_factor_of_one_doubling: 0,
            gives_the_constant: 1,
        },
        draw=draw_measurements,
        draws=200,
    ),
    Exercise(
        "3.4.4",
        kind="predict",
        level=2,
        minutes=5,
        points=1,
        solution=BEST_WITHOUT_PLACES,
        atol=0.005,
        wrong={
            "one_of_all_letters": (1 / 12, 0),
            "one_of_the_word": (1 / 6, 1),
            "one_of_seven": (1 / 7, 1),
            "nothing": (0.0, 0),
            "every_letter": (1.0, 0),
        },
    ),
    Exercise(
        "3.4.5",
        level=2,
        minutes=10,
        points=2,
        solution=sinusoidal,
        cases=(
            Case((1, 4), expected=np.array([[0.0, 1.0, 0.0, 1.0]])),
            Case((2, 4), expected=BY_HAND),
            Case((3, 6)),
        ),
        wrong={
            counts_places_from_one: 0,
            puts_all_sines_first: 2,
            gives_every_column_a_frequency_of_its_own: 1,
            forgets_the_two_in_the_exponent: 1,
            takes_the_column_for_the_pair: 1,
            divides_the_power_instead_of_the_exponent: 1,
            exchanges_sine_and_cosine: 2,
            multiplies_by_the_power: 1,
        },
        draw=draw_sizes,
        draws=50,
    ),
    Exercise(
        "3.4.6",
        level=1,
        minutes=5,
        points=1,
        solution=layer_parameters,
        cases=(
            Case((1,), expected=25),
            Case((16,), expected=3280),
            Case((768,)),
        ),
        wrong={
            leaves_out_the_biases: 0,
            counts_the_matrices_alone: 0,
            leaves_out_the_layer_norms: 1,
            counts_one_layer_norm: 1,
            forgets_the_way_out_of_attention: 1,
            gives_one_bias_number_to_each_layer: 0,
        },
        draw=draw_widths,
        draws=50,
    ),
    Exercise(
        "3.4.7",
        level=1,
        minutes=5,
        points=1,
        solution=rms_norm,
        cases=(
            Case(
                (torch.tensor([1.0, 7.0]), torch.tensor([10.0, 5.0])),
                expected=torch.tensor([2.0, 7.0]),
            ),
            Case(
                (torch.tensor([[2.0, 2.0], [8.0, -8.0]]), torch.tensor([1.0, 1.0])),
                expected=torch.tensor([[1.0, 1.0], [1.0, -1.0]]),
            ),
            Case(
                (torch.tensor([1.0, -1.0]), torch.tensor([1.0, 1.0]), 3.0),
                expected=torch.tensor([0.5, -0.5]),
            ),
        ),
        wrong={
            subtracts_the_mean: 0,
            divides_by_the_length: 0,
            takes_one_size_for_all_rows: 1,
            forgets_keepdim: 1,
            adds_eps_after_the_root: 2,
            leaves_out_the_weights: None,
            forgets_the_root: 0,
        },
        draw=draw_rows,
        draws=200,
        rtol=1e-5,
        atol=1e-6,
    ),
    Exercise(
        "3.4.8",
        kind="predict",
        level=2,
        minutes=5,
        points=1,
        solution=CACHE,
        atol=0.01,
        wrong={
            "keys_without_values": (0.5, 0),
            "one_head_per_query_head": (4.0, 1),
            "four_bytes_per_number": (2.0, None),
            "one_block_only": (0.03, 0),
            "billions_of_bytes": (1.07, None),
            "bytes": (2**30, None),
        },
    ),
    Exercise(
        "3.4.9",
        level=3,
        minutes=10,
        points=3,
        solution=balance_loss,
        cases=(
            Case(
                (torch.tensor([[math.log(3), 0.0], [math.log(3), 0.0]]).round(decimals=4), 1),
                expected=torch.tensor(1.5),
                args_text="torch.tensor([[1.0986, 0.0], [1.0986, 0.0]]), 1",
            ),
            Case((torch.tensor([[50.0, 0.0], [0.0, 50.0]]), 1), expected=torch.tensor(1.0)),
            Case((torch.tensor([[50.0, 0.0, -50.0], [50.0, 0.0, -50.0]]), 2), expected=torch.tensor(3.0)),
            Case(
                (torch.tensor([[1.0, 2.0, 4.0], [2.0, 0.5, 1.0], [0.0, 3.0, 1.0]], requires_grad=True), 2),
                args_text="torch.tensor([[1, 2, 4], [2, 0.5, 1], [0, 3, 1]]).requires_grad_(), 2",
            ),
        ),
        wrong={
            divides_the_shares_by_k: 0,
            leaves_out_the_number_of_experts: None,
            multiplies_shares_with_shares: 1,
            multiplies_probabilities_with_probabilities: 1,
            counts_the_first_choice_only: 0,
            adds_up_the_tokens: 2,
            takes_the_logits_for_probabilities: 1,
            takes_the_chosen_probabilities_only: 1,
            detaches_the_probabilities: 1,
        },
        draw=draw_routers,
        draws=200,
        rtol=1e-4,
        atol=1e-5,
    ),
)
