"""The small clinic that most tests begin with, made once and kept behind a savepoint.

A test that asks for `clinic` runs inside a transaction in which the clinic stands already; what the test does is rolled
back to there, as Django does it for `setUpTestData`. For a test of the database that does not ask for it, the clinic goes.
"""

from __future__ import annotations

import copy
import itertools
import os
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction

from tests import factories

AT_ONCE = """
    SELECT quote_ident(conname) FROM pg_constraint WHERE condeferrable AND NOT condeferred
"""
"""Constraints that could wait, and do not unless told to."""
_numbers = itertools.count()
OFTEN_ENOUGH = 100
"""Tests after which it is made anew, so that what was rolled back does not pile up in one transaction."""
ALONE = ("transactional_db", "live_server", "django_db_reset_sequences", "django_db_serialized_rollback")


class Standing:
    """At most one clinic stands, in this process's connection."""

    def __init__(self) -> None:
        self._block: Any = None
        self._clinic: factories.Clinic | None = None
        self._used = 0
        self._at_once = ""

    def fit(self, request: pytest.FixtureRequest, moment: Any) -> None:
        """Let it stand if the test asks for it, and go if not. To be called before the test's own transaction begins."""
        wanted = asks_for_it(request)
        if self._block is not None and (
            not wanted or self._used >= OFTEN_ENOUGH or not connection.in_atomic_block
        ):
            self.remove()
        if not wanted:
            return
        if self._block is None:
            self._make(moment)
        self._as_new()

    def copy(self) -> factories.Clinic | None:
        """The test's own objects of it; None when it does not stand."""
        self._used += 1
        return copy.deepcopy(self._clinic)

    def remove(self) -> None:
        """As if it had never been."""
        block, self._block, self._clinic, self._used = self._block, None, None, 0
        if block is None:
            return
        if connection.in_atomic_block:
            transaction.set_rollback(True)
            block.__exit__(None, None, None)
        else:  # a test closed the connection, and everything with it
            connection.close()

    def _make(self, moment: Any) -> None:
        from staff.clock import set_clock

        block = transaction.atomic()
        block.__enter__()
        self._block = block
        with connection.cursor() as cursor:
            cursor.execute(f'SET ROLE "{settings.DATABASE_APP_ROLE}"')
        set_clock(moment, frozen=True)
        self._clinic = factories.make_clinic()
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")
            cursor.execute(AT_ONCE)
            self._at_once = ", ".join(name for (name,) in cursor.fetchall())

    def _as_new(self) -> None:
        """What a rollback does not bring back: when constraints are checked (PostgreSQL forgets that in a savepoint inside
        a savepoint), and the cache, which counts by the keys of people who are the same in each test.
        """
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
            if self._at_once:
                cursor.execute(f"SET CONSTRAINTS {self._at_once} IMMEDIATE")
        cache.key_prefix = f"{os.environ.get('PYTEST_XDIST_WORKER', '')}-{next(_numbers)}"


def asks_for_it(request: pytest.FixtureRequest) -> bool:
    """Whether the test takes the `clinic` of the top folder and is rolled back at its end."""
    names = request.fixturenames
    marker = request.node.get_closest_marker("django_db")
    alone = bool(marker and (marker.args or marker.kwargs)) or any(name in names for name in ALONE)
    if "clinic" not in names or alone:
        return False
    found = request.node._fixtureinfo.name2fixturedefs.get("clinic")
    return bool(found) and found[-1].func.__module__ == "tests.conftest"
