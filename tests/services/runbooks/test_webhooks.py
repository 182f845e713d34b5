"""Declared webhooks, against a receiver that checks what it is sent."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steersman.model.errors import Permanent, Temporary


def test_it_is_sent_once_with_its_key_and_its_headers(
    declare: Callable[..., Any], receiver: Any, tmp_path: Path
) -> None:
    """A repeated key is answered from what was written down."""
    secret = tmp_path / "headers"
    secret.write_text("Authorization: Bearer abc\nX-Team: payments\n")
    secret.chmod(0o600)
    book = declare(page={"webhook": {"url": f"{receiver.url}/hook?x=1", "headers_file": str(secret)}})
    assert book.apply("page", "key-1").output == "done"
    assert book.apply("page", "key-1").code == 200
    ((method, path, headers, body),) = receiver.got
    assert (method, path, headers["Authorization"]) == ("POST", "/hook?x=1", "Bearer abc")
    assert (headers["Idempotency-Key"], headers["X-Team"]) == ("key-1", "payments")
    assert body == {"runbook": "page", "target": "service:payments", "key": "key-1"}


def test_what_may_pass_is_temporary_and_is_repeated_under_the_same_key(
    declare: Callable[..., Any], receiver: Any
) -> None:
    """The receiver can tell the repeat by its key."""
    book = declare(page={"webhook": {"url": receiver.url}})
    receiver.status = 503
    with pytest.raises(Temporary, match="answered 503"):
        book.apply("page", "key-1")
    receiver.status = 202
    assert book.apply("page", "key-1").code == 202
    assert [headers["Idempotency-Key"] for _, _, headers, _ in receiver.got] == ["key-1", "key-1"]


@pytest.mark.requirement("ASVS-15.3.2")
def test_a_redirect_is_not_followed(declare: Callable[..., Any], receiver: Any) -> None:
    """Only the configured address is ever called."""
    book = declare(page={"webhook": {"url": f"{receiver.url}/a"}})
    receiver.status, receiver.headers = 307, {"Location": f"{receiver.url}/b"}
    with pytest.raises(Permanent, match="answered 307"):
        book.apply("page")
    assert [path for _, path, _, _ in receiver.got] == ["/a"]


def test_a_receiver_that_hangs_or_is_not_there_is_temporary(declare: Callable[..., Any], receiver: Any) -> None:
    """Within the runbook's own time."""
    receiver.hang = threading.Event()
    book = declare(
        slow={"webhook": {"url": receiver.url}, "timeout_seconds": 0.2},
        gone={"webhook": {"url": "http://127.0.0.1:1/"}},
    )
    for name in ("slow", "gone"):
        with pytest.raises(Temporary, match="did not answer"):
            book.apply(name)


def test_headers_that_others_may_read_are_refused(declare: Callable[..., Any], receiver: Any, tmp_path: Path) -> None:
    """Before anything is sent; and so is a file that is no headers, or not there."""
    file = tmp_path / "headers"
    book = declare(page={"webhook": {"url": receiver.url, "headers_file": str(file)}})
    with pytest.raises(Permanent, match="cannot be read"):
        book.apply("page")
    file.write_text("Authorization Bearer\n")
    file.chmod(0o644)
    with pytest.raises(Permanent, match="others may read"):
        book.apply("page")
    file.chmod(0o600)
    with pytest.raises(Permanent, match="not 'Name: value'"):
        book.apply("page")
    assert receiver.got == []


@pytest.mark.requirement("ASVS-16.2.5")
def test_what_leaves_the_house_is_masked_and_what_comes_back_too(
    declare: Callable[..., Any], receiver: Any, tmp_path: Path
) -> None:
    """The receiver gets the key as it is, because by that it knows a repetition."""
    book = declare(page={"webhook": {"url": receiver.url}, "target": "service:leocadia"})
    receiver.body = b"leocadia was told"
    ran = book.action("disruptive").apply(book.context, "leocadia-1", book.args("page", "service:leocadia"))
    assert receiver.got[0][3] == {"runbook": "page", "target": "service:(notifications)", "key": "leocadia-1"}
    assert ran.output == "(logs) was told"
    assert not any("leocadia" in path.read_text() for path in tmp_path.rglob("ended"))
