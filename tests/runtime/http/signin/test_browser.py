"""The pages in a real browser with a virtual authenticator, over a real platform: a newcomer's first ten minutes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Page, expect, sync_playwright

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

STEERSMAN = Path(sys.executable).parent / "steersman"
PASSWORD = "a green kettle sings by itself"
DEVICE = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
          "isUserVerified": True, "automaticPresenceSimulation": True}  # fmt: skip


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (tmp_path / "settings.toml").write_text("[telemetry.host]\nenabled = false\n")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("STEERSMAN_")}
    command = [
        STEERSMAN,
        "up",
        "--data",
        tmp_path / "data",
        "--listen",
        f"127.0.0.1:{port}",
        "--config",
        tmp_path / "settings.toml",
    ]
    with subprocess.Popen(command, env=clean, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until_ready(port)
            yield f"http://localhost:{port}"
        finally:
            process.kill()


def until_ready(port: int) -> None:
    ends = time.monotonic() + 120
    while time.monotonic() < ends:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        context = browser.new_context(viewport={"width": 390, "height": 800}, locale="en-US")
        page = context.new_page()
        page.set_default_timeout(60_000)
        devtools = context.new_cdp_session(page)
        devtools.send("WebAuthn.enable")
        devtools.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
        yield page
        browser.close()


def test_a_newcomer_makes_the_first_account_adds_a_passkey_and_comes_back_with_it(
    tmp_path: Path, address: str, page: Page
) -> None:
    """By the printed link, with the keyboard, on a phone, and without a complaint about the policy."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: "Content Security" in message.text and complaints.append(message.text))
    token = json.loads((tmp_path / "data" / "secrets" / "setup-token").read_text())["token"]
    page.goto(f"{address}/setup?token={token}")
    for typed in ("ines", PASSWORD, PASSWORD):
        page.keyboard.type(typed)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/account*")
    page.fill("#passkey-name", "my phone")
    page.keyboard.press("Enter")
    expect(page.locator("#passkeys li")).to_contain_text("my phone", timeout=60_000)
    page.click("#totp-begin")
    expect(page.locator("#totp-picture svg")).to_be_visible(timeout=60_000)
    page.fill("#totp-code", pyotp.TOTP(page.inner_text("#totp-secret")).now())
    page.keyboard.press("Enter")
    expect(page.locator("#codes")).to_contain_text("-", timeout=60_000)
    assert len(page.inner_text("#codes").split()) == 10
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login*")
    page.click("#passkey")
    page.wait_for_url(f"{address}/")
    assert complaints == []
