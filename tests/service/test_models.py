"""The folder of models: which version counts, and what is said of one that is not as it must be."""

import json

import numpy as np
import onnx
import onnx.numpy_helper
import pytest

from service.endpoints import Service
from service.limits import Limits
from service.models import load_models
from tests.service.serving import hand_made

UNFIT = r"1/model\.onnx and its metadata\.json do not fit together"


def test_versions_are_compared_as_numbers_not_as_text(tmp_path):
    for version in (1, 9, 10):
        hand_made(tmp_path, version)
    assert load_models(tmp_path).newest.version == 10


@pytest.mark.parametrize(
    ("cores", "runs", "threads"), [(8, 1, 8), (8, 2, 4), (8, 3, 2), (8, 8, 1), (2, 16, 1)]
)
def test_runs_share_the_cores(tmp_path, monkeypatch, cores, runs, threads):
    hand_made(tmp_path)
    monkeypatch.setattr("service.endpoints.cores", lambda: cores)
    service = Service(tmp_path, Limits(runs=runs))
    service.close()
    options = service.models.newest.session.get_session_options()
    assert options.intra_op_num_threads == threads


def test_what_is_no_version_or_not_whole_is_passed_over(tmp_path):
    for version in (1, "2.tmp", "x3", "4"):
        hand_made(tmp_path, version)
    (tmp_path / "resnet" / "4" / "model.onnx").unlink()
    assert list(load_models(tmp_path).versions) == [1]


def test_the_folder_may_be_named_by_the_environment_and_an_argument_goes_before(tmp_path, monkeypatch):
    hand_made(tmp_path / "named", 7)
    hand_made(tmp_path / "given", 8)
    monkeypatch.setenv("COURSE_MODELS", str(tmp_path / "named"))
    assert list(load_models().versions) == [7]
    assert list(load_models(tmp_path / "given").versions) == [8]


def test_a_model_runs_on_as_many_threads_as_it_was_given(tmp_path):
    hand_made(tmp_path)
    for threads in (1, 2):
        session = load_models(tmp_path, threads).newest.session
        options = session.get_session_options()
        assert options.intra_op_num_threads == threads
        assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


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
    ("changed", "words"),
    [
        ({"height": 32}, "inputs and outputs"),
        ({"channels": 3, "mean": [0] * 3, "std": [1] * 3}, "inputs and outputs"),
        ({"channels": 2, "mean": [0] * 2, "std": [1] * 2}, "channels must be 1 or 3"),
        ({"height": 2.0}, "whole numbers above 0"),
        ({"width": None}, "whole numbers above 0"),
        ({"height": 0}, "whole numbers above 0"),
        ({"mean": [0, 0]}, "mean must be a list of 1"),
        ({"mean": 0.4}, "mean must be a list of 1"),
        ({"mean": ["0.4"]}, "mean must hold numbers"),
        ({"std": None}, "std must be a list of 1"),
        ({"std": [0]}, "all above 0"),
        ({"std": [-0.2]}, "all above 0"),
        ({"std": [True]}, "std must hold numbers"),
        ({"ink": "blue"}, "ink one of"),
        ({"channels": 3, "mean": [0] * 3, "std": [1] * 3, "ink": "light on dark"}, "ink one of ('any',)"),
    ],
    ids=str,
)
def test_metadata_that_do_not_fit_the_model_are_refused_with_what_is_wrong(tmp_path, changed, words):
    hand_made(tmp_path, **changed)
    with pytest.raises(ValueError, match=UNFIT) as caught:
        load_models(tmp_path)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1]", '"input"'),
        ("{}", '"input"'),
        ('{"input": [28, 28]}', '"input"'),
        ('{"input": {}}', '"classes"'),
        ('{"input": {}, "classes": "abcd"}', '"classes"'),
        ('{"input": {}, "classes": [0, 1, 2, 3]}', '"classes"'),
    ],
)
def test_metadata_of_the_wrong_kind_are_refused_with_what_is_missing(tmp_path, text, words):
    (hand_made(tmp_path) / "metadata.json").write_text(text)
    with pytest.raises(ValueError, match=UNFIT) as caught:
        load_models(tmp_path)
    assert words in str(caught.value)


def test_a_name_too_many_is_refused(tmp_path):
    hand_made(tmp_path, classes="abcde")
    with pytest.raises(ValueError, match="inputs and outputs"):
        load_models(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "no json", b"\xff\xfe"])
def test_metadata_that_cannot_be_read_are_refused_by_name(tmp_path, text):
    data = text if isinstance(text, bytes) else text.encode()
    (hand_made(tmp_path) / "metadata.json").write_bytes(data)
    with pytest.raises(ValueError, match=r"metadata\.json cannot be read"):
        load_models(tmp_path)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("place", ["mean", "std", "test_accuracy"])
def test_metadata_with_nan_are_refused_by_name(tmp_path, place, number):
    path = hand_made(tmp_path) / "metadata.json"
    card = json.loads(path.read_text())
    (card if place == "test_accuracy" else card["input"])[place] = ["here"]
    path.write_text(json.dumps(card).replace('"here"', number))
    with pytest.raises(ValueError, match=r"metadata\.json holds nan or an infinite number"):
        load_models(tmp_path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 1), (5, 3)])
def test_weights_with_nan_are_refused_by_name(tmp_path, place, bad):
    def spoil(weights):
        weights[place] = bad

    hand_made(tmp_path, spoil=spoil)
    with pytest.raises(ValueError, match=r"1/model\.onnx answers with nan"):
        load_models(tmp_path)


def test_of_several_versions_the_one_that_is_spoilt_is_named(tmp_path):
    for version in (1, 2, 3):
        hand_made(tmp_path, version, spoil=(lambda weights: weights.fill(np.nan)) if version == 2 else None)
    with pytest.raises(ValueError, match=r"resnet/2/model\.onnx"):
        load_models(tmp_path)


def test_a_file_that_is_no_model_is_refused_by_name(tmp_path):
    (hand_made(tmp_path) / "model.onnx").write_bytes(b"no model")
    with pytest.raises(ValueError, match=r"1/model\.onnx cannot be read"):
        load_models(tmp_path)


def test_a_model_of_another_type_is_refused_by_name(tmp_path):
    path = hand_made(tmp_path) / "model.onnx"
    model = onnx.load(path)
    for end in (*model.graph.input, *model.graph.output):
        end.type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    weights = onnx.numpy_helper.to_array(model.graph.initializer[0]).astype(np.float64)
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(weights, "weights"))
    onnx.save(model, path)
    with pytest.raises(ValueError, match=r"1/model\.onnx cannot be run"):
        load_models(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "stable",
        '["stable"]',
        "1",
        '{"stable": 7}',
        '{"stable": "1"}',
        '{"stable": [1]}',
        '{"stable": {"version": 1}}',
        '{"stable": true}',
        '{"stable": 1.0}',
        '{"stable": null}',
        '{"fine": 1, "stable": NaN}',
    ],
)
def test_labels_of_the_wrong_kind_are_refused_in_one_line_that_names_the_file(tmp_path, text):
    hand_made(tmp_path)
    (tmp_path / "resnet" / "labels.json").write_text(text)
    with pytest.raises(ValueError, match=r"resnet/labels\.json") as caught:
        load_models(tmp_path)
    assert "\n" not in str(caught.value)


def test_labels_that_are_a_folder_are_refused_and_not_passed_over(tmp_path):
    hand_made(tmp_path)
    (tmp_path / "resnet" / "labels.json").mkdir()
    with pytest.raises(ValueError, match=r"labels\.json cannot be read"):
        load_models(tmp_path)


def test_labels_name_versions(tmp_path):
    for version in (1, 2):
        hand_made(tmp_path, version)
    (tmp_path / "resnet" / "labels.json").write_text('{"stable": 1, "canary": 2, "old": 1}')
    assert load_models(tmp_path).labels == {"stable": 1, "canary": 2, "old": 1}
