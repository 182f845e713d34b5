"""The second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for whoever lost it.

Each code is used up by being right: a time step that was accepted is not accepted again, and a recovery code is
deleted. The shared secret lies encrypted in the database, under the data directory's ring and bound to the account,
so that neither a stolen database nor a row copied to another account opens anything.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Any

import pyotp
from sqlalchemy import delete, insert, or_, select, update

from steersman.runtime.identity import tables

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from steersman.contract.ports import MarkedColumn

_STEP_SECONDS = 30
#: One step to each side, for phones whose clock is off.
_AROUND = (0, -1, 1)
_RECOVERY_CODES = 10


class SecondFactor:
    """Sets up, checks and removes. An account without one needs no code."""

    def __init__(self, column: MarkedColumn, issuer: str) -> None:
        self._column = column
        self._issuer = issuer

    def accepts(self, transaction: Connection, account: str, code: str, now_ms: int) -> bool:
        """Tell whether this code opens now, and use it up."""
        row = transaction.execute(select(tables.accounts).where(tables.accounts.c.id == account)).one()
        if not self.is_asked(row):
            return True
        given = "".join(code.split()).upper()
        if row.totp is not None and self._is_current(transaction, account, row.totp, given, now_ms):
            return True
        return _recovers(transaction, account, given)

    @staticmethod
    def is_asked(row: Row[Any]) -> bool:
        """Tell whether this account asks for more than a password."""
        return row.totp is not None or bool(row.asks_passkey)

    def offer(self, name: str) -> tuple[str, str]:
        """Return a new secret and the address that an authenticator app reads; nothing is stored."""
        secret = pyotp.random_base32()
        return secret, pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=self._issuer)

    def confirms(self, secret: str, code: str, now_ms: int) -> int | None:
        """Return the time step of a code that shows that somebody's app has taken over an offered secret."""
        return _step_of(secret, code, now_ms)

    def switch_on(self, transaction: Connection, account: str, secret: str, step: int | None = None) -> list[str]:
        """Ask this account for codes from now on; returns the recovery codes, for the only time.

        `step` is that of the code which confirmed it: it was used up by that.
        """
        sealed = self._column.seal(account, secret.encode())
        _write(transaction, account, totp=sealed, totp_step=step)
        return renew_recovery(transaction, account)

    def switch_off(self, transaction: Connection, account: str) -> None:
        """Ask for nothing but the password any more."""
        _write(transaction, account, totp=None, totp_step=None, asks_passkey=False)
        _forget_recovery(transaction, account)

    @staticmethod
    def ask_passkey(transaction: Connection, account: str) -> list[str]:
        """Ask for a passkey after the password from now on; returns the recovery codes, for the only time."""
        _write(transaction, account, asks_passkey=True)
        return renew_recovery(transaction, account)

    def _is_current(self, transaction: Connection, account: str, sealed: bytes, code: str, now_ms: int) -> bool:
        secret = self._column.open(account, sealed).decode()
        step = _step_of(secret, code, now_ms)
        if step is None:
            return False
        unused = or_(tables.accounts.c.totp_step.is_(None), tables.accounts.c.totp_step < step)
        mine = (tables.accounts.c.id == account) & unused
        return transaction.execute(update(tables.accounts).where(mine).values(totp_step=step)).rowcount == 1


def renew_recovery(transaction: Connection, account: str) -> list[str]:
    """Put new recovery codes in the place of the old ones and return them, for the only time."""
    _forget_recovery(transaction, account)
    codes = [f"{secrets.token_hex(4)}-{secrets.token_hex(4)}".upper() for _ in range(_RECOVERY_CODES)]
    transaction.execute(insert(tables.recoveries), [{"account": account, "hash": _hash(code)} for code in codes])
    return codes


def _forget_recovery(transaction: Connection, account: str) -> None:
    transaction.execute(delete(tables.recoveries).where(tables.recoveries.c.account == account))


def _write(transaction: Connection, account: str, **values: Any) -> None:
    transaction.execute(update(tables.accounts).where(tables.accounts.c.id == account).values(**values))


def _step_of(secret: str, code: str, now_ms: int) -> int | None:
    """Return the time step whose code this is, if it is one of now."""
    totp, now, given = pyotp.TOTP(secret), now_ms // 1000 // _STEP_SECONDS, code.encode("utf-8", "surrogatepass")
    found = [now + off for off in _AROUND if hmac.compare_digest(totp.generate_otp(now + off).encode(), given)]
    return found[0] if found else None


def _recovers(transaction: Connection, account: str, code: str) -> bool:
    mine = (tables.recoveries.c.account == account) & (tables.recoveries.c.hash == _hash(code))
    return transaction.execute(delete(tables.recoveries).where(mine)).rowcount == 1


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
