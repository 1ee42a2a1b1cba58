"""4.2e: files of any camera are read upright or refused by name, and a kept head answers as before."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save
from torch import nn

from exercises.finding import find
from helpers.chapters import albums, lite0
from helpers.chapters.lite0_network import published_network
from tools.notebooks import ENGLISH, define

NOTEBOOK = ENGLISH / "4_training" / "2e_photographs_of_your_own.ipynb"
DEFINING = (
    *("imports", "imports-course", "own-folder", "opened", "square", "head", "keep", "content", "reader"),
)


@pytest.fixture(scope="module")
def part():
    """What 4.2e defines, with the course's answers to its exercises."""
    names = {"crop_box": find("4.2.9").solution, "labelled_list": find("4.2.11").solution}
    return SimpleNamespace(**define(NOTEBOOK, DEFINING, namespace=names))


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    return albums.small_album(tmp_path_factory.mktemp("album"))


# ---------------------------------------------------------------- folders


def test_the_courses_folder_holds_twelve_pictures_of_four_kinds_and_png_and_sizes_differ(part, album):
    names, pairs = part.labelled_list(part.names_in(album))
    assert names == ["brick", "face", "grass", "gravel"]
    assert np.bincount([label for _, label in pairs]).tolist() == [12] * 4
    assert {file.rsplit(".", 1)[1] for file, _ in pairs} == {"jpg", "png"}
    assert len({part.opened(album / file).shape for file, _ in pairs}) > 5


def test_the_new_photographs_are_none_of_the_folder(part, album, tmp_path):
    from skimage import data

    lawn, *_ = albums.new_photographs(tmp_path)
    assert np.abs(part.opened(lawn)[:, :, 0].astype(int) - data.grass()[384:, :200]).mean() < 8
    rows = 3 * 128  # the windows of the folder end above this row
    for n in range(12):
        window = part.opened(album / "grass" / f"grass_{n + 1:02}{'.png' if n == 5 else '.jpg'}")
        top, left = 128 * (n // 4), 128 * (n % 4)
        assert top + len(window) <= rows
        there = data.grass()[top : top + window.shape[0], left : left + window.shape[1]]
        assert np.abs(window[:, :, 0].astype(int) - there).mean() < 12


def test_a_folder_that_is_not_there_or_holds_too_little_is_refused(part, tmp_path):
    with pytest.raises(ValueError, match=r"nowhere is no folder"):
        part.names_in(tmp_path / "nowhere")
    (tmp_path / "one.jpg").touch()
    with pytest.raises(ValueError, match=r"one.jpg is no folder"):
        part.names_in(tmp_path / "one.jpg")
    with pytest.raises(ValueError, match="0 classes"):
        part.labelled_list(part.names_in(tmp_path))
    for name, count in (("cat", 7), ("dog", 0)):
        (tmp_path / name).mkdir()
        for n in range(count):
            (tmp_path / name / f"{n}.jpg").touch()
        if name == "cat":
            with pytest.raises(ValueError, match=r"1 classes \['cat'\]"):
                part.labelled_list(part.names_in(tmp_path))
    with pytest.raises(ValueError, match=r"'dog' holds 0 .* at least 6"):
        part.labelled_list(part.names_in(tmp_path))


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(part, tmp_path, orientation):
    upright = np.zeros((40, 60, 3), np.uint8)
    upright[:20, :30], upright[20:, 30:, 0] = 255, 255  # white above on the left, red below on the right
    undo = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    image, exif = Image.fromarray(upright), Image.Exif()
    for step in undo.get(orientation, ()):
        image = image.transpose(step)
    exif[0x0112] = orientation
    image.save(tmp_path / "one.png", exif=exif)
    np.testing.assert_array_equal(part.opened(tmp_path / "one.png"), upright)


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "CMYK", "LA"])
def test_pictures_of_every_kind_of_colour_become_three_tables_of_bytes(part, tmp_path, mode):
    ramp = Image.fromarray(np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1)))
    image = ramp.convert("RGB").convert(mode) if mode in ("P", "CMYK", "RGBA") else ramp.convert(mode)
    path = tmp_path / ("one.jpg" if mode == "CMYK" else "one.png")
    image.save(path)
    photo = part.opened(path)
    assert photo.shape == (48, 64, 3)
    assert photo.dtype == np.uint8
    assert photo[:, :8].mean() < 60 < 190 < photo[:, -8:].mean()


def test_sixteen_bits_are_refused_for_they_would_become_white(part, tmp_path):
    Image.fromarray(np.full((48, 64), 1_000, np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(ValueError, match=r"deep.png has 48 × 64 pixels of mode I;16"):
        part.opened(tmp_path / "deep.png")


def test_what_is_no_picture_or_cut_off_or_tiny_is_refused_by_name(part, album, tmp_path, monkeypatch):
    whole = (album / "face" / "face_02.jpg").read_bytes()
    png = (album / "brick" / "brick_06.png").read_bytes()
    files = {
        "text.jpg": b"a list of things to buy",
        "empty.png": b"",
        "cut.jpg": whole[: len(whole) // 2],
        "cut.png": png[: len(png) // 2],
        "broken.png": png[:60] + bytes(40) + png[100:],
    }
    Image.fromarray(np.zeros((30, 30, 3), np.uint8)).save(tmp_path / "one.gif")
    files["gif.jpg"] = (tmp_path / "one.gif").read_bytes()
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=rf"{name} is no JPEG or PNG that can be read"):
            part.opened(tmp_path / name)
    with pytest.raises(ValueError, match=r"missing.jpg is no JPEG or PNG .*FileNotFound"):
        part.opened(tmp_path / "missing.jpg")
    Image.fromarray(np.zeros((200, 15, 3), np.uint8)).save(tmp_path / "thin.png")
    with pytest.raises(ValueError, match=r"thin.png has 200 × 15 pixels"):
        part.opened(tmp_path / "thin.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000)
    with pytest.raises(ValueError, match=r"face_02.jpg .*DecompressionBomb"):
        part.opened(album / "face" / "face_02.jpg")


def test_a_file_is_prepared_as_the_helper_and_4_2d_do_and_cut_where_transformers_cuts(part, album):
    from transformers.image_transforms import center_crop

    file = album / "face" / "face_01.jpg"  # taken upright
    assert torch.equal(part.prepared(file), albums.prepared(file))
    for photo in lite0.photographs().values():
        side = int(0.875 * min(photo.shape[:2]))
        left, top, right, bottom = part.crop_box(*photo.shape[:2])
        theirs = center_crop(photo, (side, side), input_data_format="channels_last")
        np.testing.assert_array_equal(photo[top:bottom, left:right], theirs)
        np.testing.assert_array_equal(part.square(photo), lite0.square(photo))


# ---------------------------------------------------------------- the head, kept


def test_a_head_learns_what_can_be_learnt(part):
    y = torch.arange(30) % 3
    features = torch.nn.functional.one_hot(y, 1280).float()
    head = part.train_head(features, y, 3)
    assert (head(features).argmax(dim=1) == y).all()
    assert torch.equal(head.weight, part.train_head(features, y, 3).weight)


def test_a_kept_head_comes_back_bit_by_bit_with_names_of_any_letters(part, album, tmp_path):
    torch.manual_seed(0)
    head, names = nn.Linear(1280, 3), ["Müller, A.", "猫", 'so "called"']
    path = part.keep(head, names, tmp_path / "new" / "folder" / "head.safetensors")
    weights, found = part.content(path)
    assert found == names
    assert torch.equal(weights["weight"], head.weight)
    assert torch.equal(weights["bias"], head.bias)
    file = album / "grass" / "grass_01.jpg"
    with torch.inference_mode():
        expected = head(published_network().features(part.prepared(file))).softmax(dim=1)[0]
    shares = part.reader(path)(file)
    assert list(shares) == names
    assert list(shares.values()) == pytest.approx(expected.tolist(), abs=1e-6)


def test_a_file_of_another_network_or_none_or_cut_off_is_refused_by_name(part, tmp_path):
    head = {name: value.detach() for name, value in nn.Linear(1280, 2).state_dict().items()}
    about = {"classes": json.dumps(["a", "b"]), "network": lite0.SHA256}
    other = save(head, metadata={**about, "network": "another"})
    files = {
        "no head": (save({"weight": head["weight"]}, metadata=about), "no file that `keep` wrote"),
        "plain": (save(head), "made for another network"),
        "other": (other, "made for another network"),
        "cut": (save(head, metadata=about)[:-9], "no file that `keep` wrote"),
        "text": (b"hello", "no file that `keep` wrote"),
    }
    for name, (content, message) in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=rf"{name} .*{message}"):
            part.content(tmp_path / name)
    with pytest.raises(ValueError, match="nowhere is no file"):
        part.content(tmp_path / "nowhere")
    three = save(head, metadata={**about, "classes": json.dumps(["a", "b", "c"])})
    (tmp_path / "three").write_bytes(three)
    with pytest.raises(ValueError, match=r"weight is .2, 1280. in the file, .3, 1280. in the network"):
        part.reader(tmp_path / "three")


def test_a_folder_of_the_readers_own_goes_all_the_way(tmp_path, capsys):
    from skimage import data

    rng = np.random.default_rng(0)
    for name, photo in (("Katze", data.chelsea()), ("Tasse Kaffee", data.coffee())):
        (tmp_path / "own" / name).mkdir(parents=True)
        (tmp_path / "own" / name / "notes.txt").write_text("none of the pictures")
        for n in range(7):
            top, left = rng.integers(0, 60, 2)
            window = Image.fromarray(photo[top : top + 230, left : left + 330])
            window.save(tmp_path / "own" / name / f"IMG_{n}.JPG", format="JPEG")
    Image.fromarray(data.chelsea()[60:, 100:]).save(tmp_path / "new.png")
    names = {
        "PHOTOGRAPHS": str(tmp_path / "own"),
        "NEW": str(tmp_path / "new.png"),
        "KEEP": str(tmp_path / "kept" / "deep"),
        "crop_box": find("4.2.9").solution,
        "labelled_list": find("4.2.11").solution,
        "network": published_network(),
    }
    run = ("own-folder", "listed", "features", "aside", "head", "score", "keep", "same", "new")
    found = define(
        NOTEBOOK, ("imports", "imports-course", "opened", "square", "content", "reader"), names, whole=run
    )
    assert found["names"] == ["Katze", "Tasse Kaffee"]
    assert found["right"].all()
    assert [path.name for path in (tmp_path / "kept" / "deep").iterdir()] == ["my_photographs.safetensors"]
    assert found["answers"][0]["Katze"] > 0.9
    assert "new.png {'Katze':" in capsys.readouterr().out
