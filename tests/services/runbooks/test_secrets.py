"""References become values at the moment of a run, and nothing that is told or kept holds them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from steersman.contract.looking import looking
from steersman.contract.ports import Secrets
from steersman.model.errors import Permanent

VALUE = "hunter2 with more"


class Known:
    """Two secrets, one of them a part of the other."""

    def reveal(self, reference: str) -> str:
        try:
            return {"secret:pager": VALUE, "secret:short": "hunter2"}[reference]
        except KeyError:
            raise Permanent(f"there is no {reference}") from None


def with_secrets(book: Any) -> Any:
    provided = {**book.context.ports.provided, Secrets: Known()}
    book.context = replace(book.context, ports=replace(book.context.ports, provided=provided))
    return book


@pytest.mark.requirement("ASVS-13.3.1")
def test_a_header_is_sent_with_the_value_and_kept_without_it(
    declare: Callable[..., Any], receiver: Any, tmp_path: Path
) -> None:
    """Also where the receiver repeats what it was sent."""
    headers = {"Authorization": "Bearer secret:pager", "X-Team": "payments"}
    book = with_secrets(declare(page={"webhook": {"url": receiver.url, "headers": headers}}))
    receiver.body = f"you said {VALUE}, or hunter2".encode()
    ran = book.apply("page")
    assert receiver.got[0][2]["Authorization"] == f"Bearer {VALUE}"
    assert ran.output == "you said (hidden), or hunter2"
    assert VALUE not in "".join(path.read_text("latin-1") for path in tmp_path.rglob("*") if path.is_file())


def test_a_refusal_that_repeats_the_value_is_told_without_it(declare: Callable[..., Any], receiver: Any) -> None:
    headers = {"Authorization": "secret:pager", "X-Other": "secret:short"}
    book = with_secrets(declare(page={"webhook": {"url": receiver.url, "headers": headers}}))
    receiver.status, receiver.body = 400, f"bad token {VALUE} and hunter2".encode()
    with pytest.raises(Permanent, match=r"bad token \(hidden\) and \(hidden\)$"):
        book.apply("page")


def test_a_command_gets_the_value_in_its_environment_only(declare: Callable[..., Any]) -> None:
    book = with_secrets(declare(fix={"command": ["sh", "-c", "echo $TOKEN"], "environment": {"TOKEN": "secret:pager"}}))
    assert book.apply("fix").output.strip() == "(hidden)"


def test_a_preview_shows_the_reference_and_asks_for_no_secret(declare: Callable[..., Any], receiver: Any) -> None:
    book = with_secrets(declare(page={"webhook": {"url": receiver.url, "headers": {"Authorization": "secret:pager"}}}))
    shown = book.action("disruptive").preview(looking(book.context), book.args("page"))
    assert VALUE not in json.dumps([shown.summary, shown.undo, dict(shown.changes)])


def test_a_missing_secret_stops_the_run_before_anything_is_sent(declare: Callable[..., Any], receiver: Any) -> None:
    book = with_secrets(declare(page={"webhook": {"url": receiver.url, "headers": {"Authorization": "secret:none"}}}))
    with pytest.raises(Permanent, match="there is no secret:none"):
        book.apply("page")
    assert receiver.got == []
