"""What is found in text, what is left alone, and that masking hides it and nothing else."""

from __future__ import annotations

import string
import sys
from datetime import date
from itertools import pairwise

import pytest
import stdnum.cn.ric
from hypothesis import given
from hypothesis import strategies as st

from steersman.engine.personal import SECRETS, Kind, mask, recognise

JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJpbmVzIn0.c2lnbmF0dXJl"


def kinds(text: str) -> list[Kind]:
    return [one.kind for one in recognise(text)]


@pytest.mark.parametrize(("text", "kind", "hidden"), [
    ("身份证号11010519491231002X，请核对", Kind.RESIDENT_ID, "身份证号110*************2X，请核对"),
    ("手机13812345678", Kind.MOBILE, "手机138****5678"),
    ("call +86 138-1234-5678 now", Kind.MOBILE, "call +86 1**-****-5678 now"),
    ("车牌京A12345已登记", Kind.PLATE, "车牌京A****5已登记"),
    ("新能源粤BD12345", Kind.PLATE, "新能源粤B*****5"),
    ("统一社会信用代码91350100M000100Y43", Kind.CREDIT_CODE, "统一社会信用代码91************0Y43"),
    ("银行卡6200 0000 0000 0005", Kind.CARD, "银行卡**** **** **** 0005"),
    ("１３８１２３４５６７８ 是手机", Kind.MOBILE, "１３８****５６７８ 是手机"),
    ("mail ines@example.org today", Kind.EMAIL, "mail i***@example.org today"),
    ("card 4111-1111-1111-1111.", Kind.CARD, "card ****-****-****-1111."),
    ("IBAN DE89 3704 0044 0532 0130 00", Kind.IBAN, "IBAN DE89 **** **** **** **** 00"),
    ("card 4111 1111 1111 1111 12/27", Kind.CARD, "card **** **** **** 1111 12/27"),
    ("row 12 4111111111111111", Kind.CARD, "row 12 ************1111"),
    ("Amex 3782 822463 10005", Kind.CARD, "Amex **** ****** *0005"),
    ("出生日期 1990年2月3日", Kind.BIRTH, "出生日期 *********"),
    ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", Kind.WALLET, "1A1z****************************Na"),
    ("wallet 0x52908400098527886E0F7030069857D2E4169EE7", Kind.WALLET, "wallet 0x52************************************E7"),
    ("USt-IdNr. DE136695976", Kind.VAT, "USt-IdNr. DE*******76"),
    ("TVA FR83404833048", Kind.VAT, "TVA FR*********48"),
    ("NL123456789B01", None, "NL123456789B01"),
    ("item DE136695976", None, "item DE136695976"),
    ("password=a1:4111111111111111", Kind.PASSWORD, "password=(hidden)"),
    ("Authorization: Basic a.4111111111111111", Kind.TOKEN, "Authorization: Basic (hidden)"),
    ("SSN 123-45-6789", Kind.SSN, "SSN ***-**-**89"),
    ("NI number QQ 12 34 56 C", None, "NI number QQ 12 34 56 C"),
    ("NI number AB 12 34 56 C", Kind.NINO, "NI number A* ** ** ** C"),
    ("dial +44 20 7946 0958", Kind.PHONE, "dial +44 2* **** **58"),
    ("电话 010-12345678", Kind.PHONE, "电话 010-******78"),
    ("passport E12345678", Kind.PASSPORT, "passport E******78"),
    ("born 1990-02-28", Kind.BIRTH, "born ****-**-**"),
    ("from 203.0.113.9 and 8.8.8.8", Kind.IP, "from 203.0.113.9 and 8.8.8.*"),
    ("mac 00:1b:44:11:3a:b7", Kind.MAC, "mac 00:1b:44:**:**:**"),
    (f"Authorization: Bearer {JWT}", Kind.TOKEN, "Authorization: Bearer (hidden)"),
    ("postgresql://ann:s3cret@db/x", Kind.PASSWORD, "postgresql://ann:(hidden)@db/x"),
    ('{"password": "hunter22"}', Kind.PASSWORD, '{"password": "(hidden)"}'),
    ("密码是Abc12345，请勿外传", Kind.PASSWORD, "密码是(hidden)，请勿外传"),
])  # fmt: skip
@pytest.mark.requirement("ASVS-14.2.4", "ASVS-16.2.5")
def test_each_kind_is_found_and_hidden_in_its_form(text: str, kind: Kind | None, hidden: str) -> None:
    assert kinds(text) == ([] if kind is None else [kind])
    assert mask(text) == hidden


@pytest.mark.parametrize("text", [
    "bytes=13812345678", "seq: 15032385536", "took 1795648123576 ms", "id 0192f0c1-3812-7345-8678-aabbccddeeff",
    "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "v1.2.3.4 released", "version 10.20.30.40",
    "4111111111111112", "trace 4bf92f3577b34da6a3ce929d0e0e4736", "2026-11-25T21:30:00.123456Z", "1-2-3", "192.168.0.1 and 127.0.0.1",
    "user@localhost", "git@host:path", "a=1 b=2", "0.1.2.3.4", "123456789012345678", "999-12-3456", "pass the salt", "password reset mailed",
    'http_requests_total{code="200"} 13800000000000', "ratio 4.111111111111111", "DE89370400440532013001", "10:20:30:40:50", "std::vector<int>",
])  # fmt: skip
def test_numbers_of_machines_are_left_alone(text: str) -> None:
    assert mask(text) == text


def test_a_surer_recognition_wins_over_another_in_the_same_place() -> None:
    """A resident's id holds a date, and digits that look like a telephone."""
    assert kinds("110105194912310021 11010519491231002X") == [Kind.RESIDENT_ID]


def test_secrets_alone_can_be_asked_for() -> None:
    text = f"ines@example.org has {JWT}"
    assert mask(text, SECRETS) == "ines@example.org has (hidden)"


_people = st.one_of(
    st.builds(lambda region, born, number: (body := f"{region}{born:%Y%m%d}{number:03d}") + stdnum.cn.ric.calc_check_digit(body + "0"),
              st.sampled_from(["110101", "440305"]), st.dates(min_value=date(1930, 1, 1), max_value=date(2020, 1, 1)), st.integers(0, 999)),
    st.from_regex(r"\A13[0-9]{9}\Z").map(lambda number: "手机" + number),
    st.from_regex(r"\A[a-z]{3,8}@[a-z]{3,8}\.org\Z"),
)  # fmt: skip


@given(st.lists(st.one_of(_people, st.text(string.ascii_lowercase + " ，。", max_size=20)), max_size=6))
def test_masking_leaks_nothing_twice_changes_nothing_and_keeps_the_length_of_numbers(parts: list[str]) -> None:
    text = "，".join(parts)
    hidden = mask(text)
    assert mask(hidden) == hidden
    assert recognise(hidden) == []
    for one in recognise(text):
        assert text[one.start : one.end] not in hidden


@given(st.text(max_size=300))
def test_any_text_is_survived_and_spans_are_in_order(text: str) -> None:
    found = recognise(text)
    assert all(0 <= one.start < one.end <= len(text) for one in found)
    assert all(before.end <= after.start for before, after in pairwise(found))


@given(
    st.text(string.ascii_letters + string.digits + " .@:-", max_size=60),
    st.text(string.ascii_letters + " ", max_size=60),
)
def test_what_stands_beside_it_in_another_line_changes_little(text: str, other: str) -> None:
    """A mail address is one wherever it stands."""
    assert Kind.EMAIL in kinds(f"{other}\nines@example.org\n{text}")


@pytest.mark.parametrize(
    "unit",
    [
        "1",
        "1-",
        "a@",
        "@",
        "A",
        "eyJ",
        "::",
        "+1",
        "://a:",
        "password=",
        "京A",
        "-----BEGIN PRIVATE KEY-----",
        "1.",
        "AB12",
    ],
)
def test_long_hostile_text_is_linear(unit: str) -> None:
    """Twice the text costs about twice the steps: counted by how far each size gets, in a budget that grows with it."""

    def steps(text: str) -> int:
        count = 0

        def tracer(frame: object, event: str, _arg: object) -> object:
            nonlocal count
            count += 1
            return tracer

        sys.settrace(tracer)  # type: ignore[arg-type] # counts lines, and returns itself
        try:
            recognise(text)
        finally:
            sys.settrace(None)
        return count

    small, large = steps(unit * 500), steps(unit * 1000)
    assert large <= 2.5 * small + 2_000
