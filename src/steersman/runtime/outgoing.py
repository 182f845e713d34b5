"""The guard in front of calls that leave this machine, against being sent where nobody configured (SSRF).

A name is resolved when a connection is made, every address behind it is judged, and the connection goes to the judged
ones: a name that answers differently the second time changes nothing (DNS rebinding). A redirect to another host is
another host and is refused like one. A name that the settings name may lead into the own network; to this machine it
may only if it is this machine's own, because else whoever answers for the name decides what is asked here. Where a
cloud keeps its credentials no call goes, whatever the settings say; a scrape does, if a person wrote that very address.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any

from anyio.to_thread import run_sync

from steersman.model.errors import Permanent, Temporary

if TYPE_CHECKING:
    import ssl

    from httpx2 import AsyncHTTPTransport, HTTPTransport, Limits

Resolve = Callable[[str], Sequence[str]]
_Address = IPv4Address | IPv6Address

#: Link-local, where most clouds answer with credentials, and the addresses of those that answer elsewhere.
_METADATA = tuple(
    ip_network(one)
    for one in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32", "168.63.129.16/32")
)
_UNUSUAL = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+))*\.?", re.IGNORECASE)
_NAT64 = IPv6Network("64:ff9b::/96")
#: Under this name a request says which host it was meant for when it was made, also after redirects.
MEANT_FOR = "steersman.meant_for"


class OutgoingRefused(Permanent):
    """A call would go where it must not: correct the address in the settings."""


def addresses_for(
    host: str, configured: Collection[str], resolve: Resolve | None = None, *, literal: Collection[str] = ()
) -> list[str]:
    """Return the addresses to connect to for a host; raises `OutgoingRefused`, or `Temporary` where it has none now.

    `configured` are the hosts that a person named in the settings: they may be in the own network. Any other has to be
    public. `literal` are addresses that a person wrote as such and that are called whatever is behind them. Blocks
    while it resolves.
    """
    name = _plain(host)
    known, exempt = name in map(_plain, configured), name in map(_plain, literal)
    if _looks_numeric(name):
        address = _literal(name)
        if not exempt:
            _check(name, address, known=known)
        return [str(address)]
    found = [ip_address(one) for one in (resolve or _resolve)(name)]
    if not found:
        raise Temporary(f"{name} has no address now")
    for address in found:
        _check(name, address, known=known)
        _check_loopback(name, address)
    return [str(address) for address in found]


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _check_loopback(name: str, address: _Address) -> None:
    if any(one.is_loopback for one in _meant(address)) and not _is_own(name):
        raise OutgoingRefused(
            f"{name} leads to {address}, which is this machine: write localhost or the address if that is meant"
        )


def _is_own(name: str) -> bool:
    return name == "localhost" or name.endswith(".localhost") or name in {_plain(one) for one in _own_names()}


def _own_names() -> tuple[str, str]:
    return socket.gethostname(), socket.getfqdn()


def is_address(host: str) -> bool:
    """Tell whether a host is an address and no name."""
    return _looks_numeric(_plain(host))


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


@dataclass(frozen=True, slots=True)
class _Judge:
    """What the connections of a client are made by: to addresses that were judged, one after the other."""

    configured: Collection[str] | None
    resolve: Resolve | None = None
    literal: Collection[str] = ()

    def __call__(self, host: str) -> list[str]:
        """Judge a host; where no hosts are configured, the client itself asks for no other than it was meant for."""
        configured = (host,) if self.configured is None else self.configured
        return addresses_for(host, configured, self.resolve, literal=self.literal)


class _Connecting:
    """In the place of a pool's network backend: the name stays in the Host header and in the TLS handshake."""

    def __init__(self, backend: Any, judge: _Judge) -> None:
        self._backend = backend
        self._judge = judge

    def connect_tcp(self, host: str, *args: Any, **options: Any) -> Any:
        from httpcore2 import ConnectError

        *others, last = self._judge(host)
        for address in others:
            try:
                return self._backend.connect_tcp(address, *args, **options)
            except ConnectError:
                continue
        return self._backend.connect_tcp(last, *args, **options)


class _ConnectingAsync(_Connecting):
    async def connect_tcp(self, host: str, *args: Any, **options: Any) -> Any:
        from httpcore2 import ConnectError

        # An address needs no resolver, and most targets are one.
        judged = self._judge(host) if _looks_numeric(host) else await run_sync(self._judge, host)
        *others, last = judged
        for address in others:
            try:
                return await self._backend.connect_tcp(address, *args, **options)
            except ConnectError:
                continue
        return await self._backend.connect_tcp(last, *args, **options)


def guarded(
    configured: Sequence[str], *, verify: ssl.SSLContext | bool = True, resolve: Resolve | None = None
) -> HTTPTransport:
    """Return the transport for a client that reaches the configured hosts and no others."""
    from httpx2 import HTTPTransport, Request, Response

    class Guarded(HTTPTransport):
        def handle_request(self, request: Request) -> Response:
            if _plain(request.url.host) not in map(_plain, configured):
                raise OutgoingRefused(f"{request.url.host} is not the host that the settings name")
            return super().handle_request(request)

    transport = Guarded(verify=verify, trust_env=False)
    _judging(transport, _Connecting, _Judge(configured, resolve))
    return transport


def guarded_async(
    *, literal: Collection[str], verify: ssl.SSLContext, limits: Limits, resolve: Resolve | None = None
) -> AsyncHTTPTransport:
    """Return the transport for a client of many hosts, each request of which says in `MEANT_FOR` which it is for."""
    from httpx2 import AsyncHTTPTransport, Request, Response

    class Guarded(AsyncHTTPTransport):
        async def handle_async_request(self, request: Request) -> Response:
            meant = str(request.extensions.get(MEANT_FOR, ""))
            if _plain(request.url.host) != _plain(meant):
                raise OutgoingRefused(f"{meant} redirects to {request.url.host}, which no setting names")
            return await super().handle_async_request(request)

    transport = Guarded(verify=verify, trust_env=False, limits=limits)
    _judging(transport, _ConnectingAsync, _Judge(None, resolve, literal))
    return transport


def _judging(transport: Any, connecting: type[_Connecting], judge: _Judge) -> None:
    """Put the judge where connections are made; a transport has no way to be given one."""
    pool = transport._pool  # noqa: SLF001 - the versions are locked by hash, and the tests call through it
    pool._network_backend = connecting(pool._network_backend, judge)  # noqa: SLF001 - likewise
