"""Calls a declared webhook: the configured address only, no redirects, no proxy from the environment, a deadline.

The key goes along as `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header), so that a receiver that knows it
acts once however often it is asked. The body is masked as a notification, because its receiver is not of this house.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from steersman.model.errors import Permanent, Temporary
from steersman.runtime.outgoing import guarded
from steersman.services.runbooks.actions.revealing import Revealed
from steersman.services.runbooks.model import Ran, Webhook

_TAIL_BYTES = 4096
#: A receiver that sends more than this is cut off: the answer is for a person to read.
_MOST_BYTES = 64 * 1024


def call(webhook: Webhook, given: Revealed, body: Mapping[str, str], timeout_seconds: float) -> Ran:
    """Call it with these headers and this body, which says `runbook` and `key`.

    Raises `Temporary` where repeating it may help, and `Permanent` where it cannot.
    """
    from httpx2 import Client, HTTPError

    headers = {"Idempotency-Key": body["key"], **_headers(webhook.headers_file), **given.values}
    host = urlsplit(webhook.url).hostname or ""
    try:
        with (
            Client(transport=guarded([host]), follow_redirects=False, timeout=timeout_seconds) as client,
            client.stream(webhook.method, webhook.url, json=dict(body), headers=headers) as answer,
        ):
            output = given.without(_tail(answer.iter_bytes()))
            status = answer.status_code
    except HTTPError as error:
        raise Temporary(f"{webhook.url} did not answer: {type(error).__name__} {error}".strip()) from error
    if status in {408, 425, 429} or status >= 500:
        raise Temporary(f"{webhook.url} answered {status}: {output[:200]}")
    if status >= 300:
        raise Permanent(f"{webhook.url} answered {status}: {output[:200]}")
    return Ran(body["runbook"], status, output)


def _tail(chunks: Iterable[bytes]) -> str:
    tail, seen = b"", 0
    for chunk in chunks:
        seen += len(chunk)
        tail = (tail + chunk)[-_TAIL_BYTES:]
        if seen > _MOST_BYTES:
            break
    return tail.decode(errors="replace")


def _headers(file: str | None) -> dict[str, str]:
    """Read `Name: value` lines from a file that only its owner may read."""
    if file is None:
        return {}
    try:
        with Path(file).open() as lines:
            if stat.S_IMODE(os.fstat(lines.fileno()).st_mode) & 0o077:
                raise Permanent(f"others may read {file}: set its mode to 0600")
            pairs = [line.strip().partition(":") for line in lines if line.strip()]
    except OSError as error:
        raise Permanent(f"the headers in {file} cannot be read: {error.strerror}") from error
    if any(not colon for _name, colon, _value in pairs):
        raise Permanent(f"{file} has a line that is not 'Name: value'")
    return {name.strip(): value.strip() for name, _colon, value in pairs}
