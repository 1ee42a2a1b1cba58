"""The model that ``make serve`` starts with: what it reads, what its card says, where it is written."""

import errno
import json
import os
import resource
import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
import torch

from helpers.chapters.handwriting import WAYS, handwritten, smooth_line
from helpers.chapters.resnet import export_onnx, write_card
from service import make_model as making
from service.digits import digit_pictures
from service.models import load_models
from service.pictures import for_model, open_picture
from tests.service.serving import EPOCHS, ROOT, run_service

# ---- what it knows


@pytest.fixture(scope="module")
def default(tmp_path_factory):
    """The folder of the model as `make serve` makes it, and the seconds of processors that it took."""
    folder = tmp_path_factory.mktemp("default")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "service.make_model", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return SimpleNamespace(folder=folder, model=load_models(folder).newest, seconds=seconds)


def share_right(model, files, labels):
    """Files, prepared as the service prepares them -> the share that the model names rightly."""
    pictures = np.stack([for_model(open_picture(file), model.card["input"]) for file in files])
    return (model.run(pictures).argmax(axis=1) == labels).mean()


def test_the_default_model_reads_digits_of_other_people_on_paper_and_on_the_screen(default):
    assert share_right(default.model, *handwritten(600, half="final")) >= 0.90
    # The page's pen is thick: small digits close up.
    assert share_right(default.model, *handwritten(300, half="final", on="screen")) >= 0.86
    assert default.model.card["test_accuracy"] >= 0.98
    assert default.seconds < 240  # twice what it may take on a machine like ours


def test_a_digit_of_each_kind_drawn_on_the_page_is_recognised(default):
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if not (chromium := shutil.which("chromium") or shutil.which("chromium-browser")):
        assert not os.environ.get("CI"), "CI must have chromium: .ci/run installs it"
        pytest.skip("needs chromium on the PATH (Debian: apt-get install chromium)")
    sure = []
    with run_service(default.folder) as running, sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.add_init_script("window.setTimeout = () => 0")  # only the button asks, not a pause in drawing
        page.goto(running.url)
        box = page.locator("#drawing").bounding_box()
        for digit, ways in WAYS.items():
            for stroke in ways[1].split(" / "):
                points = np.array([point.split(",") for point in stroke.split()], dtype=float) / 100
                line = (smooth_line(points, 5) - 0.5) * (0.5, 0.6) + 0.5  # 60 % of the paper high
                draw(page.mouse, line * (box["width"], box["height"]) + (box["x"], box["y"]))
            with page.expect_response("**/classify") as asked:
                page.locator("#classify").click()
            chances = {row["name"]: row["probability"] for row in asked.value.json()["classes"]}
            sure.append(chances.get(str(digit), 0))
            page.locator("#clear").click()
        browser.close()
    assert sum(chance > 0.5 for chance in sure) >= 9, sure
    assert sure[7] > 0.8, sure


def draw(mouse, points):
    mouse.move(*points[0])
    mouse.down()
    for point in points[1:]:
        mouse.move(*point)
    mouse.up()


# ---- what its card says


def test_the_accuracy_on_the_card_is_that_of_the_confusion_matrix(models):
    folder = models / "resnet" / "1"
    card = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    pictures, labels = digit_pictures("test")
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    scaled = (pictures - np.float32(card["input"]["mean"])) / np.float32(card["input"]["std"])
    matrix = np.zeros((10, 10), dtype=int)
    for picture, label in zip(scaled, labels, strict=True):
        (logits,) = session.run(["logits"], {"pictures": picture[None]})
        matrix[label, logits[0].argmax()] += 1
    assert matrix.sum() == 382
    assert card["test_accuracy"] == pytest.approx(np.trace(matrix) / 382, abs=1.5 / 382)
    assert card["test_accuracy"] >= 0.95


def test_mean_and_spread_on_the_card_are_those_of_the_training_pictures(models):
    card = json.loads((models / "resnet" / "1" / "metadata.json").read_text(encoding="utf-8"))
    pixels = digit_pictures("train")[0].astype(np.float64).ravel()
    mean = np.sort(pixels).sum() / pixels.size
    assert card["input"]["mean"] == [pytest.approx(mean, rel=1e-5)]
    assert card["input"]["std"] == [pytest.approx(np.sqrt((pixels**2).mean() - mean**2), rel=1e-3)]
    assert (card["input"]["height"], card["input"]["width"], card["input"]["channels"]) == (28, 28, 1)
    assert card["classes"] == list("0123456789")
    assert (card["made_by"], card["epochs"]) == (making.MADE_BY, EPOCHS)


def test_probabilities_stay_finite_for_logits_of_tens_of_thousands(tmp_path):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))
    with torch.no_grad():
        model[1].weight.mul_(1e5)
    home = tmp_path / "resnet" / "1"
    shape = {"height": 2, "width": 2, "channels": 1, "mean": [0], "std": [1], "ink": "any"}
    write_card(home, {"classes": ["a", "b", "c"], "input": shape})
    export_onnx(model, home / "model.onnx", torch.zeros(2, 1, 2, 2))
    pictures = np.random.default_rng(0).random((6, 1, 2, 2), dtype=np.float32)
    logits = model(torch.tensor(pictures)).detach().double().numpy()
    assert np.abs(logits).max() > 10_000
    answers = load_models(tmp_path).newest.run(pictures)
    assert np.isfinite(answers).all()
    np.testing.assert_array_equal(answers.argmax(axis=1), logits.argmax(axis=1))
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)


# ---- how the training pictures are varied


def dice(seed=0):
    return torch.Generator().manual_seed(seed)


def sources(count):
    """Where ``bent`` takes each pixel from: (N, 28, 28, 2), x and y in -1 … 1, in the middle of 56 × 56."""
    ramp = torch.linspace(-1 + 1 / 56, 1 - 1 / 56, 56).expand(56, 56)
    found = [making.bent(along.expand(count, 1, -1, -1) + 3, dice()) - 3 for along in (ramp, ramp.T)]
    return torch.stack([part[:, 0, 14:42, 14:42] for part in found], dim=-1)


def test_bending_turns_slants_stretches_shifts_and_warps_each_picture_in_its_own_way():
    found = sources(400).double()
    place = torch.linspace(-1 + 1 / 56, 1 - 1 / 56, 56)[14:42].double()
    y, x = torch.meshgrid(place, place, indexing="ij")
    flat = torch.stack([x, y, torch.ones_like(x)], dim=-1).reshape(-1, 3)
    fitted = torch.linalg.pinv(flat) @ found.reshape(400, -1, 2)  # (N, 3, 2): the affine part
    left = (found.reshape(400, -1, 2) - flat @ fitted).pow(2).mean(dim=(1, 2)).sqrt()
    assert left.median() > 0.01  # the elastic part
    assert left.max() < 0.2
    spread = fitted.std(dim=0)
    assert 0.1 < spread[0, 0] < 0.3  # width
    assert 0.04 < spread[1, 1] < 0.2  # height
    assert 0.08 < spread[0, 1] < 0.25  # turned
    assert 0.12 < (fitted[:, 1, 0] + fitted[:, 0, 1]).std() < 0.35  # slanted, besides being turned
    assert 0.03 < spread[2, 0] < 0.15  # shifted across
    assert 0.03 < spread[2, 1] < 0.15  # and down
    middle = fitted.mean(dim=0)
    assert middle[[1, 0, 2, 2], [0, 1, 0, 1]].abs().max() < 0.05  # to neither side
    assert 1 < middle[0, 0] < 1.2  # narrower rather than wider
    assert middle[1, 1] == pytest.approx(1, abs=0.06)


def test_a_pen_makes_strokes_thick_and_thin_pale_and_dark_and_leaves_paper_white():
    page = torch.zeros(1, 1, 28, 28)
    for row in range(10, 18):  # a soft stroke: its ink falls off to both sides
        page[:, :, row, 4:24] = 1 - abs(row - 13.5) / 4
    drawn = making.inked(page.expand(500, -1, -1, -1), dice())
    assert drawn.shape == (500, 1, 28, 28)
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    darkest = drawn.amax(dim=(1, 2, 3))
    assert darkest.quantile(0.05) < 0.5
    assert darkest.quantile(0.95) > 0.9
    width = drawn[:, 0, :, 14].sum(dim=1) / darkest
    assert width.quantile(0.95) > 2 * width.quantile(0.05)
    sharp = ((drawn > 0.95 * darkest[:, None, None, None]) | (drawn < 0.05)).double().mean(dim=(1, 2, 3))
    assert 0.1 < (sharp > 0.999).double().mean() < 0.8
    assert drawn[:, :, :6].max() == 0


def test_the_same_dice_vary_the_same_way():
    pictures = torch.tensor(digit_pictures("val")[0][:8])
    one, same = (making.inked(making.bent(pictures, g), g) for g in (dice(1), dice(1)))
    assert torch.equal(one, same)
    other = making.inked(making.bent(pictures, dice(2)), dice(2))
    assert (one - other).abs().amax(dim=(1, 2, 3)).min() > 0.1


# ---- where it is written


@pytest.fixture
def command(monkeypatch, tmp_path):
    """Run the command in an empty folder with these arguments; the training is only noted."""
    made = []

    def note(folder, version, epochs):
        made.append((str(folder), version, epochs))
        home = folder / "resnet" / str(version)
        write_card(home, {"made_by": making.MADE_BY, "epochs": epochs})
        (home / "model.onnx").touch()
        return home

    def run(*arguments):
        made.clear()
        monkeypatch.setattr(sys, "argv", ["make_model", *arguments])
        making.main()
        return made

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COURSE_MODELS", raising=False)
    monkeypatch.setattr(making, "make_model", note)
    return run


def left_there(folder, card, version=1):
    """A model that something else has left."""
    home = folder / "resnet" / str(version)
    home.mkdir(parents=True)
    (home / "model.onnx").touch()
    (home / "metadata.json").write_text(card)


def test_help_is_printed_and_nothing_else_is_done(tmp_path):
    command = [sys.executable, "-m", "service.make_model", "--help"]
    where = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=where, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    assert done.stdout.startswith("usage: python -m service.make_model")
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["--hepl"], ["one", "two"], ["--epochs", "0"], ["--epochs", "many"]])
def test_a_wrong_argument_is_an_error_before_anything_is_done(command, tmp_path, arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        command(*arguments)
    assert ended.value.code == 2
    assert arguments[-1] in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_first_model_goes_to_build_models_and_is_made_once(command, capsys):
    assert command() == [("build/models", 1, making.EPOCHS)]
    assert command() == []
    assert "there is a model already" in capsys.readouterr().out


def test_the_folder_may_be_named_by_an_argument_or_by_the_environment(command, monkeypatch):
    assert command("mine", "--epochs", "3") == [("mine", 1, 3)]
    monkeypatch.setenv("COURSE_MODELS", "theirs")
    assert command() == [("theirs", 1, making.EPOCHS)]


@pytest.mark.parametrize(
    "card", ['{"made_by": "section 8.1", "epochs": 60}', '{"name": "resnet"}', "[]", "{"]
)
def test_a_model_that_something_else_left_stays_and_does_not_answer(command, tmp_path, card, capsys):
    left_there(tmp_path / "build" / "models", card, version=9)
    left_there(tmp_path / "build" / "models", card, version=10)
    assert command() == [("build/models", 11, making.EPOCHS)]
    assert "version 11 will answer" in capsys.readouterr().out
    assert (tmp_path / "build" / "models" / "resnet" / "10" / "metadata.json").read_text() == card
    assert command() == []


def test_a_quick_model_is_not_taken_for_the_default_one(command):
    assert command("--epochs", "1") == [("build/models", 1, 1)]
    assert command() == [("build/models", 2, making.EPOCHS)]


def test_a_version_that_somebody_put_on_top_of_ours_stays_on_top(command, tmp_path):
    command()
    left_there(tmp_path / "build" / "models", '{"made_by": "me"}', version=2)
    assert command() == []


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_in_a_folder_that_is_named_any_model_counts(command, tmp_path, by, monkeypatch):
    left_there(tmp_path / "mine", '{"made_by": "section 8.1"}')
    if by == "environment":
        monkeypatch.setenv("COURSE_MODELS", "mine")
    assert command(*["mine"] if by == "argument" else []) == []


@pytest.mark.parametrize("place", ["taken", "taken/below/it"])
def test_a_folder_that_cannot_be_is_named_before_the_training(command, tmp_path, place):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(SystemExit, match=rf"cannot write to {place}: .*python -m service\.make_model FOLDER"):
        command(place)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_read_only_place_is_named_before_the_training(command, tmp_path, monkeypatch):
    def refuse(dir):
        raise OSError(errno.EROFS, "Read-only file system", str(dir))

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(SystemExit) as ended:
        command()
    assert str(ended.value).count("\n") == 0
    assert "cannot write to build/models: Read-only file system" in ended.value.code
    assert list(tmp_path.iterdir()) == []


def test_the_training_itself_is_not_begun_where_nothing_can_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(making, "fit", lambda *_, **__: pytest.fail("it was begun"))
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(NotADirectoryError):
        making.make_model(tmp_path / "taken")
