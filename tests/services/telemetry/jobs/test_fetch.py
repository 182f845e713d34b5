"""Fetching a page from peers that behave and from peers that do not, over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from steersman.model.errors import Temporary
from steersman.runtime.outgoing import OutgoingRefused
from steersman.services.telemetry.jobs.fetch import ACCEPT, Fetcher, Page
from steersman.services.telemetry.logic.discovery import targets_of
from steersman.services.telemetry.model import ScrapeJob

PAGE = b"# TYPE a counter\na 1\n"
Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


def fetch(answer: Answer, **job: Any) -> Page:
    """Fetch once from a server that hands each request to `answer`."""
    return fetch_with_requests(answer, **job)[0]


def fetch_with_requests(
    answer: Answer, *, ssl_context: ssl.SSLContext | None = None, **job: Any
) -> tuple[Page, list[bytes]]:
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            requests.append(await reader.readuntil(b"\r\n\r\n"))
            await answer(requests[-1], writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def run() -> Page:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=ssl_context)
        port = server.sockets[0].getsockname()[1]
        settings = ScrapeJob.model_validate({"job": "t", "targets": [f"127.0.0.1:{port}"]} | job)
        fetcher = Fetcher(settings)
        try:
            return await fetcher.fetch(targets_of(settings)[0][0])
        finally:
            await fetcher.close()
            server.close()

    return asyncio.run(run()), requests


def answering(head: str, body: bytes = b"", *, length: int | None = None) -> Answer:
    async def answer(_request: bytes, writer: asyncio.StreamWriter) -> None:
        size = len(body) if length is None else length
        writer.write(f"HTTP/1.1 {head}\r\nContent-Length: {size}\r\n\r\n".encode() + body)
        await writer.drain()

    return answer


def test_page_comes_with_its_content_type_and_prometheus_is_asked_for() -> None:
    """The header decides between the text format and OpenMetrics."""
    page, [request] = fetch_with_requests(answering("200 OK\r\nContent-Type: text/plain", PAGE), path="/m?x=1")
    assert page == Page(PAGE, "text/plain")
    assert request.startswith(b"GET /m?x=1 HTTP/1.1\r\n")
    for header in (f"accept: {ACCEPT}", "accept-encoding: gzip", "x-prometheus-scrape-timeout-seconds: 10"):
        assert header.encode() in request.lower() or header.encode() in request


def test_gzip_is_unpacked_also_in_several_parts() -> None:
    """RFC 1952 lets a file consist of members."""
    packed = gzip.compress(PAGE[:5]) + gzip.compress(PAGE[5:])
    assert fetch(answering("200 OK\r\nContent-Encoding: gzip", packed)).body == PAGE


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (answering("404 Not Found"), "answered 404"),
        (answering("204 No Content"), "answered 204"),
        (answering("200 OK", PAGE, length=100), "RemoteProtocolError"),
        (answering("200 OK", b"x" * 3000), "body_size_limit"),
        (answering("200 OK\r\nContent-Encoding: gzip", gzip.compress(b"x" * 9_000_000)), "body_size_limit"),
        (answering("200 OK\r\nContent-Encoding: gzip", gzip.compress(PAGE)[:-4]), "cut off"),
        (answering("200 OK\r\nContent-Encoding: gzip", PAGE), "not valid gzip"),
        (answering("200 OK\r\nContent-Encoding: br", PAGE), "content encoding br"),
        (answering("302 Found\r\nLocation: /again"), "TooManyRedirects"),
        (answering("302 Found\r\nLocation: file:///etc/passwd"), "UnsupportedProtocol"),
        (answering("nonsense"), "RemoteProtocolError"),
    ],
)
def test_peer_that_misbehaves_is_refused_with_a_reason(answer: Answer, reason: str) -> None:
    """None of them may cost more than the limit or pass for a page."""
    with pytest.raises(Temporary, match=reason):
        fetch(answer, body_size_limit=2000)


def test_redirects_are_not_followed_when_the_settings_say_so() -> None:
    """Then a redirect is an answer like any other that is no page."""
    with pytest.raises(Temporary, match="answered 302"):
        fetch(answering("302 Found\r\nLocation: /again"), follow_redirects=False)


@pytest.mark.requirement("ASVS-1.3.6")
@pytest.mark.parametrize("away", ["http://169.254.169.254/latest/", "http://localhost:1/", "http://10.0.0.1/"])
def test_a_target_cannot_send_the_scrape_to_another_host(away: str) -> None:
    """Whatever it is the target that was configured, and no word of its own."""
    with pytest.raises(OutgoingRefused, match="redirects to"):
        fetch(answering(f"302 Found\r\nLocation: {away}"))


def test_a_name_from_a_file_that_leads_to_this_machine_is_not_scraped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steersman.runtime.outgoing._resolve", lambda _name: ["127.0.0.1"])
    with pytest.raises(OutgoingRefused, match="this machine"):
        fetch(answering("200 OK", PAGE), targets=["peer.corp:9100"])


async def endless(_request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"2\r\nx\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


async def silent(_request: bytes, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


@pytest.mark.parametrize("answer", [endless, silent])
def test_one_deadline_ends_the_whole_exchange(answer: Answer) -> None:
    """A peer that sends a byte now and then would satisfy any timeout between bytes."""
    with pytest.raises(Temporary, match=r"no complete answer within 0\.2 s"):
        fetch(answer, timeout_seconds=0.2)


def test_peer_that_is_not_there_is_an_error_with_a_reason() -> None:
    """Port 9 of this machine listens to nobody."""
    job = ScrapeJob(job="t", targets=("127.0.0.1:9",))

    async def run() -> None:
        fetcher = Fetcher(job)
        try:
            await fetcher.fetch(targets_of(job)[0][0])
        finally:
            await fetcher.close()

    with pytest.raises(Temporary, match="ConnectError"):
        asyncio.run(run())


def test_secrets_are_read_anew_from_their_files(tmp_path: Path) -> None:
    """They are rotated by replacing the file; a missing one fails the scrape and nothing else."""
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    page = answering("200 OK", PAGE)
    _, [request] = fetch_with_requests(page, bearer_token_file=str(secret))
    assert b"Authorization: Bearer s3cret\r\n" in request
    _, [request] = fetch_with_requests(page, basic_auth={"username": "u", "password_file": str(secret)})
    assert b"Authorization: Basic dTpzM2NyZXQ=\r\n" in request
    with pytest.raises(Temporary, match="cannot read a file of job t"):
        fetch(page, bearer_token_file=str(tmp_path / "none"))


def test_peer_with_a_certificate_is_trusted_only_as_the_settings_say(tmp_path: Path) -> None:
    """By its authority and its name, or not checked at all; never in silence."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=box", "-addext", "subjectAltName=DNS:box.example"]
    subprocess.run([*command, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    page = answering("200 OK", PAGE)

    def over_tls(**tls: Any) -> Page:
        return fetch(page, ssl_context=context, scheme="https", tls=tls)

    assert over_tls(ca_file=str(certificate), server_name="box.example").body == PAGE
    assert over_tls(insecure_skip_verify=True).body == PAGE
    for untrusted in ({}, {"ca_file": str(certificate)}, {"ca_file": str(certificate), "server_name": "other"}):
        with pytest.raises(Temporary, match="CERTIFICATE_VERIFY_FAILED"):
            over_tls(**untrusted)
