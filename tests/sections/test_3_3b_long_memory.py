"""Section 3.3b: its layers equal torch's and Keras's, its planted data keep their rules, its text is true."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from exercises.finding import find
from helpers.chapters.planted_names import (
    BITS,
    CONSONANTS,
    GROUPS,
    LETTERS,
    keeps_the_rule,
    make_name,
    plot_unit,
)
from helpers.chapters.recurrence import show_reading
from tools.notebooks import ENGLISH, define

NOTEBOOK = ENGLISH / "3_architectures" / "3b_long_memory.ipynb"


@pytest.fixture(scope="module")
def memory():
    """What the notebook defines, with the course's answers to its exercises."""
    names = {"forget_bias": find("3.3.5").solution, "reversed_places": find("3.3.6").solution}
    ids = (
        "imports",
        "constants",
        "adding-rows",
        "reader",
        "train",
        "kinds",
        "copy-task",
        "copy-share",
        "both-ways",
        "names",
        "name-loss",
        "write",
    )
    return SimpleNamespace(**define(NOTEBOOK, ids, names))


def padded(lengths, width=2, seed=0):
    """Rows of these lengths, padded with zeros: x (B, T, width) float64, lengths (B,)."""
    lengths = torch.tensor(lengths)
    x = torch.randn(len(lengths), int(lengths.max()), width, generator=torch.Generator().manual_seed(seed))
    return (x * (torch.arange(x.shape[1]) < lengths[:, None])[:, :, None]).double(), lengths


def pack(x, lengths):
    return pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)


# ---------------------------------------------------------------- the adding task


def test_a_row_of_the_adding_task_has_one_mark_in_each_half_and_its_answer_is_their_sum(memory):
    x, y = memory.adding_rows(500, 7, torch.Generator().manual_seed(0))
    numbers, marks = x[..., 0], x[..., 1]
    assert set(marks.unique().tolist()) == {0, 1}
    assert (marks[:, :3].sum(dim=1) == 1).all()
    assert (marks[:, 3:].sum(dim=1) == 1).all()
    torch.testing.assert_close(y, (numbers * marks).sum(dim=1))
    assert numbers.min() >= 0
    assert numbers.max() < 1


def test_the_loss_of_the_adding_task_is_that_of_the_last_answer(memory):
    class Constant(nn.Module):
        def forward(self, x):
            answers = torch.zeros(*x.shape[:2], 1)
            answers[:, -1] = 1
            return answers

    loss = np.mean([memory.adding_loss(Constant(), torch.Generator().manual_seed(k)) for k in range(200)])
    assert loss == pytest.approx(1 / 6, rel=0.03)
    assert find("3.3.4").solution == pytest.approx(1 / 6, abs=0.005)


def test_the_two_biases_are_those_of_the_forget_and_the_input_gate(memory):
    lstm = nn.LSTM(1, memory.WIDTH)
    for parameter in lstm.parameters():
        nn.init.zeros_(parameter)
    memory.with_biases(lstm, forget=1.5, write=-2.0)
    lstm.weight_ih_l0.data[2 * memory.WIDTH : 3 * memory.WIDTH] = 100.0  # the candidate: 1 where x is 1
    state = torch.zeros(1, 1, memory.WIDTH), torch.full((1, 1, memory.WIDTH), 0.25)
    _, (_, c) = lstm(torch.ones(1, 1, 1), state)
    f, i = torch.sigmoid(torch.tensor([1.5, -2.0]))
    torch.testing.assert_close(c, torch.full_like(c, 0.25 * f.item() + i.item()))


def test_of_two_bias_vectors_only_one_is_set_because_torch_adds_them(memory):
    lstm = memory.with_biases(nn.LSTM(1, memory.WIDTH), forget=4.3, write=-3.0)
    total = (lstm.bias_ih_l0 + lstm.bias_hh_l0).detach()
    np.testing.assert_allclose(total.view(4, -1)[:, 0], [-3, 4.3, 0, 0], rtol=1e-6)


@pytest.mark.parametrize(("steps", "share"), [(1, 0.3), (50, 0.5), (200, 0.9)])
def test_the_forget_bias_leaves_the_share_that_was_asked_for(memory, steps, share):
    assert (1 / (1 + np.exp(-memory.forget_bias(steps, share)))) ** steps == pytest.approx(share, rel=1e-9)


def test_a_forget_and_an_input_bias_of_opposite_sign_make_gates_that_add_up_to_one(memory):
    bias = memory.forget_bias(50, 0.5)
    lstm = memory.with_biases(nn.LSTM(1, memory.WIDTH), forget=bias, write=-bias)
    write, forget = torch.sigmoid(lstm.bias_ih_l0 + lstm.bias_hh_l0).detach().view(4, -1)[:2]
    torch.testing.assert_close(write + forget, torch.ones(memory.WIDTH))
    assert forget[0].item() ** 50 == pytest.approx(0.5, abs=1e-4)


def test_the_reading_of_a_row_is_drawn_up_to_its_step_and_no_further():
    states, answers, wanted = np.full((6, 3), 0.1), np.arange(6.0), np.ones(6)
    above, below = show_reading(states, answers, wanted, 4, marks=(2, 5))
    assert above.images[0].get_array().shape == (3, 4)
    assert [line.get_xdata()[0] for line in above.lines] == [1.5]  # the mark at step 5 is still to come
    assert [line.get_xdata()[-1] for line in below.lines] == [4, 4]
    assert below.lines[1].get_ydata()[-1] == 3
    for step in (0, 7):
        with pytest.raises(ValueError, match=f"step {step} of a row of 6"):
            show_reading(states, answers, wanted, step)


# ---------------------------------------------------------------- the copy task


def test_a_row_of_the_copy_task_is_a_word_silence_and_as_many_signals_as_letters(memory):
    x, words = memory.copy_rows(50, 3, 4, torch.Generator().manual_seed(0))
    assert x.shape == (50, 10, 6)
    assert (x.sum(dim=2) == 1).all()
    read = x.argmax(dim=2)
    assert torch.equal(read[:, :3], words)
    assert (read[:, 3:7] == 4).all()
    assert (read[:, 7:] == 5).all()
    assert set(words.unique().tolist()) == {0, 1, 2, 3}


def test_the_loss_of_the_copy_task_is_judged_at_the_signals_alone(memory, monkeypatch):
    class SureAtTheSignal(nn.Module):
        def forward(self, x):
            answers = torch.full((*x.shape[:2], 4), -50.0)
            answers[:, -2:] = 50 * x[:, :2, :4]
            return answers

    seen = []

    def keep(make_layer, loss, **options):
        seen.append(loss)
        return SureAtTheSignal(), []

    monkeypatch.setitem(memory.share_copied.__globals__, "run", keep)
    assert memory.share_copied(None, 2, 5) == 1
    assert seen[0](SureAtTheSignal(), torch.Generator().manual_seed(0)) < 1e-6
    silent = lambda x: torch.zeros(*x.shape[:2], 4)  # noqa: E731
    assert seen[0](silent, torch.Generator().manual_seed(0)) == pytest.approx(np.log(4))


def test_a_network_that_holds_the_word_copies_it_and_a_silent_one_is_right_once_in_four(memory, monkeypatch):
    class Holder(nn.Module):
        def forward(self, x):
            letters = int((x[0, :, 5] == 1).sum())
            answers = torch.zeros(*x.shape[:2], 4)
            answers[:, -letters:] = x[:, :letters, :4]
            return answers

    share_copied = memory.share_copied.__globals__
    monkeypatch.setitem(share_copied, "run", lambda *args, **options: (Holder(), []))
    assert memory.share_copied(None, letters=3, wait=4) == 1
    silent = lambda x: torch.zeros(*x.shape[:2], 4)  # noqa: E731
    monkeypatch.setitem(share_copied, "run", lambda *args, **options: (silent, []))
    assert memory.share_copied(None, letters=3, wait=4) == pytest.approx(0.25, abs=0.1)


# ---------------------------------------------------------------- rows of unequal length


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize("lengths", [[2, 6, 3], [1, 1], [4], [1, 5, 5, 2]])
def test_both_ways_is_torchs_bidirectional_layer_with_its_gradients(memory, kind, lengths):
    torch.manual_seed(1)
    forwards, backwards = (kind(2, 3, batch_first=True).double() for _ in range(2))
    theirs = kind(2, 3, batch_first=True, bidirectional=True).double()
    back = {f"{name}_reverse": value for name, value in backwards.state_dict().items()}
    theirs.load_state_dict(forwards.state_dict() | back)
    x, lengths = padded(lengths)
    real = torch.arange(x.shape[1]) < lengths[:, None]
    mine = memory.both_ways(forwards, backwards, x, lengths)[real]
    reference = pad_packed_sequence(theirs(pack(x, lengths))[0], batch_first=True)[0][real]
    torch.testing.assert_close(mine, reference, rtol=1e-9, atol=1e-12)
    mine.pow(2).sum().backward()
    reference.pow(2).sum().backward()
    for name, parameter in [*forwards.named_parameters(), *backwards.named_parameters()]:
        end = "_reverse" if any(parameter is other for other in backwards.parameters()) else ""
        torch.testing.assert_close(parameter.grad, theirs.get_parameter(name + end).grad)


def test_two_layers_both_ways_are_torchs_stacked_ones(memory):
    torch.manual_seed(2)
    layers = [[nn.GRU(width, 3, batch_first=True).double() for _ in range(2)] for width in (2, 6)]
    theirs = nn.GRU(2, 3, num_layers=2, batch_first=True, bidirectional=True).double()
    weights = {}
    for level, pair in enumerate(layers):
        for layer, end in zip(pair, ("", "_reverse"), strict=True):
            for name, value in layer.state_dict().items():
                weights[name.replace("l0", f"l{level}") + end] = value
    theirs.load_state_dict(weights)
    x, lengths = padded([3, 5, 1])
    real = torch.arange(5) < lengths[:, None]
    mine = memory.both_ways(*layers[1], memory.both_ways(*layers[0], x, lengths), lengths)
    reference, _ = pad_packed_sequence(theirs(pack(x, lengths))[0], batch_first=True)
    torch.testing.assert_close(mine[real], reference[real], rtol=1e-9, atol=1e-12)


def test_both_ways_is_keras_bidirectional_layer(memory):
    from helpers import load_keras

    keras = load_keras()
    torch.manual_seed(3)
    forwards, backwards = (nn.LSTM(2, 3, batch_first=True) for _ in range(2))
    x, lengths = padded([4, 4])
    theirs = keras.layers.Bidirectional(keras.layers.LSTM(3, return_sequences=True))
    theirs(x.float().numpy())
    theirs.set_weights([value for layer in (forwards, backwards) for value in weights_for_keras(layer)])
    mine = memory.both_ways(forwards, backwards, x.float(), lengths).detach()
    np.testing.assert_allclose(mine, np.asarray(theirs(x.float().numpy())), atol=1e-6)


def weights_for_keras(lstm):
    """Keras has the same order of gates, weights as (in, out), and one bias vector."""
    parts = lstm.weight_ih_l0.T, lstm.weight_hh_l0.T, lstm.bias_ih_l0 + lstm.bias_hh_l0
    return [part.detach().numpy() for part in parts]


def test_places_reversed_twice_are_where_they_were(memory):
    places = memory.reversed_places(np.array([3, 1, 5]), 5)
    again = np.take_along_axis(places, places, axis=1)
    np.testing.assert_array_equal(again, np.tile(np.arange(5), (3, 1)))


@pytest.mark.parametrize("lengths", [[2, 0], [2, 7], [-1, 2]])
def test_rows_without_a_step_or_beyond_the_box_are_refused(memory, lengths):
    layers = [nn.GRU(2, 3, batch_first=True) for _ in range(2)]
    wrong = next(length for length in lengths if length != 2)
    with pytest.raises(ValueError, match=f"length {wrong}"):
        memory.both_ways(*layers, torch.zeros(2, 6, 2), torch.tensor(lengths))


def test_padding_reaches_the_last_column_and_neither_fetched_nor_packed_states():
    torch.manual_seed(0)
    gru = nn.GRU(2, 3, batch_first=True).double()
    short, _ = padded([2])
    for others in ([2, 3], [2, 9]):
        x, lengths = padded(others, seed=others[1])
        x[0, :2] = short
        fetched = gru(x)[0][torch.arange(2), lengths - 1]
        torch.testing.assert_close(fetched[0], gru(short)[0][0, -1])
        torch.testing.assert_close(gru(pack(x, lengths))[1][0], fetched)
        assert (gru(x)[0][0, -1] - fetched[0]).abs().max() > 1e-3


def test_packing_refuses_a_row_without_a_step():
    x, _ = padded([2, 6, 3])
    with pytest.raises(RuntimeError, match="greater than 0"):
        pack(x, torch.tensor([2, 6, 0]))


def test_fetching_from_place_minus_one_takes_the_padding():
    gru = nn.GRU(2, 3, batch_first=True)
    states = gru(torch.zeros(2, 4, 2))[0]
    empty = torch.tensor([0, 4])
    torch.testing.assert_close(states[torch.arange(2), empty - 1][0], states[0, -1])


def test_without_batch_first_a_row_moves_the_answers_of_later_rows():
    torch.manual_seed(0)
    x = torch.randn(3, 6, 2)
    changed = x.clone()
    changed[1] += 1
    for layer, expected in (
        (nn.GRU(2, 4, batch_first=True), [False, True, False]),
        (nn.GRU(2, 4), [False, True, True]),
    ):
        moved = (layer(changed)[0] - layer(x)[0]).abs().amax(dim=(1, 2)) > 1e-6
        assert moved.tolist() == expected


# ---------------------------------------------------------------- names


def rule_bits(name):
    """-log2 of the probability of a name, letter for letter as `make_name` draws it."""
    vowels = [letter for letter in name if letter not in CONSONANTS]
    neutral = len(vowels) - 2
    return np.log2(5) + len(vowels) * np.log2(len(CONSONANTS)) + 1 + 2 * np.log2(3) + neutral


def test_names_keep_the_rule_and_have_all_lengths():
    rng = np.random.default_rng(0)
    names = [make_name(rng) for _ in range(1_000)]
    assert all(keeps_the_rule(name) for name in names)
    assert {len(name) for name in names} == {4, 6, 8, 10, 12}
    assert set("".join(names)) == set(LETTERS) - {"."}
    assert {name[1] in GROUPS[0] for name in names} == {True, False}


@pytest.mark.parametrize("name", ["kahilö", "kahila" + "ko", "kehilo", "ka", "", "kylo", "krt"])
def test_names_that_break_the_rule_are_told(name):
    assert not keeps_the_rule(name)


def test_the_floor_of_bits_is_the_mean_cost_of_names_under_the_rule(memory):
    rng = np.random.default_rng(1)
    names = [make_name(rng) for _ in range(20_000)]
    bits = sum(rule_bits(name) for name in names) / sum(len(name) + 1 for name in names)
    assert bits == pytest.approx(BITS, rel=0.003)
    assert pytest.approx(2.35, abs=0.005) == BITS
    assert pytest.approx(2.46, abs=0.005) == BITS + 1 / 9


def test_the_loss_of_names_is_the_mean_over_all_their_letters(memory):
    torch.manual_seed(0)
    model = memory.Reader(nn.LSTM(len(LETTERS), 5, batch_first=True), len(LETTERS)).double()
    onehot = memory.onehot
    total = count = 0
    for name in ("kahilo", "ty", "rätihä"):
        z = model(onehot(f".{name}")[None].double())[0]
        right = torch.tensor([LETTERS.index(letter) for letter in f"{name}."])
        total += nn.functional.cross_entropy(z, right, reduction="sum").item()
        count += len(right)
    loss = memory.names_loss(model.float(), ["kahilo", "ty", "rätihä"]).item()
    assert loss == pytest.approx(total / count, rel=1e-5)


def test_a_written_name_is_drawn_from_the_state_that_was_passed_on(memory):
    """A model that counts its steps writes three letters and the dot, whatever it reads."""

    class Counter(nn.Module):
        def forward(self, x, state):
            count = torch.zeros(1) if state is None else state
            return count.expand(1, 1, 1), count + 1

    class Head(nn.Module):
        def forward(self, state):
            letter = "kah."[int(state)]
            return torch.where(torch.arange(len(LETTERS)) == LETTERS.index(letter), 100.0, 0.0)

    model = SimpleNamespace(layer=Counter(), head=Head())
    assert memory.write(model, torch.Generator().manual_seed(0)) == "kah"


def test_a_unit_is_drawn_with_one_line_for_each_name_in_the_colour_of_its_group():
    values = np.arange(12.0).reshape(3, 4)
    ax = plot_unit(values, [True, False, True])
    lines = ax.lines[:3]
    np.testing.assert_array_equal([line.get_ydata() for line in lines], values)
    group = {line.get_label(): line.get_color() for line in ax.lines[3:]}
    assert [line.get_color() for line in lines] == [group["a o u"], group["ä ö y"], group["a o u"]]
    assert group["a o u"] != group["ä ö y"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["dot", "consonant", "vowel", "consonant"]
    with pytest.raises(ValueError, match="values of 3 names, groups of 2"):
        plot_unit(values, [True, False])
