"""What each kind looks like before its check digits are asked, and what has to stand beside it where it has none.

Every pattern is linear: no repetition stands inside another, and each is bounded. The edges are part of them, because
eleven digits in a longer number, a hash or an id are no telephone.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass

from steersman.engine.personal import checksums
from steersman.engine.personal.kinds import Kind

#: Before and after a number: no letter or digit, no hyphen or dot that goes on with one.
_BEFORE, _AFTER = r"(?<![0-9A-Za-z_])(?<![0-9A-Za-z_][-.])", r"(?![0-9A-Za-z_])(?![-.][0-9A-Za-z])"
_PLATES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_SEPARATORS = str.maketrans("", "", " -.()\u00a0")
_NUMBERS_OF_MACHINES = re.compile(
    r"(?i)(?:bytes|size|count|total|offset|seq|id|ns|ms|us|time|ts|length|memory|used)\W{1,4}$"
)


@dataclass(frozen=True, slots=True)
class Pattern:
    """`needs` is a text or a class of signs without which it need not be tried; `weigh` returns the confidence.

    `weigh(found, before)` gets the match and the forty signs before it; 0 says that it is something else.
    """

    kind: Kind
    needs: str
    regex: re.Pattern[str]
    weigh: Callable[[re.Match[str], str], float]
    why: str


def bare(text: str) -> str:
    """Return a number without what people put into it to read it."""
    return text.translate(_SEPARATORS)


def _checked(check: Callable[[str], bool], sure: float) -> Callable[[re.Match[str], str], float]:
    return lambda found, _before: sure if check(bare(found[0])) else 0.0


def _resident(found: re.Match[str], before: str) -> float:
    if not checksums.resident_id(found[0]):
        return 0.0
    if len(found[0]) == 18:
        return 0.99
    return 0.8 if re.search(r"身份证|证件|(?i:\bid\b)", before) else 0.3


def _credit_code(found: re.Match[str], before: str) -> float:
    if not checksums.credit_code(found[0]):
        return 0.0
    # One number of digits alone in thirty-one has the right check sign by chance.
    return 0.97 if not found[0].isdigit() or re.search(r"信用代码|税号|(?i:credit code|uscc)", before) else 0.4


def _mobile(found: re.Match[str], before: str) -> float:
    if found[1] or bare(found[0]) != found[0]:
        return 0.95
    if re.search(r"(?i)手机|电话|联系|拨打|微信|phone|mobile|\btel|call|sms|whatsapp", before):
        return 0.95
    return 0.2 if _NUMBERS_OF_MACHINES.search(before) else 0.6


def _address(found: re.Match[str], before: str) -> float:
    if re.search(r"(?i)(?:version|\bv|release)\W{0,2}$", before):
        return 0.0
    try:
        parsed = ipaddress.ip_address(found[0])
    except ValueError:
        return 0.0
    is_written_out = parsed.version == 4 or len([part for part in found[0].split(":") if part]) > 2
    return 0.7 if parsed.is_global and is_written_out else 0.0


def _passport(found: re.Match[str], before: str) -> float:
    return 0.9 if re.search(r"(?i)护照|passport", before) else 0.0


def _landline(found: re.Match[str], before: str) -> float:
    return 0.8 if re.search(r"(?i)电话|座机|传真|\btel|phone|fax", before) else 0.0


def _phone(found: re.Match[str], _before: str) -> float:
    return 0.85 if 8 <= len(bare(found[0])) - 1 <= 15 else 0.0


def _always(sure: float) -> Callable[[re.Match[str], str], float]:
    return lambda _found, _before: sure


def _password(found: re.Match[str], _before: str) -> float:
    """A word of letters alone, without quotes, is more likely the name of a variable or a type."""
    value = found[1]
    quoted = found.string[found.start(1) - 1] in "\"'"
    return 0.9 if quoted or not value.replace("_", "").rstrip(").]").isalpha() else 0.2


def _credentials(found: re.Match[str], _before: str) -> float:
    return 0.9 if any(sign.isdigit() or sign in "=+/._~" for sign in found[1].rstrip(".")) else 0.2


def _nino(found: re.Match[str], _before: str) -> float:
    prefix = found[0][:2].upper()
    return 0.0 if prefix in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"} else 0.85


def _pattern(kind: Kind, needs: str, regex: str, weigh: Callable[[re.Match[str], str], float], why: str) -> Pattern:
    return Pattern(kind, needs, re.compile(regex), weigh, why)


#: Needs that are more than a text: a run of digits, a Chinese sign, a word for a secret, the mark of an issuer.
DIGITS, CJK, WORD, MARK = "digits", "cjk", "word", "mark"
PATTERNS = (
    _pattern(
        Kind.RESIDENT_ID,
        DIGITS,
        rf"{_BEFORE}(?:\d{{17}}[\dXx]|\d{{15}}){_AFTER}",
        _resident,
        "region, date and check digit of GB 11643",
    ),
    _pattern(
        Kind.CREDIT_CODE,
        DIGITS,
        rf"{_BEFORE}[0-9ANY][0-9A-HJ-NPQRTUWXY]\d{{6}}[0-9A-HJ-NPQRTUWXY]{{10}}{_AFTER}",
        _credit_code,
        "check sign of GB 32100",
    ),
    _pattern(
        Kind.CARD,
        DIGITS,
        rf"{_BEFORE}\d(?:[ -]?\d){{12,18}}{_AFTER}",
        _checked(checksums.payment_card, 0.95),
        "network, length and check digit of ISO/IEC 7812",
    ),
    _pattern(
        Kind.MOBILE,
        DIGITS,
        rf"{_BEFORE}((?:\+|00)?86[ -]?)?1[3-9]\d[ -]?\d{{4}}[ -]?\d{{4}}{_AFTER}",
        _mobile,
        "a mobile number of mainland China",
    ),
    _pattern(
        Kind.PHONE,
        DIGITS,
        rf"{_BEFORE}0\d{{2,3}}[ -]\d{{7,8}}{_AFTER}",
        _landline,
        "a landline with the word beside it",
    ),
    _pattern(
        Kind.PHONE,
        "+",
        r"(?<![0-9A-Za-z+])\+[1-9](?:[ ().-]{0,2}\d){6,14}" + _AFTER,
        _phone,
        "an international number (E.164)",
    ),
    _pattern(
        Kind.PLATE,
        CJK,
        rf"[{_PLATES}][A-HJ-NP-Z][ ·•-]?(?:[DF][0-9A-HJ-NP-Z]\d{{4}}|\d{{5}}[DF]|[0-9A-HJ-NP-Z]{{5}}){_AFTER}",
        _always(0.9),
        "province, office and number of a plate",
    ),
    _pattern(
        Kind.EMAIL,
        "@",
        r"(?<![\w.+%*/-])[A-Za-z0-9_][A-Za-z0-9_.+%-]{0,63}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,5}\.[A-Za-z]{2,24}(?![\w@])",
        _always(0.95),
        "an e-mail address",
    ),
    _pattern(
        Kind.IBAN,
        DIGITS,
        rf"{_BEFORE}[A-Z]{{2}}\d{{2}}(?: ?[A-Z0-9]{{4}}){{2,7}}(?: ?[A-Z0-9]{{1,3}})?{_AFTER}",
        _checked(checksums.iban, 0.98),
        "length and remainder of ISO 13616",
    ),
    _pattern(
        Kind.SSN,
        DIGITS,
        rf"{_BEFORE}\d{{3}}-\d{{2}}-\d{{4}}{_AFTER}",
        _checked(checksums.social_security, 0.8),
        "the form of a social security number",
    ),
    _pattern(
        Kind.NINO,
        DIGITS,
        rf"{_BEFORE}[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{{2}} ?\d{{2}} ?\d{{2}} ?[A-D]{_AFTER}",
        _nino,
        "the form of a national insurance number",
    ),
    _pattern(Kind.PASSPORT, DIGITS, rf"{_BEFORE}[A-Z]{{1,2}}\d{{7,8}}{_AFTER}", _passport, "the word beside it"),
    _pattern(
        Kind.PASSPORT,
        "<",
        r"(?<![A-Z0-9<])[A-Z0-9<]{9}\d[A-Z<]{3}\d{7}[MFX<]\d{7}[A-Z0-9<]{16}(?![A-Z0-9<])",
        lambda found, _before: 0.97 if checksums.machine_readable(found[0]) else 0.0,
        "check digits of ICAO 9303",
    ),
    _pattern(
        Kind.BIRTH,
        DIGITS,
        r"(?i:born(?: on)?|birthday|date of birth|\bdob\b|出生日期|出生于|生日)[\s:：=\"']{0,6}"
        r"(\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})",
        _always(0.9),
        "a date beside the word",
    ),
    _pattern(Kind.IP, ".", r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)", _address, "a public address"),
    _pattern(
        Kind.IP, "::", r"(?<![\w:.])[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:.])", _address, "a public address"
    ),
    _pattern(
        Kind.MAC,
        ":",
        r"(?<![\w:-])(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}(?![\w:-])",
        _always(0.8),
        "the address of a network card",
    ),
    _pattern(
        Kind.WALLET,
        DIGITS,
        r"(?<![0-9A-Za-z])[13][1-9A-HJ-NP-Za-km-z]{25,34}(?![0-9A-Za-z])",
        _checked(checksums.wallet, 0.98),
        "check bytes of Base58Check",
    ),
    _pattern(
        Kind.PRIVATE_KEY,
        "PRIVATE KEY",
        r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[A-Za-z0-9+/=\s:,-]{0,20000}?"
        r"(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)",
        _always(1.0),
        "a private key in PEM",
    ),
    _pattern(
        Kind.TOKEN,
        "eyJ",
        r"(?<![\w-])eyJ[\w-]{8,4000}\.[\w-]{8,8000}\.[\w-]{0,4000}",
        _always(0.97),
        "a JSON web token",
    ),
    _pattern(
        Kind.TOKEN,
        MARK,
        r"(?<![\w-])(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{20,100}|"
        r"stm[a-z]_[\w-]{20,200}|(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,100})",
        _always(0.98),
        "a key with the mark of its issuer",
    ),
    _pattern(
        Kind.TOKEN,
        MARK,
        r"(?<![\w-])(?:xox[baprs]-[\w-]{10,200}|sk-(?:ant-|proj-)?[\w-]{20,200}|glpat-[\w-]{20,40})",
        _always(0.97),
        "a key with the mark of its issuer",
    ),
    _pattern(
        Kind.TOKEN,
        MARK,
        r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])",
        _always(0.97),
        "a key with the mark of its issuer",
    ),
    _pattern(
        Kind.TOKEN,
        WORD,
        r"(?i)\b(?:bearer|basic)\s{1,4}([\w.~+/=-]{8,4000})",
        _credentials,
        "credentials of an Authorization header",
    ),
    _pattern(
        Kind.PASSWORD,
        "://",
        r"(?<=://)[^\s/:@\"']{0,100}:([^\s/@\"']{1,200})@",
        _always(0.97),
        "a password in an address",
    ),
    _pattern(
        Kind.PASSWORD,
        WORD,
        r"(?i)\b(?:password|passwd|pwd)[\"']?\s{0,3}[=:]\s{0,3}[\"']?([^\s\"',;&}]{3,200})",
        _password,
        "a password beside its name",
    ),
    _pattern(
        Kind.PASSWORD,
        "密码",
        r"密码\s{0,3}[=:：是为]\s{0,3}([^\s，。；,;]{3,200})",
        _always(0.9),
        "a password beside its name",
    ),
)
