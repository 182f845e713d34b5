"""What each kind looks like before its check digits are asked, and what has to stand beside it where it has none.

Every pattern is linear: no repetition stands inside another, and each is bounded. The edges are part of them, because
eleven digits in a longer number, a hash or an id are no telephone. A pattern begins with the sign or the class that it
begins with, and what may not stand before is asked behind that: so a search skips what cannot begin one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from steersman.engine.personal import checksums, weighing
from steersman.engine.personal.kinds import Kind
from steersman.engine.personal.shapes import BEYOND, END, GAP, Shape, begin, shape

#: After a number: no letter or digit, no hyphen or dot that goes on with one.
_AFTER = r"(?![0-9A-Za-z_])(?![-.][0-9A-Za-z])"
_PLATES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"


def _begin(sign: str) -> str:
    """The first sign of a number, with the same before it that `_AFTER` has behind."""
    return rf"{sign}(?<![0-9A-Za-z_]{sign})(?<![0-9A-Za-z_][-.]{sign})"


_DIGIT = _begin(r"\d")


@dataclass(frozen=True, slots=True)
class Pattern:
    """Without its shape, and without one of its words in lower case, the regex need not be tried.

    `weigh(found, before)` gets the match and the forty signs before it, and returns the confidence; 0 says that it is
    something else.
    """

    kind: Kind
    shape: Shape
    regex: re.Pattern[str]
    weigh: Callable[[re.Match[str], str], float]
    why: str
    words: tuple[bytes, ...] = ()


def _pattern(
    kind: Kind,
    shape: Shape,
    regex: str,
    weigh: Callable[[re.Match[str], str], float],
    why: str,
    words: str = "",
) -> Pattern:
    return Pattern(kind, shape, re.compile(regex), weigh, why, tuple(words.encode().split()))


#: Three, four and four digits of a mobile number behind its first one.
_SUBSCRIBER = rb"00[ -]?0{4}[ -]?0{4}"
_CARD = "network, length and check digit of ISO/IEC 7812"
_ISSUED = "a key with the mark of its issuer"

PATTERNS = (
    _pattern(
        Kind.RESIDENT_ID,
        shape(b"0" * 15, begin(b"0") + rb"(?:0{17}|0{16}[Aa]|0{14})" + END),
        rf"{_DIGIT}(?:\d{{16}}[\dXx]|\d{{14}}){_AFTER}",
        weighing.resident,
        "region, date and check digit of GB 11643",
    ),
    _pattern(
        Kind.CREDIT_CODE,
        shape(b"000000", begin(b"[0A]") + rb"[0A]0{6}[0A]{10}" + END),
        rf"{_begin('[0-9ANY]')}[0-9A-HJ-NPQRTUWXY]\d{{6}}[0-9A-HJ-NPQRTUWXY]{{10}}{_AFTER}",
        weighing.credit_code,
        "check sign of GB 32100",
    ),
    _pattern(
        Kind.CARD,
        shape(b"0", begin(b"0") + rb"(?:[ -]?0){12,18}" + END),
        rf"{_DIGIT}(?:[ -]?\d){{12,18}}{_AFTER}",
        weighing.checked(checksums.payment_card, 0.95),
        _CARD,
    ),
    # The one above takes what stands before or behind a card with it: a date of expiry, a number of a line.
    _pattern(
        Kind.CARD,
        shape(b"0000", begin(b"0") + rb"(?:0{12,18}|000[ -](?:0{4}[ -]0{4}[ -]0{4}|0{6}[ -]0{4,5}))" + END),
        rf"{_begin('[2-6]')}(?:\d{{12,18}}|\d{{3}}[ -](?:\d{{4}}[ -]\d{{4}}[ -]\d{{4}}|\d{{6}}[ -]\d{{4,5}})){_AFTER}",
        weighing.checked(checksums.payment_card, 0.95),
        _CARD,
    ),
    _pattern(
        Kind.MOBILE,
        shape(b"0000", begin(b"0") + _SUBSCRIBER + END),
        rf"{_begin('1[3-9]')}()\d[ -]?\d{{4}}[ -]?\d{{4}}{_AFTER}",
        weighing.mobile,
        "a mobile number of mainland China",
    ),
    _pattern(
        Kind.MOBILE,
        shape(b"00", rb"(?:\+00|0000|00)[ -]?0" + _SUBSCRIBER + END),
        rf"((?:{_begin('[+]')}86|{_begin('0086')}|{_begin('86')})[ -]?)1[3-9]\d[ -]?\d{{4}}[ -]?\d{{4}}{_AFTER}",
        weighing.mobile,
        "a mobile number of mainland China",
        "86",
    ),
    _pattern(
        Kind.PHONE,
        shape(b"0000000", rb"0{3,4}[ -]0{7}"),
        rf"{_begin('0')}\d{{2,3}}[ -]\d{{7,8}}{_AFTER}",
        weighing.landline,
        "a landline with the word beside it",
        "tel phone fax 电话 座机 传真",
    ),
    _pattern(
        Kind.PHONE,
        shape(b"+0", rb"\+0(?:[ ().-]{0,2}0){6}"),
        r"\+(?<![0-9A-Za-z+]\+)[1-9](?:[ ().-]{0,2}\d){6,14}" + _AFTER,
        weighing.phone,
        "an international number (E.164)",
    ),
    _pattern(
        Kind.PLATE,
        shape(BEYOND + b"A", rb"\x80A[ \x80-]{0,3}[0A]{5}"),
        rf"[{_PLATES}][A-HJ-NP-Z][ ·•-]?(?:[DF][0-9A-HJ-NP-Z]\d{{4}}|\d{{5}}[DF]|[0-9A-HJ-NP-Z]{{5}}){_AFTER}",
        weighing.always(0.9),
        "province, office and number of a plate",
    ),
    _pattern(
        Kind.EMAIL,
        shape(b"@", rb"@(?<=[0Aa_.+%-]@)[0Aa-]{1,63}(?:\.[0Aa-]{1,63}){0,5}\.[Aa]{2}"),
        r"[A-Za-z0-9_](?<![\w.+%*/-][A-Za-z0-9_])[A-Za-z0-9_.+%-]{0,63}@[A-Za-z0-9-]{1,63}"
        r"(?:\.[A-Za-z0-9-]{1,63}){0,5}\.[A-Za-z]{2,24}(?![\w@])",
        weighing.always(0.95),
        "an e-mail address",
    ),
    _pattern(
        Kind.IBAN,
        shape(b"AA00", begin(b"A") + rb"A00(?: ?[0A]{4}){2}"),
        rf"{_begin('[A-Z]')}[A-Z]\d{{2}}(?: ?[A-Z0-9]{{4}}){{2,7}}(?: ?[A-Z0-9]{{1,3}})?{_AFTER}",
        weighing.checked(checksums.iban, 0.98),
        "length and remainder of ISO 13616",
    ),
    _pattern(
        Kind.VAT,
        shape(b"A", begin(b"A") + rb"A ?[0A][0. ]{6}"),
        rf"{_begin('[A-Z]')}[A-Z] ?[0-9A-Z][0-9. ]{{6,14}}(?:B\d\d|[A-Z]{{0,2}}){_AFTER}",
        weighing.vat,
        "country and check digits of a value added tax number",
    ),
    _pattern(
        Kind.SSN,
        shape(b"000-00-0000", begin(b"0") + rb"00-00-0000" + END),
        rf"{_DIGIT}\d{{2}}-\d{{2}}-\d{{4}}{_AFTER}",
        weighing.checked(checksums.social_security, 0.8),
        "the form of a social security number",
    ),
    _pattern(
        Kind.NINO,
        shape(b"AA", begin(b"A") + rb"A ?00 ?00 ?00 ?A" + END),
        rf"{_begin('[A-CEGHJ-PR-TW-Z]')}[A-CEGHJ-NPR-TW-Z] ?\d{{2}} ?\d{{2}} ?\d{{2}} ?[A-D]{_AFTER}",
        weighing.nino,
        "the form of a national insurance number",
    ),
    _pattern(
        Kind.PASSPORT,
        shape(b"A0000000", begin(b"A") + rb"A?0{7,8}" + END),
        rf"{_begin('[A-Z]')}[A-Z]?\d{{7,8}}{_AFTER}",
        weighing.passport,
        "the word beside it",
        "passport 护照",
    ),
    _pattern(
        Kind.PASSPORT,
        shape(b"0000000", rb"[0A<]{9}0[A<]{3}0{7}[A<]0{7}[0A<]{16}"),
        r"[A-Z0-9<](?<![A-Z0-9<][A-Z0-9<])[A-Z0-9<]{8}\d[A-Z<]{3}\d{7}[MFX<]\d{7}[A-Z0-9<]{16}(?![A-Z0-9<])",
        lambda found, _before: 0.97 if checksums.machine_readable(found[0]) else 0.0,
        "check digits of ICAO 9303",
    ),
    _pattern(
        Kind.BIRTH,
        shape(b"0", rb"0{4}[-/.\x80]{1,3}0|0[-/.]0{1,2}[-/.]0{4}"),
        r"(?i:born(?: on)?|birthday|date of birth|\bdob\b|出生日期|出生于|生日)[\s:：=\"']{0,6}"
        r"(\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})",
        weighing.always(0.9),
        "a date beside the word",
        "born birth dob 出生 生日",
    ),
    _pattern(
        Kind.IP,
        shape(b".0", rb"\.(?<=0\.)0{1,3}\.0{1,3}\.0"),
        # Most addresses in logs are of these private networks; they are passed over before anything is asked of them.
        r"\d(?<![\w.-]\d)(?<!1(?=0\.|27\.|92\.168\.))\d{0,2}\.(?:\d{1,3}\.){2}\d{1,3}(?![\w-]|\.\d)",
        weighing.address,
        "a public address",
    ),
    _pattern(
        Kind.IP,
        shape(b":", rb":(?::|(?<=[0Aa]:)(?:[0Aa]{1,4}:){6}[0Aa])"),
        r"(?<![\w:.])[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:.])",
        weighing.address,
        "a public address",
    ),
    _pattern(
        Kind.MAC,
        shape(b":", rb":(?<=[0Aa]{2}:)(?:[0Aa]{2}:){4}[0Aa]{2}"),
        r"(?<![\w:-])(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}(?![\w:-])",
        weighing.always(0.8),
        "the address of a network card",
    ),
    _pattern(
        Kind.WALLET,
        shape(b"0", rb"0(?<![0Aa]0)[0Aa]{25,34}(?![0Aa])"),
        r"[13](?<![0-9A-Za-z][13])[1-9A-HJ-NP-Za-km-z]{25,34}(?![0-9A-Za-z])",
        weighing.checked(checksums.wallet, 0.98),
        "check bytes of Base58Check",
    ),
    _pattern(
        Kind.WALLET,
        shape(b"0a", rb"0a(?<![0Aa_]0a)[0Aa]{40}(?![0Aa_])"),
        r"0x(?<![0-9A-Za-z_]0x)[0-9A-Fa-f]{40}(?![0-9A-Za-z_])",
        weighing.ethereum,
        "forty hexadecimal digits behind 0x, as Ethereum writes an address",
    ),
    _pattern(
        Kind.PRIVATE_KEY,
        shape(b"-----", rb"AAAAAAA AAA-----"),
        r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[A-Za-z0-9+/=\s:,-]{0,20000}?"
        r"(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)",
        weighing.always(1.0),
        "a private key in PEM",
    ),
    _pattern(
        Kind.TOKEN,
        shape(b"aaA", rb"aaA(?<![0Aa_-]aaA)[0Aa_\x80-]{8,4000}\.[0Aa_\x80-]{8}"),
        r"eyJ(?<![\w-]eyJ)[\w-]{8,4000}\.[\w-]{8,8000}\.[\w-]{0,4000}",
        weighing.always(0.97),
        "a JSON web token",
    ),
    _pattern(
        Kind.TOKEN,
        shape(b"a_", rb"_(?<=aa_)[0Aa_\x80-]{16}"),
        r"(?<![\w-])(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{20,100}|"
        r"stm[a-z]_[\w-]{20,200}|(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,100})",
        weighing.always(0.98),
        _ISSUED,
    ),
    _pattern(
        Kind.TOKEN,
        shape(b"a-", rb"a-[0Aa_\x80-]{10}"),
        r"(?<![\w-])(?:xox[baprs]-[\w-]{10,200}|sk-(?:ant-|proj-)?[\w-]{20,200}|glpat-[\w-]{20,40})",
        weighing.always(0.97),
        _ISSUED,
        "xox sk- glpat-",
    ),
    _pattern(
        Kind.TOKEN,
        shape(b"AAAA", rb"A(?<![0Aa]A)AAA[0A]{16}(?![0Aa])"),
        r"A(?<![A-Za-z0-9]A)(?:KIA|SIA)[A-Z0-9]{16}(?![A-Za-z0-9])",
        weighing.always(0.97),
        _ISSUED,
    ),
    _pattern(
        Kind.TOKEN,
        shape(b"", GAP + rb"(?<=[Aa]{5}" + GAP + rb")" + GAP + rb"{0,11}[0Aa_.~+/=\x80-]{8}"),
        r"[bB](?<!\w[bB])(?i:earer|asic)\s{1,4}([\w.~+/=-]{8,4000})",
        weighing.credentials,
        "credentials of an Authorization header",
        "bearer basic",
    ),
    _pattern(
        Kind.PASSWORD,
        shape(b"://", rb"://[^\s/:@\"']{0,300}:[^\s/@\"']{1,600}@"),
        r"://[^\s/:@\"']{0,100}:([^\s/@\"']{1,200})@",
        weighing.always(0.97),
        "a password in an address",
    ),
    _pattern(
        Kind.PASSWORD,
        shape(b"", rb"[Aa]{3}[\"']?" + GAP + rb"{0,9}[=:]" + GAP + rb"{0,9}[\"']?[^\s\"',;&}]"),
        r"[pP](?<!\w[pP])(?i:assword|asswd|wd)[\"']?\s{0,3}[=:]\s{0,3}[\"']?([^\s\"',;&}]{3,200})",
        weighing.password,
        "a password beside its name",
        "password passwd pwd",
    ),
    _pattern(
        Kind.PASSWORD,
        shape(BEYOND, rb"\x80{6}"),
        r"密码\s{0,3}[=:：是为]\s{0,3}([^\s，。；,;]{3,200})",
        weighing.always(0.9),
        "a password beside its name",
        "密码",
    ),
)
