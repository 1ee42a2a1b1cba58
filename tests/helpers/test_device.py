"""Where a notebook runs: each choice is the one asked for, or an error that says what to do."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from helpers import device, load_keras, pick_device, pick_precision, profile, seed_everything

ROOT = Path(__file__).resolve().parents[2]
COURSE = ("COURSE_PROFILE", "COURSE_DEVICE", "KERAS_BACKEND", "TF_CPP_MIN_LOG_LEVEL")


@pytest.fixture(autouse=True)
def unset_variables(monkeypatch):
    for name in COURSE:
        monkeypatch.delenv(name, raising=False)


def run_python(code: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
    """A fresh interpreter in the course's folder, with ``variables`` added to the environment."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=300,
    )


def only_these_are_there(monkeypatch, *kinds: str) -> None:
    monkeypatch.setattr(device, "_available", lambda kind: kind in kinds)


# profile


def test_profile_is_quick_unless_told_otherwise(monkeypatch):
    assert profile(quick=(3, 1_500), full=(30, 60_000)) == (3, 1_500)
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    assert profile(quick=1, full=2) == 1


def test_profile_full_takes_the_full_value(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "full")
    assert profile(quick=1, full=2) == 2


@pytest.mark.parametrize("value", ["", "  ", "quick ", "\tquick"])
def test_a_blank_profile_is_as_unset_and_blanks_around_it_do_not_count(monkeypatch, value):
    monkeypatch.setenv("COURSE_PROFILE", value)
    assert profile(quick=1, full=2) == 1


@pytest.mark.parametrize("value", ["full ", " full", "full\r"])  # set X=full && …, in cmd.exe, sets "full "
def test_full_with_blanks_around_it_is_full(monkeypatch, value):
    monkeypatch.setenv("COURSE_PROFILE", value)
    assert profile(quick=1, full=2) == 2


@pytest.mark.parametrize("value", ["ful", "QUICK", "quick full"])
def test_an_unknown_profile_is_an_error_that_names_both_and_the_next_step(monkeypatch, value):
    monkeypatch.setenv("COURSE_PROFILE", value)
    with pytest.raises(ValueError, match="COURSE_PROFILE") as error:
        profile(quick=1, full=2)
    for words in (repr(value), "'quick'", "'full'", "restart the kernel"):
        assert words in str(error.value)


# pick_device


@pytest.mark.parametrize("kind", ["cuda", "mps", "xpu"])
def test_the_first_accelerator_is_taken_and_said(monkeypatch, capsys, kind):
    only_these_are_there(monkeypatch, kind, "cpu")
    assert pick_device() == torch.device(kind)
    assert capsys.readouterr().out == f"device: {kind} (first accelerator found)\n"


def test_without_an_accelerator_the_cpu_is_taken_and_said(monkeypatch, capsys):
    only_these_are_there(monkeypatch, "cpu")
    assert pick_device() == torch.device("cpu")
    assert capsys.readouterr().out == "device: cpu (no accelerator found)\n"


def test_cuda_goes_before_the_others_and_cpu_last(monkeypatch):
    only_these_are_there(monkeypatch, "cpu", "xpu", "mps", "cuda")
    assert pick_device(verbose=False).type == "cuda"


def test_what_is_picked_here_computes():
    chosen = pick_device(verbose=False)
    assert float(torch.ones(3, device=chosen).sum()) == 3


def test_prefer_overrules_an_accelerator(monkeypatch, capsys):
    only_these_are_there(monkeypatch, "cuda", "cpu")
    assert pick_device("cpu") == torch.device("cpu")
    assert capsys.readouterr().out == "device: cpu (asked for)\n"


def test_a_torch_device_may_be_preferred_too():
    assert pick_device(torch.device("cpu"), verbose=False) == torch.device("cpu")


def test_course_device_overrules_an_accelerator_and_prefer_overrules_course_device(monkeypatch, capsys):
    only_these_are_there(monkeypatch, "cuda", "xpu", "cpu")
    monkeypatch.setenv("COURSE_DEVICE", "xpu")
    assert pick_device() == torch.device("xpu")
    assert capsys.readouterr().out == "device: xpu (asked for)\n"
    assert pick_device("cpu", verbose=False) == torch.device("cpu")


@pytest.mark.parametrize("value", ["", "  "])
def test_a_blank_course_device_leaves_the_choice_open(monkeypatch, capsys, value):
    only_these_are_there(monkeypatch, "cpu")
    monkeypatch.setenv("COURSE_DEVICE", value)
    pick_device()
    assert capsys.readouterr().out == "device: cpu (no accelerator found)\n"


def test_blanks_around_the_device_do_not_count(monkeypatch, capsys):
    only_these_are_there(monkeypatch, "cuda", "cpu")
    monkeypatch.setenv("COURSE_DEVICE", "cpu ")
    assert pick_device() == torch.device("cpu")
    assert capsys.readouterr().out == "device: cpu (asked for)\n"


@pytest.mark.parametrize("ask", [None, "cpu"])
def test_not_verbose_is_silent(capfd, ask):
    pick_device(ask, verbose=False)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("way", ["prefer", "COURSE_DEVICE"])
@pytest.mark.parametrize("wanted", ["tpu", "CPU", "gpu:0", ":0"])
def test_an_unknown_device_is_an_error_that_lists_the_known(monkeypatch, capsys, way, wanted):
    monkeypatch.setenv("COURSE_DEVICE", wanted if way == "COURSE_DEVICE" else "cpu")
    with pytest.raises(ValueError, match="unknown") as error:
        pick_device(wanted if way == "prefer" else None)
    assert repr(wanted) in str(error.value)
    assert "cuda, mps, xpu, cpu" in str(error.value)
    assert capsys.readouterr().out == ""


def test_a_device_that_is_not_there_is_an_error_that_lists_what_is_and_two_ways_on(monkeypatch):
    only_these_are_there(monkeypatch, "mps", "cpu")
    with pytest.raises(ValueError, match="not available here; available: mps, cpu") as error:
        pick_device("cuda:0")
    for words in ("'cuda:0'", "pick_device()", "unset COURSE_DEVICE"):
        assert words in str(error.value)


def test_the_number_of_a_card_that_is_not_there_is_an_error(monkeypatch):
    only_these_are_there(monkeypatch, "cuda", "cpu")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device("cuda:1", verbose=False) == torch.device("cuda", 1)
    assert pick_device("cuda:0", verbose=False) == torch.device("cuda", 0)
    with pytest.raises(ValueError, match=r"'cuda:2' is not available here: 2 of its kind"):
        pick_device("cuda:2")


@pytest.mark.parametrize("wanted", ["cpu:x", "cpu:", "cpu:0:0"])
def test_a_malformed_device_is_an_error_that_shows_a_right_one(wanted):
    with pytest.raises(ValueError, match="malformed") as error:
        pick_device(wanted)
    assert repr(wanted) in str(error.value)
    assert "'cuda:0'" in str(error.value)


# pick_precision


def bfloat16_is(monkeypatch, *, native: bool, emulated: bool) -> None:
    def is_bf16_supported(including_emulation: bool = True) -> bool:
        return native or (emulated and including_emulation)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_bf16_supported)


@pytest.mark.parametrize("kind", ["cpu", "mps"])
def test_cpu_and_mps_stay_in_float32_and_say_why(kind):
    dtype, reason = pick_precision(torch.device(kind))
    assert dtype == torch.float32
    assert f"safe choice on {kind}" in reason


def test_a_card_with_bfloat16_uses_it(monkeypatch):
    bfloat16_is(monkeypatch, native=True, emulated=True)
    dtype, reason = pick_precision("cuda")
    assert dtype == torch.bfloat16
    assert "bfloat16" in reason


def test_a_card_that_only_emulates_bfloat16_uses_float16_with_loss_scaling(monkeypatch):
    bfloat16_is(monkeypatch, native=False, emulated=True)
    dtype, reason = pick_precision("cuda:0")
    assert dtype == torch.float16
    assert "loss scaling" in reason


def test_intel_gpus_use_bfloat16():
    assert pick_precision("xpu")[0] == torch.bfloat16


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_on_a_real_card_the_picked_precision_computes():
    chosen = pick_device("cuda", verbose=False)
    dtype, _ = pick_precision(chosen)
    assert dtype in (torch.bfloat16, torch.float16)
    with torch.autocast("cuda", dtype=dtype):
        product = torch.ones(8, 8, device=chosen) @ torch.ones(8, 8, device=chosen)
    assert product.dtype == dtype
    assert bool((product == 8).all())


# seed_everything


def draws(generator) -> list:
    return [
        random.random(),
        float(np.random.random()),  # noqa: NPY002 - the global generator is what is seeded
        float(torch.rand(())),
        float(torch.rand((), generator=generator)),
    ]


def test_the_same_seed_gives_the_same_draws_from_python_numpy_torch_and_the_generator():
    first, second, other = draws(seed_everything(3)), draws(seed_everything(3)), draws(seed_everything(4))
    assert first == second
    assert all(a != b for a, b in zip(first, other, strict=True))


def test_the_seed_is_0_unless_given():
    assert draws(seed_everything()) == draws(seed_everything(0))


def test_the_generator_is_a_stream_of_its_own():
    generator = seed_everything(0)
    assert generator.device == torch.device("cpu")
    alone = torch.rand(3, generator=generator)
    generator = seed_everything(0)
    torch.rand(100)
    assert torch.equal(torch.rand(3, generator=generator), alone)


def test_keras_is_seeded_if_it_is_loaded(monkeypatch):
    seeds = []
    fake = SimpleNamespace(utils=SimpleNamespace(set_random_seed=seeds.append))
    monkeypatch.setitem(sys.modules, "keras", fake)
    seed_everything(5)
    assert seeds == [5]


# the silence that load_keras works in


def free_descriptors() -> list[int]:
    """The two lowest free ones: the silence opens two."""
    probes = [os.dup(2), os.dup(2)]
    for probe in probes:
        os.close(probe)
    return probes


def test_descriptor_2_is_silent_inside_and_speaks_again_after_without_a_leak(capfd):
    free = free_descriptors()
    with device._silent_stderr():
        os.write(2, b"from C++\n")
    os.write(2, b"after\n")
    assert capfd.readouterr() == ("", "after\n")
    assert free_descriptors() == free


def test_descriptor_2_speaks_again_after_an_error(capfd):
    free = free_descriptors()
    with pytest.raises(ImportError), device._silent_stderr():
        raise ImportError
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"
    assert free_descriptors() == free


# load_keras: one start of TensorFlow, several claims

KERAS_SESSION = """
import json, os, sys
from helpers import load_keras, seed_everything
keras = load_keras()
import tensorflow as tf

def draw(seed):
    seed_everything(seed)
    layer = keras.layers.Dense(1)(tf.ones((1, 1)))  # its weight is drawn
    return [float(keras.random.uniform(())), float(tf.random.uniform(())), float(layer[0, 0])]

asked = []
tf.config.list_physical_devices = lambda kind: [kind + " 0", kind + " 1"]
tf.config.experimental.set_memory_growth = lambda card, growth: asked.append([card, growth])
said = {
    "backend": keras.backend.backend(),
    "again": load_keras() is keras,
    "memory": asked,
    "sum": float(keras.ops.sum(keras.ops.ones(3))),
    "draws": [draw(1), draw(1), draw(2)],
    "graph": float(tf.function(lambda x: x + 1)(tf.constant(1.0))),
}
with open(sys.argv[1], "w") as file:
    json.dump(said, file)
print("Python stdout")
print("Python stderr", file=sys.stderr, flush=True)
os.write(2, b"descriptor 2\\n")
"""


@pytest.fixture(scope="module")
def keras_session(tmp_path_factory):
    """What a fresh interpreter printed and found, in which a keras.json asks for another backend."""
    folder = tmp_path_factory.mktemp("keras")
    (folder / "keras.json").write_text(json.dumps({"backend": "torch"}))
    with pytest.MonkeyPatch.context() as patch:
        for name in COURSE:
            patch.delenv(name, raising=False)
        done = run_python(KERAS_SESSION, str(folder / "said"), KERAS_HOME=str(folder), KERAS_BACKEND="")
    assert done.returncode == 0, done.stderr
    return done, json.loads((folder / "said").read_text())


def test_keras_loads_without_a_word_and_both_streams_work_afterwards(keras_session):
    done, _ = keras_session
    assert done.stdout == "Python stdout\n"
    assert done.stderr == "Python stderr\ndescriptor 2\n"


def test_keras_runs_on_tensorflow_whatever_keras_json_says(keras_session):
    _, said = keras_session
    assert said["backend"] == "tensorflow"
    assert said["sum"] == 3
    assert said["graph"] == 2


def test_a_second_load_returns_the_same_keras(keras_session):
    assert keras_session[1]["again"] is True


def test_tensorflow_takes_the_memory_of_each_card_as_it_needs_it(keras_session):
    assert keras_session[1]["memory"] == [["GPU 0", True], ["GPU 1", True]]


def test_a_seed_repeats_what_keras_and_tensorflow_draw(keras_session):
    first, second, other = keras_session[1]["draws"]
    assert first == second
    assert all(a != b for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_another_backend_is_refused_before_anything_is_loaded(backend):
    code = """
import sys
from helpers import load_keras
try:
    load_keras()
except RuntimeError as error:
    print(error)
print([name for name in ("keras", "tensorflow", "torch", "jax") if name in sys.modules])
"""
    done = run_python(code, KERAS_BACKEND=backend)
    said, loaded = done.stdout.splitlines()
    for words in (repr(backend), "TensorFlow", "unset KERAS_BACKEND", "restart the kernel"):
        assert words in said
    assert loaded == "[]"
    assert done.stderr == ""


def test_keras_that_already_runs_on_another_backend_is_refused(monkeypatch):
    fake = SimpleNamespace(backend=SimpleNamespace(backend=lambda: "torch"))
    monkeypatch.setitem(sys.modules, "keras", fake)
    with pytest.raises(RuntimeError, match=r"already runs on 'torch'.* restart the kernel"):
        load_keras()
    assert "KERAS_BACKEND" not in os.environ
