"""Section 5.2h: the published model is read from its bytes, and what is built from them is the library's."""

import struct
from types import SimpleNamespace

import gguf
import numpy as np
import pytest
import torch

from exercises.finding import find
from helpers.chapters import smollm, wheels
from helpers.chapters.gpt import GPT
from tests.sections.same_code import assert_same_code
from tools.notebooks import ENGLISH, define, read_notebook

NOTEBOOK = ENGLISH / "5_language/2h_a_published_model.ipynb"


@pytest.fixture(scope="module")
def path():
    return smollm.wheel_file(smollm.PACKAGE, smollm.FILE, smollm.SHA256)


@pytest.fixture(scope="module")
def opened(path):
    return smollm.open_gguf(path)


@pytest.fixture(scope="module")
def nb():
    grad, threads = torch.is_grad_enabled(), torch.get_num_threads()
    names = define(NOTEBOOK)
    torch.set_grad_enabled(grad)
    torch.set_num_threads(threads)
    return SimpleNamespace(**names)


def a_gguf(folder, fields=b"", count=0, tensors=b"", tensor_count=0, data=b"", magic=b"GGUF", version=3):
    """A small file of that format."""
    head = struct.pack("<4sIQQ", magic, version, tensor_count, count) + fields + tensors
    path = folder / "small.gguf"
    path.write_bytes(head + b"\0" * (-len(head) % 32) + data)
    return path


def named(text):
    content = text.encode()
    return struct.pack("<Q", len(content)) + content


# ---------------------------------------------------------------- the file


def test_the_classes_of_the_helper_are_those_of_the_notebook():
    names = ("four_bits", "eight_bits", "decoded", "RMSNorm", "angles", "in_neighbours", "Block", "attend")
    assert_same_code(NOTEBOOK, smollm, (*names, "SmolLM", "with_weights", "write"))


def test_the_file_holds_what_the_text_says(path, opened):
    said, tensors = opened
    assert path.stat().st_size == pytest.approx(98e6, abs=1e6)
    assert said["general.license"] == "apache-2.0"
    assert len(tensors) == 272
    assert {
        kind: sum(each == kind for each, _, _ in tensors.values()) for kind in ("Q4_1", "Q8_0", "F32")
    } == {
        "Q4_1": 210,
        "Q8_0": 1,
        "F32": 61,
    }
    assert sum(np.prod(shape) for _, shape, _ in tensors.values()) == 134_515_008
    assert sum(raw.nbytes for kind, _, raw in tensors.values() if kind == "Q4_1") // 20 == 3_317_760
    assert said["tokenizer.chat_template"].count(smollm.SYSTEM) == 1


def test_our_gpt_has_as_many_weights_as_the_table_says():
    told = next(cell.source for cell in read_notebook(NOTEBOOK).cells if cell.id == "build-text")
    assert "| weights | 107,264 | 134,515,008 |" in told
    assert sum(weight.numel() for weight in GPT(80, 32, 64, 2, 4).parameters()) == 107_264


def test_all_kinds_of_fields_are_read(tmp_path):
    fields = b"".join(
        (
            named("a") + struct.pack("<IB", 0, 200),
            named("b") + struct.pack("<Ii", 5, -3),
            named("c") + struct.pack("<If", 6, 0.5),
            named("d") + struct.pack("<I?", 7, True),
            named("e") + struct.pack("<I", 8) + named("naïve"),
            named("f") + struct.pack("<IIQ", 9, 8, 2) + named("x") + named(""),
            named("g") + struct.pack("<IQ", 10, 2**40),
        )
    )
    said, tensors = smollm.open_gguf(a_gguf(tmp_path, fields, 7))
    wanted = {"a": 200, "b": -3, "c": 0.5, "d": True, "e": "naïve", "f": ["x", ""], "g": 2**40}
    assert (said, tensors) == (wanted, {})


def test_a_tensor_stands_where_the_file_says(tmp_path):
    tensors = named("w") + struct.pack("<IQQIQ", 2, 4, 2, 0, 32)
    data = b"\0" * 32 + np.arange(8, dtype="<f4").tobytes()
    _, found = smollm.open_gguf(a_gguf(tmp_path, tensors=tensors, tensor_count=1, data=data))
    kind, shape, _ = found["w"]
    assert (kind, shape) == ("F32", (2, 4))
    assert smollm.decoded(found)["w"].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"magic": b"PK\3\4"}, r"begins with b'PK.*expected b'GGUF', 3"),
        ({"version": 2}, "version 2; expected"),
        ({"count": 3}, "cut off within its header"),
        ({"fields": named("a") + struct.pack("<I", 77), "count": 1}, "a field of kind 77"),
        (
            {"tensors": named("w") + struct.pack("<IQIQ", 1, 32, 2, 0), "tensor_count": 1},
            "w: kind 2; known are",
        ),
        ({"tensors": named("w") + struct.pack("<IQIQ", 1, 32, 3, 0), "tensor_count": 1}, "w: 0 of 20 bytes"),
    ],
)
def test_a_file_that_is_none_of_these_is_refused_with_the_reason(tmp_path, changed, said):
    with pytest.raises(ValueError, match=said):
        smollm.open_gguf(a_gguf(tmp_path, **changed))


def test_a_damaged_copy_and_a_missing_wheel_are_refused(tmp_path, path, monkeypatch):
    (tmp_path / smollm.PACKAGE).mkdir()
    content = bytearray(path.read_bytes())
    content[50_000_000] ^= 1
    (tmp_path / smollm.PACKAGE / smollm.FILE).write_bytes(content)
    with pytest.raises(ValueError, match=r"98,\d+,\d+ bytes with sha256"):
        smollm.wheel_file(smollm.PACKAGE, smollm.FILE, smollm.SHA256, tmp_path)
    monkeypatch.setattr(wheels.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(FileNotFoundError, match=r"requirements-files\.txt"):
        smollm.wheel_file(smollm.PACKAGE, smollm.FILE, smollm.SHA256, tmp_path / "none")


# ---------------------------------------------------------------- bits


def test_blocks_are_decoded_as_gguf_does_it_for_random_bytes(nb):
    rng = np.random.default_rng(0)
    for kind, size, decode in (("Q4_1", 20, nb.four_bits), ("Q8_0", 34, nb.eight_bits)):
        raw = rng.integers(0, 256, size=(5, 3 * size), dtype=np.uint8)
        raw.reshape(-1, size)[:, 1] = raw.reshape(-1, size)[:, 3] = 50  # finite scales
        theirs = gguf.dequantize(raw, gguf.GGMLQuantizationType[kind])
        np.testing.assert_allclose(decode(raw), theirs, rtol=1e-6)


def test_by_hand_the_first_weight_of_the_first_block(opened):
    block = opened[1]["blk.0.attn_q.weight"][2][0, :20]
    scale, lowest = block[:4].copy().view("<f2").astype(float)
    assert (round(scale, 4), round(lowest, 4), block[4]) == (0.1268, -0.7305, 69)
    assert round(0.1268 * 5 - 0.7305, 4) == -0.0965
    assert round(scale * 5 + lowest, 4) == -0.0963
    assert scale * 5 + lowest == pytest.approx(find("5.2.10").solution(block)[0], rel=1e-5)


# ---------------------------------------------------------------- the model


def test_a_small_model_is_the_librarys_llama_once_the_rows_are_put_in_its_order():
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=50,
        hidden_size=192,
        intermediate_size=80,
        num_hidden_layers=2,
        num_attention_heads=3,
        num_key_value_heads=1,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 100_000.0},
        initializer_range=0.2,
    )
    theirs, ours = LlamaForCausalLM(config).eval(), smollm.SmolLM(V=50, D=192, kv=64, wide=80, blocks=2)
    names = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj"}
    names |= {"attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj"}
    names |= {
        "ffn_down": "mlp.down_proj",
        "attn_norm": "input_layernorm",
        "ffn_norm": "post_attention_layernorm",
    }
    state = theirs.model.state_dict()
    found = {"token_embd.weight": state["embed_tokens.weight"], "output_norm.weight": state["norm.weight"]}
    for name in ours.state_dict():
        if name.startswith("blk."):
            _, block, layer, _ = name.split(".")
            weight = state[f"layers.{block}.{names[layer]}.weight"]
            if layer in ("attn_q", "attn_k"):  # row i of a head's first half, then row i of its second
                weight = weight.unflatten(0, (-1, 2, 32)).transpose(1, 2).flatten(0, 2)
            found[name] = weight
    ours.load_state_dict(found)
    ids = torch.randint(50, (2, 9))
    with torch.no_grad():
        torch.testing.assert_close(ours(ids), theirs(ids).logits, atol=1e-4, rtol=1e-4)


def test_the_tokeniser_is_the_librarys(path, opened):
    from transformers import AutoTokenizer

    theirs, ours = (
        AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name),
        smollm.tokeniser(opened[0]),
    )
    for text in (
        "The capital of France",
        smollm.as_chat("What is 12 × 345?"),
        "  two\n\n\tlines ",
        "一只猫 naïve 😀",
        "",
    ):
        assert ours.encode(text).ids == theirs(text).input_ids
        assert ours.decode(ours.encode(text).ids) == theirs.decode(
            theirs(text).input_ids, skip_special_tokens=True
        )
