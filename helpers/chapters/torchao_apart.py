"""torchao, in a folder of its own: among the other packages, transformers imports it with every model."""

import importlib
import sys
import warnings
from pathlib import Path
from types import ModuleType

from helpers.chapters.silence import no_warnings_logged

FOLDER = Path(sys.prefix) / "torchao"


def load_torchao(folder: Path = FOLDER) -> ModuleType:
    """The module torchao, imported without its notes about kernels that a CPU has no use for.

    Raises ModuleNotFoundError where it is not installed in the folder; `make setup` installs it there.
    """
    if not (folder / "torchao").is_dir():
        command = f'python -m pip install --no-deps --target "{folder}" -r requirements-torchao.txt'
        raise ModuleNotFoundError(f"torchao is not installed in {folder}: run `make setup`, or {command}")
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    with no_warnings_logged(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = importlib.import_module("torchao")
        importlib.import_module("torchao.quantization")
    return module
