"""What a look at the running platform can tell: pure questions about facts that somebody else gathered.

Each is answered by yes, no, or "could not be seen"; the last is no evidence either way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from steersman.services.compliance.model import Facts, Looked, Observed

_YEAR_SECONDS = 31_536_000


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `answer` returns None where the facts do not tell."""

    name: str
    requirements: tuple[str, ...]
    words: str
    answer: Callable[[Facts], bool | None]


def _everywhere(name: str, fits: Callable[[str], bool]) -> Callable[[Facts], bool | None]:
    return lambda facts: (
        all(fits(one.headers.get(name, "")) for one in facts.answers.values()) if facts.answers else None
    )


def _of(answer: str, fits: Callable[[Observed], bool]) -> Callable[[Facts], bool | None]:
    return lambda facts: fits(facts.answers[answer]) if answer in facts.answers else None


def _figure(name: str, fits: Callable[[float], bool]) -> Callable[[Facts], bool | None]:
    return lambda facts: fits(facts.figures[name]) if name in facts.figures else None


def _keeps(invariant: str) -> Callable[[Facts], bool | None]:
    return lambda facts: facts.broken[invariant] is None if invariant in facts.broken else None


def _policy(text: str) -> bool:
    """Whether plug-ins and a base are ruled out, the former perhaps by the default, and inline script as well."""
    rules = {rule.split()[0]: rule.split()[1:] for rule in text.split(";") if rule.strip()}
    default = rules.get("default-src", [])
    scripts = rules.get("script-src", default)
    nothing = ["'none'"]
    return rules.get("object-src", default) == nothing == rules.get("base-uri") and "'unsafe-inline'" not in scripts


def _strict_transport(facts: Facts) -> bool | None:
    if facts.words.get("scheme") != "https" or not facts.answers:
        return None
    texts = [one.headers.get("strict-transport-security", "") for one in facts.answers.values()]
    ages = [int(text.partition("max-age=")[2].partition(";")[0].strip() or 0) for text in texts]
    return min(ages) >= _YEAR_SECONDS and all("includeSubDomains" in text for text in texts)


def _over_tls(facts: Facts) -> bool | None:
    if "scheme" not in facts.words:
        return None
    return facts.words["scheme"] == "https" or facts.words.get("loopback") == "yes"


def _telling(text: str) -> bool:
    return any(sign in text for sign in ("Traceback", 'File "', "sqlalchemy", "site-packages"))


QUESTIONS: tuple[Question, ...] = (
    Question("tls", ("ASVS-12.2.1", "SOC2-CC6.7"), "callers come by TLS, or from this machine only", _over_tls),
    Question("hsts", ("ASVS-3.4.1",), "answers over TLS demand it for a year, subdomains too", _strict_transport),
    Question(
        "cors",
        ("ASVS-3.4.2",),
        "a foreign origin is not let in",
        _of("foreign", lambda one: "access-control-allow-origin" not in one.headers),
    ),
    Question(
        "policy",
        ("ASVS-3.4.3",),
        "every answer has a content policy without plug-ins, base and inline script",
        _everywhere("content-security-policy", _policy),
    ),
    Question(
        "nosniff", ("ASVS-3.4.4",), "every answer says nosniff", _everywhere("x-content-type-options", "nosniff".__eq__)
    ),
    Question(
        "referrer",
        ("ASVS-3.4.5",),
        "every answer keeps addresses here",
        _everywhere("referrer-policy", lambda text: text in {"same-origin", "no-referrer"}),
    ),
    Question(
        "frames",
        ("ASVS-3.4.6",),
        "no answer can be framed",
        _everywhere("content-security-policy", lambda text: "frame-ancestors 'none'" in text),
    ),
    Question(
        "trace", ("ASVS-13.4.4",), "TRACE is refused", _of("trace", lambda one: one.status in {400, 401, 404, 405, 501})
    ),
    Question(
        "listing",
        ("ASVS-13.4.3",),
        "a folder of static files is not listed",
        _of("listing", lambda one: one.status in {401, 403, 404}),
    ),
    Question(
        "metadata",
        ("ASVS-13.4.1",),
        "nothing is served under .git",
        _of("metadata", lambda one: one.status in {401, 403, 404}),
    ),
    Question(
        "documents",
        ("ASVS-13.4.5",),
        "the API's documents and /metrics need a key",
        lambda facts: (
            all(facts.answers[name].status == 401 for name in ("openapi", "metrics"))
            if {"openapi", "metrics"} <= set(facts.answers)
            else None
        ),
    ),
    Question(
        "errors",
        ("ASVS-16.5.1",),
        "errors tell nothing of the inside",
        lambda facts: not any(_telling(one.body) for one in facts.answers.values()) if facts.answers else None,
    ),
    Question(
        "types",
        ("ASVS-4.1.1",),
        "every body has its type, and text its charset",
        lambda facts: (
            all(
                one.headers.get("content-type", "")
                and ("text/" not in one.headers["content-type"] or "charset" in one.headers["content-type"])
                for one in facts.answers.values()
                if one.body
            )
            if facts.answers
            else None
        ),
    ),
    Question(
        "unstored",
        ("ASVS-14.3.2",),
        "answers of the API and pages are not kept by browsers",
        _of("api", lambda one: "no-store" in one.headers.get("cache-control", "")),
    ),
    Question(
        "short_password",
        ("ASVS-6.2.1",),
        "passwords have at least 8 characters",
        _figure("shortest_password", lambda n: n >= 8),
    ),
    Question(
        "long_password",
        ("ASVS-6.2.9",),
        "64 characters and more are taken",
        _figure("longest_password", lambda n: n >= 64),
    ),
    Question(
        "breached",
        ("ASVS-6.2.12",),
        "a list of breached passwords is in force",
        lambda f: True if f.words.get("breached") == "yes" else None,
    ),
    Question(
        "hashing",
        ("ASVS-11.4.2",),
        "passwords are kept by Argon2id with 19 MiB and two passes or more",
        lambda facts: (
            facts.figures["argon2_kib"] >= 19_456 and facts.figures["argon2_passes"] >= 2
            if {"argon2_kib", "argon2_passes"} <= set(facts.figures)
            else None
        ),
    ),
    Question(
        "idle", ("ASVS-7.3.1",), "an idle session ends within a week", _figure("idle_hours", lambda n: 0 < n <= 168)
    ),
    Question(
        "rotation",
        ("ASVS-13.3.4", "ASVS-11.2.2"),
        "the signing key is renewed in 92 days at most",
        _figure("signing_key_days", lambda n: 0 < n <= 92),
    ),
    Question(
        "signature",
        ("ASVS-11.6.1", "ASVS-9.1.2"),
        "tokens are signed by EdDSA or PS256",
        lambda facts: facts.words["signing"] in {"EdDSA", "PS256"} if "signing" in facts.words else None,
    ),
    Question(
        "evidence",
        ("ASVS-16.4.2", "SOC2-CC7.2"),
        "the journal agrees with its signed checkpoints",
        _keeps("audit.evidence"),
    ),
    Question(
        "audit_key",
        ("ASVS-13.3.2", "SOC2-CC6.1"),
        "only the owner can read the audit key",
        _keeps("audit.audit_key_private"),
    ),
    Question(
        "token_file", ("ASVS-13.3.2",), "only the owner can read the first token", _keeps("platform.token_private")
    ),
    Question(
        "components",
        ("ASVS-15.2.1", "SOC2-CC7.1"),
        "nothing installed is below its minimum version",
        lambda f: not f.outdated if f.figures else None,
    ),
    Question(
        "debug",
        ("ASVS-13.4.2",),
        "nothing runs in debug mode",
        lambda f: f.words["log_level"] != "debug" if "log_level" in f.words else None,
    ),
    Question(
        "open_door",
        ("ASVS-8.3.1", "SOC2-CC6.1"),
        "the token is asked for",
        lambda f: f.words["insecure"] == "no" if "insecure" in f.words else None,
    ),
    Question(
        "unknown_caller",
        ("ASVS-8.2.1",),
        "nobody without a key gets into the API",
        _of("api", lambda one: one.status == 401),
    ),
)


def looked(facts: Facts) -> list[Looked]:
    """Ask every question of these facts."""
    return [
        Looked(name=one.name, requirements=list(one.requirements), holds=one.answer(facts), words=one.words)
        for one in QUESTIONS
    ]
