"""`python -m service`: starts quickly, stops without a loss, and says in one line why it cannot start."""

import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest

from service.protocol import TimelyProtocol
from tests.service.serving import MODEL, ROOT, ask, hand_made, start_command, until


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGTERM")
def test_the_command_starts_quickly_and_loses_nothing_when_it_is_told_to_stop(models, question):
    process, url = start_command("--models", str(models))
    spent = sum(psutil.Process(process.pid).cpu_times()[:2])
    with process:
        lost, answered, stopping = [], [], threading.Event()

        def keep_asking():
            with httpx.Client(trust_env=False, timeout=60) as client:
                while True:
                    try:
                        code = client.post(f"{url}{MODEL}:predict", content=question).status_code
                        (answered if code == 200 else lost).append(code)
                    except httpx.ConnectError:
                        return  # it does not listen any more: this one was not accepted
                    except httpx.RemoteProtocolError as error:
                        # closed between two requests: fine once it is stopping, and never in an answer
                        if not stopping.is_set() or "without sending a response" not in str(error):
                            lost.append(error)
                        return
                    except httpx.TransportError as error:
                        if not stopping.is_set():
                            lost.append(error)
                        return

        threads = [threading.Thread(target=keep_asking) for _ in range(6)]
        for thread in threads:
            thread.start()
        until(lambda: len(answered) > 30)
        stopping.set()
        process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join()
        process.communicate(timeout=30)
    assert lost == []
    assert spent <= 2.5  # seconds of the processor, so that it does not matter how busy the machine is
    assert process.returncode in (0, -signal.SIGTERM)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGTERM")
def test_two_workers_share_one_port(models, question):
    process, url = start_command("--models", str(models), "--workers", "2")
    with process:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: ask(url, question), range(40)))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text[:40] for answer in answers}) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_workers_do_not_outlive_a_killed_parent_nor_hold_its_port(models):
    process, url = start_command("--models", str(models), "--workers", "2")
    with process:
        parent = psutil.Process(process.pid)
        until(lambda: len(_workers(parent)) == 2)
        workers = _workers(parent)
        process.kill()
        process.wait()
        try:
            _, alive = psutil.wait_procs(workers, timeout=30)
            assert alive == []
        finally:
            for worker in workers:
                if worker.is_running():
                    worker.kill()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", int(url.rpartition(":")[2])))  # nobody has it


def _workers(parent):
    return [child for child in parent.children() if "spawn_main" in " ".join(child.cmdline())]


def run_command(*arguments, **environment):
    command = [sys.executable, "-m", "service", *map(str, arguments)]
    env = {**os.environ, **environment}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)


def one_line(done):
    """The only line that a command said, of one that ended with an error."""
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_without_a_model_the_command_says_in_one_line_what_to_do(tmp_path):
    assert "python -m service.make_model" in one_line(run_command("--models", tmp_path))


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("labels.json", '{"stable": [1]}', ["labels.json", "'stable'", "[1]"]),
        ("1/metadata.json", '{"input": NaN}', ["metadata.json", "nan"]),
        ("1/metadata.json", "[]", ["metadata.json", "do not fit together"]),
        ("1/model.onnx", "no model", ["model.onnx"]),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line(tmp_path, file, text, words):
    hand_made(tmp_path)
    (tmp_path / "resnet" / file).write_text(text)
    line = one_line(run_command("--models", tmp_path))
    for word in words:
        assert word in line


def test_help_is_printed_and_nothing_else_is_done(tmp_path):
    done = run_command("--help", COURSE_MODELS=str(tmp_path / "nowhere"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: python -m service ")
    for option in ("--models", "--host", "--port", "--workers", "--runs", "--max-batch"):
        assert option in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "option",
    [("--port", "99999"), ("--port", "-1"), ("--workers", "0"), ("--runs", "x"), ("--max-batch", "0")],
)
def test_an_option_out_of_range_is_refused_by_name(tmp_path, option):
    done = run_command(*option, COURSE_MODELS=str(tmp_path))
    assert done.returncode == 2
    assert f"argument {option[0]}: " in done.stderr
    assert "Traceback" not in done.stderr


def test_the_options_reach_the_application(tmp_path, monkeypatch):
    from service import __main__

    hand_made(tmp_path)
    started = {}
    monkeypatch.setattr(__main__.uvicorn, "run", lambda app, **options: started.update(options, app=app))
    options = ["--models", str(tmp_path), "--runs", "3", "--max-batch", "5", "--port", "8600"]
    monkeypatch.setattr(sys, "argv", ["service", *options])
    for name in ("COURSE_MODELS", "COURSE_RUNS", "COURSE_MAX_BATCH"):
        monkeypatch.setenv(name, "to be replaced")
    __main__.main()
    assert started["app"] == "service.app:from_environment"
    assert (started["host"], started["port"], started["workers"]) == ("127.0.0.1", 8600, 1)
    assert started["http"] is TimelyProtocol
    assert started["limit_concurrency"] == 1000
    assert started["timeout_graceful_shutdown"] == 60
    assert (started["access_log"], started["server_header"]) == (False, False)
    from service.app import from_environment

    service = from_environment().state.service
    try:
        (batcher,) = service.batchers.values()
        assert (len(batcher._threads), batcher.max_batch) == (3, 5)
    finally:
        service.close()


def test_the_service_needs_no_torch_no_tensorflow_and_nothing_of_the_course(models):
    heavy = {"torch", "tensorflow", "keras", "matplotlib", "sklearn", "scipy", "onnx"}
    build = f"import sys, service.__main__, service.app; service.app.create_app({str(models)!r})"
    ours = "{name for name in sys.modules if name.partition('.')[0] == 'helpers'}"
    code = f"{build}; print({heavy} & set(sys.modules) or {ours})"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "set()\n", done.stderr
