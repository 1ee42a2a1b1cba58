"""Probabilities worked out by hand, through the model, every kind of request, and batches of strangers."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest

from service.models import load_models
from tests.service.serving import BY_HAND, HAND, MODEL, ask, b64, encoded, hand_made, run_service

PNG = encoded(np.round(np.array(HAND) * 255).astype(np.uint8))
MIDDLE = [[0.4] * 3] * 2  # x is 0 everywhere: all four classes are alike
OTHER = [[0.4, 0.4, 0.4], [0.6, 0.4, 0.4]]  # only x[1, 0] is 1: powers 1, 1, 1, 2


def predictions(answer, key="predictions"):
    assert answer.status_code == 200, answer.text
    return np.array(answer.json()[key])


def test_a_model_gives_the_probabilities_that_are_known_by_hand(tmp_path):
    hand_made(tmp_path)
    model = load_models(tmp_path).newest
    pictures = np.array([HAND, MIDDLE, OTHER], dtype=np.float32)[:, None]
    expected = [BY_HAND, [0.25] * 4, [0.2, 0.2, 0.2, 0.4]]
    np.testing.assert_allclose(model.run(pictures), expected, atol=1e-6)


@pytest.mark.parametrize("threads", [0, 1])
def test_large_logits_give_certainty_and_no_overflow(tmp_path, threads):
    hand_made(tmp_path, scale=1000)
    answers = load_models(tmp_path, threads).newest.run(np.array([[HAND]], dtype=np.float32))
    np.testing.assert_allclose(answers, [[0, 0, 1, 0]], atol=1e-6)


def test_mean_and_spread_belong_to_their_channels(tmp_path):
    from types import SimpleNamespace

    from service.models import Model

    session = SimpleNamespace(run=lambda names, given: [given["pictures"].reshape(1, -1)])
    card = {"input": {"mean": [0.1, 0.2, 0.3], "std": [1.0, 0.5, 0.25]}}
    colours = np.array([0.6, 0.7, 0.8], dtype=np.float32).reshape(1, 3, 1, 1)  # normalised: 0.5, 1, 2
    expected = np.exp([0.5, 1, 2]) / np.exp([0.5, 1, 2]).sum()
    np.testing.assert_allclose(Model(1, card, session).run(colours)[0], expected, atol=1e-6)


@pytest.mark.parametrize(
    "instance",
    [
        HAND,
        [[[value] for value in row] for row in HAND],
        b64(PNG),
        {"pictures": HAND},
        {"pictures": b64(PNG)},
    ],
    ids=["array", "array with channel", "file", "named array", "named file"],
)
def test_every_way_to_send_a_picture_is_answered_with_the_numbers_known_by_hand(by_hand, instance):
    found = predictions(ask(by_hand.url, json.dumps({"instances": [instance, OTHER]})))
    np.testing.assert_allclose(found, [BY_HAND, [0.2, 0.2, 0.2, 0.4]], atol=1e-6)


@pytest.mark.parametrize("values", [[HAND, MIDDLE], {"pictures": [HAND, MIDDLE]}], ids=["list", "named"])
def test_columns_are_answered_as_columns_with_the_same_numbers(by_hand, values):
    found = predictions(ask(by_hand.url, json.dumps({"inputs": values})), "outputs")
    np.testing.assert_allclose(found, [BY_HAND, [0.25] * 4], atol=1e-6)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"signature_name": "nosuch", "instances": [HAND]}, "unknown signature_name 'nosuch'"),
        ({"signature_name": None, "instances": [HAND]}, "unknown signature_name None"),
        ({"instances": [HAND], "inputs": [HAND]}, 'one of "instances"'),
        ({"signature_name": ""}, 'one of "instances"'),
        ({"instances": [HAND], "more": 1}, "unknown key 'more'"),
        (
            {"inputs": [{"pictures": HAND}]},
            "instance 0: a picture is",
        ),  # in columns the list has the name
        ({"inputs": {"picture": [HAND]}}, "the only input"),
        ({"inputs": {"pictures": [HAND], "more": [HAND]}}, "the only input"),
        ({"instances": {"pictures": [HAND]}}, "must be a list"),
        ({"instances": [HAND, {"more": HAND}]}, "instance 1: a picture is"),
    ],
    ids=lambda value: None if isinstance(value, str) else json.dumps(value)[:50],
)
def test_a_question_of_another_form_is_refused_although_its_pictures_are_good(by_hand, body, words):
    answer = ask(by_hand.url, json.dumps(body))
    assert answer.status_code == 400
    assert words in answer.json()["error"]


@pytest.mark.parametrize("name", ["", "serving_default"])
def test_the_only_signature_may_be_named_or_left_empty(by_hand, name):
    found = predictions(ask(by_hand.url, json.dumps({"signature_name": name, "instances": [HAND]})))
    np.testing.assert_allclose(found, [BY_HAND], atol=1e-6)


def test_as_many_pictures_as_are_allowed_are_answered_in_their_order(by_hand):
    found = predictions(ask(by_hand.url, json.dumps({"instances": [HAND, MIDDLE] * 64})))
    np.testing.assert_allclose(found, [BY_HAND, [0.25] * 4] * 64, atol=1e-6)


def test_classify_lists_the_classes_by_their_probability(by_hand):
    answer = httpx.post(by_hand.url + "/classify", files={"file": ("x.png", PNG)}, trust_env=False).json()
    assert answer["label"] == "c"
    assert [entry["name"] for entry in answer["classes"]] == ["c", "b", "a", "d"]
    found = [entry["probability"] for entry in answer["classes"]]
    np.testing.assert_allclose(found, sorted(BY_HAND, reverse=True), atol=1e-6)
    assert answer["saw"] == b64(PNG)["b64"]


def test_of_many_at_once_everyone_gets_the_answer_to_the_own_picture(by_hand):
    """Class b has the odds 2 to the power of x[0, 0]: for the n-th client that is known, and no other's."""

    def one(number):
        values = [[0.4 + 0.6 * number / 100, 0.4, 0.4], [0.4] * 3]
        found = predictions(ask(by_hand.url, json.dumps({"instances": [values]})))[0]
        return found[1] / found[0], 2 ** (3 * number / 100)

    with ThreadPoolExecutor(16) as pool:
        odds = np.array(list(pool.map(one, range(100))))
    np.testing.assert_allclose(odds[:, 0], odds[:, 1], rtol=1e-4)


def test_each_version_answers_with_its_own_weights(tmp_path):
    hand_made(tmp_path, 1)
    hand_made(tmp_path, 2, scale=1000)
    (tmp_path / "resnet" / "labels.json").write_text('{"stable": 1}')
    body = json.dumps({"instances": [HAND]})
    with run_service(tmp_path) as running:
        found = {
            place: predictions(ask(running.url, body, f"{MODEL}{place}:predict"))[0]
            for place in ("", "/versions/1", "/versions/2", "/labels/stable")
        }
        classified = httpx.post(
            running.url + "/classify", files={"file": ("x.png", PNG)}, trust_env=False
        ).json()
    assert classified["model"] == {"name": "resnet", "version": "2"}
    assert classified["classes"][0] == {"name": "c", "probability": 1}
    for place, values in found.items():
        expected = BY_HAND if place in ("/versions/1", "/labels/stable") else [0, 0, 1, 0]
        np.testing.assert_allclose(values, expected, atol=1e-6, err_msg=place)
