"""A real Chromium, and what it saw go wrong."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from playwright.sync_api import sync_playwright

from tests.missing import give_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Page, Request

#: Screens that the page is for: a desk, a telephone.
WIDE, NARROW = (1_440, 900), (390, 844)

#: For what a pipeline, a service and a browser do on a busy machine, in ms.
PATIENCE_MS = 60_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Debian's Chromium without a screen, or end the test."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        give_up("Chromium", ["Debian: apt-get install chromium"])
    # Its sandbox needs rights that root in a container does not give.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=options)
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """A page in a window of its own: what it said on the console, and whom it asked.

    Args:
        browser: from `chromium`.
        size: of the window.
        scheme: the colours that the system asks for.
    """

    def __init__(
        self,
        browser: Browser,
        size: tuple[int, int] = WIDE,
        scheme: Literal["light", "dark"] = "light",
    ) -> None:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE_MS)
        self.problems: list[str] = []
        self.hosts: set[str] = set()
        self.page = context.new_page()
        context.on("request", self._asked)
        self.watch(self.page)

    def watch(self, page: Page) -> None:
        """Watch another page of the same window too."""
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    def forgive(self, part: str) -> None:
        """Take what was foreseen out of the problems: browsers tell each refusal as an error."""
        assert any(part in problem for problem in self.problems), self.problems
        self.problems = [problem for problem in self.problems if part not in problem]

    def close(self) -> None:
        """Close the window."""
        self.page.context.close()

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.problems.append(message.text)

    def _asked(self, request: Request) -> None:
        self.hosts.add(request.url.split("/")[2].partition(":")[0])
