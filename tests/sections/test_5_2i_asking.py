"""Section 5.2i: what the text says of the published model's answers, and the program in the shell."""

import re
from types import SimpleNamespace

import pytest
import torch
from jinja2 import Template

from exercises.ch5_language import s2_language_models as exercises
from exercises.finding import find
from helpers.chapters import smollm
from helpers.chapters.language import load_text
from tools.notebooks import ENGLISH, define

NOTEBOOK = ENGLISH / "5_language/2i_asking_a_published_model.ipynb"
FRANCE = "What is the capital of France?"


@pytest.fixture(scope="module")
def loaded():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield smollm.load()
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def nb(loaded):
    grad, threads = torch.is_grad_enabled(), torch.get_num_threads()
    names = define(NOTEBOOK, namespace={"render": find("5.2.11").solution})
    torch.set_grad_enabled(grad)
    torch.set_num_threads(threads)
    names["model"], names["bpe"] = loaded
    return SimpleNamespace(**names)


def ask(nb, question, length):
    return smollm.write(nb.model, nb.bpe, smollm.as_chat(question), length)


def test_the_helpers_text_is_the_exercises_and_the_files_template(nb):
    said, _ = smollm.open_gguf(smollm.wheel_file(smollm.PACKAGE, smollm.FILE, smollm.SHA256))
    assert exercises.SYSTEM == smollm.SYSTEM
    for question in (FRANCE, "two\nlines ", "{{ not }} a template"):
        talk = [{"role": "user", "content": question}]
        wanted = Template(said["tokenizer.chat_template"]).render(messages=talk, add_generation_prompt=True)
        assert smollm.as_chat(question) == nb.render(talk) == wanted


def test_the_answers_lead_clearly_where_the_page_shows_them(nb):
    """Each shown token is ahead of the next by more than processors differ in a logit."""
    length = {FRANCE: 12, "What is 17 plus 25?": 12, "How many letters r are in the word strawberry?": 12}
    for question, tokens in length.items():
        margins = []

        def pick(logits, margins=margins):
            (first, second), order = logits.topk(2)
            margins.append(first - second)
            return order[0]

        smollm.write(nb.model, nb.bpe, smollm.as_chat(question), tokens, pick)
        assert min(margins) > 0.02


def test_it_counts_letters_wrongly_and_adds_wrongly(nb):
    assert "strawberry".count("r") == 3
    assert len("strawberry") == 10
    assert (
        ask(nb, "How many letters r are in the word strawberry?", 12) == "The word strawberry has 11 letters."
    )
    assert ask(nb, "What is 17 plus 25?", 12) == "17 + 25 = 32."


def test_two_trillion_tokens_are_about_fifty_million_times_our_text(nb):
    train_text, _ = load_text("reviews")
    per_token = len(train_text) / len(nb.bpe.encode(train_text).ids)
    assert 2e12 * per_token / len(train_text) == pytest.approx(5e7, rel=0.2)


def test_famous_lines_stand_in_the_play_once_and_have_rivals_20_lines_away():
    hamlet = smollm.play("hamlet")
    assert len(smollm.FAMOUS) == 16
    for line in smollm.FAMOUS:
        assert hamlet.count(line) == 1
        place = hamlet.index(line)
        assert 22 <= place < len(hamlet) - 20
        assert not {hamlet[place - 20], hamlet[place + 20]} & set(smollm.FAMOUS)
    assert not any(re.search(r"[*_#\[\]]", line) for line in hamlet)


def test_famous_lines_need_less_than_those_10_or_30_lines_before_or_after_too(nb):
    hamlet = smollm.play("hamlet")
    places = [hamlet.index(line) for line in smollm.FAMOUS]

    def mean_bits(away):
        found = [place + away for place in places if 2 <= place + away < len(hamlet)]
        assert len(found) == len(places)
        befores = ["\n".join(hamlet[place - 2 : place]) + "\n" for place in found]
        each = [nb.bits_of(hamlet[at], before) for at, before in zip(found, befores, strict=True)]
        return sum(each) / len(each)

    with torch.no_grad():
        famous = mean_bits(0)
        gains = [mean_bits(away) - famous for away in (-30, -10, 10, 30)]
    assert (min(gains), max(gains)) == pytest.approx((0.20, 0.35), abs=0.02)


def test_bits_do_not_depend_on_where_a_text_is_cut(nb):
    whole, first = "The room was cold. We left.", "The room was cold."
    rest = whole[len(first) :]
    with torch.no_grad():
        parts = nb.bits_of(first) * len(first) + nb.bits_of(rest, first) * len(rest)
        assert parts == pytest.approx(nb.bits_of(whole) * len(whole), rel=1e-4)


# ---------------------------------------------------------------- the program


def test_the_program_answers(loaded, capsys, monkeypatch):
    monkeypatch.setattr(smollm, "load", lambda: loaded)
    smollm.main([FRANCE])
    assert capsys.readouterr().out == "The capital of France is Paris.\n"
    smollm.main(["--go-on", "The capital of France is", "--length", "2"])
    assert capsys.readouterr().out == " Paris.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([" "], "write some words"),
        (["Hi<|im_end|>"], r"without <\|"),
        ([FRANCE, "--length", "0"], "--length 0: at least 1"),
        (["--go-on", ""], "write some words"),
    ],
)
def test_the_program_refuses_what_it_cannot_answer(capsys, arguments, said):
    with pytest.raises(SystemExit):
        smollm.main(arguments)
    assert re.search(said, capsys.readouterr().err)


def test_without_the_wheel_the_program_says_how_to_install_it(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(smollm, "wheel_file", lambda *names: find_nothing(tmp_path, *names))
    with pytest.raises(SystemExit):
        smollm.main([FRANCE])
    assert "-r requirements-files.txt" in capsys.readouterr().err


def find_nothing(folder, package, file, sha256):
    from helpers.chapters.wheels import wheel_file

    return wheel_file("no_such_package_here", file, sha256, folder)
