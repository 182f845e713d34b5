"""The process that compares: a line of JSON in, a line out, until nobody asks any more.

It imports nothing of the platform, so that it starts in some 60 ms and is small.
"""

from __future__ import annotations

import json
import os
import select
import sys
from typing import BinaryIO

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

#: Weighs a tenth of whoever serves, where both want the same core.
_NICE = 10
#: Nobody has signed in for so long: whoever comes next starts another one.
_IDLE_SECONDS = 60.0


def compared(stored: str, secret: str) -> str:
    """Return `same`, `other`, or `damaged` for what is no hash."""
    try:
        PasswordHasher().verify(stored, secret)
    except VerifyMismatchError:
        return "other"
    except (InvalidHashError, VerificationError):
        return "damaged"
    return "same"


def answer(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the other end is closed or silent. A question comes whole, and the next one after its answer."""
    while select.select([questions], [], [], _IDLE_SECONDS)[0] and (line := questions.readline()):
        asked = json.loads(line)
        answers.write(compared(asked["stored"], asked["secret"]).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    os.nice(_NICE)
    answer(sys.stdin.buffer, sys.stdout.buffer)
