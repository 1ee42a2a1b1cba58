"""The residual network of chapter 8: its parts against arithmetic by hand, transformers, ONNX Runtime."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from helpers import load_data
from helpers.chapters import resnet
from helpers.chapters.resnet import (
    Block,
    ResNet,
    augment,
    build_folder,
    export_onnx,
    rectangles,
    write_card,
)
from helpers.files import check_writable
from service.centring import centred
from service.digits import digit_pictures
from tools.notebooks import code_cells, find_notebooks, read_notebook

WIDE = (256, 512, 1024, 2048)
PUBLISHED = {  # blocks, widths, bottleneck: the counts that torchvision states for 1,000 classes
    "ResNet-18": (((2, 2, 2, 2), (64, 128, 256, 512), False), 11_689_512),
    "ResNet-34": (((3, 4, 6, 3), (64, 128, 256, 512), False), 21_797_672),
    "ResNet-50": (((3, 4, 6, 3), WIDE, True), 25_557_032),
}


def numbered(model):
    """Weights and statistics that differ from what a fresh network has, the same on every machine."""
    dice = torch.Generator().manual_seed(0)
    for name, value in model.state_dict().items():
        if name.endswith("running_var") or value.ndim == 1:
            value.copy_(torch.rand(value.shape, generator=dice) * 0.5 + 0.5)
        elif value.is_floating_point():
            fan = value[0].numel() if value.ndim > 1 else 1
            value.copy_(torch.randn(value.shape, generator=dice) * (2 / fan) ** 0.5)
    return model.eval()


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_parameter_counts(name):
    (blocks, widths, bottleneck), count = PUBLISHED[name]
    with torch.device("meta"):
        model = ResNet(blocks, widths, bottleneck=bottleneck, small=False)
    assert sum(p.numel() for p in model.parameters()) == count


@pytest.mark.parametrize("bottleneck", [False, True])
@pytest.mark.parametrize(("inputs", "stride"), [(16, 1), (8, 1), (16, 2)])
def test_a_block_is_relu_of_f_plus_x(inputs, stride, bottleneck):
    block = numbered(Block(inputs, 16, stride, bottleneck))
    x = torch.randn(2, inputs, 6, 6, generator=torch.Generator().manual_seed(1))
    out = x
    for number, part in enumerate(block.parts):
        conv, norm = part
        out = nn.functional.conv2d(out, conv.weight, stride=conv.stride, padding=conv.padding)
        scale = norm.weight / (norm.running_var + 1e-5).sqrt()
        out = (out - norm.running_mean[:, None, None]) * scale[:, None, None] + norm.bias[:, None, None]
        out = out.clamp(min=0) if number + 1 < len(block.parts) else out
    other = x if inputs == 16 and stride == 1 else block.shortcut(x)
    torch.testing.assert_close(block(x), (out + other).clamp(min=0), rtol=1e-4, atol=1e-5)


def test_a_block_whose_f_is_zero_passes_on_what_is_positive():
    block = Block(4, 4).eval()
    nn.init.zeros_(block.parts[-1][1].weight)
    x = torch.randn(2, 4, 5, 5)
    torch.testing.assert_close(block(x), x.relu())


@pytest.mark.parametrize("bottleneck", [False, True])
def test_same_weights_same_features_as_transformers(bottleneck):
    from transformers import ResNetConfig, ResNetModel

    widths, blocks = (32, 64, 128), (2, 1, 2)
    kind = "bottleneck" if bottleneck else "basic"
    first = widths[0] // 4 if bottleneck else widths[0]
    config = ResNetConfig(embedding_size=first, hidden_sizes=widths, depths=blocks, layer_type=kind)
    theirs = ResNetModel(config).eval()
    mine = numbered(ResNet(blocks, widths, classes=5, bottleneck=bottleneck, small=False))
    state = {name: value for name, value in mine.state_dict().items() if not name.startswith("head")}
    # both are built in the same order but for the shortcut, which theirs has before the layers
    renamed = {}
    for name, value in state.items():
        parts = name.split(".")
        if parts[0] == "stem":
            new = ["embedder", "embedder", *parts[2:]]
        else:
            inside = ["layer", *parts[4:]] if parts[3] == "parts" else parts[3:]
            new = ["encoder", "stages", parts[1], "layers", parts[2], *inside]
        new[-2] = {"0": "convolution", "1": "normalization"}[new[-2]]
        renamed[".".join(new)] = value
    theirs.load_state_dict(renamed)
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(mine.features(x), theirs(x).pooler_output.flatten(1), rtol=1e-4, atol=1e-4)


def test_logits_are_a_linear_map_of_the_mean_over_the_last_maps():
    model = small()
    x = torch.randn(3, 1, 12, 12, generator=torch.Generator().manual_seed(4))
    maps = model.stages(model.stem(x))
    mean = maps.reshape(*maps.shape[:2], -1).sum(dim=2) / maps[0, 0].numel()
    torch.testing.assert_close(model.features(x), mean)
    wanted = [
        (mean * row).sum(dim=1) + bias for row, bias in zip(model.head.weight, model.head.bias, strict=True)
    ]
    torch.testing.assert_close(model(x), torch.stack(wanted, dim=1))


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize("side", [28, 32, 33])
def test_any_side_gives_logits(small, side):
    model = ResNet((1, 1), (8, 16), channels=1, classes=7, small=small).eval()
    assert model(torch.zeros(3, 1, side, side)).shape == (3, 7)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"blocks": (1, 1), "widths": (8,)}, "2 counts of blocks, 1 widths"),
        ({"blocks": (), "widths": ()}, "0 counts of blocks"),
        ({"blocks": (1,), "widths": (6,), "bottleneck": True}, r"\(6,\).*multiple of 4"),
    ],
)
def test_a_network_that_cannot_be_is_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        ResNet(**arguments)


def test_digit_pictures_are_the_digits_in_their_order_centred():
    X, y = digit_pictures("val")
    assert (X.shape, X.dtype, y.dtype) == ((258, 1, 28, 28), np.float32, np.int64)
    np.testing.assert_array_equal(y, load_data("digits", "val")[1])
    assert X.min() >= 0
    assert X.max() <= 1
    rows, columns = (X[:, 0].sum(axis=axis) @ np.arange(28) / X.sum(axis=(1, 2, 3)) for axis in (2, 1))
    assert np.abs(np.stack([rows, columns]) - 13.5).max() < 1


def test_centred_keeps_the_proportions_and_an_empty_picture_stays_empty():
    ink = np.zeros((40, 30))
    ink[5:25, 4:9] = 1  # 20 by 5
    out = centred(ink)
    assert (out > 0.5).sum() == 100
    assert np.flatnonzero((out > 0.5).any(axis=1)).tolist() == list(range(4, 24))
    assert not centred(np.zeros((8, 8))).any()


def test_the_exported_file_answers_as_the_model_for_any_number_of_pictures(tmp_path, capfd):
    import onnxruntime

    model = numbered(ResNet((1, 1), (8, 16), channels=1, classes=5))
    path = export_onnx(model, tmp_path / "resnet" / "1" / "model.onnx", torch.zeros(2, 1, 28, 28))
    assert [file.name for file in path.parent.iterdir()] == ["model.onnx"]
    assert capfd.readouterr().err == ""
    session = onnxruntime.InferenceSession(path)
    for count in (1, 5):
        x = torch.randn(count, 1, 28, 28)
        (logits,) = session.run(["logits"], {"pictures": x.numpy()})
        np.testing.assert_allclose(logits, model(x).detach(), rtol=1e-4, atol=1e-4)
    # The exporter would note for each operation in which file, and so in whose folder, it was written.
    assert b"resnet.py" not in path.read_bytes()


def test_the_card_is_json_with_what_was_given(tmp_path):
    card = {"name": "resnet", "classes": ["0", "größer"], "input": {"mean": [0.5]}}
    path = write_card(tmp_path, card)
    assert path.name == "metadata.json"
    assert json.loads(path.read_text(encoding="utf-8")) == card


def small():
    """A small network with statistics that differ from fresh ones."""
    return numbered(ResNet((1, 1), (8, 16), channels=1, classes=5))


@pytest.mark.parametrize("mode", ["evaluation", "training", "one part frozen"])
def test_what_is_exported_is_the_evaluation_and_the_mode_stays(tmp_path, mode):
    import onnxruntime

    model = small().train(mode != "evaluation")
    if mode == "one part frozen":
        model.stages[0].eval()
    modes = {name: part.training for name, part in model.named_modules()}
    before = {name: value.clone() for name, value in model.state_dict().items()}
    example = torch.randn(8, 1, 12, 12, generator=torch.Generator().manual_seed(2))
    path = export_onnx(model, tmp_path / "model.onnx", example)
    assert {name: part.training for name, part in model.named_modules()} == modes
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    (logits,) = onnxruntime.InferenceSession(path).run(["logits"], {"pictures": example.numpy()})
    wanted = model.eval()(example).detach()
    np.testing.assert_allclose(logits, wanted, rtol=1e-4, atol=1e-4)
    assert (model.train()(example) - wanted).abs().max() > 0.01  # the other mode would be seen


def test_the_exported_file_answers_huge_and_tiny_pixels_with_finite_logits_and_as_the_model(tmp_path):
    import onnxruntime

    model = small()
    session = onnxruntime.InferenceSession(
        export_onnx(model, tmp_path / "model.onnx", torch.zeros(2, 1, 12, 12))
    )
    for size in (1e-30, 1e4, 1e20):
        x = size * torch.randn(3, 1, 12, 12, generator=torch.Generator().manual_seed(3))
        (logits,) = session.run(["logits"], {"pictures": x.numpy()})
        assert np.isfinite(logits).all()
        wanted = model.double()(x.double()).detach().numpy()
        np.testing.assert_allclose(logits, wanted, rtol=1e-3, atol=1e-3 * np.abs(wanted).max())
        model.float()


class FullDisk:
    """Stands for an exported program that cannot be written to its end."""

    class model:
        class graph:
            all_nodes = staticmethod(lambda: [])

    def save(self, path, external_data):
        with open(path, "wb") as file:
            file.write(b"half a model")
        raise OSError(28, "No space left on device", path)


def test_where_an_export_fails_the_old_file_still_stands_and_nothing_else(tmp_path, monkeypatch):
    old = tmp_path / "model.onnx"
    old.write_bytes(b"the old model")
    model = small().train()
    with monkeypatch.context() as patched:
        patched.setattr(torch.onnx, "export", lambda *_, **__: FullDisk())
        with pytest.raises(OSError, match="No space left"):
            export_onnx(model, old, torch.zeros(2, 1, 12, 12))
    assert model.training
    with monkeypatch.context() as patched:
        patched.setattr(torch.onnx, "export", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            export_onnx(model, old, torch.zeros(2, 1, 12, 12))
    assert model.training
    assert model.stages[0].training
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
    assert old.read_bytes() == b"the old model"


@pytest.mark.parametrize(
    ("wrong", "error"), [(float("nan"), ValueError), (float("inf"), ValueError), (np.float32(1), TypeError)]
)
def test_a_card_with_what_json_cannot_say_is_refused_and_the_old_one_still_stands(tmp_path, wrong, error):
    path = write_card(tmp_path, {"name": "resnet"})
    with pytest.raises(error):
        write_card(tmp_path, {"name": "resnet", "input": {"mean": [wrong]}})
    assert json.loads(path.read_text(encoding="utf-8")) == {"name": "resnet"}
    assert [path.name for path in tmp_path.iterdir()] == ["metadata.json"]


def test_the_card_reads_as_it_was_written_in_any_language(tmp_path):
    text = write_card(tmp_path / "far" / "below", {"classes": ["größer", "大"]}).read_bytes().decode("utf-8")
    assert "größer" in text
    assert "大" in text
    assert text.endswith("}\n")


def test_notebooks_leave_what_they_made_in_build_or_where_that_is_read_only_elsewhere(
    tmp_path, monkeypatch, capsys
):
    build = Path(resnet.__file__).resolve().parents[2] / "build"
    assert build_folder() == build
    assert capsys.readouterr().out == ""

    def refuse(dir):
        raise OSError(30, "Read-only file system", str(dir))

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    elsewhere = build_folder()
    assert elsewhere.parent == tmp_path
    assert list(elsewhere.iterdir()) == []
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert f"{build} cannot be written (Read-only file system)" in said
    assert str(elsewhere) in said


@pytest.mark.parametrize("name", [f"8_project/{part}" for part in ("1b", "1c", "1d", "2a", "2b", "2c", "2d")])
def test_the_notebooks_of_the_project_ask_where_they_may_write(name):
    (path,) = find_notebooks([name])
    code = "\n".join(cell.source for cell in code_cells(read_notebook(path)))
    assert "build_folder()" in code
    assert '"build"' not in code


def test_whether_a_folder_can_be_written_is_asked_without_leaving_anything(tmp_path):
    check_writable(tmp_path / "far" / "below")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "taken").write_text("")
    for place in ("taken", "taken/below"):
        with pytest.raises(NotADirectoryError):
            check_writable(tmp_path / place)


def test_where_a_card_cannot_be_written_to_its_end_the_old_one_still_stands(tmp_path, monkeypatch):
    path = write_card(tmp_path, {"name": "old"})

    def half(self, content, *_, **__):
        with self.open("wb") as file:
            file.write(b"{")
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", half)
    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(OSError, match="No space left"):
        write_card(tmp_path, {"name": "new"})
    assert json.loads(path.read_text(encoding="utf-8")) == {"name": "old"}
    assert [file.name for file in tmp_path.iterdir()] == ["metadata.json"]


# ---- varied pictures -------------------------------------------------------------------------------------


def test_varied_pictures_keep_their_shape_and_type_and_are_those_of_the_generator():
    pictures = torch.rand(50, 3, 28, 28)
    first, again = (augment(pictures, torch.Generator().manual_seed(3), mirror=0.5) for _ in range(2))
    other = augment(pictures, torch.Generator().manual_seed(4), mirror=0.5)
    assert first.shape == pictures.shape
    assert first.dtype == torch.float32
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_no_rectangle_hides_more_than_a_quarter_and_every_one_hides_something():
    hidden = rectangles(torch.zeros(1000, 1, 28, 28), torch.Generator().manual_seed(0)).sum(dim=(1, 2, 3))
    assert hidden.min() > 0
    assert hidden.max() <= 14 * 14


def test_a_mirror_and_nothing_else_mirrors_every_picture():
    pictures = torch.rand(20, 1, 9, 12)
    seen = augment(pictures, torch.Generator().manual_seed(0), mirror=1.0, shift=0, erase=0.0)
    assert torch.equal(seen, pictures.flip(3))


def test_a_shift_moves_by_so_many_pixels_at_most_and_fills_with_what_is_empty():
    dot = torch.zeros(400, 1, 9, 9)
    dot[:, :, 4, 4] = 1
    seen = augment(dot, torch.Generator().manual_seed(0), shift=2, erase=0.0, empty=-0.5)
    _, _, rows, columns = (seen == 1).nonzero().T
    assert len(rows) == 400
    assert set(rows.tolist()) == set(columns.tolist()) == {2, 3, 4, 5, 6}
    moved = (rows != 4) | (columns != 4)
    assert torch.equal((seen == -0.5).any(dim=(1, 2, 3)), moved)


def test_about_half_of_the_pictures_are_erased_in_part_where_a_half_is_asked_for():
    seen = augment(torch.zeros(1000, 1, 28, 28), torch.Generator().manual_seed(0), shift=0, erase=0.5)
    assert 0.45 < (seen != 0).any(dim=(1, 2, 3)).double().mean() < 0.55  # 3 standard deviations: 0.047
