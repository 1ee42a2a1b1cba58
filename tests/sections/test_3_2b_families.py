"""Section 3.2b: blocks equal the libraries', counts equal Keras's models, and what the text says is so."""

import gc
from types import SimpleNamespace

import numpy as np
import pytest

from exercises.finding import find
from helpers import check_grad
from helpers.chapters.families import efficientnet, resnet
from tools.notebooks import ENGLISH, define

torch = pytest.importorskip("torch")
F = torch.nn.functional

conv_parameters, multiplications = find("3.2.5").solution, find("3.2.7").solution


@pytest.fixture(scope="module")
def part():
    """What 3.2b defines, with the course's answers to its exercises."""
    threads = torch.get_num_threads()
    names = {"conv_parameters": conv_parameters, "multiplications": multiplications}
    whole = ("constants", "train", "lenet", "inception", "separable-pair", "mbconv", "trade")
    names = define(ENGLISH / "3_architectures" / "2b_families.ipynb", namespace=names, whole=whole)
    torch.set_num_threads(threads)
    return SimpleNamespace(**names)


def learnt(module):
    return sum(parameter.numel() for parameter in module.parameters())


# ---------------------------------------------------------------- counts


@pytest.mark.parametrize("seed", range(10))
def test_the_formula_counts_what_torchs_convolution_learns(seed):
    rng = np.random.default_rng(seed)
    groups = int(rng.integers(1, 5))
    inputs, outputs = (groups * int(n) for n in rng.integers(1, 6, size=2))
    kernel, bias = int(rng.integers(1, 6)), bool(rng.integers(2))
    module = torch.nn.Conv2d(inputs, outputs, kernel, groups=groups, bias=bias)
    assert conv_parameters(inputs, outputs, kernel, groups, bias) == learnt(module)


def test_a_dense_layer_is_counted_as_a_window_of_one():
    assert conv_parameters(400, 120, 1) == learnt(torch.nn.Linear(400, 120))


@pytest.fixture
def applications():
    keras = pytest.importorskip("helpers").load_keras()
    yield keras.applications
    keras.backend.clear_session()
    gc.collect()  # a model of half a gigabyte goes before the next one comes


def trained_by(model):
    """How many numbers of a Keras model training changes; running averages are not among them."""
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


@pytest.mark.parametrize(("name", "repeats"), [("VGG16", (2, 2, 3, 3, 3)), ("VGG19", (2, 2, 4, 4, 4))])
def test_vgg_has_as_many_parameters_as_keras_model(part, applications, name, repeats):
    model = getattr(applications, name)(weights=None)
    assert sum(part.vgg(repeats)) == trained_by(model)
    dense = {layer.name: layer.count_params() for layer in model.layers[-3:]}
    assert dense["fc1"] == conv_parameters(512 * 7 * 7, 4096, 1) == 102_764_544
    assert part.vgg(repeats)[1] == sum(dense.values())


@pytest.mark.parametrize(("name", "repeats"), [("ResNet50", (3, 4, 6, 3)), ("ResNet152", (3, 8, 36, 3))])
def test_keras_resnet_has_one_useless_bias_more_for_each_channel_that_is_normalised(
    applications, name, repeats
):
    rows = resnet(repeats)
    model = getattr(applications, name)(weights=None)
    biases = sum(outputs for _, outputs, _, _, bias in rows if not bias)
    assert sum(conv_parameters(*row) + 2 * row[1] * (not row[4]) for row in rows) + biases == trained_by(
        model
    )
    if name == "ResNet50":
        assert (biases, len(rows) - 1) == (26_560, 53)


@pytest.mark.parametrize("alpha", [1.0, 0.5])
def test_mobilenet_has_as_many_parameters_as_keras_model(part, applications, alpha):
    layers = [
        (a if a == 3 else int(alpha * a), int(alpha * b), k, s, g) for a, b, k, s, g in part.mobilenet()
    ]
    rows = [(a, b, k, a if groups > 1 else 1, False) for a, b, k, _, groups in layers]
    head = conv_parameters(int(1024 * alpha), 1000, 1)
    assert part.parameters(rows) + head == trained_by(applications.MobileNet(weights=None, alpha=alpha))


@pytest.mark.parametrize(("name", "width", "depth"), [("B0", 1, 1), ("B3", 1.2, 1.4), ("B7", 2, 3.1)])
def test_efficientnet_has_as_many_parameters_as_keras_model(part, applications, name, width, depth):
    model = getattr(applications, f"EfficientNet{name}")(weights=None)
    assert part.parameters(efficientnet(width, depth)) == trained_by(model)


def inception_v3():
    """Its convolutions as rows (inputs, outputs, height, width); each has a shift, no scale and no bias."""
    rows, inputs = [(3, 32, 3, 3), (32, 32, 3, 3), (32, 64, 3, 3), (64, 80, 1, 1), (80, 192, 3, 3)], 192
    for pool in (32, 64, 64):
        rows += [(inputs, 64, 1, 1), (inputs, 48, 1, 1), (48, 64, 5, 5), (inputs, 64, 1, 1), (64, 96, 3, 3)]
        rows += [(96, 96, 3, 3), (inputs, pool, 1, 1)]
        inputs = 64 + 64 + 96 + pool
    rows += [(288, 384, 3, 3), (288, 64, 1, 1), (64, 96, 3, 3), (96, 96, 3, 3)]
    for few in (128, 160, 160, 192):
        rows += [(768, 192, 1, 1)] * 2 + [(768, few, 1, 1)] * 2 + [(few, few, 1, 7), (few, 192, 7, 1)]
        rows += [(few, few, 7, 1), (few, few, 1, 7)] * 2
        rows[-1] = (few, 192, 1, 7)
    rows += [(768, 192, 1, 1), (192, 320, 3, 3), (768, 192, 1, 1), (192, 192, 1, 7), (192, 192, 7, 1)]
    rows += [(192, 192, 3, 3)]
    for inputs in (1280, 2048):
        rows += [(inputs, 320, 1, 1), (inputs, 384, 1, 1), (inputs, 448, 1, 1), (448, 384, 3, 3)]
        rows += [(384, 384, 1, 3), (384, 384, 3, 1)] * 2 + [(inputs, 192, 1, 1)]
    return rows


def test_inception_v3_has_as_many_parameters_as_keras_model(applications):
    counted = sum(a * b * height * width + b for a, b, height, width in inception_v3())
    assert counted + conv_parameters(2048, 1000, 1) == trained_by(applications.InceptionV3(weights=None))
    assert round(counted / 1e6) == 22  # and two million in the dense layer


def test_lenet_and_alexnet_have_what_torch_counts(part):
    assert learnt(part.lenet) == 61_706
    assert part.lenet(torch.zeros(2, 1, 32, 32)).shape == (2, 10)
    nn = torch.nn
    with torch.device("meta"):  # shapes without numbers
        alexnet = nn.Sequential(
            nn.Conv2d(3, 96, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(),
            nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
            nn.Linear(256 * 6 * 6, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 1000),
        )  # fmt: skip
        assert alexnet(torch.zeros(1, 3, 224, 224)).shape == (1, 1000)
    assert learnt(alexnet) == 60_965_224


@pytest.mark.parametrize("separable", [True, False])
def test_multiplications_are_those_of_the_layers_as_torch_runs_them(part, separable):
    counted = 0
    with torch.device("meta"):
        x = torch.zeros(1, 3, 97, 97)
        for inputs, outputs, kernel, stride, groups in part.mobilenet(separable):
            conv = torch.nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
            x = conv(x)
            counted += x[0, 0].numel() * conv.weight.numel()
    assert multiplications(97, part.mobilenet(separable)) == counted


@pytest.mark.parametrize("repeats", [(3, 4, 6), (3, 4, 6, 3, 1), (3, 0, 6, 3)])
def test_a_resnet_without_four_stages_is_refused(repeats):
    with pytest.raises(ValueError, match="four numbers of blocks"):
        resnet(repeats)


@pytest.mark.parametrize("factors", [{"width": 0}, {"depth": -1}, {"width": float("nan")}])
def test_an_efficientnet_of_no_width_or_depth_is_refused(factors):
    (value,) = factors.values()
    with pytest.raises(ValueError, match=f"={value}.*above 0"):
        efficientnet(**factors)


# ---------------------------------------------------------------- blocks


def test_batch_normalisation_is_what_the_text_says(part):
    torch.manual_seed(0)
    conv, norm = part.conv_norm(3, 5, 3)
    norm.weight.data, norm.bias.data = torch.rand(5) + 0.5, torch.rand(5)
    z = conv(torch.rand(4, 3, 6, 6))
    mean, variance = z.mean(dim=(0, 2, 3), keepdim=True), z.var(dim=(0, 2, 3), unbiased=False, keepdim=True)
    gamma, beta = norm.weight[:, None, None], norm.bias[:, None, None]
    torch.testing.assert_close(norm(z), (z - mean) / (variance + 1e-5).sqrt() * gamma + beta)


def test_a_bias_before_a_normalisation_has_no_slope(part):
    torch.manual_seed(0)
    conv, norm = torch.nn.Conv2d(3, 8, 3).double(), torch.nn.BatchNorm2d(8).double()
    norm(conv(torch.rand(4, 3, 9, 9).double())).pow(3).sum().backward()
    assert conv.bias.grad.abs().max() < 1e-9 < conv.weight.grad.abs().max()


def test_silent_blocks_that_add_are_the_tower_without_blocks(part):
    torch.manual_seed(0)
    deep, shallow = part.Tower(16, added=True), part.Tower(0, added=True)
    shallow.load_state_dict(deep.state_dict(), strict=False)
    for f in deep.blocks:
        torch.nn.init.zeros_(f[2][1].weight)
    torch.testing.assert_close(deep(part.X[:8]), shallow(part.X[:8]))
    assert len([m for m in deep.modules() if isinstance(m, torch.nn.Conv2d)]) == 33


def test_the_two_towers_start_with_the_same_weights(part):
    states = []
    for added in (False, True):
        torch.manual_seed(0)
        states.append(part.Tower(3, added).state_dict())
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


@pytest.mark.parametrize("added", [False, True])
def test_the_slopes_of_a_tower_are_those_measured(part, added):
    torch.manual_seed(0)
    tower = part.Tower(2, added, width=3).double()
    x, y = np.random.default_rng(0).normal(size=(5, 1, 6, 6)), torch.arange(5)

    def loss(pictures):
        return F.cross_entropy(tower(torch.as_tensor(pictures)), y)

    leaf = torch.tensor(x, requires_grad=True)
    loss(leaf).backward()
    check_grad("tower", lambda pictures: loss(pictures).detach(), x, grads=leaf.grad.numpy())


def test_the_sum_hands_the_slope_on_unchanged(part):
    torch.manual_seed(0)
    f = part.Tower(1, True).double().blocks[0]
    x, g = torch.rand(4, part.WIDTH, 5, 5).double().requires_grad_(), torch.rand(4, part.WIDTH, 5, 5).double()
    (through_block,), (through_f,) = torch.autograd.grad(x + f(x), x, g), torch.autograd.grad(f(x), x, g)
    torch.testing.assert_close(through_block, g + through_f)


def test_the_towers_block_is_the_basic_block_of_transformers_resnet(part):
    resnets = pytest.importorskip("transformers.models.resnet.modeling_resnet")
    torch.manual_seed(0)
    f, theirs = part.Tower(1, True).blocks[0], resnets.ResNetBasicLayer(part.WIDTH, part.WIDTH)
    for mine, layer in zip((f[0], f[2]), theirs.layer, strict=True):
        layer.convolution.load_state_dict(mine[0].state_dict())
        layer.normalization.load_state_dict(mine[1].state_dict())
    x = torch.randn(3, part.WIDTH, 7, 7)
    torch.testing.assert_close((x + f(x)).relu(), theirs(x), rtol=1e-6, atol=1e-6)


def test_depthwise_then_pointwise_is_keras_separable_convolution():
    keras = pytest.importorskip("helpers").load_keras()
    torch.manual_seed(0)
    depthwise = torch.nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False)
    pointwise = torch.nn.Conv2d(4, 6, 1, bias=False)
    theirs = keras.layers.SeparableConv2D(6, 3, padding="same", use_bias=False)
    theirs.build((None, 7, 7, 4))
    weights = depthwise.weight.permute(2, 3, 0, 1), pointwise.weight.permute(2, 3, 1, 0)
    theirs.set_weights([weight.detach().numpy() for weight in weights])
    x = torch.randn(2, 4, 7, 7)
    mine = pointwise(depthwise(x)).permute(0, 2, 3, 1).detach().numpy()
    np.testing.assert_allclose(mine, theirs(x.permute(0, 2, 3, 1).numpy()).numpy(), rtol=1e-5, atol=1e-6)
    alone = [F.conv2d(x[:, c : c + 1], depthwise.weight[c : c + 1], padding=1) for c in range(4)]
    torch.testing.assert_close(depthwise(x), torch.cat(alone, dim=1))


def test_the_block_of_efficientnet_is_keras_block(part):
    keras = pytest.importorskip("helpers").load_keras()
    from keras.src.applications.efficientnet import block

    torch.manual_seed(0)
    normed = part.widen, part.look, part.narrow
    for _, norm in normed:  # running averages that are not 0 and 1; Keras's small number in the root
        norm.eval().eps = 1e-3
        norm.running_mean, norm.running_var = (
            torch.randn(len(norm.weight)),
            torch.rand(len(norm.weight)) + 0.5,
        )
        norm.weight.data = torch.rand(len(norm.weight)) + 0.5
    inputs = keras.Input((8, 8, 24))
    made = block(
        inputs, filters_in=24, filters_out=24, kernel_size=3, strides=1, expand_ratio=6, se_ratio=0.25
    )
    theirs = keras.Model(inputs, made)
    weights = []
    for conv, norm in (part.widen, part.look):
        order = (2, 3, 1, 0) if conv.groups == 1 else (2, 3, 0, 1)
        weights += [conv.weight.permute(order), norm.weight, norm.bias, norm.running_mean, norm.running_var]
    for conv in (part.down, part.up):
        weights += [conv.weight.permute(2, 3, 1, 0), conv.bias]
    conv, norm = part.narrow
    weights += [conv.weight.permute(2, 3, 1, 0), norm.weight, norm.bias, norm.running_mean, norm.running_var]
    theirs.set_weights([weight.detach().numpy() for weight in weights])
    x = torch.randn(2, 24, 8, 8)
    mine = part.block(x).permute(0, 2, 3, 1).detach().numpy()
    np.testing.assert_allclose(mine, theirs(x.permute(0, 2, 3, 1).numpy()).numpy(), rtol=1e-4, atol=1e-4)


def test_the_branches_of_inception_keep_the_side_and_other_sides_cannot_be_concatenated(part):
    x = torch.rand(1, 192, 9, 9)
    shapes = [tuple(branch(x).shape[1:]) for branch in part.branches]
    assert shapes == [(64, 9, 9), (128, 9, 9), (32, 9, 9), (32, 9, 9)]
    with pytest.raises(RuntimeError, match="Sizes of tensors must match"):
        torch.cat([x, torch.nn.Conv2d(192, 8, 3)(x)], dim=1)


# ---------------------------------------------------------------- what was measured


@pytest.mark.parametrize("seed", [3, 4])
def test_the_slopes_of_a_deep_plain_tower_do_not_vanish(part, seed):
    plain, added = part.slopes(False, seed), part.slopes(True, seed)
    assert plain[0] > 15 * plain[-1]
    assert 1 < added[0] / added[-1] < 15


def test_degradation_is_there_from_another_start_too(part, one_thread):
    plain_2, plain_16, added_16 = (
        np.mean(part.losses(a, b, 7)[-10:]) for a, b in ((False, 2), (False, 16), (True, 16))
    )
    assert plain_16 > plain_2 + 0.3
    assert added_16 < plain_16 - 0.3


def test_the_plans_cost_about_four_times_as_much(part):
    def cost(blocks, width, side):
        return multiplications(side, [(1, width, 3, 1, 1)] + [(width, width, 3, 1, 1)] * 2 * blocks)

    small = cost(*part.PLANS["small"])
    for name, plan in part.PLANS.items():
        assert name == "small" or 3.4 < cost(*plan) / small < 4.1, name
    assert pytest.approx(1.92, abs=0.005) == 1.2 * 1.1**2 * 1.15**2
