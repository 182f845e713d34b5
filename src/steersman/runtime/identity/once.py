"""Challenges that may be answered once, by whoever they were given to, and not for long.

Asking for one is open to everybody and must cost nothing that lasts, so it writes nothing: a challenge carries its own
time and a MAC over its purpose and the browser or session that it was given to. Only an answer leaves a mark, in the
transaction of what it opens, and a second one finds it there, in every process.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from steersman.contract.ports import Clock
from steersman.model.errors import Unauthenticated
from steersman.runtime.identity import tables

if TYPE_CHECKING:
    from sqlalchemy import Connection

SPENT = "this was answered already, took too long, or was asked of somebody else: begin again"
_NONCE_BYTES, _TIME_BYTES, _MAC_BYTES = 16, 6, 16
_LENGTH = _NONCE_BYTES + _TIME_BYTES + _MAC_BYTES
LIFETIME_MS = 5 * 60_000


@dataclass(frozen=True, slots=True)
class Once:
    """Makes challenges and takes their answers, under the derivation key of the data directory."""

    derivation: bytes
    clock: Clock

    def challenge(self, purpose: str, bound: str) -> bytes:
        """Return a new challenge of 38 bytes; `bound` is who it is for, such as a session."""
        head = secrets.token_bytes(_NONCE_BYTES) + (self._now_ms() + LIFETIME_MS).to_bytes(_TIME_BYTES, "big")
        return head + self._mac(purpose, bound, head)

    def spend(self, transaction: Connection, purpose: str, bound: str, challenge: bytes) -> None:
        """Take the one answer to a challenge; raises `Unauthenticated` unless it is the first, in time and theirs."""
        head, mac = challenge[:-_MAC_BYTES], challenge[-_MAC_BYTES:]
        expires_ms = int.from_bytes(head[_NONCE_BYTES:], "big")
        genuine = len(challenge) == _LENGTH and hmac.compare_digest(mac, self._mac(purpose, bound, head))
        if not bound or not genuine or not 0 < expires_ms - self._now_ms() <= LIFETIME_MS:
            raise Unauthenticated(SPENT)
        mark = {"hash": hashlib.sha256(challenge).hexdigest(), "kind": purpose, "bound": "", "content": {}}
        try:
            transaction.execute(insert(tables.flows).values(**mark, expires_ms=expires_ms))
        except IntegrityError as error:
            raise Unauthenticated(SPENT) from error

    def _mac(self, purpose: str, bound: str, head: bytes) -> bytes:
        text = f"steersman challenge\n{purpose}\n{bound}\n".encode("utf-8", "surrogatepass")
        return hmac.new(self.derivation, text + head, hashlib.sha256).digest()[:_MAC_BYTES]

    def _now_ms(self) -> int:
        return self.clock.wall_ns() // 1_000_000
