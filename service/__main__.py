"""Start the service: ``python -m service [--models build/models] [--port 8501] [--workers 1]``."""

import argparse
import os
import sys

import uvicorn

from service.limits import Limits, cores
from service.models import load_models
from service.protocol import TimelyProtocol

CONNECTIONS = 1000
GRACEFUL_SECONDS = 60  # to answer what was accepted, when told to stop


def count(text: str) -> int:
    """A whole number of 1 or more; argparse.ArgumentTypeError for another."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not 1 or more")
    return number


def port(text: str) -> int:
    """A number of a port, 0 … 65535; argparse.ArgumentTypeError for another."""
    number = int(text)
    if not 0 <= number <= 65_535:
        raise argparse.ArgumentTypeError(f"{number} is no port: 0 to 65535 are")
    return number


def main() -> None:
    """Read the command line, look at the models, serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m service", description=__doc__)
    parser.add_argument(
        "--models", help="folder with resnet/<version>/model.onnx (COURSE_MODELS, build/models)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 serves the network too (127.0.0.1)")
    parser.add_argument(
        "--port", type=port, default=8501, help="8501, as TensorFlow Serving's; 0: any free one"
    )
    parser.add_argument("--workers", type=count, default=1, help="processes behind the port (1)")
    parser.add_argument(
        "--runs", type=count, default=cores(), help="of the model at once, sharing the cores (one a core)"
    )
    parser.add_argument("--max-batch", type=count, default=Limits.max_batch, help="1: no batching (64)")
    options = parser.parse_args()
    if options.models:
        os.environ["COURSE_MODELS"] = options.models
    os.environ["COURSE_MAX_BATCH"], os.environ["COURSE_RUNS"] = str(options.max_batch), str(options.runs)
    try:
        load_models()
    except (OSError, ValueError) as error:
        sys.exit(f"service: {error}")
    uvicorn.run(
        "service.app:from_environment",
        factory=True,
        host=options.host,
        port=options.port,
        workers=options.workers,
        http=TimelyProtocol,
        loop="asyncio",  # whatever else is installed: what was measured is what starts
        ws="none",
        access_log=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )


if __name__ == "__main__":
    main()
