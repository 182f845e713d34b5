"""The page of people in a real browser: somebody is invited, chooses their password and comes in, and is put out again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

PASSWORD = "the blue kettle is quiet tonight"


@pytest.mark.requirement("ASVS-6.4.6", "ASVS-7.4.5")
def test_somebody_is_invited_comes_in_and_is_disabled(launch: Callable[..., Any]) -> None:
    """With forms alone, on a narrow screen, and without a complaint of the browser."""
    platform = launch(settings="[telemetry.host]\nenabled = false\n")
    platform.until_ready()
    here, complaints = f"http://127.0.0.1:{platform.port}", list[str]()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 390, "height": 800}, locale="en-US")
        page.set_default_timeout(30_000)
        page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(f"{here}/?token={platform.TOKEN}")
        page.goto(f"{here}/people")
        page.fill("#new-name", "mei")
        page.check('form:has(#new-name) input[value="viewer"]')
        page.keyboard.press("Enter")
        expect(page.locator("#once-value")).to_contain_text("/auth/invitation?token=")
        expect(page.locator("#h-account")).to_have_text("mei")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        guest = browser.new_context(locale="en-US").new_page()
        guest.goto(page.inner_text("#once-value"))
        guest.fill("#password", PASSWORD)
        guest.fill("#again", PASSWORD)
        guest.keyboard.press("Enter")
        guest.wait_for_url("**/login")
        guest.fill("#username", "mei")
        guest.fill("input[name=password]", PASSWORD)
        guest.keyboard.press("Enter")
        guest.wait_for_url(f"{here}/")
        assert guest.locator('nav a[href="/people"]').count() == 0
        page.get_by_role("button", name="Disable").click()
        expect(page.locator(".badge-failing")).to_have_text("disabled")
        guest.goto(f"{here}/account")
        expect(guest.locator("#username")).to_be_visible()
        browser.close()
    assert complaints == []
