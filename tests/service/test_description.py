"""What is written about the service is what it does: the limits in README.md, and /openapi.json."""

import json
import re

import httpx

from service import contract, pictures
from service.__main__ import CONNECTIONS
from service.app import create_app
from service.limits import Limits
from service.protocol import TimelyProtocol
from service.static_files import static_files
from tests.service.serving import ROOT, hand_made, run_service

LIMITS = Limits()


def limits_of_the_readme():
    """{what: [every number of its row]} of the table under "Limits"."""
    text = (ROOT / "service" / "README.md").read_text(encoding="utf-8")
    table = text.partition("## Limits")[2].partition("## ")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| ")][1:]
    return {
        what.strip(): [int(n.replace(",", "")) for n in re.findall(r"[\d,]+\d|\d", cell)]
        for what, cell in rows
    }


def test_the_limits_in_the_readme_are_those_of_the_code():
    million = 1_000_000
    assert limits_of_the_readme() == {
        "body": [LIMITS.body_bytes / million, LIMITS.held_bytes / million],
        "pictures in a request": [
            contract.MAX_INSTANCES,
            contract.MAX_PIXELS_OF_ALL / million,
            pictures.MAX_PIXELS / million,
        ],
        "time for headers, for a body": [TimelyProtocol.header_seconds, LIMITS.body_seconds],
        "pictures that wait for the model": [LIMITS.waiting_pictures, LIMITS.wait_seconds],
        "requests with large pictures in work": [LIMITS.waiting_large],
        "connections": [CONNECTIONS],
    }


def test_the_readme_names_the_largest_batch():
    text = (ROOT / "service" / "README.md").read_text(encoding="utf-8")
    assert f"`--max-batch` at most ({LIMITS.max_batch};" in text


def test_openapi_has_every_route_with_its_methods_and_its_numbers(tmp_path):
    hand_made(tmp_path)
    app = create_app(tmp_path, Limits(body_bytes=1_234_567))
    app.state.service.close()
    routes = {route.path_format: route.methods - {"HEAD"} for route in app.app.app.routes}
    for file in ("/page.css", "/page.js", "/icon.svg", "/openapi.json"):  # parts of the page, and itself
        routes.pop(file)
    with run_service(tmp_path, Limits(body_bytes=1_234_567)) as running:
        document = httpx.get(running.url + "/openapi.json", trust_env=False).json()
    described = {
        path: {method.upper() for method in methods} - {"PARAMETERS"}
        for path, methods in document["paths"].items()
    }
    assert described == routes
    assert "at most 1,234,567 bytes" in document["info"]["description"]
    assert document["components"]["schemas"]["Pictures"]["maxItems"] == contract.MAX_INSTANCES
    assert "{body_bytes}" not in json.dumps(document)


def test_each_file_of_the_page_says_what_it_is_and_is_asked_for_again():
    answers = static_files(LIMITS.body_bytes)
    kinds = {path: answer.headers["content-type"].partition(";")[0] for path, answer in answers.items()}
    assert kinds == {
        "/": "text/html",
        "/page.css": "text/css",
        "/page.js": "text/javascript",
        "/icon.svg": "image/svg+xml",
        "/openapi.json": "application/json",
    }
    assert {
        answer.headers.get("cache-control") for path, answer in answers.items() if path != "/openapi.json"
    } == {
        "no-cache"  # else a browser shows the page of an older version
    }
