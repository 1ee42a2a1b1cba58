"""The folder of models: which version counts, and what is said of one that is not as it must be."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from service.models import load_models, seconds_a_picture


@pytest.fixture
def folder(models, tmp_path):
    """A copy of the folder of models, to be spoilt."""
    shutil.copytree(models / "resnet" / "1", tmp_path / "resnet" / "1")
    return tmp_path


def spoil(folder, change):
    """Change the metadata of version 1 in place."""
    path = folder / "resnet" / "1" / "metadata.json"
    card = json.loads(path.read_text())
    change(card)
    path.write_text(json.dumps(card))


def test_versions_are_compared_as_numbers_not_as_text(folder):
    for version in (9, 10):
        shutil.copytree(folder / "resnet" / "1", folder / "resnet" / str(version))
    assert load_models(folder).newest.version == 10


def test_the_folder_may_be_named_by_the_environment(folder, monkeypatch):
    monkeypatch.setenv("COURSE_MODELS", str(folder))
    assert list(load_models().versions) == [1]


def test_probabilities_are_those_of_the_normalised_pictures(folder):
    model = load_models(folder).newest
    pictures = np.random.default_rng(0).random((5, 1, 28, 28), dtype=np.float32)
    before = model.run(pictures)
    np.testing.assert_allclose(before.sum(axis=1), 1, atol=1e-5)
    (mean,), (std,) = model.card["input"]["mean"], model.card["input"]["std"]
    spoil(folder, lambda card: card["input"].update(mean=[0], std=[1]))
    after = load_models(folder).newest.run((pictures - np.float32(mean)) / np.float32(std))
    np.testing.assert_allclose(after, before, atol=1e-5)


def test_the_seconds_of_a_picture_are_the_median_of_three_runs_after_one_to_warm_up(monkeypatch):
    sizes, clock = [], iter([0, 9, 10, 11, 20, 22, 30, 36])  # runs of 9, 1, 2 and 6 s
    model = SimpleNamespace(
        card={"input": {"channels": 1, "height": 8, "width": 6}}, run=lambda rows: sizes.append(rows.shape)
    )
    with monkeypatch.context() as patched:
        patched.setattr("service.models.time", SimpleNamespace(perf_counter=lambda: next(clock)))
        seconds = seconds_a_picture(model)
    assert sizes == [(4, 1, 8, 6)] * 4
    assert seconds == 2 / 4


def test_the_model_made_for_make_serve_knows_its_digits(models):
    card = load_models(models).newest.card
    assert card["test_accuracy"] >= 0.95


@pytest.mark.parametrize(
    "files", [[], ["resnet"], ["resnet/1"], ["resnet/x/model.onnx"], ["other/1/model.onnx"]]
)
def test_without_a_model_the_error_names_the_three_ways_on(tmp_path, files):
    for file in files:
        (tmp_path / file).mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="make_model") as caught:
        load_models(tmp_path)
    assert {"--models", "COURSE_MODELS"} <= set(str(caught.value).split())


@pytest.mark.parametrize(
    "change",
    [
        lambda card: card.pop("input"),
        lambda card: card["classes"].append("ten"),
        lambda card: card["input"].update(height=32),
        lambda card: card["input"].update(mean=[0, 0]),
        lambda card: card["input"].update(std=[0]),
        lambda card: card["input"].update(std=None),
        lambda card: card["input"].update(ink="blue"),
    ],
    ids=["no input", "classes", "height", "mean", "std 0", "std", "ink"],
)
def test_metadata_that_do_not_fit_the_model_are_refused(folder, change):
    spoil(folder, change)
    with pytest.raises(ValueError, match="do not fit together"):
        load_models(folder)


def test_light_ink_is_for_one_channel(folder):
    spoil(folder, lambda card: card["input"].update(channels=3, mean=[0, 0, 0], std=[1, 1, 1]))
    with pytest.raises(ValueError, match=r"ink one of \('any',\)"):
        load_models(folder)


@pytest.mark.parametrize("text", ["", "{", "no json"])
def test_metadata_that_cannot_be_read_are_refused_by_name(folder, text):
    (folder / "resnet" / "1" / "metadata.json").write_text(text)
    with pytest.raises(ValueError, match=r"metadata\.json cannot be read"):
        load_models(folder)


def test_a_file_that_is_no_model_is_refused_by_name(folder):
    (folder / "resnet" / "1" / "model.onnx").write_bytes(b"no model")
    with pytest.raises(ValueError, match=r"model\.onnx"):
        load_models(folder)


@pytest.mark.parametrize("text", ['{"stable": 7}', '{"stable": "1"}', '["stable"]', "stable"])
def test_labels_that_name_no_version_are_refused(folder, text):
    (folder / "resnet" / "labels.json").write_text(text)
    with pytest.raises(ValueError, match=r"labels\.json"):
        load_models(folder)
