"""The API server over TLS: it is talked to if the authority of the settings vouches for it, and told nothing otherwise."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from steersman.model.errors import SteersmanError
from steersman.services.operations.commands.drill.mesh.certificates import (
    EXPIRED_DAYS,
    VALID_DAYS,
    make_authority,
    sign,
)
from steersman.services.orchestrators.model import KubernetesSettings
from steersman.services.orchestrators.store.kubernetes import KubernetesReader, connected


@dataclass
class Guarded:
    """An API server with a certificate, and what is needed to talk to it."""

    folder: Path
    cluster: Any

    def reader(self, *, authority: str = "authority", url: str = "", token: str = "") -> KubernetesReader:
        token_file = self.folder / "token"
        token_file.write_text(token)
        settings = KubernetesSettings(
            api_server=url or self.cluster.url,
            namespace="shop",
            deployments=("*",),
            ca_file=str(self.folder / authority / "ca.pem"),
            token_file=str(token_file) if token else None,
        )
        return connected(settings, 10.0)


@pytest.fixture
def guarded(tmp_path: Path, peers: Any) -> Iterator[Callable[..., Guarded]]:
    """Serve a cluster with a certificate that is good for so many days."""
    with ExitStack() as stack:

        def serve(days: int = VALID_DAYS) -> Guarded:
            for name in ("authority", "stranger", "server"):
                (tmp_path / name).mkdir()
            make_authority(tmp_path / "authority")
            make_authority(tmp_path / "stranger")
            sign(tmp_path / "authority", tmp_path / "server", days)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tmp_path / "server" / "cert.pem", tmp_path / "server" / "key.pem")
            cluster = peers.Cluster()
            stack.enter_context(peers.serving(cluster, tls=context))
            cluster.put("orders", "orders:1")
            return Guarded(tmp_path, cluster)

        yield serve


def test_a_server_that_the_authority_vouches_for_is_asked_with_the_token(guarded: Any) -> None:
    """The token goes over an encrypted line to a server that is known."""
    server = guarded()
    assert server.reader(token="secret-token").deployment("orders")["metadata"]["name"] == "orders"
    assert [one.headers["authorization"] for one in server.cluster.asked] == ["Bearer secret-token"]


@pytest.mark.requirement("ASVS-12.3.2")
@pytest.mark.parametrize("wrong", ["another authority", "another name", "expired"])
def test_a_server_that_nobody_vouches_for_hears_nothing(guarded: Any, wrong: str) -> None:
    """Neither the request nor the token; the reason is told."""
    server = guarded(EXPIRED_DAYS if wrong == "expired" else VALID_DAYS)
    url = server.cluster.url.replace("127.0.0.1", "localhost") if wrong == "another name" else ""
    reader = server.reader(
        authority="stranger" if wrong == "another authority" else "authority", url=url, token="secret-token"
    )
    with pytest.raises(SteersmanError, match="certificate"):
        reader.deployment("orders")
    assert server.cluster.asked == []
