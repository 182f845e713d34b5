"""The vault is asked exactly what it documents, and whatever it answers becomes words that a person can act upon.

No vault runs here: the peer is a script that checks every request against the documented interface (KV version 2 and
Transit), and that can refuse, lie, redirect, be slow or be sealed.
"""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from steersman.model.errors import Permanent, SteersmanError, Temporary
from steersman.runtime.keys.keyring import KeyRing
from steersman.runtime.keys.recovery import recover
from steersman.runtime.keys.root import ROOT_FILE
from steersman.runtime.keys.settings import KeySettings, VaultSettings
from steersman.runtime.keys.vault import Vault, vault_of, wrapping_of
from steersman.runtime.outgoing import OutgoingRefused

TOKEN = "s.a-token-that-must-not-be-shown"
NAMESPACE = "team/payments"


@dataclass
class Peer:
    """A script in the place of a vault."""

    address: str = ""
    #: What is answered in place of the right answer: a status and a body.
    instead: tuple[int, bytes] | None = None
    drips: bool = False
    wrong: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def answer(self, method: str, path: str, body: Any) -> tuple[int, bytes]:
        self.asked.append(f"{method} {path}")
        if method == "GET" and path == "/v1/secret/data/web/payments":
            data = {"password": "hunter2-hunter2", "port": 5432}
            return 200, told({"data": data, "metadata": {"version": 3}})
        if path == "/v1/transit/encrypt/steersman":
            base64.b64decode(body["plaintext"], validate=True)
            return 200, told({"ciphertext": "vault:v1:" + body["plaintext"][::-1]})
        if path == "/v1/transit/decrypt/steersman":
            if not body["ciphertext"].startswith("vault:v1:"):
                self.wrong.append(f"an unknown ciphertext {body}")
            return 200, told({"plaintext": body["ciphertext"].removeprefix("vault:v1:")[::-1]})
        return 404, b'{"errors":[]}'


def told(data: Any) -> bytes:
    return json.dumps({"request_id": "1", "lease_id": "", "renewable": False, "data": data}).encode()


def handler(peer: Peer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            if self.headers["X-Vault-Token"] != TOKEN or self.headers["X-Vault-Namespace"] != NAMESPACE:
                peer.wrong.append(f"token or namespace is missing: {dict(self.headers)}")
            if self.headers["X-Vault-Request"] != "true":
                peer.wrong.append("the header against forged requests is missing")
            length = int(self.headers["Content-Length"] or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, content = peer.answer(self.command, self.path, body)
            if peer.instead is not None:
                status, content = peer.instead
            self.send_response(status)
            if status in (301, 302, 307):
                self.send_header("Location", f"{peer.address}/v1/elsewhere")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content) + (1000 if peer.drips else 0)))
            self.end_headers()
            self.wfile.write(content)
            while peer.drips and not peer.released.wait(0.02):
                self.wfile.write(b" ")
                self.wfile.flush()

        do_GET = do_POST = do_PUT = handle_one  # noqa: N815 - the names that the library looks for

        def log_message(self, *_given: Any) -> None:
            return

    return Handler


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A scripted vault on a free port; at the end nothing that it was asked was wrong."""
    found = Peer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(found))
    server.daemon_threads = True
    found.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.released.set()
    server.shutdown()
    server.server_close()
    thread.join()
    assert found.wrong == []


@pytest.fixture
def vault(peer: Peer, tmp_path: Path) -> Vault:
    token = tmp_path / "vault-token"
    token.write_text(TOKEN + "\n")
    token.chmod(0o600)
    return Vault(
        VaultSettings(
            address=peer.address,
            token_file=token,
            namespace=NAMESPACE,
            transit_key="steersman",
            timeout_seconds=2.0,
        )
    )


@pytest.mark.requirement("ASVS-13.3.1")
def test_a_field_is_read_from_version_two(peer: Peer, vault: Vault) -> None:
    assert vault.read("web/payments", "password") == "hunter2-hunter2"
    assert peer.asked == ["GET /v1/secret/data/web/payments"]


@pytest.mark.parametrize("field", ["nothing", "port"])
def test_a_field_that_is_missing_or_no_text_is_named(vault: Vault, field: str) -> None:
    with pytest.raises(Permanent, match=f"has no text named {field}"):
        vault.read("web/payments", field)


ANSWERS = [
    (403, b'{"errors":["1 error occurred: permission denied"]}', Permanent, "refuses: give the token of .* `read on"),
    (401, b'{"errors":["missing client token"]}', Permanent, "refuses"),
    (404, b'{"errors":[]}', Permanent, "has nothing there"),
    (400, b'{"errors":["bad s.a-token-that-must-not-be-shown"]}', Permanent, "does not take that"),
    (503, b'{"errors":["Vault is sealed"]}', Temporary, "is sealed or in maintenance: unseal it"),
    (500, b'{"errors":["internal"]}', Temporary, "answered with an error"),
    (429, b"", Temporary, "answered with an error"),
    (302, b"", Temporary, "no answer of a vault"),
    (200, b"<html>a proxy</html>", Temporary, "no answer of a vault"),
    (200, b'{"data": {"data": null}}', Permanent, "has no text named"),
    (200, b'{"data": []}', Temporary, "no answer of a vault"),
    (200, b'{"data"', Temporary, "no answer of a vault"),
    (200, b"", Temporary, "no answer of a vault"),
    (204, b"", Temporary, "no answer of a vault"),
]


@pytest.mark.requirement("ASVS-16.5.1")
@pytest.mark.parametrize(("status", "body", "branch", "words"), ANSWERS)
def test_every_other_answer_becomes_words_without_the_token(
    peer: Peer, vault: Vault, status: int, body: bytes, branch: type[SteersmanError], words: str
) -> None:
    peer.instead = (status, body)
    with pytest.raises(branch, match=words) as raised:
        vault.read("web/payments", "password")
    assert TOKEN not in f"{raised.value!r} {raised.value.__cause__!r}"
    assert len(peer.asked) == 1, "no redirect is followed and nothing is repeated"


def test_a_vault_that_drips_its_answer_is_left_at_the_deadline(peer: Peer, vault: Vault) -> None:
    peer.drips = True
    with pytest.raises(Temporary, match="no whole answer within"):
        Vault(vault.settings.model_copy(update={"timeout_seconds": 0.3})).read("web/payments", "password")


def test_a_vault_that_is_gone_is_told_as_such(vault: Vault) -> None:
    gone = vault.settings.model_copy(update={"address": "http://127.0.0.1:9"})
    with pytest.raises(Temporary, match="cannot be reached"):
        Vault(gone).read("web/payments", "password")


@pytest.mark.requirement("ASVS-1.3.6")
def test_the_vaults_name_is_judged_and_what_was_judged_is_called(
    peer: Peer, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that turned to where a cloud keeps credentials, or to this machine, gets no token."""
    answers = [["169.254.169.254"], ["127.0.0.1"]]
    monkeypatch.setattr("steersman.runtime.outgoing._resolve", lambda _name: answers[0])
    port = peer.address.rpartition(":")[2]
    by_name = Vault(vault.settings.model_copy(update={"address": f"http://localhost:{port}"}))
    with pytest.raises(OutgoingRefused):
        by_name.read("web/payments", "password")
    answers.pop(0)
    elsewhere = Vault(vault.settings.model_copy(update={"address": f"https://vault.example:{port}"}))
    with pytest.raises(OutgoingRefused):
        elsewhere.read("web/payments", "password")
    assert not peer.asked
    assert by_name.read("web/payments", "password") == "hunter2-hunter2"


def test_the_certificate_is_compared_with_the_name_and_not_with_the_address(
    peer: Peer, vault: Vault, tmp_path: Path
) -> None:
    """A certificate of another name is refused, though an address is what is called."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for name, opens in (("localhost", True), ("another.example", False)):
        names = ["-subj", "/CN=vault", "-addext", f"subjectAltName=DNS:{name}", "-keyout", key, "-out", certificate]
        subprocess.run([*command, *names], check=True, capture_output=True)
        context.load_cert_chain(certificate, key)
        with ThreadingHTTPServer(("127.0.0.1", 0), handler(peer)) as server:
            server.socket = context.wrap_socket(server.socket, server_side=True)
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
            where = {"address": f"https://localhost:{server.server_port}", "ca_file": certificate}
            asked = Vault(vault.settings.model_copy(update=where))
            if opens:
                assert asked.read("web/payments", "password") == "hunter2-hunter2"
            else:
                with pytest.raises(Temporary, match="cannot be reached: SSLError"):
                    asked.read("web/payments", "password")
            server.shutdown()


def test_the_environment_decides_nothing(peer: Peer, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither another token, address or namespace, nor a proxy."""
    for name, value in (("VAULT_TOKEN", "other"), ("VAULT_ADDR", "http://127.0.0.1:9"), ("VAULT_NAMESPACE", "x"),
                        ("HTTP_PROXY", "http://127.0.0.1:9"), ("http_proxy", "http://127.0.0.1:9")):  # fmt: skip
        monkeypatch.setenv(name, value)
    assert vault.read("web/payments", "password") == "hunter2-hunter2"


@pytest.mark.parametrize(("mode", "text", "words"), [(0o640, TOKEN, "others may read"), (0o600, "", "is empty")])
def test_a_token_that_others_may_read_or_that_is_empty_is_not_used(
    peer: Peer, vault: Vault, mode: int, text: str, words: str
) -> None:
    vault.settings.token_file.write_text(text)
    vault.settings.token_file.chmod(mode)
    with pytest.raises(Permanent, match=words):
        vault.read("web/payments", "password")
    assert peer.asked == []


@pytest.mark.parametrize(
    "address", ["http://vault.example.org", "ftp://x", "https://u:p@x", "https://x/v1", "https://"]
)
def test_an_address_without_tls_or_with_something_behind_it_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        VaultSettings(address=address, token_file=tmp_path)


def test_nothing_is_asked_unless_the_settings_say_so() -> None:
    assert vault_of(KeySettings()) is None
    assert wrapping_of(KeySettings()) is None


# ------------------------------------------------------------------------------------------------ the root key


def opened(desk: Any, vault: Vault | None) -> KeyRing:
    return KeyRing.open(desk.folder, desk.database, desk.clock, vault)


@pytest.mark.requirement("ASVS-13.3.1")
def test_a_wrapped_root_key_opens_with_the_vault_alone(desk: Any, peer: Peer, vault: Vault) -> None:
    """What was local before is wrapped at the first start with the setting, and the clear key is gone from the disk."""
    local = opened(desk, None)
    desk.put(local, "a", b"one")
    assert local.root_key().hex().encode() in (desk.folder / ROOT_FILE).read_bytes()
    desk.secrets(opened(desk, vault))
    assert local.root_key().hex().encode() not in (desk.folder / ROOT_FILE).read_bytes()
    assert desk.secrets(opened(desk, vault)) == {"a": b"one"}
    with pytest.raises(Permanent, match=r"is wrapped by a vault, and the settings name none"):
        opened(desk, None)


def test_a_vault_that_is_sealed_stops_the_start_and_changes_nothing(desk: Any, peer: Peer, vault: Vault) -> None:
    desk.put(opened(desk, vault), "a", b"one")
    before = (desk.folder / ROOT_FILE).read_bytes()
    peer.instead = (503, b'{"errors":["Vault is sealed"]}')
    with pytest.raises(Temporary, match="unseal it"):
        opened(desk, vault)
    peer.instead = None
    assert (desk.folder / ROOT_FILE).read_bytes() == before
    assert desk.secrets(opened(desk, vault)) == {"a": b"one"}


def test_a_vault_that_lies_while_wrapping_is_found_out_before_the_clear_key_is_replaced(
    desk: Any, peer: Peer, vault: Vault
) -> None:
    opened(desk, None)
    before = (desk.folder / ROOT_FILE).read_bytes()
    peer.instead = (200, told({"ciphertext": "vault:v1:" + base64.b64encode(bytes(32)).decode()[::-1],
                               "plaintext": base64.b64encode(bytes(32)).decode()}))  # fmt: skip
    with pytest.raises(Temporary, match="nothing was changed"):
        opened(desk, vault)
    assert (desk.folder / ROOT_FILE).read_bytes() == before


def test_a_vault_that_lies_while_unwrapping_stops_the_start(desk: Any, peer: Peer, vault: Vault) -> None:
    opened(desk, vault)
    peer.instead = (200, told({"plaintext": base64.b64encode(bytes(32)).decode()}))
    with pytest.raises(Permanent, match="not the one that it names"):
        opened(desk, vault)


def test_shares_open_what_a_lost_vault_wrapped(desk: Any, vault: Vault) -> None:
    ring = opened(desk, vault)
    desk.put(ring, "a", b"one")
    recover(desk.folder, desk.database, ring.root_key())
    assert desk.secrets(opened(desk, None)) == {"a": b"one"}
