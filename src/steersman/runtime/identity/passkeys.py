"""Passkeys (WebAuthn): people sign in with a key that stays in their device, and that opens for this site's name alone.

The device asks its owner who they are (user verification) each time, so a passkey is two factors in one; it also stands
for the second one after a password. What the browser signs is checked by `webauthn`; here is what surrounds it: whose
challenge that was, whose key that is, and a count that never goes back, which is how a copied key shows.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from steersman.contract.ports import Caller, Ids
from steersman.model.errors import Conflict, InvalidInput, NotFound, Unauthenticated
from steersman.runtime.identity import tables
from steersman.runtime.identity.once import Once

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

REFUSED = "the passkey is not valid"
REGISTER, ASSERT = "passkey register", "passkey assert"
_MOST_KEYS = 20
_TIMEOUT_MS = 120_000

Credential = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Whom passkeys are for: a host name, and the one origin whose pages may ask for them."""

    id: str
    origin: str


@dataclass(frozen=True, slots=True)
class Passkeys:
    """Registers, lists, changes, removes and checks. Methods take an open transaction."""

    once: Once
    ids: Ids
    title: str

    def creation_options(self, connection: Connection, party: RelyingParty, caller: Caller) -> dict[str, Any]:
        """Return what `navigator.credentials.create` takes, as JSON."""
        from webauthn import generate_registration_options
        from webauthn.helpers.structs import (
            AuthenticatorSelectionCriteria,
            ResidentKeyRequirement,
            UserVerificationRequirement,
        )

        options = generate_registration_options(
            rp_id=party.id,
            rp_name=self.title,
            user_name=caller.subject,
            user_id=caller.account.encode(),
            challenge=self.once.challenge(REGISTER, caller.session),
            timeout=_TIMEOUT_MS,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=_descriptors(rows_of(connection, caller.account)),
        )
        return _as_json(options)

    def register(
        self,
        transaction: Connection,
        party: RelyingParty,
        caller: Caller,
        name: str,
        credential: Credential,
        now_ms: int,
    ) -> str:
        """Store a new passkey and return its id; raises `InvalidInput` for what does not verify."""
        from webauthn import verify_registration_response

        challenge = _challenge_in(credential)
        self.once.spend(transaction, REGISTER, caller.session, challenge)
        if len(rows_of(transaction, caller.account)) >= _MOST_KEYS:
            raise Conflict(f"an account has at most {_MOST_KEYS} passkeys: remove one first")
        found = _verified(
            lambda: verify_registration_response(
                credential=dict(credential),
                expected_challenge=challenge,
                expected_rp_id=party.id,
                expected_origin=party.origin,
                require_user_verification=True,
            )
        )
        made = self.ids.new()
        row = {
            "id": made,
            "account": caller.account,
            "credential": _text(found.credential_id),
            "public_key": found.credential_public_key,
            "sign_count": found.sign_count,
            "name": name,
            "transports": _transports(credential),
            "synced": found.credential_backed_up,
            "created_ms": now_ms,
        }
        try:
            transaction.execute(insert(tables.passkeys).values(**row))
        except IntegrityError as error:
            raise Conflict("this passkey is registered already") from error
        return made

    def request_options(self, party: RelyingParty, bound: str, allowed: list[Row[Any]] | None = None) -> dict[str, Any]:
        """Return what `navigator.credentials.get` takes, as JSON; nothing in it depends on who may sign in."""
        from webauthn import generate_authentication_options
        from webauthn.helpers.structs import UserVerificationRequirement

        options = generate_authentication_options(
            rp_id=party.id,
            challenge=self.once.challenge(ASSERT, bound),
            timeout=_TIMEOUT_MS,
            allow_credentials=_descriptors(allowed or []),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return _as_json(options)

    def check(
        self, transaction: Connection, party: RelyingParty, bound: str, credential: Credential, now_ms: int
    ) -> str:
        """Return the account whose passkey signed; raises `Unauthenticated`, always with the same words."""
        from webauthn import verify_authentication_response

        try:
            challenge = _challenge_in(credential)
            row = _row_of(transaction, credential)
            found = _verified(
                lambda: verify_authentication_response(
                    credential=dict(credential),
                    expected_challenge=challenge,
                    expected_rp_id=party.id,
                    expected_origin=party.origin,
                    credential_public_key=row.public_key,
                    credential_current_sign_count=row.sign_count,
                    require_user_verification=True,
                )
            )
        except (InvalidInput, NotFound) as error:
            raise Unauthenticated(REFUSED) from error
        self.once.spend(transaction, ASSERT, bound, challenge)
        mine = (tables.passkeys.c.id == row.id) & (tables.passkeys.c.sign_count == row.sign_count)
        seen = update(tables.passkeys).where(mine).values(sign_count=found.new_sign_count, used_ms=now_ms)
        if transaction.execute(seen).rowcount != 1:
            raise Unauthenticated(REFUSED)
        return str(row.account)


def rows_of(connection: Connection, account: str) -> list[Row[Any]]:
    """Return the passkeys of an account, the oldest first."""
    query = select(tables.passkeys).where(tables.passkeys.c.account == account).order_by(tables.passkeys.c.id)
    return list(connection.execute(query).all())


def rename(transaction: Connection, account: str, id: str, name: str) -> None:
    """Call a passkey something else; raises `NotFound` unless it is this account's."""
    mine = (tables.passkeys.c.id == id) & (tables.passkeys.c.account == account)
    if transaction.execute(update(tables.passkeys).where(mine).values(name=name)).rowcount != 1:
        raise NotFound("you have no such passkey")


def remove(transaction: Connection, account: str, id: str) -> None:
    """Let a passkey open nothing any more; raises `NotFound` unless it is this account's."""
    mine = (tables.passkeys.c.id == id) & (tables.passkeys.c.account == account)
    if transaction.execute(delete(tables.passkeys).where(mine)).rowcount != 1:
        raise NotFound("you have no such passkey")


def _row_of(connection: Connection, credential: Credential) -> Row[Any]:
    """Return the row of the key that is said to have signed; what the device calls its owner has to agree."""
    named, response = credential.get("id"), credential.get("response")
    if not isinstance(named, str) or not isinstance(response, Mapping):
        raise InvalidInput(REFUSED)
    row = connection.execute(select(tables.passkeys).where(tables.passkeys.c.credential == named)).one_or_none()
    if row is None:
        raise NotFound(REFUSED)
    handle = response.get("userHandle")
    if handle is not None and handle != _text(row.account.encode()):
        raise InvalidInput(REFUSED)
    return row


def _verified(check: Any) -> Any:
    """Run a check over what a stranger sent; whatever it stumbles over, the passkey is not valid."""
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        return check()
    except (
        WebAuthnException,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise InvalidInput(f"{REFUSED}: make it anew") from error


def _challenge_in(credential: Credential) -> bytes:
    """Return the challenge that the browser says it answered; whose that was is asked afterwards."""
    try:
        text = credential["response"]["clientDataJSON"]
        return _bytes(json.loads(_bytes(text))["challenge"])
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InvalidInput(REFUSED) from error


def _transports(credential: Credential) -> list[str]:
    given = credential["response"].get("transports")
    known = {"usb", "nfc", "ble", "internal", "cable", "hybrid", "smart-card"}
    return sorted(known.intersection(one for one in given if isinstance(one, str))) if isinstance(given, list) else []


def _descriptors(rows: list[Row[Any]]) -> list[Any]:
    from webauthn.helpers.structs import AuthenticatorTransport, PublicKeyCredentialDescriptor

    known = {one.value for one in AuthenticatorTransport}
    return [
        PublicKeyCredentialDescriptor(
            id=_bytes(row.credential),
            transports=[AuthenticatorTransport(one) for one in row.transports if one in known],
        )
        for row in rows
    ]


def _as_json(options: Any) -> dict[str, Any]:
    from webauthn import options_to_json

    found: dict[str, Any] = json.loads(options_to_json(options))
    return found


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
