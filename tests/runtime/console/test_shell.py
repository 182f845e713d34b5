"""The frame around pages: its menu, its headers, and whose template it renders."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount
from starlette.testclient import TestClient

from steersman.contract.ports import Caller
from steersman.contract.service import Page
from steersman.model.errors import Permanent
from steersman.runtime.console import assets
from steersman.runtime.console.assets import URL_PREFIX, Assets, asset_url
from steersman.runtime.console.rendering import as_json, package_of
from steersman.runtime.console.shell import Shell
from steersman.services.telemetry.web import live
from steersman.services.telemetry.web.live import PAGES

SECRETS = Page(
    path="/secrets",
    title="Secrets",
    title_zh="机密",
    template="none.html",
    view=lambda _ctx: {},
    permission="x.secrets.read",
)
STATIC = Path(assets.__file__).parent / "static"


def request(query: str = "") -> Request:
    scope = {"type": "http", "scheme": "http", "path": "/", "query_string": query.encode(), "headers": [],
             "server": ("127.0.0.1", 7600)}  # fmt: skip
    return Request(scope)


def test_the_menu_has_only_what_the_caller_may_see() -> None:
    """No dead link, and no name of a page that is closed to the reader."""
    shell = Shell([*PAGES, SECRETS])
    html = bytes(
        shell.problem(request(), Caller("a", permissions=frozenset({"telemetry.metrics.read"})), 404, "?").body
    )
    assert b">Overview</a>" in html
    assert b"Secrets" not in html
    assert b"<nav" not in bytes(shell.login(request()).body)


def test_every_answer_forbids_inline_code_and_other_origins() -> None:
    """The same policy on a page, a problem and the form."""
    policy = Shell(PAGES).login(request()).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_a_chosen_language_is_remembered() -> None:
    """By a cookie that scripts cannot read."""
    answer = Shell(PAGES).login(request("lang=zh"))
    assert "steersman_lang=zh" in answer.headers["set-cookie"]
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "set-cookie" not in Shell(PAGES).login(request()).headers


def test_a_change_of_language_keeps_what_the_page_shows() -> None:
    """And its values are never markup."""
    html = bytes(Shell(PAGES).login(request("account=otto&lang=en&q=%22%3E%3Cscript%3E")).body).decode()
    assert 'href="?account=otto&amp;q=%22%3E%3Cscript%3E&amp;lang=zh"' in html
    assert 'href="?lang=zh"' in bytes(Shell(PAGES).login(request()).body).decode()


def test_what_a_person_came_for_survives_the_form_as_text() -> None:
    """The wish to go somewhere is never markup."""
    html = bytes(Shell(PAGES).login(request(), to='"><script>').body).decode()
    assert "&#34;&gt;&lt;script&gt;" in html


def test_templates_have_neither_inline_style_nor_inline_script() -> None:
    """The policy would silence them; data blocks alone are allowed between script tags."""
    roots = [STATIC.parent, Path(live.__file__).parent.parent]
    templates = [file for root in roots for file in (root / "templates").rglob("*.html")]
    assert len(templates) > 5
    for file in templates:
        text = file.read_text("utf-8")
        assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*(\ssrc=|application/json))", text), file


def test_the_template_of_a_page_is_found_above_its_view() -> None:
    """A view anywhere in a slice renders from the slice's own folder."""
    assert package_of("steersman.services.telemetry.web.live") == "steersman.services.telemetry"
    with pytest.raises(Permanent, match="no templates folder"):
        package_of("json.decoder")


def test_json_in_a_page_cannot_end_its_script_element() -> None:
    """A name from outside stays inside the data block."""
    assert "<" not in as_json({"name": "</script><!--"})


def test_static_files_are_kept_for_ever_under_their_hash_and_checked_without() -> None:
    """Modules import each other by plain names and revalidate; the page names the rest by content."""
    client = TestClient(Starlette(routes=[Mount(URL_PREFIX, Assets())]))
    assert "immutable" in client.get(asset_url("console.css")).headers["cache-control"]
    assert client.get(f"{URL_PREFIX}/figures.js").headers["cache-control"] == "no-cache"
    assert client.get(f"{URL_PREFIX}/../shell.py").status_code == 404


def test_vendored_files_are_what_their_list_says() -> None:
    """The hashes beside them hold, and the licences are there."""
    vendor = STATIC / "vendor"
    listed = dict(re.findall(r"^  ([0-9a-f]{64})  (\S+)$", (vendor / "VENDORED").read_text(), re.MULTILINE))
    found = {hashlib.sha256(file.read_bytes()).hexdigest(): file.name for file in vendor.glob("*.min.*")}
    assert found == listed
    assert "Copyright (c) 2022 Leon Sorokin" in (vendor / "VENDORED").read_text()
