"""What identity asks of outside providers, over one client: no redirects, no proxy from the environment, bounded.

A provider that is slow, drips or sends too much is one that does not answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from steersman.contract.ports import Clock
from steersman.model.errors import Temporary
from steersman.runtime.outgoing import OutgoingRefused, guarded

_SECONDS = 5.0
_MOST_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer."""

    status: int
    body: bytes


class Fetch(Protocol):
    """Asks an address, by GET or by posting a form; raises `Temporary` where nothing usable comes back. Blocks."""

    def __call__(self, url: str, form: Mapping[str, str] | None, headers: Mapping[str, str]) -> Fetched: ...


@dataclass(frozen=True, slots=True)
class PlainFetch:
    """The client itself; `seconds` bounds a whole answer, however slowly it comes."""

    clock: Clock
    seconds: float = _SECONDS

    def __call__(self, url: str, form: Mapping[str, str] | None, headers: Mapping[str, str]) -> Fetched:
        from httpx2 import Client, HTTPError, InvalidURL

        ends, body = self.clock.monotonic() + self.seconds, b""
        host = urlsplit(url).hostname or ""
        method = "GET" if form is None else "POST"
        try:
            with (
                Client(transport=guarded([host]), follow_redirects=False, timeout=self.seconds) as client,
                client.stream(method, url, data=form, headers={"accept": "application/json", **headers}) as answer,
            ):
                for chunk in answer.iter_raw():
                    body += chunk
                    if len(body) > _MOST_BYTES or self.clock.monotonic() > ends:
                        raise Temporary("the provider answers too slowly, or too much")
                return Fetched(answer.status_code, body)
        except OutgoingRefused as error:
            raise Temporary("the provider names an address that this platform does not ask") from error
        except (HTTPError, InvalidURL) as error:
            raise Temporary(f"the provider does not answer: {type(error).__name__}") from error
