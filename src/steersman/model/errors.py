"""The error tree. A branch says what the caller should do, not where the error came from."""

from __future__ import annotations


class SteersmanError(Exception):
    """Root of every error that is raised on purpose; the message is written for the caller."""

    status = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidInput(SteersmanError):
    """The request itself is wrong: repeating it unchanged cannot help."""

    status = 400


class TooLarge(InvalidInput):
    """The body, or what it unpacks to, is above a stated limit: send less at a time."""

    status = 413


class UnsupportedMedia(InvalidInput):
    """The content type or encoding is not one this endpoint reads."""

    status = 415


class Unauthenticated(SteersmanError):
    """Nobody is known to be calling: present a valid token."""

    status = 401


class Forbidden(SteersmanError):
    """The caller is known and may not do this: ask for the permission that the message names."""

    status = 403


class NotFound(SteersmanError):
    """The named thing does not exist, or not for this tenant."""

    status = 404


class Conflict(SteersmanError):
    """The thing changed meanwhile or is busy: read it again, then decide."""

    status = 409


class Temporary(SteersmanError):
    """It may work later: wait `retry_after` seconds, then repeat the same request."""

    status = 503

    def __init__(self, message: str, *, retry_after: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Throttled(Temporary):
    """The caller is over a limit: slow down by `retry_after` seconds."""

    status = 429


class Permanent(SteersmanError):
    """It cannot work until a person changes something; the message says what."""

    status = 500
