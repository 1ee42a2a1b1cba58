"""Section 4.2c: published weights are opened, renamed and fed as its text says; what is wrong is refused."""

import hashlib
import json
import pickle
import struct
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save

from exercises.finding import find
from helpers import fetch, predict
from helpers.chapters import published as others
from helpers.chapters.resnet import ResNet
from helpers.data import MANIFEST
from tools.notebooks import ENGLISH, define

NOTEBOOK = ENGLISH / "4_training" / "2c_published_weights.ipynb"
DEFINING = ("imports", "imports-course", "open-weights", "load-into", "few", "full")


@pytest.fixture(scope="module")
def part():
    """What 4.2c defines, with the course's answers to its exercises."""
    names = {"our_name": find("4.2.6").solution, "prepared": find("4.2.7").solution, "DRAWS": 2}
    return SimpleNamespace(**define(NOTEBOOK, DEFINING, namespace=names))


@pytest.fixture(scope="module")
def resnet18():
    """A ResNet-18 with random numbers, its averages no ones and zeros."""
    torch.manual_seed(0)
    network = ResNet((2, 2, 2, 2), (64, 128, 256, 512), channels=3, classes=1000, small=False).eval()
    for name, value in network.named_buffers():
        if name.endswith("running_mean"):
            value.normal_(0, 0.1)
    return network


def write(path, tensors):
    path.write_bytes(save(tensors))
    return path


class Trap:
    """Opened by a careless reader it leaves a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


# ---------------------------------------------------------------- opening


@pytest.mark.parametrize("kind", ["torch", "plain", "old"])
def test_a_pickle_is_refused_and_nothing_in_it_runs(part, tmp_path, kind):
    bait, path = tmp_path / "bait", tmp_path / "weights.safetensors"
    trap = {"fc.weight": Trap(str(bait))}
    if kind == "plain":
        path.write_bytes(pickle.dumps(trap))
    else:
        torch.save(trap, path, _use_new_zipfile_serialization=kind == "torch")
    with pytest.raises(ValueError, match=r"weights.safetensors is a pickle, .* not opened"):
        part.open_weights(path)
    assert not bait.exists()
    path.write_bytes(pickle.dumps(trap))
    pickle.loads(path.read_bytes())["fc.weight"].close()
    assert bait.exists()  # so the trap does work


@pytest.mark.parametrize("kept", [0, 5, 8, 9, 200, -1])
def test_a_file_cut_off_is_refused_wherever_it_ends(part, tmp_path, kept):
    whole = save({"fc.weight": torch.ones(100, 2), "fc.bias": torch.ones(100)})
    path = tmp_path / "model.safetensors"
    path.write_bytes(whole[:kept])
    with pytest.raises(ValueError, match=r"model\.safetensors is"):
        part.open_weights(path)


def test_a_page_of_html_is_no_safetensors_file(part, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_text("<!doctype html><title>404 not found</title>")
    with pytest.raises(ValueError, match="no safetensors file"):
        part.open_weights(path)


def test_a_header_that_claims_more_than_the_file_holds_is_refused(part, tmp_path):
    header = json.dumps({"a": {"dtype": "F32", "shape": [1000], "data_offsets": [0, 4000]}}).encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(16))
    with pytest.raises(ValueError, match="cut off or damaged"):
        part.open_weights(path)


def test_one_changed_bit_passes_without_a_checksum_and_is_refused_with_one(part, tmp_path):
    content = bytearray(save({"fc.weight": torch.ones(3)}))
    whole = hashlib.sha256(content).hexdigest()
    content[-1] ^= 0x40
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    assert part.open_weights(path)["fc.weight"].shape == (3,)
    with pytest.raises(ValueError, match=whole[:12]):
        part.open_weights(path, whole)


def test_a_header_whose_length_begins_like_a_pickle_is_read(part, tmp_path):
    # 640 bytes of header: the file begins with 80 02, as pickles of protocol 2 do
    for filling in range(1, 700):
        content = save({"w" * filling: torch.ones(2)})
        if content[:2] == b"\x80\x02":
            break
    assert content[:2] == b"\x80\x02"
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    assert list(part.open_weights(path)) == ["w" * filling]


# ---------------------------------------------------------------- names


def test_our_name_undoes_the_published_name_of_every_number_of_a_resnet_18(part, resnet18):
    names = list(resnet18.state_dict())
    assert len(names) == 122  # as many as the published file is said to have
    assert [part.our_name(others.published_name(name)) for name in names] == names


def test_the_names_are_those_that_torchvision_gave_its_resnets():
    pairs = {
        "stem.0.0.weight": "conv1.weight",
        "stem.0.1.running_var": "bn1.running_var",
        "stages.0.1.parts.1.1.bias": "layer1.1.bn2.bias",
        "stages.3.0.shortcut.0.weight": "layer4.0.downsample.0.weight",
        "head.bias": "fc.bias",
    }
    assert {ours: others.published_name(ours) for ours in pairs} == pairs
    with pytest.raises(ValueError, match="no name of a ResNet"):
        others.published_name("stages.0.0.parts.2.0.weight")


def test_the_size_of_the_real_file_is_that_of_its_numbers_and_a_header(resnet18):
    import tomllib

    entry = tomllib.loads(MANIFEST.read_text(encoding="utf-8"))["resnet18-imagenet"]["files"][0]
    numbers = sum(value.nbytes for value in resnet18.state_dict().values())
    ours = len(save(others.published(resnet18)))
    assert numbers == 46_796_608
    assert abs(entry["bytes"] - ours) < 1_000
    assert entry["name"].endswith(".safetensors")


def test_transformers_gives_the_same_logits_of_a_file_of_a_resnet_18(part, resnet18, tmp_path):
    from transformers import ResNetConfig, ResNetForImageClassification

    sizes = {"embedding_size": 64, "hidden_sizes": [64, 128, 256, 512], "depths": [2, 2, 2, 2]}
    theirs = ResNetForImageClassification(ResNetConfig(layer_type="basic", num_labels=1000, **sizes))
    path = write(tmp_path / "model.safetensors", others.published(resnet18))
    network, mean, std = part.real_file(path)
    assert (mean, std) == ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    part.load_into(theirs, {others.transformers_name(k): v for k, v in network.state_dict().items()})
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(network(x), theirs(x).logits, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(network(x), resnet18(x), rtol=0, atol=0)


def test_the_real_file_comes_from_a_mirror_and_a_changed_one_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COURSE_MIRROR", "http://127.0.0.1:9")
    monkeypatch.setattr("helpers.data._download", lambda *_: "not asked in this test")
    path = tmp_path / "resnet18-imagenet" / "model.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(save({"fc.weight": torch.ones(3)}))
    with pytest.raises(OSError, match="wrong bytes, sha256 is"):
        fetch("resnet18-imagenet")


# ---------------------------------------------------------------- another architecture


def test_weights_of_another_architecture_are_refused_before_anything_is_loaded(part):
    network = others.new_network(seed=1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    good = others.new_network(seed=2).state_dict()
    wrong = {
        "stem.0.0.weight is None in the file": {k: v for k, v in good.items() if k != "stem.0.0.weight"},
        r"fc.weight is \(40, 32\) in the file, None": {**good, "fc.weight": good["head.weight"]},
        r"head.bias is \(10,\) in the file, \(40,\)": {**good, "head.bias": torch.ones(10)},
    }
    for message, weights in wrong.items():
        with pytest.raises(ValueError, match=message):
            part.load_into(network, weights)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


# ---------------------------------------------------------------- pixels and few labels


def test_prepared_is_what_the_publisher_does_and_what_transformers_does():
    from transformers.image_transforms import normalize

    X, _ = others.coloured(range(3), range(2))
    card = {"mean": [0.3, 0.25, 0.4], "std": [0.2, 0.1, 0.3]}
    mine = find("4.2.7").solution(X, np.array(card["mean"]), np.array(card["std"]))
    np.testing.assert_allclose(mine, others.normal(X, card), rtol=1e-5, atol=1e-5)
    theirs = [normalize(x / 255, card["mean"], card["std"], input_data_format="channels_last") for x in X]
    np.testing.assert_allclose(mine, np.array(theirs).transpose(0, 3, 1, 2), rtol=1e-9)


def test_coloured_characters_are_always_the_same_and_their_ink_is_warm():
    X, y = others.coloured(range(4), range(3))
    again, _ = others.coloured(range(4), range(3))
    np.testing.assert_array_equal(X, again)
    assert (y == np.repeat(np.arange(4), 3)).all()
    red, _, blue = X.reshape(-1, 3).astype(int).T
    assert red.max() >= 200 > blue.max()
    with pytest.raises(ValueError, match="0 characters by 3 hands"):
        others.coloured([], range(3))


def test_a_published_file_holds_what_the_network_was_trained_to(tmp_path):
    file = others.publish(tmp_path, steps=60)
    card = json.loads((tmp_path / "preprocessor.json").read_text())
    X, y = others.coloured(range(40), range(60, 63))
    right = (predict(others.loaded(file), others.normal(X, card)).argmax(1).numpy() == y).mean()
    assert right > 0.25  # one in forty by guessing
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.safetensors", "preprocessor.json"]


def test_few_labels_gives_a_score_for_each_draw(part):
    X, y = others.coloured(range(40, 44), range(8))
    pixels = find("4.2.7").solution(X, np.array([0.3, 0.3, 0.3]), np.array([0.2, 0.2, 0.2]))
    shares = part.few_labels(others.new_network().eval(), pixels, y, pixels, y, each=3)
    assert shares.shape == (2,)
    assert ((shares > 0.25) & (shares <= 1)).all()
