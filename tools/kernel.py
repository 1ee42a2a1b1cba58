"""What the notebook runner and the pytest plug-in share: kernel environment and memory."""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from nbclient.output_widget import OutputWidget

MEGABYTE = 1_000_000
ONE_THREAD = {  # two notebooks share two cores, and sums are added in the same order everywhere
    name: "1"
    for name in (
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    )
}
OTHER_PROCESSOR = {  # an x86 of 2013, whose sums are rounded in another order: no AVX-512
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512_SKX",
}


def kernel_environment(ipython_folder: str | Path, profile: str = "quick") -> dict[str, str]:
    """The environment variables of a kernel whose outputs are to be the same everywhere.

    In the quick profile NumPy, torch and TensorFlow have one thread; the full one takes what there is.
    `ipython_folder` is an empty one: nobody's start-up files are read, nobody's history is written.
    """
    environment = os.environ.copy()
    environment.update(COURSE_PROFILE=profile, CI="true", PYTHONHASHSEED="0", IPYTHONDIR=str(ipython_folder))
    if profile == "quick":
        environment.update(ONE_THREAD)
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # see the Makefile
    for name in (
        "COURSE_GRADING",  # blank exercises print `todo` here
        "MPLBACKEND",  # the kernel's own default is inline pictures
        "PYTEST_CURRENT_TEST",  # under it ipykernel stops watching what C libraries write to stderr
    ):
        environment.pop(name, None)
    return environment


def stop_echo_of_widget_outputs() -> None:
    """Keep nbclient from sending what a widget printed back to the kernel.

    Nobody reads it there, and a message sent on a socket that another task waits on can swallow the signal
    that the cell is done: the run then stands still until the cell's time is up (nbclient issue 312).
    """
    OutputWidget.sync_state = lambda self: None


@contextmanager
def changed_environment(environment: dict[str, str]) -> Iterator[None]:
    """For the length of the block `os.environ` is exactly `environment`."""
    before = os.environ.copy()
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class PeakMemory:
    """The most memory (resident, MB = 10⁶ bytes) that a process and all its children held together.

    A thread adds up the tree every `interval` seconds; where Linux keeps the process's own high-water mark
    (VmHWM) that is read too, so that a peak between two samples is not missed. Pages shared between
    the processes of a tree are counted once for each.
    """

    def __init__(self, pid: int, interval: float = 0.1) -> None:
        self._process = psutil.Process(pid)
        self._interval = interval
        self._peak = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample_until_stopped, daemon=True)
        self._thread.start()

    @property
    def megabytes(self) -> float:
        """The most until now."""
        self._sample()
        return self._peak / MEGABYTE

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()

    def _sample_until_stopped(self) -> None:
        while not self._stop.wait(self._interval):
            self._sample()

    def _sample(self) -> None:
        try:
            tree = [self._process, *self._process.children(recursive=True)]
        except psutil.Error:
            return
        total = 0
        for process in tree:
            try:
                total += process.memory_info().rss
            except psutil.Error:  # it ended between the listing and the question
                continue
        self._peak = max(self._peak, total, _high_water_mark(self._process.pid))


def processor_seconds(pid: int) -> float:
    """What a process and its children, ended ones too, have had of the processor; waiting does not count."""
    seconds = 0.0
    try:
        process = psutil.Process(pid)
        for one in [process, *process.children(recursive=True)]:
            times = one.cpu_times()
            seconds += times.user + times.system
            seconds += getattr(times, "children_user", 0) + getattr(times, "children_system", 0)
    except psutil.Error:  # one ended between the listing and the question
        pass
    return seconds


def _high_water_mark(pid: int) -> int:
    """VmHWM of one process in bytes; 0 where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found.group(1)) * 1024 if found else 0
