"""helpers.chapters.serving: pictures as clients send them, a service that starts or says why not."""

import io
import json

import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image

torch = pytest.importorskip("torch")

from helpers.chapters import serving  # noqa: E402
from helpers.chapters.resnet import ResNet  # noqa: E402
from service.errors import BadInput  # noqa: E402
from service.pictures import for_model, open_picture  # noqa: E402

EXPECTED = {"height": 28, "width": 28, "channels": 1, "mean": [0], "std": [1], "ink": "light on dark"}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_every_client_sends_the_same_picture_to_the_service():
    picture = serving.pictures("digits", "test")[0][3, 0]
    first, *others = (
        for_model(open_picture(send(picture)), EXPECTED)[0] for send in serving.CLIENTS.values()
    )
    np.testing.assert_allclose(first, picture, atol=0.5 / 255)
    for other in others:
        assert np.corrcoef(other.ravel(), first.ravel())[0, 1] > 0.85  # another size, smoothed twice


def test_a_drawing_is_dark_on_white_with_lines_as_wide_as_the_pen():
    sheet = np.asarray(Image.open(io.BytesIO(serving.drawn([[(50, 100), (200, 100)]], pen=20))))
    assert sheet.shape == (280, 280)
    assert set(np.unique(sheet)) == {0, 255}
    assert (sheet[:, 125] == 0).sum() == pytest.approx(20, abs=1)
    assert sheet[100, 30] == 255
    assert sheet[100, 45] == 0  # a round end


def test_a_file_with_another_size_in_its_header_is_refused_by_its_header():
    bomb = serving.with_size(serving.png(np.eye(28)), 50_000, 50_000)
    assert len(bomb) < 500
    with pytest.raises(BadInput, match="too many pixels"):
        open_picture(bomb)


def test_a_written_model_is_whole(tmp_path):
    net = ResNet((1,), (4,), channels=1, classes=10).eval()
    card = serving.write_model(tmp_path / "1", net, 0.2, 0.3, "digits")
    assert json.loads((tmp_path / "1" / "metadata.json").read_text(encoding="utf-8")) == card
    assert card["input"] == EXPECTED | {"mean": [0.2], "std": [0.3]}
    assert card["classes"] == [str(digit) for digit in range(10)]
    assert (tmp_path / "1" / "model.onnx").exists()


def test_a_network_to_serve_takes_the_weights_that_are_there(tmp_path, capsys):
    from helpers import save_checkpoint

    net = ResNet((1,), (4,), channels=1, classes=10)
    save_checkpoint(tmp_path / "best.pt", net)
    shape = {"blocks": (1,), "widths": (4,)}
    found, mean, std = serving.network_to_serve("digits", trained=tmp_path / "best.pt", **shape)
    assert capsys.readouterr().out == "the weights of section 8.1\n"
    assert torch.equal(found.head.weight, net.head.weight)
    X, _ = serving.pictures("digits", "train")
    assert (mean, std) == (pytest.approx(X.mean()), pytest.approx(X.std()))

    none = tmp_path / "none.pt"
    _, mean, _ = serving.network_to_serve("digits", none, epochs=1, n_train=64, **shape)
    assert "trained on 64 pictures" in capsys.readouterr().out
    assert mean == pytest.approx(X[:64].mean())


def test_a_service_that_does_not_start_says_why(tmp_path):
    with pytest.raises(RuntimeError, match="no model in"):
        serving.start_service(tmp_path)


def test_a_condition_that_does_not_come_true_ends_the_wait():
    with pytest.raises(TimeoutError, match=r"0\.05 s"):
        serving.wait_until(lambda: False, seconds=0.05)


def test_batches_that_do_not_hold_all_requests_are_not_drawn():
    ax = serving.draw_runs([0, 1, 5], [2, 6], [2, 1], "leave")
    assert [text.get_text().strip() for text in ax.texts] == ["2 leave at 2", "1 leave at 6"]
    for sizes, ends in (([2, 2], [2, 6]), ([2, 1], [2])):
        with pytest.raises(ValueError, match="3 requests"):
            serving.draw_runs([0, 1, 5], ends, sizes, "leave")
