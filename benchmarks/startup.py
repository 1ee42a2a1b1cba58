"""Seconds that importing the helpers adds to what a notebook imports anyway.

    python benchmarks/startup.py [rounds]      writes benchmarks/startup.md

Every import runs in a Python of its own; the time is taken inside it, so starting Python does not count.
"""

import statistics
import subprocess
import sys

from common import table, where, write

IMPORTS = {
    "import torch": "import torch",
    "import torch, helpers": "import torch, helpers",
    "import torch, then fit, evaluate, batches, load_data": (
        "import torch; from helpers import fit, evaluate, batches, load_data"
    ),
    "import numpy, then check_close, profile": "import numpy; from helpers import check_close, profile",
    "import numpy": "import numpy",
    "import torch, matplotlib.pyplot": "import torch, matplotlib.pyplot",
    "import torch, matplotlib.pyplot, then show_images": (
        "import torch, matplotlib.pyplot; from helpers import show_images"
    ),
    "import keras (TensorFlow)": "import keras",
    "load_keras()": "from helpers import load_keras; load_keras()",
}


def seconds_of(statement: str) -> float:
    code = f"import time\nstart = time.perf_counter()\n{statement}\nprint(time.perf_counter() - start)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def main(rounds=9):
    seconds = {name: [] for name in IMPORTS}
    for number in range(-1, rounds):
        for name, statement in IMPORTS.items():
            taken = seconds_of(statement)
            if number >= 0:
                seconds[name].append(taken)
        print(f"round {number + 1} of {rounds}", flush=True)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    extra = [
        ("import helpers", "import torch, helpers", "import torch"),
        (
            "from helpers import fit, evaluate, batches, load_data",
            "import torch, then fit, evaluate, batches, load_data",
            "import torch",
        ),
        ("check_close, profile (no torch)", "import numpy, then check_close, profile", "import numpy"),
        (
            "show_images",
            "import torch, matplotlib.pyplot, then show_images",
            "import torch, matplotlib.pyplot",
        ),
    ]
    lines = ["# Start-up", "", where("torch", "numpy", "matplotlib", "keras", "tensorflow")]
    lines += [
        f"Interleaved rounds: {rounds}, after one that warms up. Command: `python benchmarks/startup.py`."
    ]
    lines += ["", "| on top of what is imported anyway | s |", "|---|---:|"]
    lines += [f"| {name} | {medians[whole] - medians[part]:.3f} |" for name, whole, part in extra]
    lines += ["", "Ratio: to `import torch`.", "", *table(seconds, "import torch")]
    write("startup.md", lines)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
