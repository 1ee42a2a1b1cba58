"""TensorFlow Serving's REST contract, on our service in this process, or on any other that speaks it:

COURSE_SERVICE_URL=http://127.0.0.1:8501 pytest tests/service/test_contract.py
"""

import json

import httpx
import numpy as np
import pytest

from tests.service.serving import ELSEWHERE, MODEL, b64, encoded, run_service

ours_only = pytest.mark.skipif(bool(ELSEWHERE), reason="not part of the contract, or needs a model made here")


@pytest.fixture
def instances(digits):
    return [b64(encoded(picture)) for picture in digits[0]]


def probabilities(answer, key="predictions"):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/json")
    assert list(answer.json()) == [key]
    return np.array(answer.json()[key])


# ---- status and metadata


def test_the_status_lists_every_version_as_available(client):
    answer = client.get(MODEL)
    assert answer.status_code == 200
    versions = answer.json()["model_version_status"]
    assert versions
    for version in versions:
        assert int(version["version"]) >= 1
        assert version["state"] == "AVAILABLE"
        assert version["status"] == {"error_code": "OK", "error_message": ""}


def test_the_status_of_one_version_is_a_list_of_one(client):
    number = client.get(MODEL).json()["model_version_status"][0]["version"]
    listed = client.get(f"{MODEL}/versions/{number}").json()["model_version_status"]
    assert [entry["version"] for entry in listed] == [number]


def test_the_metadata_hold_the_signature(client):
    answer = client.get(f"{MODEL}/metadata").json()
    assert answer["model_spec"]["name"] == "resnet"
    signature = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    (given,) = signature["inputs"].values()
    (output,) = signature["outputs"].values()
    assert given["dtype"] == "DT_STRING"
    assert output["dtype"] == "DT_FLOAT"
    assert [dim["size"] for dim in output["tensor_shape"]["dim"]] == ["-1", "10"]


# ---- predict


def test_row_format_gives_a_probability_for_each_class_in_the_order_of_the_instances(
    client, instances, digits
):
    answers = probabilities(client.post(f"{MODEL}:predict", json={"instances": instances}))
    assert answers.shape == (20, 10)
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)
    assert (answers.argmax(axis=1) == digits[1]).mean() >= 0.8
    for place in (0, 7):
        alone = probabilities(
            client.post(f"{MODEL}:predict", json={"instances": instances[place : place + 1]})
        )
        np.testing.assert_allclose(alone[0], answers[place], atol=1e-5)


def test_column_format_gives_the_same_under_outputs(client, instances):
    rows = probabilities(client.post(f"{MODEL}:predict", json={"instances": instances}))
    columns = probabilities(client.post(f"{MODEL}:predict", json={"inputs": instances}), "outputs")
    np.testing.assert_allclose(columns, rows, atol=1e-5)


def test_the_only_input_may_be_named_in_both_formats(client, instances):
    (name,) = client.get(f"{MODEL}/metadata").json()["metadata"]["signature_def"]["signature_def"][
        "serving_default"
    ]["inputs"]
    rows = probabilities(client.post(f"{MODEL}:predict", json={"instances": [{name: instances[0]}]}))
    columns = probabilities(
        client.post(f"{MODEL}:predict", json={"inputs": {name: instances[:1]}}), "outputs"
    )
    np.testing.assert_allclose(columns, rows, atol=1e-5)


def test_the_signature_may_be_named(client, instances):
    body = {"signature_name": "serving_default", "instances": instances[:1]}
    assert probabilities(client.post(f"{MODEL}:predict", json=body)).shape == (1, 10)


def test_a_version_may_be_named(client, instances):
    number = client.get(MODEL).json()["model_version_status"][0]["version"]
    answer = client.post(f"{MODEL}/versions/{number}:predict", json={"instances": instances[:1]})
    assert probabilities(answer).shape == (1, 10)


def test_the_content_type_that_curl_sends_by_itself_is_accepted(client, instances):
    body = json.dumps({"instances": instances[:1]})
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert probabilities(client.post(f"{MODEL}:predict", content=body, headers=kind)).shape == (1, 10)


# ---- errors


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/v1/models/nosuch", 404),
        ("GET", "/v1/models/nosuch/metadata", 404),
        ("POST", "/v1/models/nosuch:predict", 404),
        ("GET", f"{MODEL}/versions/77", 404),
        ("POST", f"{MODEL}/versions/77:predict", 404),
        ("GET", f"{MODEL}/versions/one", 400),
    ],
)
def test_what_is_not_there_is_an_error_in_the_format_of_the_contract(client, method, path, code):
    body = {"instances": [[0.0]]} if method == "POST" else None
    answer = client.request(method, path, json=body)
    assert answer.status_code == code or (ELSEWHERE and 400 <= answer.status_code < 500)
    assert list(answer.json()) == ["error"]
    assert isinstance(answer.json()["error"], str)


@pytest.mark.skipif(bool(ELSEWHERE), reason="the words of our own service")
def test_what_was_asked_for_in_vain_is_named_and_cut_where_it_is_long(client):
    for path, named in (
        (f"{MODEL}/versions/one", "version 'one' is not a number"),
        (f"{MODEL}/versions/{'x' * 60}", f"version '{'x' * 39}… is not a number"),
        (f"{MODEL}/versions/{'x' * 38}", f"version '{'x' * 38}' is not a number"),
    ):
        assert client.get(path).json()["error"].startswith(named)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[1, 2]",
        b"{}",
        b'{"instances": []}',
        b'{"instances": [{"b64": "AAAA"}], "inputs": [{"b64": "AAAA"}]}',
        b'{"signature_name": "nosuch", "instances": [{"b64": "AAAA"}]}',
    ],
)
def test_a_body_that_is_no_question_is_an_error_in_the_format_of_the_contract(client, body):
    answer = client.post(f"{MODEL}:predict", content=body)
    assert 400 <= answer.status_code < 500
    assert list(answer.json()) == ["error"]


# ---- what our service says beyond the contract


@ours_only
def test_predictions_are_those_of_the_bare_model(running, client, digits, instances):
    answers = probabilities(client.post(f"{MODEL}:predict", json={"instances": instances}))
    model = running.service.models.newest
    expected = model.run(digits[0][:, None].astype(np.float32) / 255)
    np.testing.assert_allclose(answers, expected, atol=1e-6)


@ours_only
def test_an_array_of_numbers_gives_what_the_picture_gives(client, digits, instances):
    arrays = [(picture / 255).tolist() for picture in digits[0]]
    with_channel = (digits[0][:1, :, :, None] / 255).tolist()
    expected = probabilities(client.post(f"{MODEL}:predict", json={"instances": instances}))
    found = probabilities(client.post(f"{MODEL}:predict", json={"instances": arrays}))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    mixed = probabilities(client.post(f"{MODEL}:predict", json={"instances": with_channel + instances[1:2]}))
    np.testing.assert_allclose(mixed, expected[:2], atol=1e-6)


@ours_only
def test_the_highest_version_is_the_default_and_labels_name_others(two_versions, instances):
    with (
        run_service(two_versions) as running,
        httpx.Client(base_url=running.url, trust_env=False) as client,
    ):
        listed = client.get(MODEL).json()["model_version_status"]
        assert [entry["version"] for entry in listed] == ["3", "1"]
        assert client.get(f"{MODEL}/metadata").json()["model_spec"]["version"] == "3"
        assert client.get(f"{MODEL}/versions/1/metadata").json()["model_spec"]["version"] == "1"
        assert client.get(f"{MODEL}/labels/stable/metadata").json()["model_spec"]["version"] == "1"
        stable = client.get(f"{MODEL}/labels/stable").json()["model_version_status"]
        assert [entry["version"] for entry in stable] == ["1"]
        answer = client.post(f"{MODEL}/labels/stable:predict", json={"instances": instances[:1]})
        assert probabilities(answer).shape == (1, 10)
        unknown = client.get(f"{MODEL}/labels/canary")
        assert unknown.status_code == 404
        assert "stable" in unknown.json()["error"]


@ours_only
def test_classify_names_the_class_and_shows_what_the_model_saw(client, digits):
    for picture, label in zip(digits[0][:5], digits[1][:5], strict=True):
        answer = client.post("/classify", files={"file": ("digit.png", encoded(picture), "image/png")}).json()
        assert answer["label"] == answer["classes"][0]["name"]
        chances = [entry["probability"] for entry in answer["classes"]]
        assert len(chances) == 5
        assert chances == sorted(chances, reverse=True)
        if picture is digits[0][0]:
            assert answer["label"] == str(label)
        assert answer["saw"] == b64(encoded(picture))["b64"]
        assert answer["model"] == {"name": "resnet", "version": "1"}


@ours_only
def test_classify_takes_the_picture_as_the_body_too(client, digits):
    sent = {"content": encoded(digits[0][0]), "headers": {"content-type": "image/png"}}
    assert client.post("/classify", **sent).json()["label"] == str(digits[1][0])


@ours_only
def test_healthz_and_metrics_answer(client):
    assert client.get("/healthz").json() == {"status": "ok", "versions": ["1"]}
    client.get("/v1/models/nosuch")
    text = client.get("/metrics").text
    assert 'service_requests_total{route="/v1/models/{name}",status="404"}' in text
    assert "service_waiting_pictures 0.0" in text


@ours_only
def test_a_wrong_method_says_which_are_allowed(client):
    for method, path, allowed in [
        ("GET", f"{MODEL}:predict", {"POST"}),
        ("POST", "/healthz", {"GET", "HEAD"}),
    ]:
        answer = client.request(method, path)
        assert answer.status_code == 405
        assert set(answer.headers["allow"].split(", ")) == allowed
        assert list(answer.json()) == ["error"]
