"""For section 4.3c: small networks as ONNX files, in 32 and in 8 bits, and what answering with them takes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_dynamic, quantize_static
from torch import nn

from helpers.chapters.silence import no_warnings_logged
from helpers.files import replacing


def save_onnx(net: nn.Sequential, path: str | Path) -> Path:
    """Write a network of linear layers with a ReLU between each two as an ONNX file: x (B, D) -> z (B, C)."""
    layers = [layer for layer in net if isinstance(layer, nn.Linear)]
    if [type(layer) for layer in net] != [nn.Linear, nn.ReLU] * (len(layers) - 1) + [nn.Linear]:
        raise ValueError(f"save_onnx takes linear layers with a ReLU between each two, not {net}")
    nodes, numbers, name = [], [], "x"
    for i, layer in enumerate(layers):
        for key, array in (("W", layer.weight.detach().numpy().T), ("b", layer.bias.detach().numpy())):
            numbers.append(numpy_helper.from_array(np.ascontiguousarray(array), f"{key}{i}"))
        nodes.append(helper.make_node("MatMul", [name, f"W{i}"], [f"product{i}"]))
        name = "z" if layer is layers[-1] else f"sum{i}"
        nodes.append(helper.make_node("Add", [f"product{i}", f"b{i}"], [name]))
        if name != "z":
            nodes.append(helper.make_node("Relu", [name], [f"hidden{i}"]))
            name = f"hidden{i}"
    sizes = ("x", layers[0].in_features), ("z", layers[-1].out_features)
    ends = [helper.make_tensor_value_info(end, TensorProto.FLOAT, ["B", size]) for end, size in sizes]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], numbers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with replacing(path, sync=False) as file:
        file.write_bytes(model.SerializeToString())
    return Path(path)


def quantised(path: str | Path, to: str | Path, sample: np.ndarray | None = None) -> Path:
    """The ONNX file ``path`` with its products in 8 bits, written to ``to``.

    Without ``sample`` the range of the activations is measured at each call (dynamic); with ``sample``
    (N, D) it is that of these rows, for ever (static).
    """
    options = {"weight_type": QuantType.QInt8, "per_channel": True}
    with no_warnings_logged():  # quantising advises a step that networks of linear layers do not need
        if sample is None:
            quantize_dynamic(str(path), str(to), **options)
        else:
            quantize_static(str(path), str(to), _Rows(sample), activation_type=QuantType.QUInt8, **options)
    return Path(to)


class _Rows(CalibrationDataReader):
    """All rows of a sample, once."""

    def __init__(self, sample: np.ndarray):
        self.left = iter([{"x": np.asarray(sample, dtype=np.float32)}])

    def get_next(self) -> dict | None:
        return next(self.left, None)


def session(path: str | Path) -> onnxruntime.InferenceSession:
    """ONNX Runtime with one thread for the file: ``session(path).run(None, {"x": X})[0]`` are the logits.

    Raises ValueError for a file that is no ONNX model, for example a truncated one.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime raises classes of its own
        reason = str(error).splitlines()[0][:120]
        raise ValueError(f"{Path(path).name} is no whole ONNX model ({reason}): write it again") from error


_PROCESS = """
import re, sys
import numpy as np
import onnxruntime
def memory(name):
    return int(re.search(name + r":\\s+(\\d+) kB", open("/proc/self/status").read())[1])
path, rows, width = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
X = np.zeros((rows, width), dtype=np.float32)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
before = memory("VmHWM")
onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"]).run(None, {"x": X})
print(memory("VmHWM") - before)
"""


def peak_mb(path: str | Path, rows: int, width: int) -> float:
    """MB by which the peak memory of a process of its own grows as it loads the file and answers ``rows``.

    nan where the system has no /proc (macOS, Windows).
    """
    if not Path("/proc/self/status").exists():
        return float("nan")
    command = [sys.executable, "-c", _PROCESS, str(path), str(rows), str(width)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(re.findall(r"\d+", done.stdout)[-1]) * 1024 / 1e6
