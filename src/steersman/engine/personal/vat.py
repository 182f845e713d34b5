"""Value added tax numbers of the European Union, by the check digits that each country defines for its own.

Known are those whose rule is public and whose number says its country. The national rules differ; none is a secret.
"""

from __future__ import annotations

from collections.abc import Callable

from steersman.engine.personal.checksums import luhn

#: Countries whose check is two digits: one wrong number in 97, or in 89, passes.
CHECKED_BY_97 = frozenset({"BE", "FR", "LU", "NL"})
_SPANISH = "TRWAGMYFPDXBNJZSQVHLCKE"
_IRISH = "WABCDEFGHIJKLMNOPQRSTUV"


def valid_vat(text: str) -> bool:
    """Whether the text, in capitals without separators, is a number with its country before it."""
    check = _CHECKS.get(text[:2])
    return check is not None and check(text[2:])


def _weighed(length: int, weights: tuple[int, ...], modulus: int) -> Callable[[str], bool]:
    """The digits times their weights, the check digit included, are a multiple of the modulus."""
    return lambda body: _is_number(body, length) and _sum(body, weights) % modulus == 0


def _sum(body: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(body, weights, strict=False))


def _is_number(body: str, length: int) -> bool:
    return len(body) == length and body.isascii() and body.isdigit()


def _mod_11_10(length: int) -> Callable[[str], bool]:
    """ISO 7064 MOD 11,10."""

    def check(body: str) -> bool:
        if not _is_number(body, length):
            return False
        product = 10
        for digit in body[:-1]:
            product = ((product + int(digit)) % 10 or 10) * 2 % 11
        return (product + int(body[-1])) % 10 == 1

    return check


def _austria(body: str) -> bool:
    if body[:1] != "U" or not _is_number(body[1:], 8):
        return False
    doubled = sum(sum(divmod(int(digit) * (1 + place % 2), 10)) for place, digit in enumerate(body[1:8]))
    return (6 - doubled) % 10 == int(body[8])


def _belgium(body: str) -> bool:
    return _is_number(body, 10) and body[0] in "01" and 97 - int(body[:8]) % 97 == int(body[8:])


def _cyprus(body: str) -> bool:
    if len(body) != 9 or not _is_number(body[:8], 8) or body.startswith("12"):
        return False
    odd = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)
    total = sum(odd[int(digit)] for digit in body[0:8:2]) + sum(int(digit) for digit in body[1:8:2])
    return chr(ord("A") + total % 26) == body[8]


def _france(body: str) -> bool:
    """The key of two digits; the older keys with letters are not known here."""
    return _is_number(body, 11) and luhn(body[2:]) and int(body[2:] + "12") % 97 == int(body[:2])


def _greece(body: str) -> bool:
    return _is_number(body, 9) and _sum(body, (256, 128, 64, 32, 16, 8, 4, 2)) % 11 % 10 == int(body[8])


def _ireland(body: str) -> bool:
    if len(body) not in {8, 9} or not _is_number(body[:7], 7) or not body[7:].isalpha():
        return False
    second = _IRISH.find(body[8]) if len(body) == 9 else 0
    return second >= 0 and _IRISH[(_sum(body, (8, 7, 6, 5, 4, 3, 2)) + 9 * second) % 23] == body[7]


def _italy(body: str) -> bool:
    return _is_number(body, 11) and luhn(body)


def _luxembourg(body: str) -> bool:
    return _is_number(body, 8) and int(body[:6]) % 89 == int(body[6:])


def _netherlands(body: str) -> bool:
    """Numbers of companies have the check digit of a citizen's; those of persons one over the whole, by 97."""
    if len(body) != 12 or body[9] != "B" or not _is_number(body[:9] + body[10:], 11):
        return False
    if _sum(body, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0:
        return True
    return int("".join(str(int(sign, 36)) for sign in "NL" + body)) % 97 == 1


def _portugal(body: str) -> bool:
    return _is_number(body, 9) and (11 - _sum(body, (9, 8, 7, 6, 5, 4, 3, 2)) % 11) % 11 % 10 == int(body[8])


def _slovakia(body: str) -> bool:
    return _is_number(body, 10) and int(body) % 11 == 0


def _slovenia(body: str) -> bool:
    if not _is_number(body, 8) or body[0] == "0":
        return False
    check = 11 - _sum(body, (8, 7, 6, 5, 4, 3, 2)) % 11
    return check != 11 and check % 10 == int(body[7])


def _spain(body: str) -> bool:
    """Of persons, and of foreigners with an X, Y or Z in front; those of companies are not known here."""
    if len(body) != 9 or not body[-1].isalpha():
        return False
    number = body[:8].replace(body[0], str("XYZ".find(body[0])), 1) if body[0] in "XYZ" else body[:8]
    return _is_number(number, 8) and _SPANISH[int(number) % 23] == body[8]


def _sweden(body: str) -> bool:
    return _is_number(body, 12) and body[10:] == "01" and luhn(body[:10])


_CHECKS: dict[str, Callable[[str], bool]] = {
    "AT": _austria,
    "BE": _belgium,
    "CY": _cyprus,
    "DE": _mod_11_10(9),
    "DK": _weighed(8, (2, 7, 6, 5, 4, 3, 2, 1), 11),
    "EE": _weighed(9, (3, 7, 1, 3, 7, 1, 3, 7, 1), 10),
    "EL": _greece,
    "ES": _spain,
    "FI": _weighed(8, (7, 9, 10, 5, 8, 4, 2, 1), 11),
    "FR": _france,
    "HR": _mod_11_10(11),
    "HU": _weighed(8, (9, 7, 3, 1, 9, 7, 3, 1), 10),
    "IE": _ireland,
    "IT": _italy,
    "LU": _luxembourg,
    "MT": _weighed(8, (3, 4, 6, 7, 8, 9, 10, 1), 37),
    "NL": _netherlands,
    "PL": _weighed(10, (6, 5, 7, 2, 3, 4, 5, 6, 7, -1), 11),
    "PT": _portugal,
    "SE": _sweden,
    "SI": _slovenia,
    "SK": _slovakia,
}
