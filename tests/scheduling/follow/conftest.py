"""For tests that commit: the rows that a migration put into the database are put back after the flush."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from staff.services import mark_database, sync_roles


@pytest.fixture
def basics_afterwards(django_db_setup: Any, django_db_blocker: Any) -> Iterator[None]:
    """Name it before `transactional_db`, so that it ends after the flush."""
    yield
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO staff_databaseenvironment (id, kind) VALUES (1, 'test') ON CONFLICT DO NOTHING"
            )
            cursor.execute(
                "INSERT INTO staff_clockoffset (id, offset_by) VALUES (1, interval '0') ON CONFLICT DO NOTHING"
            )
        mark_database("test")
        sync_roles()
        connection.close()
