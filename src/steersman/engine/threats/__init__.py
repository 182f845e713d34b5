"""Detection of attacks in what callers send: SQL, script, paths and commands where a plain value was asked for.

`inspect` judges a request, `inspect_pieces` one that a server has in pieces, and `inspect_value` one value; all are
pure and bounded. They judge form, not intent: who sent it, how often, and what to do about it is for others to say.
"""

from __future__ import annotations

from steersman.engine.threats.inspecting import inspect, inspect_pieces, inspect_value
from steersman.engine.threats.request import Request
from steersman.engine.threats.verdict import Field, Kind, Sign, Verdict

__all__ = ["Field", "Kind", "Request", "Sign", "Verdict", "inspect", "inspect_pieces", "inspect_value"]
