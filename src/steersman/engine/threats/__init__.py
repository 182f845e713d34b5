"""Detection of attacks in what callers send: SQL, script, paths and commands where a plain value was asked for.

`inspect` judges a request and `inspect_value` one value; both are pure and bounded. They judge form, not intent:
who sent it, how often, and what to do about it are other people's questions.
"""

from __future__ import annotations

from steersman.engine.threats.inspecting import inspect, inspect_value
from steersman.engine.threats.request import Request
from steersman.engine.threats.verdict import Field, Kind, Sign, Verdict

__all__ = ["Field", "Kind", "Request", "Sign", "Verdict", "inspect", "inspect_value"]
