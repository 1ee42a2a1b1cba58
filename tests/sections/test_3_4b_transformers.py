"""Section 3.4b: positions and blocks equal the libraries', and what the text says of them is so."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, GPT2Config
from transformers.models.bert.modeling_bert import BertLayer
from transformers.models.gpt2.modeling_gpt2 import GPT2Block

from exercises.finding import find
from helpers import check_grad
from tools.notebooks import ENGLISH, define

PART = ENGLISH / "3_architectures" / "4b_transformers.ipynb"
BEFORE = ENGLISH / "3_architectures" / "4a_attention.ipynb"


@pytest.fixture(scope="module")
def part():
    """What the notebook defines, with the course's answers to its exercises."""
    names = {"sinusoidal": find("3.4.5").solution, "layer_parameters": find("3.4.6").solution}
    return SimpleNamespace(**define(PART, namespace=names))


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def slopes(layer, inputs, *arguments):
    """Gradients of one number made from the output, along the inputs and all parameters."""
    output = layer(inputs, *arguments)
    weight = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view_as(output)
    return torch.autograd.grad((output * weight).pow(2).sum(), [inputs, *layer.parameters()])


def assert_same(mine, theirs, **tolerance):
    for one, other in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), **tolerance)


# ---------------------------------------------------------------- attention


@pytest.mark.parametrize("sizes", [(1, 1, 1), (3, 5, 4), (6, 2, 8)])
def test_attention_with_a_mask_is_torchs(part, sizes):
    T, S, d = sizes
    q, k, v = torch.randn(2, T, d), torch.randn(2, S, d), torch.randn(2, S, d)
    mask = torch.rand(2, T, S) > 0.5
    mask[..., 0] = True
    mixtures, weights = part.attention(q, k, v, mask)
    assert_same([mixtures], [F.scaled_dot_product_attention(q, k, v, attn_mask=mask)], atol=1e-6)
    assert (weights[~mask] == 0).all()
    assert_same([weights.sum(-1)], [torch.ones(2, T)], rtol=1e-5)


def test_attention_and_heads_are_those_that_part_a_builds(part):
    built = SimpleNamespace(**define(BEFORE, ("imports",), whole=("attention", "multi-head")))
    assert built.attention is not part.attention
    x, asked, mask = torch.randn(2, 5, 12), torch.randn(2, 7, 12), torch.rand(2, 1, 5, 7) > 0.5
    theirs, ours = built.MultiHead(12, 3), part.MultiHead(12, 3)
    ours.load_state_dict(theirs.state_dict())
    assert_same(ours(x, asked, mask), theirs(x, asked, mask), rtol=0)
    for attend in (built.attention, part.attention):
        with pytest.raises(ValueError, match="need the same width"):
            attend(x, asked[..., :6], asked)


def test_an_empty_text_gives_zeros_and_no_nan_anywhere(part):
    x = torch.randn(2, 3, 4)
    mask = (torch.arange(3) < torch.tensor([[3], [0]]))[:, None]  # the second text is empty
    answers, weights = part.attention(x, x, x, mask)
    assert (answers[1] == 0).all()
    assert (weights[1] == 0).all()
    assert part.EncoderLayer(4, 2)(x, mask[:, None]).isfinite().all()


def test_additive_scores_are_those_of_keras():
    keras = pytest.importorskip("helpers").load_keras()
    here = define(PART, ("imports",), whole=("additive",))
    q, k, u = here["Q"] @ here["W_q"], here["K"] @ here["W_k"], here["u"]
    layer = keras.layers.AdditiveAttention()
    values = np.eye(len(k), dtype="float32")  # so that the mixtures are the weights
    given = [q[None].numpy(), values[None], k[None].numpy()]
    layer(given)  # makes the weights
    layer.set_weights([u.numpy()])
    np.testing.assert_allclose(here["scores"].softmax(-1), np.asarray(layer(given))[0], atol=1e-5)


# ---------------------------------------------------------------- positions


@pytest.mark.parametrize("T", [0, 13])
def test_places_that_a_table_does_not_have_are_refused_by_number(part, T):
    places = part.Places(torch.zeros(12, 4))
    with pytest.raises(ValueError, match=rf"{T} places.* 1 to 12"):
        places(torch.zeros(1, T, 4))
    assert places(torch.ones(2, 12, 4)).shape == (2, 12, 4)


def test_places_are_added_row_by_row_and_learnt(part):
    table = nn.Parameter(torch.arange(6.0).view(3, 2))
    places = part.Places(table)
    np.testing.assert_array_equal(places(torch.zeros(1, 2, 2)).detach()[0], [[0, 1], [2, 3]])
    assert [p is table for p in places.parameters()] == [True]


def test_the_dot_product_of_two_places_depends_on_their_distance_alone(part):
    table = part.sinusoidal(60, 32)
    products = table @ table.T
    np.testing.assert_allclose(np.diagonal(products), 16)  # one for each hand
    for distance in (0, 1, 7, 30):
        along = np.diagonal(products, distance)
        np.testing.assert_allclose(along, along[0])
    assert products[0, 1] > products[0, 2] > products[0, 3]


def test_without_places_shuffled_letters_give_shuffled_answers(part):
    layer, x, order = part.EncoderLayer(8, 2), torch.randn(1, 6, 8), torch.randperm(6)
    assert_same([layer(x[:, order])], [layer(x)[:, order]], atol=1e-5)
    placed = nn.Sequential(part.Places(torch.randn(6, 8)), layer)
    assert not torch.allclose(placed(x[:, order]), placed(x)[:, order], atol=0.01)


@pytest.mark.parametrize("length", [4, 6])
def test_a_network_without_places_guesses_among_the_other_letters(part, length):
    _, shares = part.train(part.EncoderLayer(part.D, part.HEADS), nn.Identity(), length)
    assert np.mean(shares[-50:]) == pytest.approx(1 / (length - 1), abs=0.03)


def test_the_trained_layer_looks_at_the_mirror_image(part):
    places = part.Places(torch.tensor(part.sinusoidal(part.LENGTH, part.D)).float())
    network, shares = part.train(part.EncoderLayer(part.D, part.HEADS), places)
    network(part.words(100, seed=9_999))
    looked_at = network[2].weights.mean(1).argmax(-1)  # (100, T)
    mirror = part.LENGTH - 1 - torch.arange(part.LENGTH)
    assert np.mean(shares[-20:]) > 0.95
    assert (looked_at == mirror).float().mean() > 0.8
    assert ((looked_at - mirror).abs() <= 1).float().mean() > 0.95
    weights = network[2].weights.mean((0, 1)).flip(1)  # (T, T), with the mirror images on the diagonal
    on_it = weights.diagonal().sum() / part.LENGTH
    beside = (weights.diagonal(1).sum() + weights.diagonal(-1).sum()) / part.LENGTH
    assert 0.35 < on_it < 0.6
    assert on_it + beside > 0.8


def test_what_is_learnt_are_places_and_not_the_mirror_image(part):
    places = part.Places(torch.tensor(part.sinusoidal(len(part.LETTERS), part.D)).float())
    network, _ = part.train(part.EncoderLayer(part.D, part.HEADS), places)
    for length, skipped in ((6, 2), (10, 0)):  # of six letters, places 0 and 1 would look beyond the word
        x = part.words(300, part.STEPS, length)
        written = network(x).argmax(-1)[:, skipped : part.LENGTH]
        assert (written == x[:, skipped : part.LENGTH].flip(1)).float().mean() > 0.95
        assert (written == x.flip(1)[:, skipped : part.LENGTH]).float().mean() < 0.05


def test_padding_changes_the_answers_only_without_a_mask(part):
    layer, x = part.EncoderLayer(8, 2), torch.randn(2, 8, 8)
    real = (torch.arange(8) < torch.tensor([[5], [8]]))[:, None, None]
    alone = layer(x[:1, :5])[0]
    assert_same([layer(x, real)[0, :5]], [alone], atol=1e-5)
    assert (layer(x)[0, :5] - alone).abs().max() > 0.1


def test_words_have_different_letters_and_are_new_with_each_seed(part):
    words = part.words(50, seed=1)
    assert words.shape == (50, part.LENGTH)
    assert all(len(set(word.tolist())) == part.LENGTH for word in words)
    assert not torch.equal(words, part.words(50, seed=2))


# ---------------------------------------------------------------- the layer


def test_layer_norm_is_torchs_with_its_slopes_and_survives_equal_numbers(part):
    x, gain, shift = (torch.randn(size).double().requires_grad_() for size in ((3, 5), 5, 5))
    mine, theirs = part.layer_norm(x, gain, shift), F.layer_norm(x, (5,), gain, shift)
    assert_same([mine], [theirs], rtol=1e-9)
    mine, theirs = (torch.autograd.grad(y.pow(3).sum(), (x, gain, shift)) for y in (mine, theirs))
    assert_same(mine, theirs, rtol=1e-7)
    assert_same([part.layer_norm(torch.full((1, 5), 7.0).double(), gain, shift)[0]], [shift])


@pytest.mark.parametrize(("D", "heads", "T"), [(4, 1, 1), (6, 3, 5), (16, 4, 9)])
def test_the_layer_is_torchs_with_the_slopes_of_all_its_parameters(part, D, heads, T):
    theirs = nn.TransformerEncoderLayer(D, heads, 4 * D, dropout=0, batch_first=True).double()
    ours = part.with_weights(part.EncoderLayer(D, heads).double(), *theirs.state_dict().values())
    x = torch.randn(3, T, D).double().requires_grad_()
    assert_same([ours(x)], [theirs(x)], atol=1e-10)
    along_x, W, b, *rest = slopes(theirs, x)  # queries, keys and values are in one there
    qkv = [one for pair in zip(W.chunk(3), b.chunk(3), strict=True) for one in pair]
    assert_same(slopes(ours, x), [along_x, *qkv, *rest], rtol=1e-7, atol=1e-9)


def test_padded_places_are_masked_as_torch_masks_them(part):
    theirs = nn.TransformerEncoderLayer(8, 2, 32, dropout=0, batch_first=True).double()
    ours = part.with_weights(part.EncoderLayer(8, 2).double(), *theirs.state_dict().values())
    x, real = torch.randn(3, 6, 8).double(), torch.arange(6) < torch.tensor([[6], [1], [4]])
    mine, other = ours(x, real[:, None, None]), theirs(x, src_key_padding_mask=~real)
    assert_same([mine[real]], [other[real]], atol=1e-10)


def test_multi_head_is_torchs_and_keeps_a_row_of_weights_for_each_query(part):
    theirs = nn.MultiheadAttention(12, 3, batch_first=True)
    ours = part.with_weights(part.MultiHead(12, 3), *theirs.state_dict().values())
    x, asked = torch.randn(2, 5, 12), torch.randn(2, 7, 12)
    mixed, weights = theirs(x, asked, asked, average_attn_weights=False)
    assert_same(ours(x, asked), [mixed, weights], atol=1e-6)


def test_heads_that_cannot_share_the_columns_are_refused(part):
    with pytest.raises(ValueError, match="width 10 cannot be split into 3 heads"):
        part.EncoderLayer(10, 3)


@pytest.mark.parametrize("block", ["EncoderLayer", "GPTBlock"])
def test_the_slopes_of_both_blocks_are_those_of_small_steps(part, block):
    layer = getattr(part, block)(4, 2, nn.GELU()).double()
    weight = torch.randn(2, 3, 4).double()

    def number(x):
        with torch.no_grad():
            return (layer(torch.from_numpy(x)) * weight).sum().item()

    x = torch.randn(2, 3, 4).double().requires_grad_()
    (slope,) = torch.autograd.grad((layer(x) * weight).sum(), x)
    check_grad(block, number, x.detach().numpy(), grads=[slope.numpy()])


def test_the_layer_is_that_of_keras(part):
    keras = pytest.importorskip("helpers").load_keras()
    layer, x = part.EncoderLayer(8, 2), torch.randn(2, 5, 8)
    attend = keras.layers.MultiHeadAttention(2, 4)
    norms = [keras.layers.LayerNormalization(epsilon=1e-5) for _ in range(2)]
    up, down = keras.layers.Dense(32, activation="relu"), keras.layers.Dense(8)

    def theirs(x):
        x = norms[0](x + attend(x, x))
        return norms[1](x + down(up(x)))

    theirs(x.numpy())  # makes the weights
    inward = []
    for one in (layer.attend.q, layer.attend.k, layer.attend.v):
        W, b = (w.detach().numpy() for w in one.parameters())
        inward += [W.T.reshape(8, 2, 4), b.reshape(2, 4)]
    out = layer.attend.out
    attend.set_weights([*inward, out.weight.detach().numpy().T.reshape(2, 4, 8), out.bias.detach().numpy()])
    for one, ours in ((up, layer.up), (down, layer.down)):
        one.set_weights([ours.weight.detach().numpy().T, ours.bias.detach().numpy()])
    np.testing.assert_allclose(layer(x).detach(), np.asarray(theirs(x.numpy())), atol=1e-5)


# ---------------------------------------------------------------- BERT and GPT


def test_berts_layer_has_our_slopes(part):
    config = BertConfig(
        hidden_size=12, num_attention_heads=3, intermediate_size=48, attn_implementation="sdpa"
    )
    bert = BertLayer(config).eval().double()
    inner, outer = bert.attention.self, bert.attention.output
    linear = (inner.query, inner.key, inner.value, outer.dense, bert.intermediate.dense, bert.output.dense)
    weights = [w for one in (*linear, outer.LayerNorm, bert.output.LayerNorm) for w in one.parameters()]
    ours = part.EncoderLayer(12, 3, F.gelu).double()
    ours.load_state_dict(dict(zip(ours.state_dict(), weights, strict=True)))
    ours.norm1.eps = ours.norm2.eps = 1e-12
    x = torch.randn(2, 5, 12).double().requires_grad_()
    assert_same([ours(x)], [bert(x)], atol=1e-9)
    assert_same(slopes(ours, x)[:1], slopes(bert, x)[:1], rtol=1e-6, atol=1e-8)


def test_gpts_block_has_our_slopes_and_never_looks_ahead(part):
    config = GPT2Config(n_embd=12, n_head=3, attn_implementation="sdpa")
    gpt = GPT2Block(config).eval().double()
    parts = gpt.attn.c_attn, gpt.attn.c_proj, gpt.mlp.c_fc, gpt.mlp.c_proj, gpt.ln_1, gpt.ln_2
    weights = [w.t() for one in parts for w in one.parameters()]
    ours = part.with_weights(part.GPTBlock(12, 3, nn.GELU("tanh")).double(), *weights)
    x = torch.randn(2, 5, 12).double().requires_grad_()
    assert_same([ours(x)], [gpt(x)], atol=1e-9)
    assert_same(slopes(ours, x)[:1], slopes(gpt, x)[:1], rtol=1e-6, atol=1e-8)
    changed = torch.cat([x[:, :3], torch.randn(2, 2, 12).double()], dim=1)
    assert_same([ours(changed)[:, :3]], [ours(x)[:, :3]], atol=1e-12)


# ---------------------------------------------------------------- counts


@pytest.mark.parametrize("D", [2, 16, 40])
def test_the_formula_for_parameters_is_what_is_there(part, D):
    assert part.layer_parameters(D) == sum(w.numel() for w in part.EncoderLayer(D, 2).parameters())


@pytest.mark.parametrize(("D", "T"), [(8, 3), (16, 96), (24, 50)])
def test_the_formula_for_multiplications_is_what_torch_counts(part, D, T):
    with FlopCounterMode(display=False) as counter:
        part.EncoderLayer(D, 2)(torch.zeros(1, T, D))
    assert counter.get_total_flops() == 2 * (12 * T * D**2 + 2 * T**2 * D)
    assert (T == 6 * D) == (12 * T * D**2 == 2 * T**2 * D)


def test_the_multiplications_alone_grow_more_slowly_than_the_square():
    T, D = np.array([256, 512, 1024]), 32
    power = np.polyfit(np.log(T), np.log(12 * T * D**2 + 2 * T**2 * D), 1)[0]
    assert round(power, 1) == 1.7
