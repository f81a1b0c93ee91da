"""How the follow-through's services run: one transaction, refusals in words, history rows that name who
acted.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from scheduling.conflicts import booking_act
from staff.history import acting
from staff.models import User

P = ParamSpec("P")
R = TypeVar("R")


def act(work: Callable[P, R]) -> Callable[P, R]:
    """Run `work` as a booking act, its history under the person in `by`; without one the outer name stays."""
    inside = booking_act(work)

    @wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        by = kwargs.get("by")
        if not isinstance(by, User):
            return inside(*args, **kwargs)
        with acting(by):
            return inside(*args, **kwargs)

    return run
