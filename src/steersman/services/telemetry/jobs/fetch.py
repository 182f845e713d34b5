"""Gets one page of metrics from a peer that may be slow, endless, huge, lying or gone.

The whole exchange has one deadline, the body has one limit before and after unpacking, and whatever goes wrong
becomes `Temporary` with a reason that a person can act upon. A redirect to another host is not followed, and a name
that turns to this machine or to where a cloud keeps credentials is not called.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import steersman
from steersman.model.errors import Temporary
from steersman.runtime.outgoing import MEANT_FOR, guarded_async
from steersman.services.telemetry.logic.discovery import Target, targets_of
from steersman.services.telemetry.model import ScrapeJob, Tls

if TYPE_CHECKING:
    from httpx2 import AsyncClient, Response

#: What Prometheus 2.42 sends, so that a page written for one looks the same to the other.
ACCEPT = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
_MOST_REDIRECTS = 10
_GZIP = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class Page:
    """What a peer answered."""

    body: bytes
    content_type: str


class Unpacker:
    """Adds up a body, unpacked where it is gzip, and stops above the limit before the memory is taken."""

    def __init__(self, encoding: str, limit: int) -> None:
        if encoding not in {"", "identity", "gzip"}:
            raise Temporary(f"the peer answered with the content encoding {encoding}, which nobody asked for")
        self._inflate = zlib.decompressobj(_GZIP) if encoding == "gzip" else None
        self._limit = limit
        self._body = bytearray()

    def feed(self, chunk: bytes) -> None:
        while chunk:
            chunk = self._feed_some(chunk)
            if len(self._body) > self._limit:
                raise Temporary(f"the page is larger than body_size_limit, {self._limit} bytes")

    def _feed_some(self, chunk: bytes) -> bytes:
        """Take in a part of the chunk and return the rest."""
        if self._inflate is None:
            self._body += chunk
            return b""
        if self._inflate.eof:
            # A gzip file may consist of several, one behind the other.
            self._inflate = zlib.decompressobj(_GZIP)
        try:
            self._body += self._inflate.decompress(chunk, self._limit + 1 - len(self._body))
        except zlib.error as error:
            raise Temporary(f"the page is not valid gzip: {error}") from error
        return self._inflate.unused_data or self._inflate.unconsumed_tail

    def finish(self) -> bytes:
        if self._inflate is not None and not self._inflate.eof:
            raise Temporary("the page's gzip is cut off")
        return bytes(self._body)


class Fetcher:
    """Fetches the pages of one job, whose targets share credentials and trust."""

    def __init__(self, job: ScrapeJob) -> None:
        self._job = job
        self._client = _client(job)

    async def close(self) -> None:
        await self._client.aclose()

    async def fetch(self, target: Target) -> Page:
        """Return the page, or raise `Temporary`."""
        from httpx2 import HTTPError, InvalidURL

        try:
            async with asyncio.timeout(target.timeout_seconds):
                return await self._exchange(target)
        except TimeoutError as error:
            raise Temporary(f"no complete answer within {target.timeout_seconds:g} s") from error
        except (HTTPError, InvalidURL) as error:
            raise Temporary(f"{type(error).__name__}: {error}") from error
        except OSError as error:
            raise Temporary(f"cannot read a file of job {self._job.job}: {error}") from error

    async def _exchange(self, target: Target) -> Page:
        from httpx2 import RemoteProtocolError

        try:
            return await self._ask(target)
        except RemoteProtocolError:
            # The peer may have closed a kept connection just now; a new one tells.
            return await self._ask(target)

    async def _ask(self, target: Target) -> Page:
        headers = {"X-Prometheus-Scrape-Timeout-Seconds": f"{target.timeout_seconds:g}"}
        if self._job.bearer_token_file:
            headers["Authorization"] = f"Bearer {_secret(self._job.bearer_token_file)}"
        extensions = {MEANT_FOR: urlsplit(target.url).hostname or ""}
        if self._job.tls.server_name:
            extensions["sni_hostname"] = self._job.tls.server_name
        basic = self._job.basic_auth
        async with self._client.stream(
            "GET",
            target.url,
            headers=headers,
            auth=(basic.username, _secret(basic.password_file)) if basic else None,
            extensions=extensions,
            timeout=target.timeout_seconds,
        ) as response:
            return await self._read(response)

    async def _read(self, response: Response) -> Page:
        if response.status_code != 200:
            raise Temporary(f"the peer answered {response.status_code} {response.reason_phrase}".strip())
        unpacker = Unpacker(response.headers.get("content-encoding", "").strip().lower(), self._job.body_size_limit)
        chunks: AsyncIterator[bytes] = response.aiter_raw()
        async for chunk in chunks:
            unpacker.feed(chunk)
        return Page(unpacker.finish(), response.headers.get("content-type", ""))


def _client(job: ScrapeJob) -> AsyncClient:
    # Some megabytes of memory that a platform without targets does not spend.
    from httpx2 import AsyncClient, Limits

    limits = Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=2 * job.interval_seconds)
    # An address that a person wrote into the settings is meant, also one that nobody else may be sent to.
    literal = {urlsplit(target.url).hostname or "" for target in targets_of(job)[0]}
    return AsyncClient(
        headers={"Accept": ACCEPT, "Accept-Encoding": "gzip", "User-Agent": f"steersman/{steersman.__version__}"},
        transport=guarded_async(literal=literal, verify=_trust(job.tls), limits=limits),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=job.follow_redirects,
        max_redirects=_MOST_REDIRECTS,
        # A proxy from the environment would be a peer that nobody configured here.
        trust_env=False,
    )


def _trust(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca_file)
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _secret(path: str) -> str:
    """Read a secret anew each time, because it is rotated by replacing the file."""
    return Path(path).read_text(encoding="utf-8").strip()
