"""The page of operations in a real browser, over a real platform that an alert reaches while somebody looks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from steersman.services.operations.commands.drill.watcher import TOKEN, Watcher

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

SETTINGS = "[telemetry.host]\nenabled = false\n"
ALERT = {
    "labels": {"alertname": "CheckoutDown", "service": "checkout", "severity": "critical"},
    "annotations": {"summary": "checkout does not answer"},
}


@pytest.fixture
def watcher(tmp_path: Path) -> Iterator[Watcher]:
    watcher = Watcher(tmp_path, SETTINGS)
    try:
        watcher.start()
        yield watcher
    finally:
        watcher.kill()


def test_an_incident_appears_while_somebody_looks_and_can_be_answered(watcher: Watcher) -> None:
    """Live without a reload, by its buttons, on a phone as well, and without a complaint of the browser."""
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 360, "height": 780}, locale="en-US")
        page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"http://127.0.0.1:{watcher.port}/?token={TOKEN}")
        page.goto(f"http://127.0.0.1:{watcher.port}/ops")
        expect(page.locator("#link")).to_have_attribute("data-state", "live", timeout=20_000)
        status, _ = watcher.request("POST", "/api/v2/alerts", json.dumps([ALERT]).encode())
        assert status == 200
        expect(page.locator(".timeline")).to_contain_text("checkout does not answer", timeout=20_000)
        page.get_by_role("button", name="Acknowledge").click()
        expect(page.locator(".shown header .badge")).to_have_text("Acknowledged", timeout=20_000)
        expect(page.locator(".timeline")).to_contain_text("acknowledged (bootstrap)")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        browser.close()
    assert complaints == []
