"""Check digits, as their standards define them. Each takes text without separators and never raises."""

from __future__ import annotations

from datetime import date
from hashlib import sha256

#: The first two digits of a resident's id: provinces, and the regions that issue such ids as well (GB/T 2260).
_PROVINCES = frozenset(
    [
        "11",
        "12",
        "13",
        "14",
        "15",
        "21",
        "22",
        "23",
        "31",
        "32",
        "33",
        "34",
        "35",
        "36",
        "37",
        "41",
        "42",
        "43",
        "44",
        "45",
        "46",
        "50",
        "51",
        "52",
        "53",
        "54",
        "61",
        "62",
        "63",
        "64",
        "65",
        "71",
        "81",
        "82",
        "83",
        "91",
    ]
)
_CREDIT_SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
#: Countries by the length of their numbers (the registry of ISO 13616).
_IBAN_COUNTRIES = {
    15: "NO",
    16: "BE",
    18: "DK FI FO GL NL",
    19: "MK SI",
    20: "AT BA EE KZ LT LU XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "PT",
    26: "IS TR",
    27: "FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HU LB PL",
    29: "BR EG PS QA UA",
    30: "JO KW MU",
    31: "MT",
}
_IBAN_LENGTHS = {country: length for length, found in _IBAN_COUNTRIES.items() for country in found.split()}


def luhn(digits: str) -> bool:
    """ISO/IEC 7812: every second digit from the right is doubled."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (2 if place % 2 else 1)
        total += number - 9 if number > 9 else number
    return total % 10 == 0


def _is_date(digits: str) -> bool:
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return False
    return "1880" <= digits[:4] <= "2100"


def resident_id(text: str) -> bool:
    """GB 11643: region, date of birth, sequence, and ISO 7064 MOD 11-2; or the older form of 15 digits without it."""
    if len(text) == 15:
        return text[:2] in _PROVINCES and _is_date("19" + text[6:12])
    if len(text) != 18 or text[:2] not in _PROVINCES or not _is_date(text[6:14]):
        return False
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(text[:17]))
    return "10X98765432"[total % 11] == text[17].upper()


def credit_code(text: str) -> bool:
    """GB 32100: 18 signs of an alphabet without I, O, S, V and Z, the last of which checks the others, modulo 31."""
    signs = [_CREDIT_SIGNS.find(sign) for sign in text.upper()]
    if len(signs) != 18 or min(signs) < 0 or not text[2:8].isdigit():
        return False
    total = sum(value * pow(3, place, 31) for place, value in enumerate(signs[:17]))
    return (31 - total % 31) % 31 == signs[17]


def payment_card(digits: str) -> bool:
    """A number of a known network, of its length, with its check digit."""
    return _of_network(digits) and luhn(digits) and len(set(digits)) > 1


def _of_network(digits: str) -> bool:
    length, two, four = len(digits), digits[:2], digits[:4]
    if two == "62":
        return 16 <= length <= 19
    if digits[0] == "4":
        return length in {13, 16, 19}
    if "51" <= two <= "55" or "2221" <= four <= "2720":
        return length == 16
    if two in {"34", "37"}:
        return length == 15
    if four == "6011" or "644" <= digits[:3] <= "649" or two == "65" or "3528" <= four <= "3589":
        return length in {16, 19}
    return (two in {"36", "38", "39"} or "300" <= digits[:3] <= "305") and length == 14


def iban(text: str) -> bool:
    """ISO 13616: the length of its country, and 1 as the remainder by 97."""
    text = text.upper()
    if _IBAN_LENGTHS.get(text[:2]) != len(text) or not text[2:4].isdigit() or not text.isalnum() or not text.isascii():
        return False
    return int("".join(str(int(sign, 36)) for sign in text[4:] + text[:4])) % 97 == 1


def social_security(digits: str) -> bool:
    """A number that the Social Security Administration gives out: it has no check digit, only numbers never given."""
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in {"000", "666"} and area < "900" and group != "00" and serial != "0000"


def machine_readable(line: str) -> bool:
    """The second line of a passport (ICAO 9303): number, date of birth and date of expiry have their check digits."""
    parts = ((line[0:9], line[9]), (line[13:19], line[19]), (line[21:27], line[27]))
    return all(digit.isdigit() and _weighed(part) == int(digit) for part, digit in parts)


def _weighed(part: str) -> int:
    values = [0 if sign == "<" else int(sign, 36) for sign in part]
    return sum(value * (7, 3, 1)[place % 3] for place, value in enumerate(values)) % 10


def wallet(text: str) -> bool:
    """An address of Bitcoin in Base58Check: the last four bytes are the double SHA-256 of the others."""
    number = 0
    for sign in text:
        value = _BASE58.find(sign)
        if value < 0:
            return False
        number = number * 58 + value
    if number >= 1 << 200:
        return False
    content = number.to_bytes(25, "big")
    return content[0] in {0, 5} and sha256(sha256(content[:21]).digest()).digest()[:4] == content[21:]
