"""Passkeys against a device in software, which signs honestly first and then lies in every way that was thought of."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steersman.runtime.identity.once import LIFETIME_MS


def text_of(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


OWN, ME = "/auth/passkeys", "/auth/me"
PASSWORD = "a green kettle sings by itself"


@pytest.fixture(params=[-7, -8], ids=["ES256", "EdDSA"])
def device(request: Any, make_device: Any) -> Any:
    return make_device(request.param)


def register(browser: Any, device: Any, name: str = "my phone") -> Any:
    options = browser.ask("POST", f"{OWN}/offer").json()
    return browser.ask("POST", OWN, json={"name": name, "credential": device.create(options)})


def enter(browser: Any, device: Any, **lies: Any) -> Any:
    options = browser.ask("POST", f"{OWN}/challenge").json()
    return browser.ask("POST", f"{OWN}/sign-in", json={"credential": device.get(options, **lies)})


@pytest.mark.requirement("ASVS-6.3.3")
def test_a_passkey_signs_its_owner_in_without_a_name_or_a_password(
    browser: Any, another_browser: Any, device: Any
) -> None:
    assert register(browser.sign_in(), device).json()["name"] == "my phone"
    other = another_browser()
    assert enter(other, device).json() == {"to": "/"}
    assert other.ask("GET", ME).json()["subject"] == "ines"
    assert enter(another_browser(), device).status_code == 200


@pytest.mark.requirement("ASVS-6.7.2")
def test_a_challenge_asks_for_verification_and_names_nobody(browser: Any) -> None:
    options = browser.ask("POST", f"{OWN}/challenge").json()
    assert (options["rpId"], options["userVerification"]) == ("localhost", "required")
    assert not options.get("allowCredentials")


@pytest.mark.parametrize("lie", [
    {"flags": 0x01}, {"flags": 0x04}, {"flags": 0}, {"rp_id": "evil.example"}, {"type": "webauthn.create"},
    {"challenge": "AAAA"}, {"challenge": ""}, {"challenge": "not base64!"}, {"handle": "AAAA"}, {"handle": 7},
])  # fmt: skip
@pytest.mark.requirement("ASVS-6.5.1")
def test_what_a_device_or_a_page_lies_about_is_refused_alike(
    browser: Any, another_browser: Any, device: Any, lie: dict[str, Any]
) -> None:
    register(browser.sign_in(), device)
    refused, unknown = enter(another_browser(), device, **lie), another_browser()
    assert (refused.status_code, "steersman_session" in refused.headers.get("set-cookie", "")) == (401, False)
    device.id = b"\x09" * 32
    assert enter(unknown, device).content == refused.content


def test_a_page_of_another_origin_gets_nowhere(browser: Any, another_browser: Any, device: Any) -> None:
    """A look-alike site may have the person, the device and the challenge; the browser signs for its own origin."""
    register(browser.sign_in(), device)
    device.origin = "http://localhost.evil.example"
    assert enter(another_browser(), device).status_code == 401


def test_an_answer_opens_once_in_its_own_browser_and_in_time(
    site: Any, browser: Any, another_browser: Any, device: Any
) -> None:
    register(browser.sign_in(), device)
    first, thief = another_browser(), another_browser()
    options = first.ask("POST", f"{OWN}/challenge").json()
    body = {"credential": device.get(options)}
    thief.ask("POST", f"{OWN}/challenge")
    assert thief.ask("POST", f"{OWN}/sign-in", json=body).status_code == 401
    assert first.ask("POST", f"{OWN}/sign-in", json=body).status_code == 200
    assert first.ask("POST", f"{OWN}/sign-in", json={"credential": device.get(options)}).status_code == 401
    late = first.ask("POST", f"{OWN}/challenge").json()
    site.clock.tick(LIFETIME_MS / 1000 + 1)
    assert first.ask("POST", f"{OWN}/sign-in", json={"credential": device.get(late)}).status_code == 401


def test_a_copied_key_shows_by_its_count(browser: Any, another_browser: Any, device: Any) -> None:
    register(browser.sign_in(), device)
    assert enter(another_browser(), device).status_code == 200
    device.count = 0
    assert enter(another_browser(), device).status_code == 401


@pytest.mark.requirement("ASVS-7.5.1")
def test_a_session_that_was_left_open_registers_and_removes_nothing(site: Any, browser: Any, make_device: Any) -> None:
    made = register(browser.sign_in(), make_device()).json()
    site.clock.tick(601)
    assert browser.ask("POST", f"{OWN}/offer").status_code == 403
    assert browser.ask("DELETE", f"{OWN}/{made['id']}").status_code == 403
    assert browser.ask("POST", "/auth/reauthenticate", json={"password": "wrong"}).status_code == 401
    assert browser.ask("POST", "/auth/reauthenticate", json={"password": PASSWORD}).status_code == 204
    assert browser.ask("DELETE", f"{OWN}/{made['id']}").status_code == 204


def test_people_see_rename_and_remove_their_own_only(
    browser: Any, another_browser: Any, add_person: Any, make_device: Any
) -> None:
    add_person("otto", "viewer")
    device = make_device()
    made = register(browser.sign_in(), device).json()["id"]
    otto = another_browser().sign_in("otto")
    assert otto.ask("GET", OWN).json() == []
    assert otto.ask("PATCH", f"{OWN}/{made}", json={"name": "mine now"}).status_code == 404
    assert otto.ask("DELETE", f"{OWN}/{made}").status_code == 404
    assert browser.ask("PATCH", f"{OWN}/{made}", json={"name": "the old one"}).status_code == 204
    assert [one["name"] for one in browser.ask("GET", OWN).json()] == ["the old one"]
    assert browser.ask("DELETE", f"{OWN}/{made}").status_code == 204
    assert enter(another_browser(), device).status_code == 401


def test_a_device_is_registered_once(browser: Any, make_device: Any) -> None:
    device = make_device()
    register(browser.sign_in(), device)
    assert register(browser, device).status_code == 409


@pytest.mark.requirement("ASVS-2.3.1")
def test_a_registration_needs_the_challenge_of_this_session(
    browser: Any, another_browser: Any, add_person: Any, make_device: Any
) -> None:
    add_person("otto", "viewer")
    stolen = browser.sign_in().ask("POST", f"{OWN}/offer").json()
    otto = another_browser().sign_in("otto")
    answer = otto.ask("POST", OWN, json={"credential": make_device().create(stolen)})
    assert answer.status_code == 401


@pytest.mark.requirement("ASVS-6.3.3")
def test_after_the_password_a_passkey_is_asked_for_where_its_owner_wants_it(
    browser: Any, another_browser: Any, make_device: Any
) -> None:
    device = make_device()
    register(browser.sign_in(), device)
    codes = browser.ask("PUT", f"{OWN}/second-factor", json={"on": True}).json()["recovery_codes"]
    alone = another_browser().ask("POST", "/login", data={"username": "ines", "password": PASSWORD})
    assert alone.status_code == 401
    other = another_browser()
    options = other.ask("POST", f"{OWN}/challenge").json()
    body = {"credential": device.get(options), "username": "ines", "password": PASSWORD}
    assert other.ask("POST", f"{OWN}/sign-in", json={**body, "password": "wrong"}).status_code == 401
    assert other.ask("POST", f"{OWN}/sign-in", json=body).status_code == 200
    another_browser().sign_in(totp=codes[0])


def test_somebody_else_s_passkey_is_no_second_factor(
    browser: Any, another_browser: Any, add_person: Any, make_device: Any
) -> None:
    add_person("otto", "viewer")
    mine, ottos = make_device(), make_device(id=b"\x02" * 32)
    register(browser.sign_in(), mine)
    browser.ask("PUT", f"{OWN}/second-factor", json={"on": True})
    register(another_browser().sign_in("otto"), ottos)
    other = another_browser()
    options = other.ask("POST", f"{OWN}/challenge").json()
    body = {"credential": ottos.get(options), "username": "ines", "password": PASSWORD}
    assert other.ask("POST", f"{OWN}/sign-in", json=body).status_code == 401


def test_a_page_that_was_opened_by_a_bare_address_is_told_what_to_do(another_browser: Any) -> None:
    answer = another_browser("127.0.0.1:7600").ask("POST", f"{OWN}/challenge")
    assert (answer.status_code, "localhost" in answer.json()["detail"]) == (400, True)


JUNK = st.recursive(
    st.none() | st.integers() | st.text(max_size=8) | st.sampled_from(["public-key", "webauthn.get", "AAAA"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "rawId", "type", "response", "clientDataJSON", "authenticatorData", "signature"]),
            inner,
        )
    ),
    max_leaves=12,
)


@pytest.fixture
def registered(browser: Any, make_device: Any) -> Any:
    device = make_device()
    register(browser.sign_in(), device)
    return device


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_mutilated_answer_is_more_than_refused(browser: Any, registered: Any, data: Any) -> None:
    """Whatever is missing, mistyped or damaged in what the browser sends: 400 or 401, and no defect."""
    device = registered
    options = browser.ask("POST", f"{OWN}/challenge").json()
    credential = json.loads(json.dumps(device.get(options)))
    signed = ["id", "rawId", "type", "clientDataJSON", "authenticatorData", "signature"]
    place = data.draw(st.sampled_from(signed))
    holder = credential if place in credential else credential["response"]
    damaged = st.binary(max_size=80).map(text_of)
    holder[place] = data.draw(JUNK | damaged)
    assert browser.ask("POST", f"{OWN}/sign-in", json={"credential": credential}).status_code in {400, 401}


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_mutilated_registration_is_more_than_refused(browser: Any, registered: Any, data: Any) -> None:
    credential = registered.create(browser.ask("POST", f"{OWN}/offer").json())
    place = data.draw(st.sampled_from(["clientDataJSON", "attestationObject", "transports"]))
    credential["response"][place] = data.draw(JUNK | st.binary(max_size=200).map(text_of))
    answer = browser.ask("POST", OWN, json={"credential": credential})
    assert answer.status_code in {400, 401, 409}
