"""Domain errors: what a service raises when it will not do a thing, and why, in words a person can act on.

Pure module. The edges (pages, API, commands, tasks) map these classes; nothing below the edges knows HTTP.
`code` is stable and machine readable, `message` is a sentence for a person, `field` names the input at fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Conflict:
    """One thing that stands in the way: told only as far as the caller may see it."""

    resource: str
    starts_at: str
    ends_at: str
    detail: str = ""


class DomainError(Exception):
    """Base of every refusal. `status` is the HTTP status the edges use; it is data here, not a dependency."""

    status = 400
    default_code = "refused"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        field: str | None = None,
        conflicts: Sequence[Conflict] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.field = field
        self.conflicts = tuple(conflicts)


class InvalidInput(DomainError):
    """The value itself cannot be read: not a number, not a time, out of its hard range."""

    status = 400
    default_code = "invalid"


class NotAllowed(DomainError):
    """The role may not do this at all (an object out of scope is a plain 404 instead)."""

    status = 403
    default_code = "not-allowed"


class StateConflict(DomainError):
    """The record is no longer (or not yet) in a state in which this act makes sense."""

    status = 409
    default_code = "wrong-state"


class Clash(DomainError):
    """Another booking occupies the same chair, person or patient."""

    status = 409
    default_code = "slot-taken"


class StaleVersion(DomainError):
    """Somebody else changed the record since it was read."""

    status = 412
    default_code = "stale"


class RuleNotMet(DomainError):
    """Readable input that breaks a clinical or organisational rule."""

    status = 422
    default_code = "rule-not-met"


class TryAgain(DomainError):
    """Too busy right now (lock time-out, serialisation failure after retries). Nothing was written."""

    status = 503
    default_code = "busy"


def constraint_name(error: BaseException) -> str:
    """Name of the constraint behind a database error, or ''."""
    diagnostics = getattr(error.__cause__, "diag", None)
    return str(getattr(diagnostics, "constraint_name", "") or "")
