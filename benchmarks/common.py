"""What the benchmarks share: interleaved rounds, medians, and a Markdown table that says where it ran."""

import datetime
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent


def interleaved(
    contestants: dict[str, Callable[[], Callable[[], None]]], rounds: int
) -> dict[str, list[float]]:
    """Seconds of every contestant in every round.

    A contestant is a function that prepares (untimed) and returns the function to be timed. Each round runs
    all of them once, in an order that is turned by one place from round to round; one round before the
    first warms up and does not count.
    """
    seconds = {name: [] for name in contestants}
    names = list(contestants)
    for number in range(-1, rounds):
        turned = names[number % len(names) :] + names[: number % len(names)]
        for name in turned:
            work = contestants[name]()
            started = time.perf_counter()
            work()
            taken = time.perf_counter() - started
            if number >= 0:
                seconds[name].append(taken)
        print(f"round {number + 1} of {rounds}", flush=True)
    return seconds


def neighbours(
    contestants: dict[str, Callable[[], Callable[[], None]]], name: str, unit: str, pairs: int
) -> str:
    """One sentence on name / unit, run one right after the other so many times, each first in half of them.

    Prepared once and warmed up; ratios of wall-clock time and of this process's processor time.
    """
    works = {one: contestants[one]() for one in (name, unit)}
    for work in works.values():
        work()
    walls, processors = [], []
    for number in range(pairs):
        taken = {}
        for one in sorted(works, reverse=bool(number % 2)):
            started, begun = time.perf_counter(), time.process_time()
            works[one]()
            taken[one] = time.perf_counter() - started, time.process_time() - begun
        walls.append(taken[name][0] / taken[unit][0])
        processors.append(taken[name][1] / taken[unit][1])
    low, middle, high = statistics.quantiles(walls, n=4)
    return (
        f"One right after the other, {pairs} pairs, `{name}` / {unit}: median {middle:.3f}, half of them "
        f"between {low:.3f} and {high:.3f}; of processor time {statistics.median(processors):.3f}."
    )


def ratio_of_medians(seconds: dict[str, list[float]], name: str, unit: str) -> float:
    return statistics.median(seconds[name]) / statistics.median(seconds[unit])


def median_of_pairs(seconds: dict[str, list[float]], name: str, unit: str) -> float:
    """Median over the rounds of name / unit: both ran in the same round, so a busy machine hit both."""
    return statistics.median(a / b for a, b in zip(seconds[name], seconds[unit], strict=True))


def table(seconds: dict[str, list[float]], unit: str) -> list[str]:
    """Markdown rows: contestant, median, fastest, slowest, ratio of its median to that of ``unit``."""
    rows = ["| | median s | min | max | ratio |", "|---|---:|---:|---:|---:|"]
    for name in sorted(seconds, key=lambda name: statistics.median(seconds[name])):
        times = seconds[name]
        rows.append(
            f"| {name} | {statistics.median(times):.3f} | {min(times):.3f} | {max(times):.3f} "
            f"| {ratio_of_medians(seconds, name, unit):.2f} |"
        )
    return rows


def where(*packages: str) -> str:
    """One sentence: date, machine, versions."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        models = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        processor = models[0].partition(":")[2].strip() if models else processor
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    waiting = os.environ.get("OMP_WAIT_POLICY", "default")
    return (
        f"Measured {datetime.date.today()} on {os.cpu_count()} cores ({processor}), {platform.system()}, "
        f"Python {platform.python_version()}, {versions}, OMP_WAIT_POLICY {waiting}."
    )


def write(name: str, lines: list[str]) -> None:
    text = "\n".join(lines) + "\n"
    (HERE / name).write_text(text, encoding="utf-8")
    print(text)
