"""Where calls from this machine may go, and that they go to what was judged."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from httpx2 import Client
from hypothesis import given
from hypothesis import strategies as st

from steersman.runtime.outgoing import OutgoingRefused, address_for, guarded


class _Peer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(302 if self.path == "/away" else 200)
        self.send_header("Location", "http://elsewhere.example/")
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
        address_for(address, [address])


@pytest.mark.requirement("ASVS-1.3.6")
@pytest.mark.parametrize("inside", ["127.0.0.1", "10.0.0.1", "192.168.1.1", "::1", "fd12::1", "100.64.0.1"])
def test_the_own_network_is_reached_only_where_a_setting_names_the_host(inside: str) -> None:
    """One address of several is enough to refuse a name that nobody configured."""
    assert address_for("wiki.corp", ["wiki.corp"], lambda _name: [inside]) == inside
    with pytest.raises(OutgoingRefused):
        address_for("wiki.corp", [], lambda _name: ["93.184.215.14", inside])
    assert address_for("example.org", [], lambda _name: ["93.184.215.14"]) == "93.184.215.14"


@given(st.integers(0, 2**32 - 1))
def test_a_number_is_never_taken_for_an_address(number: int) -> None:
    """The resolver of the system would read it as one."""
    for text in (str(number), hex(number), f"0{number:o}"):
        with pytest.raises(OutgoingRefused):
            address_for(text, [text])


def test_a_name_is_resolved_once_and_its_judged_address_is_called(port: int) -> None:
    """The peer hears the name; a second answer of the resolver would come too late."""
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    with Client(transport=guarded(["peer.corp"], resolve=lambda _name: next(answers))) as client:
        assert client.get(f"http://peer.corp:{port}/").text == f"peer.corp:{port}"


@pytest.mark.requirement("ASVS-1.3.6", "ASVS-15.3.2")
def test_a_redirect_to_another_host_is_not_followed(port: int) -> None:
    """Though the client follows redirects, the transport knows one host only."""
    with Client(transport=guarded(["localhost"], resolve=lambda _name: ["127.0.0.1"]), follow_redirects=True) as client:
        with pytest.raises(OutgoingRefused):
            client.get(f"http://localhost:{port}/away")
        assert client.get(f"http://localhost:{port}/").status_code == 200
