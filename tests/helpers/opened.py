"""A report opened in a browser, watched for requests and complaints."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest


def wait_until(page: Any, expression: str, seconds: float = 30.0) -> None:
    """Ask the page until the expression holds.

    Playwright's own `wait_for_function` asks from inside the page, where the report's policy forbids to evaluate text: it fails
    wherever the first answer is not yet true.
    """
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {expression}"
        time.sleep(0.02)


class Opened:
    """A page with what it asked for and complained about."""

    def __init__(self, browser: Any, file: Path, **context: Any) -> None:
        self.context = browser.new_context(offline=True, accept_downloads=True, **context)
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type != "log" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.errors.append("a dialog: " + dialog.message), dialog.dismiss()))
        self.page.goto(file.as_uri())
        self.url = file.as_uri()

    def only_itself(self) -> bool:
        return all(url == self.url or url.startswith(("data:", "blob:")) for url in self.requests)

    def unfold(self) -> None:
        self.page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")

    def findings(self, within: str = "html") -> list[str]:
        """What axe-core finds serious or critical in this part of the page as it is: WCAG 2.2 AA and its own good practice."""
        axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
        found = axe.Axe().run(self.page, context=within, options={"resultTypes": ["violations"]}).response
        assert len(found["passes"]) > 5  # it has seen something
        return [
            f"{rule['id']}: {rule['help']}: {node['html'][:200]}"
            for rule in found["violations"]
            if rule["impact"] in ("serious", "critical")
            for node in rule["nodes"]
        ]
