"""What can be recognised, and how sure a recognition is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a piece of text is."""

    RESIDENT_ID = "cn_resident_id"
    MOBILE = "cn_mobile"
    PLATE = "cn_plate"
    CREDIT_CODE = "cn_credit_code"
    EMAIL = "email"
    PHONE = "phone"
    CARD = "payment_card"
    IBAN = "iban"
    VAT = "eu_vat"
    SSN = "us_ssn"
    NINO = "uk_nino"
    PASSPORT = "passport"
    BIRTH = "date_of_birth"
    IP = "ip_address"
    MAC = "mac_address"
    WALLET = "wallet"
    PRIVATE_KEY = "private_key"
    TOKEN = "token"  # noqa: S105 - the name of a kind
    PASSWORD = "password"  # noqa: S105 - the name of a kind


#: What opens something: hidden whole, wherever it is written.
SECRETS = frozenset({Kind.PRIVATE_KEY, Kind.TOKEN, Kind.PASSWORD})


@dataclass(frozen=True, slots=True)
class Found:
    """One recognition: `text[start:end]` is of this kind, with this confidence from 0 to 1, because of `why`."""

    kind: Kind
    start: int
    end: int
    confidence: float
    why: str
