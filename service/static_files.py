"""What is answered as it lies there: the files of the page, and the description at /openapi.json."""

from pathlib import Path

from starlette.responses import Response

HERE = Path(__file__).parent
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def static_files(body_bytes: int) -> dict[str, Response]:
    """{path: answer}. ``body_bytes`` is the limit that the description names."""
    files = {"/" + file.name: file for file in (HERE / "page").iterdir() if file.suffix in KINDS}
    files["/"] = files.pop("/index.html")
    headers = {"cache-control": "no-cache"}
    answers = {
        path: Response(file.read_bytes(), media_type=KINDS[file.suffix], headers=headers)
        for path, file in files.items()
    }
    described = (HERE / "openapi.json").read_text(encoding="utf-8").replace("{body_bytes}", f"{body_bytes:,}")
    return {**answers, "/openapi.json": Response(described, media_type="application/json")}
