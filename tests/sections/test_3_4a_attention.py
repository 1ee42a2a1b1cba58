"""Section 3.4a: its attention equals the libraries', and what its text says is so."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from exercises.finding import find
from tools.notebooks import ENGLISH, define

torch = pytest.importorskip("torch")
F = torch.nn.functional

from helpers import check_grad, load_keras  # noqa: E402
from helpers.chapters.attention import (  # noqa: E402
    draw_links,
    in_order,
    letter_numbers,
    letters_of,
    random_words,
)

NOTEBOOK = ENGLISH / "3_architectures" / "4a_attention.ipynb"
padding_mask, growth = find("3.4.2").solution, find("3.4.3").solution


@pytest.fixture(scope="module")
def part():
    """What 3.4a defines, with the course's answers to its exercises."""
    ids = ("imports", "constants", "sorter", "train", "attention", "multi-head", "ours", "lengths")
    return SimpleNamespace(**define(NOTEBOOK, ids, {"padding_mask": padding_mask}))


def numbers(*shape, seed=0, grad=False):
    made = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return made.requires_grad_() if grad else made


def masks(T, S):
    """None, causal, padding of the last key, and one with an empty row."""
    some = torch.rand(T, S, generator=torch.Generator().manual_seed(5)) < 0.6
    some[0] = False
    last = torch.arange(S) < max(S - 1, 1)
    return {"none": None, "causal": torch.ones(T, S, dtype=bool).tril(), "padding": last, "empty row": some}


# ---------------------------------------------------------------- attention


@pytest.mark.parametrize("shapes", [((3, 4), (5, 4), (5, 2)), ((2, 3, 4, 6),) * 3, ((1, 1), (1, 1), (1, 1))])
@pytest.mark.parametrize("kind", ["none", "causal", "padding", "empty row"])
def test_answers_and_slopes_are_those_of_the_library(part, shapes, kind):
    mine, theirs = ([numbers(*shape, seed=i, grad=True) for i, shape in enumerate(shapes)] for _ in range(2))
    mask = masks(shapes[0][-2], shapes[1][-2])[kind]
    wide = None if mask is None else mask.expand(*shapes[0][:-1], shapes[1][-2])
    answers, weights = part.attention(*mine, mask)
    library = F.scaled_dot_product_attention(*theirs, attn_mask=wide)
    torch.testing.assert_close(answers, library, rtol=1e-6, atol=1e-9)
    for result in (answers, library):
        (result**2).sum().backward()
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-5, atol=1e-9)
    if kind == "empty row":
        assert (weights[..., 0, :] == 0).all()
        weights = weights[..., 1:, :][mask[1:].any(dim=1).expand(weights[..., 1:, 0].shape)]
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(weights.shape[:-1], dtype=torch.float64))


def test_slopes_are_right_as_measured_with_an_empty_row(part):
    mask = masks(3, 4)["empty row"]
    inputs = [numbers(n, 5, seed=n, grad=True) for n in (3, 4, 4)]

    def total(*arrays):
        return (part.attention(*map(torch.as_tensor, arrays), mask)[0] ** 2).sum()

    total(*inputs).backward()
    check_grad("attention", total, *inputs, grads=[array.grad for array in inputs])


def test_a_mistake_in_the_queries_is_not_hidden_by_the_cure_for_empty_rows(part):
    Q = numbers(2, 3)
    Q[0, 0] = torch.nan
    answers, _ = part.attention(Q, numbers(4, 3), numbers(4, 3), torch.tensor([True, True, False, True]))
    assert answers[0].isnan().all()
    assert answers[1].isfinite().all()


@pytest.mark.parametrize(("T", "S"), [(2, 0), (0, 3), (0, 0)])
def test_sequences_of_length_zero_give_zeros_or_nothing(part, T, S):
    answers, weights = part.attention(numbers(T, 4), numbers(S, 4), numbers(S, 5))
    assert answers.shape == (T, 5)
    assert weights.shape == (T, S)
    assert (answers == 0).all()


@pytest.mark.parametrize("shapes", [((2, 3), (4, 5), (4, 3)), ((2, 3), (4, 3), (5, 3))])
def test_shapes_that_do_not_fit_are_named(part, shapes):
    with pytest.raises(ValueError, match=rf"{re.escape(str(shapes[1]))}.*same width.*as many rows"):
        part.attention(*(numbers(*shape) for shape in shapes))


def test_scores_of_width_d_have_variance_d_and_one_after_the_division():
    for width in (4, 64, 256):
        scores = numbers(400, width, seed=1) @ numbers(400, width, seed=2).T
        assert scores.var().item() == pytest.approx(width, rel=0.1)


# ---------------------------------------------------------------- several heads


def twins(part, width, heads, seed=0):
    """Our MultiHead and PyTorch's, with the same weights."""
    torch.manual_seed(seed)
    mine = part.MultiHead(width, heads).double()
    theirs = torch.nn.MultiheadAttention(width, heads, batch_first=True).double()
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([p.weight for p in (mine.q, mine.k, mine.v)]))
        theirs.in_proj_bias.copy_(torch.cat([p.bias for p in (mine.q, mine.k, mine.v)]))
    theirs.out_proj.load_state_dict(mine.out.state_dict())
    return mine, theirs


@pytest.mark.parametrize(("width", "heads"), [(8, 2), (12, 3), (6, 6), (4, 1)])
@pytest.mark.parametrize("kind", ["none", "causal", "padding"])
def test_heads_weights_and_slopes_are_those_of_torch(part, width, heads, kind):
    mine, theirs = twins(part, width, heads)
    asking, asked, mask = numbers(2, 5, width), numbers(2, 4, width, seed=1), masks(5, 4)[kind]
    off = None if mask is None else ~mask.expand(5, 4)
    answers, weights = mine(asking, asked, mask)
    library = theirs(asking, asked, asked, attn_mask=off, average_attn_weights=False)
    torch.testing.assert_close(answers, library[0], rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(weights, library[1], rtol=1e-6, atol=1e-9)
    for result in (answers, library[0]):
        (result**2).sum().backward()
    slopes = torch.cat([p.weight.grad for p in (mine.q, mine.k, mine.v)])
    torch.testing.assert_close(slopes, theirs.in_proj_weight.grad, rtol=1e-5, atol=1e-9)
    torch.testing.assert_close(mine.out.weight.grad, theirs.out_proj.weight.grad, rtol=1e-5, atol=1e-9)


def test_heads_are_those_of_keras(part):
    keras = load_keras()
    mine = part.MultiHead(12, 3)
    asking, asked = numbers(2, 5, 12).float(), numbers(2, 4, 12, seed=1).float()
    mask = torch.rand(2, 5, 4, generator=torch.Generator().manual_seed(3)) < 0.7
    mask[..., 0] = True
    theirs = keras.layers.MultiHeadAttention(3, 4)
    theirs(asking.numpy(), asked.numpy())
    weights = []
    for linear in (mine.q, mine.k, mine.v):  # Keras: (D, H, D/H) and (H, D/H)
        weights += [linear.weight.detach().numpy().T.reshape(12, 3, 4), linear.bias.detach().reshape(3, 4)]
    weights += [mine.out.weight.detach().numpy().T.reshape(3, 4, 12), mine.out.bias.detach().numpy()]
    named = {"query": 0, "key": 2, "value": 4, "attention_output": 6}
    order = [named[v.path.split("/")[-2]] + (v.name == "bias") for v in theirs.variables]
    theirs.set_weights([np.asarray(weights[place]) for place in order])
    answers = theirs(asking.numpy(), asked.numpy(), attention_mask=mask.numpy())
    expected = mine(asking, asked, mask[:, None])[0].detach().numpy()
    np.testing.assert_allclose(np.asarray(answers), expected, rtol=1e-5, atol=1e-6)


def test_a_width_that_heads_cannot_share_is_refused(part):
    with pytest.raises(ValueError, match=r"10.*3 heads"):
        part.MultiHead(10, 3)


@pytest.mark.parametrize("T", [128, 1_024])
def test_the_multiplications_of_a_layer_are_those_that_torch_counts(part, T):
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"), FlopCounterMode(display=False) as counted:
        part.MultiHead(512, 8)(torch.ones(1, T, 512), torch.ones(1, T, 512))
    assert counted.get_total_flops() == 2 * (4 * T * 512**2 + 2 * T**2 * 512)


def test_the_layer_grows_with_the_power_that_the_text_names():
    T = np.array([128, 256, 512, 1_024])
    assert growth(T, 2 * T**2 * 512 + 4 * T * 512**2) == pytest.approx(1.28, abs=0.005)
    assert 2 * 1_024**2 * 512 == 4 * 1_024 * 512**2, "up to T = 2 D the linear maps cost more"
    assert 100_000**2 * torch.ones(1).element_size() == 40 * 10**9


# ---------------------------------------------------------------- the sorter


@pytest.mark.parametrize("seed", [1, 2])
def test_trained_on_six_letters_two_are_hard_and_all_26_easy(part, seed):
    torch.manual_seed(seed)
    model = part.Sorter(part.look)
    part.train(model, (6, 6))
    assert part.share_right(model, 2) < 0.95 <= part.share_right(model, 26)


def test_trained_with_padding_all_lengths_are_sorted(part):
    torch.manual_seed(3)
    model = part.Sorter(part.look)
    part.train(model, (2, 8))
    assert min(part.share_right(model, length) for length in (2, 3, 4, 6, 12, 26)) >= 0.95


@pytest.mark.parametrize("seed", [0, 1])
def test_without_a_mask_the_sorter_learns_not_to_look_at_padding(part, seed):
    torch.manual_seed(seed)
    model = part.Sorter(lambda Q, K, V, mask: part.attention(Q, K, V)[0])
    part.train(model, (2, 8))
    words = random_words(500, (2, 8), torch.Generator().manual_seed(1))
    wanted = in_order(words)
    p = model(words, wanted)
    right = ((p.argmax(-1) == wanted) | (wanted == 0)).all(dim=1)
    assert right.double().mean() >= 0.95
    assert p[..., 0][wanted > 0].mean() < 0.01


def test_shuffled_letters_change_no_answer_and_backwards_is_guessing(part):
    words = letter_numbers("python", "typhon")
    torch.manual_seed(1)
    model = part.Sorter(part.look)
    p = model(words, in_order(words))
    torch.testing.assert_close(p[0], p[1])
    loss = np.mean(part.train(model, (6, 6), rule=lambda words: words.flip(1))[-100:])
    assert loss == pytest.approx((np.log(6) + 5 * np.log(5)) / 6, abs=0.05)


def test_in_the_table_of_scores_the_nearest_later_letter_is_best_and_written_ones_lie_lowest(part):
    torch.manual_seed(0)
    model = part.Sorter(part.look)
    part.train(model, (2, 8))
    scores = (model.queries.weight @ model.keys.weight[1:].T).detach()
    assert sum(scores[row].argmax() == row for row in range(26)) >= 24
    assert sum(scores[row, :row].max() < scores[row, row:].min() for row in range(1, 26)) >= 22
    words = letter_numbers("zebra")
    weights = model(words, in_order(words))[0][2][words[0]]  # the step after b
    assert "zebra"[weights.argmax()] == "e"


def test_the_sorter_never_looks_at_padding(part):
    torch.manual_seed(0)
    model, words = part.Sorter(part.look), torch.tensor([[3, 1, 0, 0]])
    longer = torch.tensor([[3, 1, 0, 0, 0, 0, 0]])
    p, more = model(words, in_order(words)), model(longer, in_order(longer))
    torch.testing.assert_close(p[:, :2], more[:, :2])
    assert (p[..., 0] == 0).all()


# ---------------------------------------------------------------- the material


def test_random_words_have_different_letters_and_padding_at_the_end():
    words = random_words(300, (2, 5), torch.Generator().manual_seed(0))
    assert words.shape == (300, 5)
    sizes = (words > 0).sum(dim=1)
    assert set(sizes.tolist()) == {2, 3, 4, 5}
    assert ((words > 0) == torch.arange(5).expand(300, 5).lt(sizes[:, None])).all()
    assert all(len(set(word[word > 0].tolist())) == size for word, size in zip(words, sizes, strict=True))
    assert set(words.flatten().tolist()) == set(range(27))
    with pytest.raises(ValueError, match=r"\(5, 27\)"):
        random_words(1, (5, 27), torch.Generator())


def test_letters_and_numbers_lead_back_to_one_another_and_sort_with_padding_last():
    words = letter_numbers("python", "zebras")
    assert [letters_of(word) for word in words] == ["python", "zebras"]
    assert [letters_of(word) for word in in_order(words)] == ["hnopty", "abersz"]
    assert in_order(torch.tensor([[26, 1, 0, 0], [0, 0, 0, 0]])).tolist() == [[1, 26, 0, 0], [0, 0, 0, 0]]
    for wrong in (("ab", "abc"), ("aB",), ("naïve",)):
        with pytest.raises(ValueError, match=wrong[-1]):
            letter_numbers(*wrong)


def test_links_are_drawn_from_each_answer_as_thick_as_their_weight():
    ax = draw_links([[0.25, 0.75], [1, 0]], "ab", "xy")
    lines = [(tuple(line.get_xdata()), line.get_linewidth(), line.get_alpha()) for line in ax.lines]
    assert lines == [((0, 0), 1.25, 0.25), ((1, 0), 3.75, 0.75), ((0, 1), 5, 1), ((1, 1), 0, 0)]
    assert [text.get_text() for text in ax.texts] == [*"abxy"]
    with pytest.raises(ValueError, match=r"\(2, 2\).*3 answers"):
        draw_links(np.eye(2), "ab", "xyz")
