"""Takes the pictures of the status page that the README shows.

    python -m tests.transports.http.page.shoot URL TOKEN_FILE

The server at URL should have served clients for fifteen minutes, or the charts are empty.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import ViewportSize, sync_playwright

IMAGES = Path(__file__).parents[4] / "docs" / "images"
SIZE: ViewportSize = {"width": 1360, "height": 1040}


def shoot(url: str, token: str) -> None:
    """Write one picture for each scheme of colours."""
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            page = browser.new_page(color_scheme=scheme, viewport=SIZE, device_scale_factor=1.5)
            page.goto(url)
            page.fill("#token", token)
            page.click("button")
            page.wait_for_selector("#rate svg path.line", state="attached")
            page.wait_for_selector('#workers .pill[data-tone="busy"]')
            page.wait_for_selector(".fresh", state="detached")
            page.screenshot(path=IMAGES / f"status-{scheme}.png")
            page.close()
        browser.close()


if __name__ == "__main__":
    shoot(sys.argv[1], Path(sys.argv[2]).read_text().strip())
