"""What every answer of this server carries, whoever made it: the headers that tell browsers what they may do with it.

A handler cannot weaken them; where it says nothing about caching, nothing between keeps the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import Message, Send

from steersman.runtime.console.shell import CONTENT_SECURITY_POLICY

SECURITY_HEADERS = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    # Not `no-referrer`: under that, browsers send `Origin: null` with the forms of our own pages, and none gets in.
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
#: A year, which is what ASVS asks for; only over TLS, where alone it means something.
_TLS_HEADERS = (*SECURITY_HEADERS, (b"strict-transport-security", b"max-age=31536000; includeSubDomains"))
#: What a browser is told that asks beforehand, for a page of an origin that the settings name.
PREFLIGHT = {
    "access-control-allow-methods": "GET, POST, PUT, PATCH, DELETE",
    "access-control-allow-headers": "authorization, content-type",
    "access-control-max-age": "600",
}
_NO_STORE = (b"cache-control", b"no-store")
_OURS = frozenset(name for name, _ in SECURITY_HEADERS)


@dataclass(slots=True)
class Answer:
    """Passes messages on to the server, adds the security headers and remembers the status."""

    send: Send
    secure: bool = False
    status: int = 0
    origin: bytes = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            kept = [pair for pair in message.get("headers", ()) if pair[0] not in _OURS]
            ours = _TLS_HEADERS if self.secure else SECURITY_HEADERS
            # What no handler decided about is about somebody: no cache between keeps it.
            unsaid = () if any(name == b"cache-control" for name, _ in kept) else (_NO_STORE,)
            message = {**message, "headers": [*kept, *ours, *unsaid, *self._shared()]}
        await self.send(message)

    def _shared(self) -> list[tuple[bytes, bytes]]:
        """Let a page of an origin that the settings name read the answer; no credentials of the browser come along."""
        return [(b"access-control-allow-origin", self.origin), (b"vary", b"Origin")] if self.origin else []
