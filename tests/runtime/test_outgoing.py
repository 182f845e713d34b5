"""Where calls from this machine may go, and that they go to what was judged."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from httpx2 import AsyncClient, Client, Limits
from hypothesis import given
from hypothesis import strategies as st

from steersman.runtime.outgoing import MEANT_FOR, OutgoingRefused, addresses_for, guarded, guarded_async


class _Peer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        away = {"/away": "http://elsewhere.example/", "/metadata": "http://169.254.169.254/", "/again": "/"}
        self.send_response(302 if self.path in away else 200)
        self.send_header("Location", away.get(self.path, ""))
        self.send_header("Content-Length", str(len(self.headers["Host"])))
        self.end_headers()
        self.wfile.write(self.headers["Host"].encode())

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), _Peer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.requirement("ASVS-1.3.6")
@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "[::ffff:169.254.169.254]", "[fe80::1]", "[fd00:ec2::254]", "100.100.100.200", "168.63.129.16",
     "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]", "0.0.0.0", "224.0.0.1", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376",
     "169.254.43518", "127.1"],
)  # fmt: skip
def test_no_call_goes_to_the_credentials_of_a_cloud_even_if_configured(address: str) -> None:
    """Whatever way the address is written."""
    with pytest.raises(OutgoingRefused):
        addresses_for(address, [address])


@pytest.mark.requirement("ASVS-1.3.6")
@pytest.mark.parametrize("inside", ["10.0.0.1", "192.168.1.1", "fd12::1", "100.64.0.1"])
def test_the_own_network_is_reached_only_where_a_setting_names_the_host(inside: str) -> None:
    """One address of several is enough to refuse a name that nobody configured."""
    assert addresses_for("wiki.corp", ["wiki.corp"], lambda _name: [inside]) == [inside]
    with pytest.raises(OutgoingRefused):
        addresses_for("wiki.corp", [], lambda _name: ["93.184.215.14", inside])
    assert addresses_for("example.org", [], lambda _name: ["93.184.215.14"]) == ["93.184.215.14"]


@pytest.mark.requirement("ASVS-1.3.6")
@pytest.mark.parametrize("here", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "169.254.169.254", "fe80::1"])
def test_a_name_that_turns_to_this_machine_is_not_called_though_a_setting_names_it(here: str) -> None:
    """Whoever answers for the name would decide what is asked here; this machine's own names may, and its addresses."""
    with pytest.raises(OutgoingRefused):
        addresses_for("wiki.corp", ["wiki.corp"], lambda _name: ["10.0.0.1", here])
    for own in ("localhost", "api.localhost", "LOCALHOST.", socket.gethostname()):
        assert addresses_for(own, [own], lambda _name: ["127.0.0.1"]) == ["127.0.0.1"]
        with pytest.raises(OutgoingRefused):
            addresses_for(own, [own], lambda _name: ["169.254.169.254"])
    assert addresses_for("127.0.0.1", ["127.0.0.1"]) == ["127.0.0.1"]


def test_an_address_that_a_person_wrote_for_a_scrape_is_called_and_no_name_that_leads_there() -> None:
    there = "169.254.7.7"
    assert addresses_for(there, [there], literal=[there]) == [there]
    with pytest.raises(OutgoingRefused):
        addresses_for("peer.corp", ["peer.corp"], lambda _name: [there], literal=["peer.corp", there])


@given(st.integers(0, 2**32 - 1))
def test_a_number_is_never_taken_for_an_address(number: int) -> None:
    """The resolver of the system would read it as one."""
    for text in (str(number), hex(number), f"0{number:o}"):
        with pytest.raises(OutgoingRefused):
            addresses_for(text, [text])


def test_a_name_is_resolved_once_and_its_judged_address_is_called(port: int) -> None:
    """The peer hears the name; a second answer of the resolver would come too late."""
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    with Client(transport=guarded(["api.localhost"], resolve=lambda _name: next(answers))) as client:
        assert client.get(f"http://api.localhost:{port}/").text == f"api.localhost:{port}"


def test_of_several_addresses_the_first_that_answers_is_called(port: int) -> None:
    """A name such as localhost has one of each kind, and many servers listen on one of them."""
    with Client(transport=guarded(["localhost"], resolve=lambda _name: ["127.0.0.9", "127.0.0.1"])) as client:
        assert client.get(f"http://localhost:{port}/").status_code == 200


def asked(url: str, meant: str, resolve: Any = None) -> int:
    async def ask() -> int:
        transport = guarded_async(
            literal=[],
            verify=ssl.create_default_context(),
            limits=Limits(),
            resolve=resolve or (lambda _name: ["127.0.0.1"]),
        )
        async with AsyncClient(transport=transport, follow_redirects=True) as client:
            return (await client.get(url, extensions={MEANT_FOR: meant})).status_code

    return asyncio.run(ask())


@pytest.mark.requirement("ASVS-1.3.6")
def test_a_client_of_many_hosts_follows_a_redirect_to_the_same_host_and_to_no_other(port: int) -> None:
    assert asked(f"http://localhost:{port}/again", "localhost") == 200
    for path in ("away", "metadata"):
        with pytest.raises(OutgoingRefused, match="redirects to"):
            asked(f"http://localhost:{port}/{path}", "localhost")
    with pytest.raises(OutgoingRefused):
        asked(f"http://wiki.corp:{port}/", "wiki.corp")


@pytest.mark.requirement("ASVS-1.3.6", "ASVS-15.3.2")
def test_a_redirect_to_another_host_is_not_followed(port: int) -> None:
    """Though the client follows redirects, the transport knows one host only."""
    with Client(transport=guarded(["localhost"], resolve=lambda _name: ["127.0.0.1"]), follow_redirects=True) as client:
        with pytest.raises(OutgoingRefused):
            client.get(f"http://localhost:{port}/away")
        assert client.get(f"http://localhost:{port}/").status_code == 200
