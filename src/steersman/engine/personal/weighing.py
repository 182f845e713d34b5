"""How sure a match is: by its check digits, by the word beside it, by what machines write that looks the same.

Every function gets the match and the forty signs before it, and returns a confidence; 0 says that it is something else.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache

from steersman.engine.personal import checksums
from steersman.engine.personal.vat import CHECKED_BY_97, valid_vat

_SEPARATORS = str.maketrans("", "", " -.()\u00a0")
_NUMBERS_OF_MACHINES = re.compile(
    r"(?i)(?:bytes|size|count|total|offset|seq|id|ns|ms|us|time|ts|length|memory|used)\W{1,4}$"
)
_VERSION = re.compile(r"(?i)(?:version|\bv|release)\W{0,2}$")


def bare(text: str) -> str:
    """Return a number without what people put into it to read it."""
    return text.translate(_SEPARATORS)


def checked(check: Callable[[str], bool], sure: float) -> Callable[[re.Match[str], str], float]:
    return lambda found, _before: sure if check(bare(found[0])) else 0.0


def resident(found: re.Match[str], before: str) -> float:
    if not checksums.resident_id(found[0]):
        return 0.0
    if len(found[0]) == 18:
        return 0.99
    return 0.8 if re.search(r"身份证|证件|(?i:\bid\b)", before) else 0.3


def credit_code(found: re.Match[str], before: str) -> float:
    if not checksums.credit_code(found[0]):
        return 0.0
    # One number of digits alone in thirty-one has the right check sign by chance.
    return 0.97 if not found[0].isdigit() or re.search(r"信用代码|税号|(?i:credit code|uscc)", before) else 0.4


def mobile(found: re.Match[str], before: str) -> float:
    if found[1] or bare(found[0]) != found[0]:
        return 0.95
    if re.search(r"(?i)手机|电话|联系|拨打|微信|phone|mobile|\btel|call|sms|whatsapp", before):
        return 0.95
    return 0.2 if _NUMBERS_OF_MACHINES.search(before) else 0.6


def address(found: re.Match[str], before: str) -> float:
    """An address that is not of a private network. The same ones come line after line: what they are is remembered."""
    return 0.7 if _is_public(found[0]) and not _VERSION.search(before) else 0.0


@lru_cache(maxsize=4096)
def _is_public(text: str) -> bool:
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return False
    is_written_out = parsed.version == 4 or len([part for part in text.split(":") if part]) > 2
    return parsed.is_global and is_written_out


def passport(found: re.Match[str], before: str) -> float:
    return 0.9 if re.search(r"(?i)护照|passport", before) else 0.0


def landline(found: re.Match[str], before: str) -> float:
    return 0.8 if re.search(r"(?i)电话|座机|传真|\btel|phone|fax", before) else 0.0


def phone(found: re.Match[str], _before: str) -> float:
    return 0.85 if 8 <= len(bare(found[0])) - 1 <= 15 else 0.0


def always(sure: float) -> Callable[[re.Match[str], str], float]:
    return lambda _found, _before: sure


def password(found: re.Match[str], _before: str) -> float:
    """A word of letters alone, without quotes, is more likely the name of a variable or a type."""
    value = found[1]
    quoted = found.string[found.start(1) - 1] in "\"'"
    return 0.9 if quoted or not value.replace("_", "").rstrip(").]").isalpha() else 0.2


def credentials(found: re.Match[str], _before: str) -> float:
    return 0.9 if any(sign.isdigit() or sign in "=+/._~" for sign in found[1].rstrip(".")) else 0.2


def nino(found: re.Match[str], _before: str) -> float:
    prefix = found[0][:2].upper()
    return 0.0 if prefix in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"} else 0.85


def vat(found: re.Match[str], before: str) -> float:
    """A check of two digits is believed; where it is one digit, a tenth of all product numbers pass it."""
    number = bare(found[0])
    if not valid_vat(number):
        return 0.0
    if re.search(r"(?i)\b(?:vat|ust|mwst|uid|tva|iva|btw|nif|cif|moms|alv|tax)\b|\bustid|税", before):
        return 0.95
    return 0.7 if number[:2] in CHECKED_BY_97 else 0.4


def ethereum(found: re.Match[str], before: str) -> float:
    """Forty hexadecimal digits behind `0x` are an address or a digest of 20 bytes: a word beside it makes it sure."""
    if len(set(found[0].lower())) < 8:
        return 0.0
    return 0.9 if re.search(r"(?i)wallet|address|\beth|ether|钱包|地址", before) else 0.6
