"""Fixtures of every test: the database as the app role, a clock that stands still, a small clinic."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from tests import factories
from tests.once import prepared_database
from tests.standing import Standing

TUESDAY_NINE = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)  # 09:00 in Los Angeles, far from both DST nights


LONGEST = ("test_every_address", "test_walk", "test_words_on_screen", "test_random_days", "test_clinic_plans")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first: at the end of a run of two workers, one would wait for the other."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)


def pytest_collection_finish() -> None:
    """What stands now stays: the collector need not walk over all of Django again and again (a tenth of the time)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: Any) -> None:
    """Each xdist worker gets its own database: a copy of the one that is migrated once. Django migrates the copy too,
    which finds nothing left to do.
    """
    connection.settings_dict["TEST"]["TEMPLATE"] = prepared_database(os.environ["DATABASE_URL"])


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: Any, django_db_blocker: Any) -> None:
    """The owner marks the test database, so that its clock may be moved, and fills the roles."""
    from staff.services import mark_database, sync_roles

    with django_db_blocker.unblock():
        mark_database("test")
        sync_roles()


@pytest.fixture(autouse=True)
def _as_app_role(request: pytest.FixtureRequest) -> Iterator[None]:
    """Inside a database test everything runs with the rights of the app role, never the owner's."""
    marker = request.node.get_closest_marker("django_db")
    wants_db = marker is not None or "db" in request.fixturenames
    transactional = (
        bool(marker and marker.kwargs.get("transaction")) or "transactional_db" in request.fixturenames
    )
    if not wants_db or transactional:
        yield
        return
    request.getfixturevalue("db")
    with connection.cursor() as cursor:
        cursor.execute(f'SET ROLE "{settings.DATABASE_APP_ROLE}"')
    yield
    with connection.cursor() as cursor:
        connection.needs_rollback = False
        cursor.execute("RESET ROLE")


class Clock:
    """Moves `app_now()` in tests; it stands still between moves."""

    def set(self, moment: datetime) -> datetime:
        """Make it `moment` (aware)."""
        from staff.clock import set_clock

        set_clock(moment, frozen=True)
        return moment

    def advance(self, **step: float) -> datetime:
        """Move forward by `timedelta(**step)`."""
        return self.set(self.now() + timedelta(**step))

    def now(self) -> datetime:
        """The present moment of the test."""
        from staff.clock import app_now

        return app_now()


@pytest.fixture
def clock(db: Any) -> Clock:
    """A clock standing at Tuesday 3 March 2026, 09:00 in Los Angeles."""
    hands = Clock()
    hands.set(TUESDAY_NINE)
    return hands


@pytest.fixture
def clinic(clock: Clock, standing: Standing) -> factories.Clinic:
    """One site with chairs, one person per role, an active protocol and a patient."""
    return standing.copy() or factories.make_clinic()


@pytest.fixture(scope="session")
def standing(django_db_setup: Any, django_db_blocker: Any) -> Iterator[Standing]:
    """What is kept between tests."""
    kept = Standing()
    yield kept
    with django_db_blocker.unblock():
        kept.remove()


@pytest.fixture
def _clinic_stands(request: pytest.FixtureRequest, standing: Standing, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        standing.fit(request, TUESDAY_NINE)


@pytest.fixture
def _django_db_helper(_clinic_stands: None, _django_db_helper: None) -> None:
    """The transaction of a test begins after what it stands on."""
