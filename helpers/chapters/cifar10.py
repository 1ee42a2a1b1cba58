"""CIFAR-10, of which the official archive holds pickles: they are read as data, and no code runs."""

import gzip
import pickle
import tarfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

ROWS = 10_000  # in each of its files: five of them for training, one for testing


class ArraysOnly(pickle.Unpickler):
    """Reads a pickle of plain values and NumPy arrays; any other name is refused, so that no code runs."""

    def find_class(self, module: str, name: str) -> Any:
        """What stands for a name in the pickle. Raises UnpicklingError for one that arrays do not need."""
        allowed = {"_reconstruct": np.empty(0).__reduce__()[0], "ndarray": np.ndarray, "dtype": np.dtype}
        if name not in allowed:  # whatever module it is said to be of, NumPy's own is what comes
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, and arrays do not need that")
        return allowed[name]


def read_cifar(path: Path, prefix: str) -> tuple[np.ndarray, np.ndarray]:
    """Pictures uint8 (N, 3, 32, 32) and labels (N,) of "data_batch" or "test_batch", unpacked in memory.

    ValueError unless the archive has the official layout: files of ROWS rows each.
    """
    numbered = [f"_{number}" for number in range(1, 6)] if prefix == "data_batch" else [""]
    images, labels = [], []
    try:
        with tarfile.open(path, "r:gz") as archive:
            for end in numbered:
                member = archive.getmember(f"cifar-10-batches-py/{prefix}{end}")
                if not member.isfile() or member.size > 4_000 * ROWS:
                    raise ValueError(f"{member.name} is no file, or one of {member.size:,} bytes")
                batch = ArraysOnly(archive.extractfile(member), encoding="bytes").load()
                pixels, answers = batch[b"data"], np.asarray(batch[b"labels"])
                if pixels.shape != (ROWS, 3_072) or pixels.dtype != np.uint8:
                    raise ValueError(f"{member.name}: pixels are {pixels.shape} {pixels.dtype}")
                if answers.shape != (ROWS,) or not np.isin(answers, np.arange(10)).all():
                    raise ValueError(f"{member.name}: not {ROWS} labels from 0 to 9")
                images.append(pixels.reshape(-1, 3, 32, 32))
                labels.append(answers)
    except (tarfile.TarError, pickle.UnpicklingError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is not the archive of CIFAR-10: {error}") from error
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"{path} is not laid out as CIFAR-10 for Python: {error}") from error
    return np.concatenate(images), np.concatenate(labels)
