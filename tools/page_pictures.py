"""Takes the pictures of docs/live-page.md: a demo, a visitor of its shop, and a real Chromium.

    python -m tools.page_pictures

Needs Debian's `chromium`, and fonts that have Chinese, Japanese and emoji (`fonts-noto-cjk`,
`fonts-noto-color-emoji`): the sample's page titles are in many scripts. `pngquant` makes the files
small, where it is installed.
"""

import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Page, sync_playwright

IMAGES = Path(__file__).parent.parent / "docs" / "images"

#: How long the demo may take to its start, and how long it streams.
_START_S, _SAMPLE_S = 60, 10


@contextmanager
def demo() -> Iterator[tuple[str, str]]:
    """A demo that stays: the addresses of the live page and of the shop."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "profiler", "demo", "--keep"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield _addresses(Path(f"/proc/self/fd/{output.fileno()}"))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)


def _addresses(output: Path) -> tuple[str, str]:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        found = re.findall(r"^  (http://\S+)$", output.read_text(), re.MULTILINE)
        if len(found) > 1:
            return found[0], found[1]
        time.sleep(0.1)
    sys.exit(f"the demo did not start:\n{output.read_text()}")


def visit(shop: Page, address: str) -> str:
    """Go through the shop as one who came by an advertisement; returns the visitor's id."""
    shop.goto(f"{address}?utm_source=google&utm_medium=cpc&utm_campaign=tents")
    shop.get_by_role("link", name="See the Aurora tent").click()
    shop.get_by_role("link", name="To the checkout").click()
    shop.get_by_role("button", name="Order now").click()
    shop.get_by_role("button", name="Send a broken record").click()
    link = shop.get_by_role("link", name="See yourself").get_attribute("href") or ""
    return link.partition("visitor=")[2]


def take(
    browser: Browser,
    name: str,
    address: str,
    *,
    size: tuple[int, int],
    scheme: Literal["light", "dark"] = "light",
    scale: float = 1,
    is_whole: bool = False,
) -> None:
    """Take a picture of the live page at a visitor."""
    options: dict[str, Any] = {"viewport": {"width": size[0], "height": size[1]}}
    context = browser.new_context(color_scheme=scheme, device_scale_factor=scale, **options)
    page = context.new_page()
    page.goto(address)
    page.locator(".changes li").first.wait_for()
    page.locator("summary").first.click()
    page.mouse.move(0, 0)
    page.evaluate("scrollTo(0, 0)")
    time.sleep(2)
    page.screenshot(path=IMAGES / name, full_page=is_whole)
    context.close()
    squeeze(IMAGES / name)


def squeeze(picture: Path) -> None:
    """Make a picture small, where that can be done."""
    if program := shutil.which("pngquant"):
        command = [program, "--force", "--speed", "1", "--ext", ".png", "128", str(picture)]
        subprocess.run(command, check=True)
    print(f"wrote {picture} ({picture.stat().st_size / 1024:.0f} KiB)")


def main() -> None:
    """Take all of them."""
    program = shutil.which("chromium") or sys.exit("needs Chromium: apt-get install chromium")
    with demo() as (address, shop), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1_080, "height": 640})
        time.sleep(_SAMPLE_S / 2)
        visitor = visit(page, shop)
        page.goto(f"{shop}tent")
        page.screenshot(path=IMAGES / "shop.png")
        squeeze(IMAGES / "shop.png")
        here = f"{address}&visitor={visitor}"
        take(browser, "live-light.png", here, size=(1_440, 900), is_whole=True)
        take(browser, "live-dark.png", here, size=(1_440, 1_000), scheme="dark")
        take(browser, "live-phone.png", here, size=(390, 844), scale=1.5)
        browser.close()


if __name__ == "__main__":
    main()
