"""The guard in front of calls that leave this machine, against being sent where nobody configured (SSRF).

A name is resolved once, every address behind it is judged, and the connection goes to the judged one: a name that
answers differently the second time changes nothing (DNS rebinding). A redirect to another host is another host and is
refused like one. Where a cloud keeps its credentials, no call goes, whatever the settings say.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any

from steersman.model.errors import Permanent, Temporary

if TYPE_CHECKING:
    import ssl

    from httpx2 import HTTPTransport

Resolve = Callable[[str], Sequence[str]]
_Address = IPv4Address | IPv6Address

#: Link-local, where most clouds answer with credentials, and the addresses of those that answer elsewhere.
_METADATA = tuple(
    ip_network(one)
    for one in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32", "168.63.129.16/32")
)
_UNUSUAL = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+))*\.?", re.IGNORECASE)
_NAT64 = IPv6Network("64:ff9b::/96")


class OutgoingRefused(Permanent):
    """A call would go where it must not: correct the address in the settings."""


def address_for(host: str, configured: Sequence[str], resolve: Resolve | None = None) -> str:
    """Return the address to connect to for a host; raises `OutgoingRefused`, or `Temporary` where it has none now.

    `configured` are the hosts that a person named in the settings: they may be in the own network. Any other has to be
    public. Blocks while it resolves.
    """
    name = host.strip("[]").rstrip(".").lower()
    known = name in {one.strip("[]").rstrip(".").lower() for one in configured}
    found = [_literal(name)] if _looks_numeric(name) else [ip_address(one) for one in (resolve or _resolve)(name)]
    if not found:
        raise Temporary(f"{name} has no address now")
    for address in found:
        _check(name, address, known=known)
    return str(found[0])


def _looks_numeric(name: str) -> bool:
    return ":" in name or bool(_UNUSUAL.fullmatch(name))


def _literal(name: str) -> _Address:
    try:
        return ip_address(name)
    except ValueError:
        raise OutgoingRefused(
            f"{name} is an address in an unusual form: write it as 192.0.2.1 or 2001:db8::1"
        ) from None


def _check(name: str, address: _Address, *, known: bool) -> None:
    for one in _meant(address):
        if any(one in network for network in _METADATA if network.version == one.version):
            raise OutgoingRefused(f"{name} is {one}, where a cloud keeps credentials: no call goes there")
        if one.is_multicast or one.is_unspecified:
            raise OutgoingRefused(f"{name} is {one}, which is no single machine")
        if not known and not one.is_global:
            raise OutgoingRefused(f"{name} is {one}, which is not public, and no setting names this host")


def _meant(address: _Address) -> list[_Address]:
    """Return an address and the IPv4 address that is inside of it, where there is one."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    inner: list[_Address] = [one for one in (address.sixtofour, *(address.teredo or ())) if one is not None]
    if address in _NAT64:
        inner.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [address, *inner]


def _resolve(name: str) -> list[str]:
    try:
        return [str(found[4][0]).partition("%")[0] for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)]
    except OSError as error:
        raise Temporary(f"{name} has no address now: {error.strerror}") from error


def guarded(
    configured: Sequence[str],
    *,
    strict: bool = True,
    verify: ssl.SSLContext | bool = True,
    resolve: Resolve | None = None,
) -> HTTPTransport:
    """Return the transport for a client. With `strict` it reaches the configured hosts and no others."""
    from httpx2 import HTTPTransport, Request, Response

    class Guarded(HTTPTransport):
        """Connects to the address that was judged; the name stays in the Host header and in the TLS handshake."""

        def handle_request(self, request: Request) -> Response:
            host = request.url.host
            if strict and host.lower() not in {one.lower() for one in configured}:
                raise OutgoingRefused(f"{host} is not the host that the settings name")
            address = address_for(host, configured, resolve)
            extensions: dict[str, Any] = {**request.extensions, "sni_hostname": host}
            request.extensions = extensions
            request.url = request.url.copy_with(host=address)
            return super().handle_request(request)

    return Guarded(verify=verify, trust_env=False)
