"""Own certificates, made by openssl and asked for by a real TLS client."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.http.conftest import TOKEN, Site

from steersman.model.errors import Permanent
from steersman.runtime.http.server import Server, listen
from steersman.runtime.http.server.tls import Tls

NOW = 1_764_000_000.0


def made(folder: Path, name: str, days: int = 30) -> tuple[Path, Path]:
    """Let openssl make a certificate for localhost with its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(days),
         "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    key.chmod(0o600)
    return certificate, key


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: Any) -> list[tuple[Path, Path]]:
    folder = tmp_path_factory.mktemp("certificates")
    return [made(folder, "first"), made(folder, "second")]


def asked(site: Site, tls: Tls, trusted: Path, *requests: str, highest: ssl.TLSVersion | None = None) -> list[str]:
    """Serve over TLS and make these requests, each on a connection of its own."""

    async def talk() -> list[str]:
        sock = listen("127.0.0.1", 0)
        server = Server(site.front, tls)
        context = ssl.create_default_context(cafile=str(trusted))
        if highest is not None:
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = highest
        answers = []
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve([sock]))
            try:
                for request in requests:
                    reader, writer = await asyncio.open_connection(
                        *sock.getsockname(), ssl=context, server_hostname="localhost"
                    )
                    writer.write(request.encode())
                    answers.append((await reader.read()).decode())
                    writer.close()
            except (ssl.SSLError, ConnectionError):
                answers.append("no connection")
            finally:
                server.should_exit = True
        return answers

    return asyncio.run(talk())


def head(method: str, path: str, *headers: str) -> str:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", ""])


@pytest.mark.requirement("ASVS-12.1.1", "ASVS-3.4.1", "ASVS-3.3.1", "ASVS-3.3.3")
def test_over_tls_browsers_are_told_to_stay_and_the_cookie_is_of_this_host_alone(tmp_path: Path, pairs: Any) -> None:
    """HSTS for a year; a cookie of the plain name, which another port could plant, opens nothing."""
    site, tls = Site(tmp_path).start(), Tls(*pairs[0])
    tls.open(NOW)
    form = f"token={TOKEN}"
    typed = ("Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(form)}")
    (entered,) = asked(site, tls, pairs[0][0], head("POST", "/login", *typed, "Origin: https://localhost") + form)
    assert "strict-transport-security: max-age=31536000; includeSubDomains" in entered
    cookie = next(line for line in entered.split("\r\n") if line.lower().startswith("set-cookie: __Host-".lower()))
    value = cookie.partition(": ")[2].partition(";")[0]
    assert {"Secure", "HttpOnly", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    plain = value.removeprefix("__Host-")
    good, planted = asked(
        site, tls, pairs[0][0], head("GET", "/hot", f"Cookie: {value}"), head("GET", "/hot", f"Cookie: {plain}")
    )
    assert (good[:13], planted[:13]) == ("HTTP/1.1 200 ", "HTTP/1.1 401 ")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.requirement("ASVS-12.1.1")
def test_nothing_below_tls_1_2_is_spoken(tmp_path: Path, pairs: Any) -> None:
    """An old client is turned away in the handshake."""
    tls = Tls(*pairs[0])
    tls.open(NOW)
    answers = asked(Site(tmp_path).start(), tls, pairs[0][0], head("GET", "/healthz"), highest=ssl.TLSVersion.TLSv1_1)
    assert answers == ["no connection"]


def test_a_pair_that_cannot_be_used_stops_the_start_with_the_next_step(tmp_path: Path, pairs: Any) -> None:
    """Not there, no PEM, another's key, readable by others."""
    (certificate, key), (_, others_key) = pairs
    nonsense, exposed = tmp_path / "n.pem", tmp_path / "e.key"
    nonsense.write_text("nonsense")
    exposed.write_bytes(key.read_bytes())
    exposed.chmod(0o644)
    wrong = [(tmp_path / "none.pem", key), (nonsense, key), (certificate, others_key), (certificate, exposed)]
    for pair, said in zip(wrong, ("house.certificate", "PEM", "own", "0600"), strict=True):
        with pytest.raises(Permanent, match=said):
            Tls(*pair).open(NOW)


def test_a_new_certificate_is_taken_without_a_restart_and_half_of_one_is_not(tmp_path: Path, pairs: Any) -> None:
    """Who replaces two files replaces one first; in between the old pair goes on."""
    certificate, key = tmp_path / "c.pem", tmp_path / "c.key"
    for path, source in ((certificate, pairs[0][0]), (key, pairs[0][1])):
        path.write_bytes(source.read_bytes())
        path.chmod(0o600)
    site, tls = Site(tmp_path).start(), Tls(certificate, key)
    tls.open(NOW)
    certificate.write_bytes(pairs[1][0].read_bytes())
    os.utime(certificate, ns=(1, 1))
    assert not tls.renew()
    assert asked(site, tls, pairs[0][0], head("GET", "/healthz"))[0].startswith("HTTP/1.1 200 ")
    key.write_bytes(pairs[1][1].read_bytes())
    os.utime(key, ns=(2, 2))
    assert tls.renew()
    assert asked(site, tls, pairs[1][0], head("GET", "/healthz"))[0].startswith("HTTP/1.1 200 ")
