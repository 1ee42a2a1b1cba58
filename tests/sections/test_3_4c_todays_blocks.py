"""Section 3.4c: the block of today's large models equals the library's, and what its text says is so."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from transformers import LlamaConfig, LlamaForCausalLM, MixtralConfig, MixtralForCausalLM
from transformers.models.llama.modeling_llama import LlamaDecoderLayer, LlamaRotaryEmbedding
from transformers.models.mixtral.modeling_mixtral import (
    MixtralDecoderLayer,
    MixtralRotaryEmbedding,
    load_balancing_loss_func,
)

from exercises.finding import find
from helpers import check_grad
from helpers.chapters import decoders
from tools.notebooks import ENGLISH, define

NOTEBOOK = ENGLISH / "3_architectures" / "4c_todays_blocks.ipynb"
ALPHABET = [chr(code) for code in range(32, 112)]


def solution(number):
    return find(number).solution


@pytest.fixture(scope="module")
def notebook():
    """What the notebook defines, with the course's answers to its exercises."""
    names = {"rms_norm": solution("3.4.7"), "balance_loss": solution("3.4.9"), "alphabet": ALPHABET}
    return SimpleNamespace(**define(NOTEBOOK, namespace=names, whole=("constants",)))


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def close(mine, theirs, atol=1e-6):
    torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=atol)


def by_autograd(fn):
    """Gradients of a function of float64 tensors, for check_grad."""

    def gradients(*arrays):
        tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
        fn(*tensors).backward()
        return [tensor.grad.numpy() for tensor in tensors]

    return gradients


def grad_is_right(name, fn, *inputs):
    """Check the gradient of fn, tensors -> one number, by differences."""
    at = [np.asarray(each.detach(), dtype=float) for each in inputs]
    check_grad(name, lambda *arrays: fn(*map(torch.tensor, arrays)), *at, grads=by_autograd(fn))


# ---------------------------------------------------------------- the pieces


def test_rms_norm_is_that_of_torch_with_its_slopes_and_survives_zeros():
    rms_norm, x, weight = solution("3.4.7"), torch.randn(3, 4, 6), torch.randn(6)
    x[0, 0] = 0
    close(rms_norm(x, weight), F.rms_norm(x, (6,), weight, eps=1e-6))
    close(rms_norm(x, weight, 0.5), F.rms_norm(x, (6,), weight, eps=0.5))
    close(rms_norm(torch.tensor([1.0, 7.0]), torch.ones(2)), torch.tensor([0.2, 1.4]))
    close(F.layer_norm(torch.tensor([1.0, 7.0]), (2,)), torch.tensor([-1.0, 1.0]))
    grad_is_right("rms_norm", lambda x, w: rms_norm(x, w).pow(3).sum(), x[1:], weight)


def test_swiglu_has_the_slopes_that_differences_give(notebook):
    mlp = notebook.SwiGLU(5).double()
    grad_is_right("SwiGLU", lambda x: mlp(x).pow(2).sum(), torch.randn(3, notebook.WIDTH))


def test_inner_widths_make_the_number_of_weights_equal(notebook):
    def count(module):
        return sum(p.numel() for p in module.parameters())

    width, heads = notebook.WIDTH, notebook.HEADS
    old = count(decoders.gelu_mlp(width))
    assert old == 8 * width**2 == count(notebook.SwiGLU(128)) == 18_432
    full = count(notebook.Attention(heads, notebook.turned)) + count(notebook.SwiGLU(8 * width // 3))
    grouped = count(notebook.Attention(heads // 2, notebook.turned)) + count(notebook.SwiGLU(3 * width))
    assert full == grouped
    experts = notebook.FOUR["mlp"]()  # 2 of 4 work for a token
    active = 2 / 4 * sum(weight.numel() for weight in experts.experts.values())
    assert active == count(notebook.SwiGLU(3 * width))


def test_turning_keeps_lengths_depends_on_distance_only_and_goes_on_where_it_stopped(notebook):
    turned, x = notebook.turned, torch.randn(2, 3, 9, 12, dtype=torch.float64)
    close(turned(x).norm(dim=-1), x.norm(dim=-1))
    close(turned(x)[:, :, 4:], turned(x[:, :, 4:], start=4))
    q, k = x[:, :, :1], x[:, :, 1:2]
    products = [(turned(q, start) * turned(k, start - 3)).sum(dim=-1) for start in (3, 10, 700)]
    close(products[1], products[0])
    close(products[2], products[0])
    assert not torch.allclose((turned(q, 9) * turned(k, 5)).sum(dim=-1), products[0], atol=1e-3)
    grad_is_right("turned", lambda x: turned(x, 2).pow(3).sum(), x[:1, :1])


@pytest.mark.parametrize("kv_heads", [4, 2, 1])
def test_grouped_attention_is_that_of_torch(notebook, kv_heads):
    q, k, v = (torch.randn(2, heads, 5, 6) for heads in (4, kv_heads, kv_heads))
    theirs = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    close(notebook.grouped_attention(q, k, v), theirs)
    close(notebook.grouped_attention(q[:, :, 3:], k, v), theirs[:, :, 3:])  # the last two ask
    grad_is_right(
        "grouped attention", lambda q, k, v: notebook.grouped_attention(q, k, v).pow(2).sum(), q, k, v
    )


def test_heads_copied_in_another_order_have_the_right_shape_and_another_result(notebook):
    q, k, v = (torch.randn(1, heads, 5, 6) for heads in (4, 2, 2))
    strangers = [each.repeat(1, 2, 1, 1) for each in (k, v)]
    right, wrong = notebook.grouped_attention(q, k, v), notebook.grouped_attention(q, *strangers)
    assert right.shape == wrong.shape
    close(right[:, [0, 3]], wrong[:, [0, 3]])
    assert not torch.allclose(right[:, 1:3], wrong[:, 1:3], atol=0.1)


def test_heads_that_cannot_share_evenly_are_refused_with_both_numbers(notebook):
    with pytest.raises(ValueError, match=r"q \(1, 4, 2, 6\), k \(1, 3, 2, 6\): heads of k must divide"):
        notebook.grouped_attention(*(torch.randn(1, heads, 2, 6) for heads in (4, 3, 3)))


def test_more_queries_than_keys_are_refused_since_the_first_would_see_nothing(notebook):
    q, k, v = (torch.randn(1, 2, places, 6) for places in (3, 2, 2))
    with pytest.raises(ValueError, match=r"q \(1, 2, 3, 6\), k \(1, 2, 2, 6\).*T ≤ S"):
        notebook.grouped_attention(q, k, v)


# ---------------------------------------------------------------- the blocks of the library


def shape(notebook, kv_heads, hidden):
    return notebook.SHAPE | {"num_key_value_heads": kv_heads, "intermediate_size": hidden}


def same_layer(mine, theirs, rotary, x):
    """A block of ours and a layer of the library: equal forward, and equal slopes of all weights."""
    theirs.load_state_dict(mine.state_dict())
    cos_sin = rotary(x, torch.arange(x.shape[1])[None])
    answers = mine(x), theirs(x, position_embeddings=cos_sin)
    close(*answers)
    target = torch.randn_like(x)
    for answer in answers:
        ((answer - target) ** 2).mean().backward()
    theirs_by_name = dict(theirs.named_parameters())
    for name, weight in mine.named_parameters():
        if not weight.requires_grad:
            continue
        close(weight.grad, theirs_by_name[name].grad, atol=1e-5)
        assert weight.grad.abs().max() > 0, name


@pytest.mark.parametrize("kv_heads", [4, 2, 1])
def test_the_block_is_a_llama_decoder_layer_forward_and_backward(notebook, kv_heads):
    config = LlamaConfig(**shape(notebook, kv_heads, 70), attn_implementation="sdpa")
    attention = notebook.Attention(kv_heads, notebook.turned)
    mine = notebook.Block(notebook.RMSNorm, attention, notebook.SwiGLU(70))
    x = torch.randn(2, 11, notebook.WIDTH)
    same_layer(mine, LlamaDecoderLayer(config, 0), LlamaRotaryEmbedding(config), x)


@pytest.mark.parametrize(("number", "k"), [(8, 2), (3, 1), (2, 2)])
def test_the_block_with_experts_is_a_mixtral_decoder_layer_forward_and_backward(notebook, number, k):
    experts = {"num_local_experts": number, "num_experts_per_tok": k}
    config = MixtralConfig(**shape(notebook, 2, 70), **experts, attn_implementation="sdpa")
    mlp = notebook.Experts(number, 70, k)
    mine = notebook.Block(notebook.RMSNorm, notebook.Attention(2, notebook.turned), mlp)
    for matrix in (weight for weight in mine.parameters() if weight.ndim > 1):
        nn.init.normal_(matrix, std=0.1)
    x = torch.randn(2, 40, notebook.WIDTH)
    layer = MixtralDecoderLayer(config, 0)
    if k == 1:  # a single share is always 1: no slope reaches the router
        mine.mlp.gate.weight.requires_grad_(False)
        layer.mlp.gate.weight.requires_grad_(False)
    same_layer(mine, layer, MixtralRotaryEmbedding(config), x)


def decoders_of(notebook):
    yield notebook.Decoder().eval()
    yield notebook.Decoder(mlp=notebook.FOUR["mlp"], kv_heads=1).eval()


def test_reading_in_pieces_gives_the_logits_of_reading_all_at_once(notebook):
    ids = torch.randint(80, (2, 23))
    for model in decoders_of(notebook):
        for pieces in ([1] * 23, [10, 13], [5, 1, 16, 1]):
            caches = [[] for _ in model.layers]
            close(torch.cat([model(piece, caches) for piece in ids.split(pieces, dim=1)], dim=1), model(ids))
            assert [tuple(cache[0].shape[::2]) for cache in caches] == [(2, 23)] * notebook.LAYERS


def test_no_place_sees_what_comes_after_it(notebook):
    ids = torch.randint(80, (1, 20))
    changed = ids.clone()
    changed[0, 12] = (ids[0, 12] + 1) % 80
    for model in decoders_of(notebook):
        before, after = model(ids), model(changed)
        close(before[:, :12], after[:, :12])
        assert not torch.allclose(before[:, 12:], after[:, 12:], atol=1e-6)


def test_a_cache_that_forgets_the_places_is_wrong_from_the_second_token_on(notebook):
    model, forgetful = notebook.Decoder(), notebook.Decoder(turn=lambda x, start: notebook.turned(x))
    forgetful.load_state_dict(model.state_dict())
    ids = torch.randint(80, (20,))
    right, wrong = (notebook.one_by_one(each, ids)[0] for each in (model, forgetful))
    same = wrong.isclose(right, atol=1e-6).all(dim=1)
    assert same.tolist() == [True] + [False] * 19


def test_nothing_read_gives_nothing_and_rotary_positions_have_no_end(notebook):
    model = notebook.Decoder()
    assert model(torch.zeros(2, 0, dtype=torch.long)).shape == (2, 0, 80)
    assert model(torch.zeros(1, 3 * notebook.LENGTH, dtype=torch.long)).isfinite().all()
    old = notebook.Decoder(**notebook.LADDER["GPT-2's block"])
    with pytest.raises(ValueError, match=rf"{notebook.LENGTH + 1} characters, but only {notebook.LENGTH}"):
        old(torch.zeros(1, notebook.LENGTH + 1, dtype=torch.long))


# ---------------------------------------------------------------- memory


def test_the_memory_of_llama_3_8b_counted_in_two_ways():
    config = LlamaConfig(
        vocab_size=128_256, hidden_size=4096, intermediate_size=14_336, num_hidden_layers=32,
        num_attention_heads=32, num_key_value_heads=8,
    )  # fmt: skip
    with torch.device("meta"):
        weights = sum(p.numel() for p in LlamaForCausalLM(config).parameters())
    block = 2 * 4096**2 + 2 * 4096 * 1024 + 3 * 4096 * 14_336 + 2 * 4096
    assert weights == 32 * block + 2 * 128_256 * 4096 + 4096
    assert 2 * weights / 2**30 == pytest.approx(15, abs=0.1)
    token = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim * 2
    assert find("3.4.8").solution == token * 8192 / 2**30 == 1.0
    assert (80 - 15) // 1 == 65
    assert (80 - 15) // 4 == 16


def test_mixtral_8x7b_holds_47_billion_weights_and_13_billion_are_active():
    config = MixtralConfig(
        vocab_size=32_000, hidden_size=4096, intermediate_size=14_336, num_hidden_layers=32,
        num_attention_heads=32, num_key_value_heads=8, num_local_experts=8, num_experts_per_tok=2,
    )  # fmt: skip
    with torch.device("meta"):
        weights = dict(MixtralForCausalLM(config).named_parameters())
    total = sum(weight.numel() for weight in weights.values())
    resting = sum(6 * weight.numel() // 8 for name, weight in weights.items() if ".experts." in name)
    expert, attention = 3 * 4096 * 14_336, 2 * 4096**2 + 2 * 4096 * 1024
    rest = 32 * (attention + 8 * 4096 + 2 * 4096) + 2 * 32_000 * 4096 + 4096
    assert total == 32 * 8 * expert + rest == pytest.approx(46.7e9, abs=0.05e9)
    assert total - resting == 32 * 2 * expert + rest == pytest.approx(12.9e9, abs=0.05e9)


@pytest.mark.parametrize("kv_heads", [4, 2, 1])
def test_the_bytes_of_a_cache_are_as_counted(notebook, kv_heads):
    model = notebook.Decoder(kv_heads=kv_heads)
    for tokens in (1, 7, 20):
        held = sum(
            each.nbytes for cache in notebook.one_by_one(model, torch.arange(tokens))[1] for each in cache
        )
        assert held == 2 * notebook.LAYERS * kv_heads * notebook.SIZE * tokens * 4


def test_the_bars_of_memory_are_as_long_as_the_formula_says():
    ax = decoders.draw_memory(10)
    lengths = [bar.get_width() for bar in ax.patches]
    assert lengths == [15, 15, 15, 40, 10, 1.25]


# ---------------------------------------------------------------- experts


@pytest.mark.parametrize("k", [1, 2, 5])
def test_the_balance_loss_is_that_of_the_library(k):
    logits = torch.randn(40, 5)
    close(solution("3.4.9")(logits, k), load_balancing_loss_func((logits,), 5, k))


def test_balanced_experts_cost_k_and_a_crowded_one_is_pushed_down():
    balance_loss = solution("3.4.9")
    even = 20 * torch.eye(4)
    assert balance_loss(even, 1).item() == pytest.approx(1, abs=1e-5)
    crowded = torch.tensor([[2.0, 0.0, 0.0], [1.0, 0.5, 0.0], [1.5, 0.0, 0.5]], requires_grad=True)
    loss = balance_loss(crowded, 1)
    loss.backward()
    assert loss > 1.3
    assert crowded.grad.sum(dim=0).argmax() == 0
    apart = crowded.detach() + 0.01 * torch.randn(3, 3)
    grad_is_right("balance loss", lambda logits: balance_loss(logits.double(), 2), apart)


def test_two_equally_good_experts_have_half_each_and_all_of_them_are_a_plain_mixture(notebook):
    experts = notebook.Experts(4, 6).double()
    for matrix in experts.parameters():
        nn.init.normal_(matrix, std=0.3)
    x = torch.randn(1, 1, notebook.WIDTH, dtype=torch.float64)
    alone = [notebook.mixed(x[0], torch.ones(1, 1), torch.tensor([[i]]), **experts.experts) for i in range(4)]
    shares = torch.tensor([[2.0, 0.0, 2.0, -1.0]]).softmax(dim=-1).topk(2)
    even = shares.values / shares.values.sum()
    mixture = notebook.mixed(x[0], even, shares.indices, **experts.experts)
    close(mixture, (alone[0] + alone[2]) / 2)
    experts.k = 4
    p = experts.gate(x[0]).softmax(dim=-1)
    close(experts(x)[0], sum(p[:, i : i + 1] * alone[i] for i in range(4)))
    experts.k = 2
    grad_is_right("experts", lambda x: experts(x).pow(2).sum(), torch.randn(1, 6, notebook.WIDTH))


@pytest.mark.parametrize("k", [0, 9])
def test_a_token_cannot_go_to_no_expert_or_to_more_than_there_are(notebook, k):
    with pytest.raises(ValueError, match=rf"k is {k}.*1 to 8"):
        notebook.Experts(8, 6, k)


# ---------------------------------------------------------------- the worth of each change


def test_each_variant_of_the_ladder_differs_from_the_last_in_what_its_name_says(notebook):
    parts, sizes = {}, []
    for change in notebook.LADDER.values():
        parts = parts | change
        sizes.append(sum(p.numel() for p in notebook.Decoder(**parts).parameters()))
    norms, tables = 2 * notebook.LAYERS + 1, notebook.LENGTH * notebook.WIDTH
    assert sizes[0] - sizes[1] == norms * notebook.WIDTH  # RMSNorm has no biases
    assert sizes[1] - sizes[2] == tables  # rotary positions need no table
    assert sizes[2] == sizes[3] == sizes[4] < sizes[5]
    assert notebook.Decoder(**parts).layers[0].self_attn.k_proj.weight.shape[0] == notebook.WIDTH // 2


# ---------------------------------------------------------------- helpers


def test_guessing_costs_the_logarithm_of_the_alphabet_and_a_short_text_is_refused():
    ids = torch.arange(80)

    def guesses(windows):
        return torch.zeros(*windows.shape, 80)

    assert decoders.bits(guesses, ids, torch.tensor([0, 5]), 8).item() == pytest.approx(np.log2(80))
    with pytest.raises(ValueError, match="8 characters are too few for windows of 8: give 9"):
        decoders.bits(guesses, ids[:8], torch.tensor([0]), 8)


def test_a_model_that_knows_the_next_character_needs_no_bits_and_one_that_repeats_needs_many():
    ids = torch.arange(40) % 10

    def knows(windows):
        return 100.0 * F.one_hot((windows + 1) % 10, 10)

    def repeats(windows):
        return SimpleNamespace(logits=100.0 * F.one_hot(windows, 10))

    assert decoders.held_out(knows, ids, 7) < 1e-3
    assert decoders.held_out(repeats, ids, 7) > 100


def test_a_text_of_many_windows_is_judged_like_all_of_them_at_once():
    ids, model = torch.randint(7, (230 * 5 + 1,)), nn.Embedding(7, 7)
    with torch.no_grad():
        model.weight *= torch.linspace(0, 5, 7)[:, None]
    ids[: 200 * 5] //= 3  # the last 30 windows, which are judged apart, need more bits than the first 200
    at_once = decoders.bits(model, ids, torch.arange(0, 230 * 5, 5), 5).item()
    assert decoders.held_out(model, ids, 5) == pytest.approx(at_once, rel=1e-5)


def test_slopes_are_those_of_guessing_the_next_character():
    model, ids = nn.Embedding(3, 3), torch.tensor([[0, 1, 2]])
    nn.init.zeros_(model.weight)  # three even guesses: softmax minus one-hot, halved since two are judged
    expected = (torch.tensor([[1.0, -2.0, 1.0], [1.0, 1.0, -2.0], [0.0, 0.0, 0.0]]) / 6).flatten()
    close(decoders.slopes(model, model(ids), ids), expected)


def test_each_place_adds_its_own_vector():
    embedding = decoders.PlacedEmbedding(7, 3, 4)
    nn.init.normal_(embedding.places)
    ids = torch.tensor([[2, 2, 5]])
    close(embedding(ids)[0], embedding.weight[ids[0]] + embedding.places[:3])


def test_a_table_of_pairs_knows_what_always_follows_and_guesses_evenly_what_it_never_saw():
    ids = torch.arange(4000) % 4
    assert decoders.count_pairs(ids, ids) < 0.01
    assert decoders.count_pairs(torch.tensor([0, 0]), torch.tensor([1, 2, 3, 0])) == pytest.approx(2)
    known = torch.tensor([0, 1, 0, 1, 0])  # after 0: 1 twice in 2; two characters, 0.1 each from the start
    assert decoders.count_pairs(known, torch.tensor([0, 1])) == pytest.approx(-np.log2(2.1 / 2.2), abs=1e-6)


def test_training_repeats_itself_for_a_seed_and_adds_the_extra_to_the_loss():
    ids, calls = torch.arange(200) % 7, []

    def losses(extra, seed=3):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Embedding(7, 7))
        how = {"length": 5, "batch": 4, "steps": 12, "rate": 0.1}
        return decoders.train(model, ids, **how, seed=seed, extra=lambda: extra(model)), model

    def pull(model):
        calls.append(1)
        return 100 * model[0].weight.pow(2).sum()

    plain, model = losses(lambda model: 0.0)
    again, _ = losses(lambda model: 0.0)
    pulled, small = losses(pull)
    assert plain == again != losses(lambda model: 0.0, seed=4)[0]
    assert plain[-1] < plain[0] == pulled[0]
    assert len(calls) == 12
    assert small[0].weight.norm() < 0.7 * model[0].weight.norm()


def test_the_text_is_5_2_s_and_every_character_has_a_number():
    train_ids, val_ids, alphabet = decoders.review_characters()
    assert (len(train_ids), len(val_ids), len(alphabet)) == (160_963, 35_998, 80)
    assert "".join(alphabet[i] for i in val_ids[:20]) == "At seven sharp the s"


def test_drawings_show_who_shares_the_even_share_and_every_seed():
    old, new = decoders.draw_blocks(48)
    assert (old.get_title(), new.get_title()) == ("GPT-2", "today")
    assert {"LayerNorm", "attention", "B × T × 48"} <= {text.get_text() for text in old.texts}
    assert {"RMSNorm", "SwiGLU"} <= {text.get_text() for text in new.texts}
    texts = [sorted(text.get_text() for text in ax.texts) for ax in decoders.draw_sharing()]
    assert texts[0] == ["k0 v0", "k1 v1", "k2 v2", "k3 v3", "q0", "q1", "q2", "q3"]
    assert texts[1] == ["k0 v0", "k1 v1", "q0", "q1", "q2", "q3"]
    assert texts[2] == ["k0 v0", "q0", "q1", "q2", "q3"]
    (ax,) = decoders.plot_shares({0.0: torch.tensor([0.1, 0.6, 0.3])}, even=1 / 3)
    assert [round(bar.get_height(), 2) for bar in ax.patches] == [0.6, 0.3, 0.1]
    ax = decoders.plot_seeds({"a": [1.0, 3.0], "b": [2.0]}, label="bits")
    assert [list(line.get_xdata()) for line in ax.lines] == [[1, 3], [2, 2], [2], [2, 2]]
