"""Outside providers: the whole way with a real one, and then with one that lies in every way that was published."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from steersman.model.errors import Temporary
from steersman.model.ids import DEFAULT_TENANT
from steersman.runtime.clock import SystemClock
from steersman.runtime.identity import accounts
from steersman.runtime.identity.accounts import Account, Kind
from steersman.runtime.identity.fetching import PlainFetch
from steersman.runtime.identity.settings import IdentitySettings

ME = "/auth/me"


class Liar:
    """A provider whose every answer a test may twist; honest unless told otherwise."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {"one": rsa.generate_private_key(65537, 2048)}
        self.reset()
        liar = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                return

            def do_GET(self) -> None:
                liar.asked.append(self.path)
                self._say(*(liar.configuration() if "openid" in self.path else liar.published()))

            def do_POST(self) -> None:
                liar.asked.append(self.path)
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                self._say(*liar.redeem({name: values[0] for name, values in form.items()}))

            def _say(self, status: int, body: Any) -> None:
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def reset(self) -> None:
        self.asked: list[str] = []
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.twist: Callable[[str], Any] = lambda token: token
        self.status, self.extra, self.nonce, self.challenge = 200, {}, "", ""
        self.sign: Callable[[dict[str, Any]], str] = lambda claims: jwt.encode(
            claims, self.keys["one"], "RS256", headers={"kid": "one", **self.header}
        )

    def configuration(self) -> tuple[int, Any]:
        found = {"issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize", "token_endpoint": f"{self.issuer}/token",
                 "jwks_uri": f"{self.issuer}/keys", "authorization_response_iss_parameter_supported": True, **self.extra}  # fmt: skip
        return self.status, found

    def published(self) -> tuple[int, Any]:
        algorithm = jwt.get_algorithm_by_name("RS256")
        keys = [{**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid} for kid, key in self.keys.items()]
        return self.status, {"keys": keys}

    def redeem(self, form: dict[str, str]) -> tuple[int, Any]:
        """One that checks PKCE itself, and hands out a token as the test wants it."""
        made = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        if made != self.challenge or form.get("code") != "good":
            return 400, {"error": "invalid_grant"}
        claims = {
            "iss": self.issuer,
            "aud": "steersman",
            "sub": "s-1",
            "iat": self.now,
            "exp": self.now + 300,
            "nonce": self.nonce,
            **self.claims,
        }
        given = {name: value for name, value in claims.items() if value is not ...}
        return self.status, {"access_token": "a", "token_type": "Bearer", "id_token": self.twist(self.sign(given))}

    now = 0


@pytest.fixture(scope="module")
def liars_server() -> Iterator[Liar]:
    liar = Liar()
    yield liar
    liar.server.shutdown()
    liar.server.server_close()


@pytest.fixture
def liar(liars_server: Liar) -> Liar:
    liars_server.reset()
    return liars_server


def settings(issuer: str, **more: Any) -> IdentitySettings:
    provider = {
        "issuer": issuer,
        "client_id": "steersman",
        "create_accounts": True,
        "roles": {"readers": ["viewer"]},
        **more,
    }
    return IdentitySettings.model_validate({"providers": {"house": provider}})


@pytest.fixture
def open_site(make_site: Any, liar: Liar) -> Callable[..., Any]:
    def opened(**more: Any) -> Any:
        site = make_site(people=settings(liar.issuer, **more)).start()
        liar.now = site.clock.wall_ns() // 1_000_000_000
        return site

    return opened


@pytest.fixture
def site(open_site: Callable[..., Any]) -> Any:
    return open_site()


def begin(browser: Any, liar: Liar, to: str = "/") -> dict[str, str]:
    """Follow the button, and note what the provider is asked."""
    answer = browser.ask("GET", f"/auth/oidc/start?provider=house&to={to}")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    liar.nonce, liar.challenge = asked["nonce"], asked["code_challenge"]
    return asked


def back(browser: Any, liar: Liar, asked: dict[str, str], **changed: str | None) -> Any:
    fields = {"code": "good", "state": asked["state"], "iss": liar.issuer, **changed}
    query = urlencode({name: value for name, value in fields.items() if value is not None})
    return browser.ask("GET", f"/auth/oidc/callback?{query}")


def signed_in(answer: Any) -> bool:
    return any(line.startswith("steersman_session=stms_") for line in answer.headers.get_list("set-cookie"))


@pytest.mark.requirement("ASVS-7.6.2")
def test_nobody_is_asked_anything_before_a_person_follows_the_button(site: Any, browser: Any, liar: Liar) -> None:
    browser.ask("GET", "/login")
    assert liar.asked == []
    asked = begin(browser, liar)
    assert (asked["code_challenge_method"], asked["response_type"]) == ("S256", "code")
    assert liar.asked == ["/.well-known/openid-configuration"]


def test_whoever_the_provider_vouches_for_gets_the_roles_that_the_settings_name(browser: Any, liar: Liar) -> None:
    liar.claims = {"preferred_username": "ada", "groups": ["readers", "admin", "*"]}
    answer = back(browser, liar, begin(browser, liar, "/ops"))
    assert signed_in(answer)
    assert 'url=/ops"' in answer.text
    assert browser.ask("GET", ME).json()["subject"] == "ada"
    assert browser.ask("GET", ME).json()["permissions"] == ["example.thing.read"]
    liar.claims = {"preferred_username": "another name", "groups": []}
    back(browser, liar, begin(browser, liar))
    assert browser.ask("GET", ME).json()["permissions"] == []
    assert browser.ask("GET", ME).json()["subject"] == "ada"


def hs256_with_the_public_key(liar: Liar) -> Callable[[dict[str, Any]], str]:
    public = liar.keys["one"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(claims: dict[str, Any]) -> str:
        def part(value: Any) -> bytes:
            return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

        head = part({"alg": "HS256", "kid": "one"}) + b"." + part(claims)
        signature = jwt.get_algorithm_by_name("HS256").sign(head, public)
        return (head + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()

    return sign


def unsigned(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, None, "none")


LIES: dict[str, Any] = {
    "another issuer": {"claims": {"iss": "https://evil.example"}},
    "no issuer": {"claims": {"iss": ...}},
    "another audience": {"claims": {"aud": "another"}},
    "several audiences and no party": {"claims": {"aud": ["steersman", "another"]}},
    "another party": {"claims": {"azp": "another"}},
    "a mistyped audience": {"claims": {"aud": [["steersman"]]}},
    "another nonce": {"claims": {"nonce": "x"}},
    "no nonce": {"claims": {"nonce": ...}},
    "expired": {"claims": {"exp": 5}},
    "no end": {"claims": {"exp": ...}},
    "an end in words": {"claims": {"exp": "tomorrow"}},
    "a broken end": {"claims": {"exp": 9e12}},
    "old": {"claims": {"iat": 5}},
    "no subject": {"claims": {"sub": ...}},
    "an empty subject": {"claims": {"sub": ""}},
    "a numeric subject": {"claims": {"sub": 7}},
    "a key that comes along": {"header": {"jwk": {"kty": "RSA"}}},
    "a key elsewhere": {"header": {"jku": "https://evil.example"}},
    "an extension": {"header": {"crit": ["x"], "x": 1}},
    "an unknown key": {"header": {"kid": "two"}},
    "no signature": {"sign": lambda _liar: unsigned},
    "the public key as a secret": {"sign": hs256_with_the_public_key},
    "a stranger's key": {"sign": lambda _liar: lambda claims: jwt.encode(claims, rsa.generate_private_key(65537, 2048), "RS256", headers={"kid": "one"})},
    "another family": {"sign": lambda _liar: lambda claims: jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), "ES256", headers={"kid": "one"})},
    "another curve": {"sign": lambda _liar: lambda claims: jwt.encode(claims, Ed25519PrivateKey.generate(), "EdDSA", headers={"kid": "one"})},
    "a damaged signature": {"twist": lambda token: token[:-6] + "AAAAAA"},
    "no token": {"twist": lambda _token: None},
    "noise": {"twist": lambda _token: "x.y.z"},
    "endless": {"twist": lambda token: token + "A" * 20_000},
}  # fmt: skip


@pytest.mark.requirement("ASVS-10.5.1", "ASVS-10.5.3", "ASVS-10.5.4", "ASVS-9.1.1", "ASVS-9.1.2")
@pytest.mark.parametrize("lie", LIES, ids=str)
@pytest.mark.requirement("ASVS-6.8.2")
def test_a_token_that_lies_opens_nothing(site: Any, browser: Any, liar: Liar, lie: str) -> None:
    asked = begin(browser, liar)
    for name, value in LIES[lie].items():
        setattr(liar, name, value(liar) if name == "sign" else value)
    refused = back(browser, liar, asked)
    assert (refused.status_code, signed_in(refused)) == (401, False)
    site.identity.evidence.flush()
    assert [one.type for one in site.house.ports.journal.read(limit=1000)].count("identity.login.refused") == 1


@pytest.mark.requirement("ASVS-10.1.2", "ASVS-10.2.1")
@pytest.mark.parametrize("changed", [{"state": "x"}, {"state": None}, {"state": "ü"}, {"code": "another"}, {"code": None},
                                     {"iss": "https://evil.example"}, {"iss": None}, {"error": "access_denied"}])  # fmt: skip
def test_an_answer_that_was_not_asked_for_opens_nothing(
    browser: Any, liar: Liar, site: Any, changed: dict[str, Any]
) -> None:
    """Another state, a code of somebody else's, an answer of another provider (mix-up), and a plain no."""
    refused = back(browser, liar, begin(browser, liar), **changed)
    assert (refused.status_code, signed_in(refused)) == (401, False)


def test_an_answer_opens_once_and_in_the_browser_that_asked(
    site: Any, browser: Any, another_browser: Any, liar: Liar
) -> None:
    asked = begin(browser, liar)
    victim = another_browser()
    begin(victim, liar)
    assert not signed_in(back(victim, liar, asked))
    kept = dict(browser.cookies)
    liar.nonce, liar.challenge = asked["nonce"], asked["code_challenge"]
    assert signed_in(back(browser, liar, asked))
    browser.cookies = kept
    assert not signed_in(back(browser, liar, asked))


@pytest.mark.parametrize(
    "to", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "%0d%0aSet-Cookie:x"]
)
@pytest.mark.requirement("ASVS-3.7.2")
def test_the_way_on_is_a_path_of_this_platform(browser: Any, liar: Liar, site: Any, to: str) -> None:
    answer = back(browser, liar, begin(browser, liar, to))
    assert signed_in(answer)
    assert 'url=/"' in answer.text


def test_new_keys_of_the_provider_are_fetched_when_they_sign_but_not_without_end(
    site: Any, browser: Any, liar: Liar
) -> None:
    assert signed_in(back(browser, liar, begin(browser, liar)))
    liar.keys["two"] = rsa.generate_private_key(65537, 2048)
    liar.sign = lambda claims: jwt.encode(claims, liar.keys["two"], "RS256", headers={"kid": "two"})
    try:
        for _ in range(3):
            assert not signed_in(back(browser, liar, begin(browser, liar)))
        site.clock.tick(61)
        liar.now += 61
        assert signed_in(back(browser, liar, begin(browser, liar)))
    finally:
        del liar.keys["two"]
    assert liar.asked.count("/keys") == 2


@pytest.mark.parametrize("extra", [{"issuer": "https://evil.example"}, {"token_endpoint": "ftp://evil.example/x"}, {"token_endpoint": None},
                                   {"jwks_uri": 7}, {"authorization_endpoint": "javascript:alert(1)"}])  # fmt: skip
@pytest.mark.requirement("ASVS-10.2.2")
def test_a_configuration_of_somebody_else_is_not_followed(site: Any, browser: Any, liar: Liar, extra: Any) -> None:
    liar.extra = extra
    answer = browser.ask("GET", "/auth/oidc/start?provider=house")
    assert (answer.status_code, "location" in answer.headers) == (401, False)


@pytest.mark.requirement("ASVS-16.5.2")
@pytest.mark.parametrize(
    "address", ["http://169.254.169.254/latest", "http://[fd00:ec2::254]/latest", "http://0.0.0.0/x"]
)
def test_a_configuration_does_not_lead_this_platform_into_its_own_house(
    browser: Any, liar: Liar, site: Any, address: str
) -> None:
    """SSRF by a provider: its token endpoint is the metadata service, and nothing is asked there."""
    liar.extra = {"token_endpoint": address}
    assert back(browser, liar, begin(browser, liar)).status_code == 503


def test_a_provider_in_trouble_is_no_refusal(site: Any, browser: Any, liar: Liar) -> None:
    asked = begin(browser, liar)
    liar.status = 500
    assert back(browser, liar, asked).status_code == 503


@pytest.mark.requirement("ASVS-6.8.1", "ASVS-10.5.2")
@pytest.mark.parametrize(("allowed", "verified", "found"), [(True, True, "ines"), (True, False, "ada"), (True, "true", "ada"),
                                                            (False, True, "ada")])  # fmt: skip
def test_an_address_leads_to_an_account_only_when_verified_and_allowed(
    open_site: Any, make_browser: Any, liar: Liar, allowed: bool, verified: Any, found: str
) -> None:
    site = open_site(link_by_verified_email=allowed)
    add(site, "ines", "ines@house.example")
    browser = make_browser(site)
    liar.claims = {"email": "ines@house.example", "email_verified": verified, "preferred_username": "ada"}
    assert signed_in(back(browser, liar, begin(browser, liar)))
    assert browser.ask("GET", ME).json()["subject"] == found


def add(site: Any, name: str, email: str = "", *, disabled: bool = False) -> None:
    account = Account(site.identity.ports.ids.new(), DEFAULT_TENANT, name, email, Kind.PERSON, disabled, 0)
    with site.identity.ports.database.transaction() as transaction:
        accounts.add_account(transaction, account, site.identity.passwords.chosen("a green kettle sings by itself"))


@pytest.mark.requirement("ASVS-6.8.1")
def test_a_name_here_is_not_taken_over_from_there(site: Any, browser: Any, liar: Liar) -> None:
    add(site, "ada")
    liar.claims = {"preferred_username": "Ada"}
    assert signed_in(back(browser, liar, begin(browser, liar)))
    assert browser.ask("GET", ME).json()["subject"].startswith("outside-")


def test_without_an_account_here_nobody_gets_in_unless_the_settings_say_so(
    open_site: Any, make_browser: Any, liar: Liar
) -> None:
    browser = make_browser(open_site(create_accounts=False))
    assert back(browser, liar, begin(browser, liar)).status_code == 401


def test_a_person_links_their_account_and_gets_in_by_it_from_then_on(
    open_site: Any, make_browser: Any, liar: Liar
) -> None:
    site = open_site(create_accounts=False)
    add(site, "ines")
    browser = make_browser(site).sign_in()
    address = browser.ask("POST", "/auth/oidc/link", json={"provider": "house"}).json()["address"]
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    liar.nonce, liar.challenge = asked["nonce"], asked["code_challenge"]
    assert back(browser, liar, asked).status_code == 200
    other = make_browser(site)
    assert signed_in(back(other, liar, begin(other, liar)))
    assert other.ask("GET", ME).json()["subject"] == "ines"


def test_a_disabled_account_is_not_let_in_by_any_provider(site: Any, browser: Any, liar: Liar) -> None:
    liar.claims = {"preferred_username": "ada"}
    back(browser, liar, begin(browser, liar))
    with site.identity.ports.database.transaction() as transaction:
        row = accounts.row_of(transaction, "ada")
        accounts.change_account(transaction, row.id, disabled=True)
    assert back(browser, liar, begin(browser, liar)).status_code == 401


@pytest.mark.slow
@pytest.mark.parametrize("answer", ["slow", "endless", "closed"])
def test_a_provider_that_drips_floods_or_hangs_up_is_one_that_does_not_answer(answer: str) -> None:
    """Against a real socket: the time of a whole answer is bounded, and so is its size."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            return

        def do_GET(self) -> None:
            if answer == "closed":
                return
            self.send_response(200)
            self.end_headers()
            try:
                for _ in range(100_000):
                    self.wfile.write(b"x" * (65_536 if answer == "endless" else 1))
                    if answer == "slow":
                        time.sleep(0.05)
            except OSError:
                pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        with pytest.raises(Temporary):
            PlainFetch(SystemClock(), 0.3)(f"http://127.0.0.1:{server.server_port}/", None, {})
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.slow
def test_a_real_provider_is_followed_the_whole_way(make_site: Any, make_browser: Any) -> None:
    """Another project's provider, over its own socket: discovery, consent page, code with PKCE, ID token and keys."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import oidc_provider_mock

        server = oidc_provider_mock.run_server_in_thread(user_claims=[oidc_provider_mock.User(sub="alice")])
        with server as running:
            issuer = f"http://localhost:{running.server_port}"
            site = make_site(people=settings(issuer, client_secret="hush-hush", default_roles=["viewer"])).start()
            site.clock.tick(time.time() - site.clock.wall_ns() / 1e9)
            browser = make_browser(site)
            to = browser.ask("GET", "/auth/oidc/start?provider=house").headers["location"]
            agreed = requests.post(to, data={"sub": "alice"}, allow_redirects=False, timeout=10)
            answer = browser.ask("GET", agreed.headers["location"].partition("localhost:7600")[2])
            assert signed_in(answer), answer.text
            assert browser.ask("GET", ME).json()["permissions"] == ["example.thing.read"]
