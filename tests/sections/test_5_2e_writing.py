"""Section 5.2e: knobs, cache and files keep their promises; a kept model writes; GPT-2 is read."""

import json
import re
import subprocess
import sys
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers.pre_tokenizers import ByteLevel

from exercises.finding import find
from helpers.chapters import language, my_gpt
from tests.sections.run_cell import run_cell
from tests.sections.same_code import assert_same_code
from tools.notebooks import ENGLISH, ROOT, define, read_notebook

NOTEBOOK = ENGLISH / "5_language/2e_writing.ipynb"


@pytest.fixture(scope="module")
def nb():
    """What the notebook defines, with a GPT trained for a while."""
    threads = torch.get_num_threads()
    names = define(NOTEBOOK, whole=("imports", "chapter-imports", "constants", "yours", "text"))
    torch.manual_seed(0)
    library = language.small_gpt2(names["V"], names["LENGTH"], names["D"], names["LAYERS"], names["HEADS"])
    names["gpt"] = names["from_gpt2"](library.transformer.state_dict(), names["HEADS"])
    optimiser = torch.optim.AdamW(names["gpt"].parameters(), lr=0.006)
    how = {"length": names["LENGTH"], "batch": names["BATCH"], "steps": 200}
    language.train(names["gpt"], names["train_ids"], [optimiser], **how)
    torch.set_num_threads(threads)
    return SimpleNamespace(**names)


run = partial(run_cell, NOTEBOOK)


def text_of(nb, prompt, length, *how, **named):
    return nb.decode(nb.write(nb.gpt, nb.encode(prompt), length, *how, **named))


def test_the_text_that_is_shown_is_the_one_that_was_written():
    measured = (ROOT / "benchmarks/long_run.md").read_text(encoding="utf-8")
    (told,) = [cell.source for cell in read_notebook(NOTEBOOK).cells if cell.id == "long-run-text"]
    quoted = re.findall(r"^>(.*)$", told.replace("<br>", ""), re.MULTILINE)
    assert "Seed 0:\n\n```\n" + "\n".join(line.strip() for line in quoted) + "\n```" in measured


# ---------------------------------------------------------------- knobs


def test_knobs_at_their_ends(nb):
    for seed in range(20):
        logits = torch.randn(9, generator=torch.Generator().manual_seed(seed))
        assert torch.equal(nb.top_k(logits, 9), logits)
        assert torch.equal(nb.top_p(logits, 1.0), logits)
        assert torch.equal(nb.top_p(logits, 1e-9), nb.top_k(logits, 1))
        assert nb.top_k(logits, 1).isfinite().nonzero().item() == logits.argmax()


def test_by_hand_top_2_keeps_two_and_top_p_with_0_9_three(nb):
    logits = torch.tensor([0.15, 0.5, 0.05, 0.3]).log()
    assert nb.top_k(logits, 2).isfinite().tolist() == [False, True, False, True]
    assert nb.top_p(logits, 0.9).isfinite().tolist() == [True, True, False, True]
    halved = (logits / 0.5).softmax(0)[1]  # temperature 0.5 squares the probabilities
    assert halved == pytest.approx(0.68, abs=0.006)
    assert nb.top_k(logits, 2).softmax(0)[1] == pytest.approx(0.625)
    assert nb.top_p(torch.zeros(2), 0.5).isfinite().sum() == 1  # one of two equal ones has the share already


def test_near_temperature_0_it_goes_round_in_circles_and_hot_it_falls_apart(nb):
    lexicon = set(re.findall(r"\w+", nb.train_text))

    def known(text):
        words = re.findall(r"\w+", text)
        return sum(word in lexicon for word in words) / len(words)

    def variety(text, n=8):
        return len({text[i : i + n] for i in range(len(text) - n)}) / (len(text) - n)

    cold, mild, hot = (text_of(nb, "The room ", 300, lambda z, t=t: z / t) for t in (0.01, 0.7, 1.5))
    assert variety(cold) < 0.6
    assert variety(mild) > 0.9
    assert known(hot) < known(mild)


def test_without_a_knob_fewer_words_are_real_than_with_top_p_or_min_p(nb):
    """Trained as in the notebook; what is written after three seeds, 500 characters each."""
    trained, min_p = run(nb, "trained"), find("5.2.6").solution
    lexicon = set(re.findall(r"\w+", nb.train_text + nb.val_text))

    def real(choose):
        written = [text_of(trained, "The room ", 500, choose, seed=seed) for seed in range(3)]
        words = re.findall(r"\w+", " ".join(written))
        return sum(word in lexicon for word in words) / len(words)

    without = real(lambda z: z)
    with_knob = [real(lambda z: nb.top_p(z, 0.8)), real(lambda z: torch.tensor(min_p(z.numpy(), 0.1)))]
    assert without == pytest.approx(0.44, abs=0.06)
    assert with_knob == pytest.approx([0.6, 0.6], abs=0.06)
    logits = trained.gpt(nb.encode("and th")[None])[0, -1].detach()
    assert nb.decode(nb.top_p(logits / 0.7, 0.8).isfinite().nonzero().flatten()) == "e"


def test_the_same_seed_writes_the_same_and_long_prompts_are_read_at_their_end(nb):
    prompt = nb.val_text[:200]
    assert text_of(nb, prompt, 20)[200:] == text_of(nb, prompt[-nb.LENGTH :], 20)[nb.LENGTH :]
    assert text_of(nb, "T", 20, seed=1) != text_of(nb, "T", 20, seed=2)


# ---------------------------------------------------------------- the cache


@pytest.mark.parametrize("first", [1, 10, 31])
def test_reading_on_with_a_cache_gives_the_logits_of_reading_at_once(nb, first):
    ids, cache = nb.val_ids[None, : nb.LENGTH], [{} for _ in nb.gpt.h]
    parts = [nb.read_on(nb.gpt, part, cache) for part in (ids[:, :first], *ids[:, first:].split(1, dim=1))]
    torch.testing.assert_close(torch.cat(parts, dim=1), nb.gpt(ids), atol=1e-4, rtol=0)
    assert cache[0]["k"].shape[2] == nb.LENGTH


# ---------------------------------------------------------------- a model of one's own, kept in a file


@pytest.fixture(scope="module")
def kept(nb, tmp_path_factory):
    """The folder of a kept model."""
    folder = tmp_path_factory.mktemp("of one's own") / "my gpt"
    my_gpt.keep(nb.gpt, nb.alphabet, nb.HEADS, folder)
    return folder


def test_the_program_writes_by_the_function_of_the_notebook_word_for_word():
    assert_same_code(NOTEBOOK, my_gpt, ["write"])


def test_the_notebook_and_the_program_read_each_others_files(nb, kept, tmp_path):
    nb.keep(nb.gpt, nb.alphabet, nb.HEADS, tmp_path / "new" / "folder")
    for load, folder in ((my_gpt.load_kept, tmp_path / "new" / "folder"), (nb.load_kept, kept)):
        gpt, alphabet = load(folder)
        assert alphabet == nb.alphabet
        assert torch.equal(gpt(nb.val_ids[None, : nb.LENGTH]), nb.gpt(nb.val_ids[None, : nb.LENGTH]))


def test_a_fresh_process_goes_on_after_a_prompt_as_the_notebook_does(nb, kept):
    command = [
        sys.executable,
        "-m",
        "helpers.chapters.my_gpt",
        kept,
        "--prompt",
        "The room ",
        "--length",
        "40",
    ]
    done = subprocess.run([*command, "--seed", "3"], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout == text_of(nb, "The room ", 40, lambda z: z / 0.7, seed=3) + "\n"
    assert done.stderr == ""


def test_the_program_says_in_one_line_what_is_wrong(nb, kept, capsys):
    wrong = {
        ("nowhere",): "there is no gpt.safetensors in the folder nowhere",
        (str(kept), "--prompt", "A 床 and 🙂"): "never read '床', '🙂'",
        (str(kept), "--prompt", ""): "the prompt is empty",
        (str(kept), "--temperature", "0"): "--temperature must be above 0",
        (str(kept), "--length", "0"): "--length at least 1",
    }
    for arguments, message in wrong.items():
        with pytest.raises(SystemExit) as left:
            my_gpt.main(arguments)
        assert left.value.code == 2
        said = capsys.readouterr().err
        assert message in said
        assert "Traceback" not in said


def test_a_file_of_another_model_is_refused_and_named(nb, kept, tmp_path):
    file, weights = tmp_path / my_gpt.FILE, load_file(kept / my_gpt.FILE)
    about = {"alphabet": json.dumps(nb.alphabet), "heads": str(nb.HEADS)}
    few = {"alphabet": json.dumps(nb.alphabet[:5]), "heads": "4"}
    other = {name: weight for name, weight in weights.items() if "c_fc" not in name}
    for state, metadata in ((weights, None), (other, about), ({"a": torch.ones(2)}, about), (weights, few)):
        save_file(state, file, metadata=metadata)
        with pytest.raises(ValueError, match="file of another model"):
            my_gpt.load_kept(tmp_path)
    file.write_bytes(b"no safetensors")
    with pytest.raises(ValueError, match="is no safetensors file"):
        my_gpt.load_kept(tmp_path)


def test_a_text_of_ones_own_is_cut_after_nine_tenths_and_keeps_its_last_character(tmp_path):
    file = tmp_path / "mine.txt"
    file.write_text("\ufeff" + "Grüße, 床前! " * 200, encoding="utf-8")  # some editors put a mark in front
    learn, judge = my_gpt.own_text(file)
    assert learn + judge == "Grüße, 床前! " * 200
    assert len(judge) == 220


def test_a_text_that_is_missing_short_or_in_another_code_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*none\.txt"):
        my_gpt.own_text(tmp_path / "none.txt")
    file = tmp_path / "mine.txt"
    file.write_text("too short", encoding="utf-8")
    with pytest.raises(ValueError, match="has 9 characters: at least 2,000"):
        my_gpt.own_text(file)
    file.write_bytes(("Grüße " * 400).encode("latin-1"))
    with pytest.raises(ValueError, match=r"not in UTF-8 \(byte 2\)"):
        my_gpt.own_text(file)


@pytest.mark.parametrize(
    "text", ["Zwölf Boxkämpfer jagen Viktor quer über den Deich. " * 60, "床前明月光，疑是地上霜。\n" * 200]
)
def test_the_cells_of_the_notebook_take_another_text(nb, tmp_path, text):
    file = tmp_path / "mine.txt"
    file.write_text(text, encoding="utf-8")
    own = run(nb, "text", OWN_TEXT=str(file))
    assert own.decode(own.train_ids) + own.decode(own.val_ids) == text
    trained = run(own, "trained", STEPS=3)
    run(trained, "kept-check", FOLDER=str(tmp_path / "kept"))
    gpt, alphabet = my_gpt.load_kept(tmp_path / "kept")
    assert alphabet == sorted({*text})
    assert len(gpt.wte.weight) == len(alphabet)


def test_the_cache_saves_what_the_text_says(nb):
    """The scores of one head: counted for a few tokens, then summed for 1,000."""
    for tokens in (1, 4, 9):
        ids, cache, computed = nb.val_ids[None, :tokens], [{} for _ in nb.gpt.h], 0
        for one in ids.split(1, dim=1):
            nb.read_on(nb.gpt, one, cache)
            computed += one.shape[1] * cache[0]["k"].shape[2]
        assert computed == tokens * (tokens + 1) // 2
    assert sum(T * (T + 1) // 2 for T in range(1, 5)) == 20
    assert sum(T * (T + 1) // 2 for T in range(1, 1_001)) == 167_167_000


# ---------------------------------------------------------------- files


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A GPT-2 in files as they are published: 12 heads, names without a prefix, merges."""
    folder = tmp_path_factory.mktemp("gpt2")
    letters = sorted(ByteLevel.alphabet())
    merges = [("r", "o"), ("o", "m"), ("Ġ", "ro")]
    vocabulary = [*letters, *("".join(pair) for pair in merges), "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(pair) for pair in merges))
    torch.manual_seed(3)
    library = language.small_gpt2(len(vocabulary), 24, 24, 2, 12)
    library.transformer.save_pretrained(folder)
    files = {path.name: path for path in folder.iterdir()}
    return SimpleNamespace(library=library, files=files, V=len(vocabulary))


def test_a_published_gpt2_is_read_as_the_library_reads_it(nb, published):
    gpt = nb.load_gpt2(published.files["model.safetensors"], heads=12)
    ids = torch.randint(published.V, (2, 24), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(gpt(ids), published.library(ids).logits, atol=1e-4, rtol=0)
    wrong = nb.load_gpt2(published.files["model.safetensors"], heads=6)  # this one fits in no shape
    assert not torch.allclose(wrong(ids), gpt(ids), atol=1e-2)


def test_the_cell_of_the_full_profile_writes_from_published_files(nb, published, capsys):
    asked = []
    run(nb, "gpt2-run", GPT2="gpt2", fetch=lambda name: asked.append(name) or published.files)
    written = capsys.readouterr().out
    assert asked == ["gpt2"]
    assert written.startswith("The room was")
    assert len(written) > len("The room was") + 20


def test_gpt2_in_the_manifest_has_the_size_that_its_weights_have(nb):
    from helpers.data import _manifest

    described = {entry["name"]: entry for entry in _manifest()["gpt2"]["files"]}
    assert set(described) == {"model.safetensors", "vocab.json", "merges.txt"}
    masks = 12 * 1_024**2  # the published file also stores the causal mask of each block
    numbers = 124_439_808 + masks
    assert 0 < described["model.safetensors"]["bytes"] - 4 * numbers < 20_000  # the header
