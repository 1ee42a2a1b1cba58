"""What several rooms' tests use: a browser."""

import os
import shutil
import sys

import pytest


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium. CI on Linux must have it; elsewhere the test skips without one."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        assert not (os.environ.get("CI") and sys.platform == "linux"), "CI must have chromium: see .ci/run"
        pytest.skip("needs chromium on the PATH (Debian: apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()
