"""A real browser on the real page: Debian's chromium, driven by Playwright."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[4]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
INSTALL_S = 300
VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""
EXPECTED = ("the server responded with a status of 401", "net::ERR_")
"""What Chromium says on its console of the sign-in form, and of a server that has gone."""


def missing(reason: str) -> None:
    """Leave a test out, but not where everything has to be tried."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One for the tests of a module, and no longer: while it is there, nothing else can run a loop of asyncio."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        missing("there is no chromium; on Debian: apt install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Its own sandbox needs what root and many containers lack, and the only pages that it sees are ours.
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open pages, each in a browser of its own. None of them may break its policy or have anything to complain of."""
    contexts, complaints, pages = [], [], []

    def open_one(url: str, token: str | None = None, *, may_complain: bool = False, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1360, "height": 900}, **options})
        contexts.append(context)
        context.add_init_script(VIOLATIONS)
        page = context.new_page()
        page.set_default_timeout(10_000)
        if not may_complain:
            page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"a dialog: {dialog.message}"))
        page.goto(url)
        if token is not None:
            page.fill("#token", token)
            page.click("button")
            page.wait_for_selector("#workers tbody tr")
        pages.append(page)
        return page

    yield open_one
    violations = [each for page in pages for each in page.evaluate("window.violations || []")]
    for context in contexts:
        with contextlib.suppress(Exception):
            context.close()
    assert not violations
    assert not [each for each in complaints if not any(expected in each for expected in EXPECTED)]


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, pinned."""
    done = subprocess.run(
        [str(REPOSITORY / "scripts" / "node"), str(Path(__file__).parent / "axe")],
        capture_output=True,
        text=True,
        timeout=INSTALL_S,
    )
    if done.returncode:
        missing(f"axe-core cannot be installed: {done.stderr}")
    return (Path(done.stdout.strip()) / "node_modules" / "axe-core" / "axe.min.js").read_text()
