"""Section 8.2: its exercises say the same as the service and as NumPy, and what its texts say is so."""

import base64
import json
import sys

import numpy as np
import psutil
import pytest
import yaml

from exercises.ch8_project.s2_deploy_resnet import departures, nearest_rank, pick_version, read_pictures
from service.contract import find, metadata, read_question
from service.models import Models, load_models
from tests.service.serving import ROOT, b64, encoded
from tools.notebooks import ENGLISH, define

torch = pytest.importorskip("torch")

from helpers import load_keras  # noqa: E402
from helpers.chapters import serving  # noqa: E402
from helpers.chapters.keras_resnet import keras_resnet, write_saved_model  # noqa: E402
from helpers.chapters.resnet import ResNet  # noqa: E402

LOAD = ENGLISH / "8_project" / "2b_batches_and_waiting.ipynb"

EXPECTED = {"height": 28, "width": 28, "channels": 1, "mean": [0.2], "std": [0.3], "ink": "light on dark"}


def test_a_percentile_by_nearest_rank_is_numpys_inverted_distribution():
    dice = np.random.default_rng(0)
    for _ in range(200):
        values, q = dice.exponential(size=dice.integers(1, 60)), int(dice.integers(1, 101))
        # NumPy multiplies by q / 100: exact ranks can round up there, so compare next to them
        exact = q * len(values) % 100 == 0
        near = [np.percentile(values, p, method="inverted_cdf") for p in ((q - 1e-6,) if exact else (q,))]
        assert nearest_rank(values, q) in near


def test_no_batch_is_too_large_and_nobody_waits_longer_than_the_door_is_held():
    dice = np.random.default_rng(1)
    for _ in range(200):
        arrivals = np.sort(dice.integers(0, 100, size=dice.integers(0, 40)))
        most, wait = int(dice.integers(1, 9)), int(dice.integers(0, 20))
        done = departures(arrivals, most, wait)
        assert sum(size for _, size in done) == len(arrivals)
        first = 0
        for leaves, size in done:
            members = arrivals[first : first + size]
            assert 1 <= size <= most
            assert members[-1] <= leaves <= members[0] + wait
            assert size == most or leaves == members[0] + wait
            first += size


GOOD = b64(encoded(np.zeros((28, 28), dtype=np.uint8)))
BODIES = [
    b"",
    b"{}",
    b"[]",
    b"instances=1",
    json.dumps({"instances": GOOD}).encode(),
    json.dumps({"instances": []}).encode(),
    json.dumps({"instances": [GOOD, "text"]}).encode(),
    json.dumps({"instances": [GOOD, {"b64": 7}]}).encode(),
    json.dumps({"instances": [{"b64": "data:image/jpeg;base64," + GOOD["b64"]}]}).encode(),
    json.dumps({"instances": [{"b64": GOOD["b64"][:8] + "%" + GOOD["b64"][8:]}]}).encode(),
]


@pytest.mark.parametrize("body", BODIES)
def test_what_the_exercise_refuses_the_service_refuses(body):
    for read in (read_pictures, lambda body: read_question(body, EXPECTED)):
        with pytest.raises(ValueError):  # noqa: PT011 the two say it in words of their own
            read(body)


def test_what_the_exercise_reads_the_service_reads():
    body = json.dumps({"instances": [GOOD] * 3}).encode()
    assert len(read_pictures(body)) == len(read_question(body, EXPECTED).instances) == 3


@pytest.mark.parametrize(
    "asked", [{}, {"version": "2"}, {"version": "7"}, {"label": "stable"}, {"label": "old"}]
)
def test_the_exercise_picks_the_version_that_the_service_picks(asked):
    names, labels = ["1", "10", "2", "3.tmp"], {"stable": 2}
    models = Models({number: number for number in (1, 2, 10)}, labels)

    def answer(pick):
        try:
            return pick()
        except LookupError:
            return LookupError

    assert answer(lambda: pick_version(names, labels, **asked)) == answer(
        lambda: find(models, "resnet", **asked)
    )


# ---- the same network elsewhere --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def network():
    """An untrained network with lively statistics: no weight, mean or spread is what it was at the start."""
    torch.manual_seed(0)
    net = ResNet((1, 1, 1), (8, 16, 32), channels=1, classes=10)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.uniform_(0.5, 1.5)
            for tensor in (module.bias.data, module.running_mean):
                tensor.normal_(0, 0.3)
    net.head.weight.data.normal_()
    return net.eval()


@pytest.fixture(scope="module")
def some():
    return np.random.default_rng(0).normal(size=(16, 1, 28, 28)).astype(np.float32)


@pytest.mark.parametrize("same", [False, True])
def test_keras_gives_the_same_logits_and_with_its_own_border_others_of_the_same_shape(network, some, same):
    with torch.no_grad():
        expected = network(torch.from_numpy(some)).numpy()
    model = keras_resnet(network, same)
    logits = np.asarray(model(some.transpose(0, 2, 3, 1), training=False))
    assert logits.shape == expected.shape
    if same:
        assert np.abs(logits - expected).max() > 0.02  # 200 times what the right border is allowed
    else:
        np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)


def test_the_border_of_a_row_of_six_is_where_the_table_of_8_2d_puts_it():
    row = torch.arange(1.0, 7).reshape(1, 1, 1, 6)  # a … f
    first = torch.tensor([1.0, 0, 0]).reshape(1, 1, 1, 3)  # what a window begins with
    ours = torch.nn.functional.conv2d(row, first, stride=2, padding=(0, 1)).flatten()
    assert ours.tolist() == [0, 2, 4]  # the zero, b, d: windows begin at -1, 1, 3
    layers = load_keras().layers
    kernel = layers.Conv2D(1, (1, 3), (1, 2), "same", use_bias=False)
    kernel.build((None, 1, 6, 1))
    kernel.set_weights([first.permute(2, 3, 1, 0).numpy()])
    theirs = np.asarray(kernel(row.permute(0, 2, 3, 1).numpy())).ravel()
    assert theirs.tolist() == [1, 3, 5]  # a, c, e: windows begin at 0, 2, 4


def test_a_network_with_bottlenecks_is_refused_by_the_twin():
    with pytest.raises(ValueError, match="only basic blocks"):
        keras_resnet(ResNet((1,), (16,), channels=1, classes=10, bottleneck=True))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras 3 saves weights so
def test_the_saved_model_takes_files_and_names_its_ends_as_the_service_does(network, tmp_path):
    tf = pytest.importorskip("tensorflow")
    twin = keras_resnet(network)
    serve = write_saved_model(twin, tmp_path / "saved", mean=0.2, std=0.3)
    specs = serve.structured_input_signature[1], serve.structured_outputs
    said = [{name: (spec.shape.as_list(), spec.dtype.name) for name, spec in ends.items()} for ends in specs]
    assert said == [{"pictures": ([None], "string")}, {"probabilities": ([None, 10], "float32")}]

    pixels = np.random.default_rng(0).integers(0, 256, (5, 28, 28)) / 255
    files = np.array([serving.png(values) for values in pixels])
    with torch.no_grad():
        logits = network(torch.tensor((pixels[:, None] - 0.2) / 0.3, dtype=torch.float32))
    np.testing.assert_allclose(
        serve(pictures=files)["probabilities"], logits.softmax(dim=1).numpy(), rtol=1e-3, atol=1e-5
    )

    serving.write_model(tmp_path / "models" / "resnet" / "1", network, 0.2, 0.3, "digits")
    ours = metadata(load_models(tmp_path / "models").newest)["metadata"]["signature_def"]["signature_def"]
    assert list(ours["serving_default"]["inputs"]) == list(specs[0])
    assert list(ours["serving_default"]["outputs"]) == list(specs[1])

    twin.save(tmp_path / "model.keras")  # what 8.2d warns of: any file in the version folder
    folder = tmp_path / "file"
    folder.mkdir()
    (tmp_path / "model.keras").rename(folder / "model.keras")
    assert not tf.saved_model.contains_saved_model(str(folder))
    assert tf.saved_model.contains_saved_model(str(tmp_path / "saved"))


def test_the_compose_file_starts_a_tensorflow_serving_on_what_8_2d_writes():
    services = yaml.safe_load((ROOT / "service" / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert "../build/saved_models/resnet:/models/resnet:ro" in services["tensorflow"]["volumes"]


def test_the_image_has_no_framework_and_no_model_in_it():
    docker = (ROOT / "service" / "Dockerfile").read_text(encoding="utf-8")
    needs = (ROOT / "service" / "requirements.txt").read_text(encoding="utf-8")
    assert "torch" not in needs
    assert "tensorflow" not in needs
    copied = [line for line in docker.splitlines() if line.startswith("COPY")]
    assert copied
    assert not any("build" in line or ".onnx" in line for line in copied)
    assert "build/models:/models:ro" in docker  # it is mounted


def test_base64_takes_four_letters_for_three_bytes_and_a_text_is_one_element():
    for length in range(1, 40):
        assert len(b64(bytes(length))["b64"]) == -(-length // 3) * 4
    with pytest.raises(ValueError, match="cannot reshape array of size 1"):
        np.array(base64.b64encode(bytes(784)).decode()).reshape(1, 28, 28, 1)


# ---- load ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def load():
    """What 8.2b defines about its queue, with the course's percentile."""
    return define(
        LOAD, ("imports", "imports-course", "constants", "load-code", "sweep"), {"nearest_rank": nearest_rank}
    )


@pytest.mark.parametrize(("rate", "max_batch"), [(300, 32), (1200, 32), (300, 1)])
def test_littles_law_holds_in_the_queue_of_8_2b(load, rate, max_batch):
    arrivals = np.cumsum(np.random.default_rng(0).exponential(1000 / rate, 20_000))
    done, sizes = load["served_at"](arrivals, max_batch)
    assert sum(sizes) == len(arrivals)
    assert max(sizes) <= max_batch
    moments = np.random.default_rng(1).uniform(0, arrivals[-1], 20_000)
    inside = np.searchsorted(arrivals, moments) - np.searchsorted(np.sort(done), moments)
    per_ms = len(arrivals) / arrivals[-1]
    assert inside.mean() == pytest.approx(per_ms * (done - arrivals).mean(), rel=0.05)


def test_the_queue_of_8_2b_does_400_a_second_one_by_one_and_1778_in_batches_of_32(load):
    for max_batch, most in ((1, 400), (32, 1778)):
        done, _ = load["served_at"](np.zeros(3200), max_batch)
        assert 3200 / done.max() * 1000 == pytest.approx(most, rel=0.001)


# ---- more than one ---------------------------------------------------------------------------------------


@pytest.mark.alone
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_killed_worker_is_not_missed_and_replaced(network, tmp_path):
    serving.write_model(tmp_path / "resnet" / "1", network, 0.2, 0.3, "digits")
    process, client = serving.start_service(tmp_path, "--workers", "2")

    def workers():
        children = psutil.Process(process.pid).children()
        return {child.pid for child in children if "spawn_main" in " ".join(child.cmdline())}

    try:
        before = workers()
        assert len(before) == 2
        gone = psutil.Process(min(before))
        gone.kill()
        psutil.wait_procs([gone], timeout=60)
        client.close()  # its connections may have led to the one that is gone
        client = serving.client_of(client.base_url)
        question = serving.asking(serving.png(np.eye(28)))
        answers, _ = serving.at_once(client, [question] * 20, clients=4)
        assert [answer.status_code for answer in answers] == [200] * 20
        serving.wait_until(lambda: workers() - before)
        assert len(workers()) == 2
    finally:
        client.close()
        process.terminate()
        assert process.wait(60) in (0, -15)
