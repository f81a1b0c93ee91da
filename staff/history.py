"""Who did it, written beside every history row, also when no web request stands around the act."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pghistory
from django.db import transaction

from staff.models import User


@contextmanager
def acting(by: User | None, **details: Any) -> Iterator[None]:
    """One transaction whose history rows name `by` (None = the software itself or a patient's own link).

    `details` are further facts for the history, such as the reason somebody gave; never contact data.
    """
    with pghistory.context(user=None if by is None else by.pk, **details), transaction.atomic():
        yield
