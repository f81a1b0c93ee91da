"""The fixtures themselves: right role, right clock, a clinic that could work."""

from __future__ import annotations

from django.conf import settings
from django.db import connection

from tests.conftest import TUESDAY_NINE


def test_runs_as_the_app_role(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == (settings.DATABASE_APP_ROLE,)


def test_clock_stands_still_and_clinic_is_complete(clinic, clock):
    assert clinic.now == TUESDAY_NINE
    assert clock.advance(minutes=7) == clinic.now
    assert clinic.nurse.may("infusion.record")
    assert not clinic.therapist.may("infusion.record")
    assert clinic.contact.usable
    assert clinic.version.read().visits == 6
