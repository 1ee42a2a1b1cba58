"""For section 8.2: the residual network of chapter 8 a second time in Keras, and as a SavedModel."""

import importlib
from pathlib import Path
from typing import Any

import torch
from torch import nn

from helpers.chapters.resnet import ResNet
from helpers.device import load_keras


def keras_resnet(net: ResNet, same: bool = False) -> Any:
    """A ResNet of basic blocks in Keras: pictures (N, 28, 28, C), normalised -> logits (N, classes).

    It gets the weights of ``net``. Torch pads a side at both ends; where the stride is 2 and the side even,
    Keras' padding="same" pads it on the right only. ``same`` does so, which gives other numbers. Raises
    ValueError for a network with bottlenecks.
    """
    keras = load_keras()
    layers = keras.layers
    if any(len(block.parts) != 2 for stage in net.stages for block in stage):
        raise ValueError("a network with bottlenecks: only basic blocks, of two convolutions, are built here")

    def conv_norm(x: Any, pair: nn.Sequential) -> Any:
        conv, norm = pair
        side, stride = conv.kernel_size[0], conv.stride[0]
        if side > 1 and not same:
            x = layers.ZeroPadding2D(side // 2)(x)
        kernel = layers.Conv2D(conv.out_channels, side, stride, "same" if same else "valid", use_bias=False)
        scale = layers.BatchNormalization(epsilon=norm.eps)
        x = scale(kernel(x))
        kernel.set_weights(_numbers(conv.weight.permute(2, 3, 1, 0)))  # (O, I, h, w) -> (h, w, I, O)
        scale.set_weights(_numbers(norm.weight, norm.bias, norm.running_mean, norm.running_var))
        return x

    first = net.stem[0][0]
    pictures = keras.Input((28, 28, first.in_channels), name="pictures")
    x = layers.ReLU()(conv_norm(pictures, net.stem[0]))
    for block in (block for stage in net.stages for block in stage):
        out = layers.ReLU()(conv_norm(x, block.parts[0]))
        out = conv_norm(out, block.parts[1])
        if not isinstance(block.shortcut, nn.Identity):
            x = conv_norm(x, block.shortcut)
        x = layers.ReLU()(layers.Add()([out, x]))
    head = layers.Dense(net.head.out_features, name="logits")
    model = keras.Model(pictures, head(layers.GlobalAveragePooling2D()(x)))
    head.set_weights(_numbers(net.head.weight.T, net.head.bias))
    return model


def _numbers(*tensors: torch.Tensor) -> list:
    return [tensor.detach().cpu().numpy() for tensor in tensors]


def write_saved_model(model: Any, folder: str | Path, mean: float, std: float) -> Any:
    """Write a Keras model of grey pictures as a SavedModel that takes files -> its signature, read back.

    ``serving_default`` takes "pictures" (N,), the bytes of PNG files of 28 × 28, and gives "probabilities"
    (N, classes): decoding and normalising are part of the graph.
    """
    keras = load_keras()
    tf = importlib.import_module("tensorflow")  # after load_keras, which silences it

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="pictures")])
    def from_files(pictures: Any) -> dict[str, Any]:
        size = tf.TensorSpec([28, 28, 1], tf.uint8)
        pixels = tf.map_fn(
            lambda file: tf.io.decode_png(file, channels=1), pictures, fn_output_signature=size
        )
        inputs = (tf.cast(pixels, tf.float32) / 255 - mean) / std
        return {"probabilities": tf.nn.softmax(model(inputs, training=False))}

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serving_default", from_files)
    level = tf.get_logger().level
    tf.get_logger().setLevel("ERROR")  # it would say where it writes
    try:
        archive.write_out(str(folder), verbose=False)
    finally:
        tf.get_logger().setLevel(level)
    return tf.saved_model.load(str(folder)).signatures["serving_default"]
