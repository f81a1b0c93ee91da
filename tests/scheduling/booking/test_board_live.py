"""The board says which vitals are due next over all chairs, and from when each chair is free."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from scheduling.board_live import live_chair, with_live
from scheduling.today import tiles
from sessions import services
from sessions.models import Infusion
from staff.clock import app_now
from tests.sessions import world

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def live(infusion):
    row = with_live(Infusion.objects.select_related("protocol_version"), "pk").get(pk=infusion.pk)
    return live_chair(row, row, app_now())


def test_next_vitals_and_the_free_time_follow_the_record(clinic, clock):
    infusion = world.ready(clinic)
    assert live(infusion) is None
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    start = app_now()
    clock.advance(minutes=15)
    found = live(infusion)
    assert (found.vitals_late, found.free_at) == (True, start + 120 * MINUTE)
    services.record_vitals(infusion=infusion, by=clinic.nurse, **world.NORMAL)
    assert not live(infusion).vitals_late
    services.record_given_drug(
        infusion=infusion, drug="midazolam", dose_mg=Decimal(1), ordered_by=clinic.clinician, by=clinic.nurse
    )
    assert live(infusion).free_at == start + 180 * MINUTE
    clock.advance(minutes=60)
    services.record_pump_event(infusion=infusion, kind="stop", by=clinic.nurse)
    assert (
        live(infusion).free_at == app_now() + 120 * MINUTE
    )  # 60 min after the stop, and 60 for the sedative


def test_what_the_record_asks_for_is_on_the_board_and_whoever_was_taken_away_is_not(clinic, clock):
    infusion = world.ready(clinic)
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    clock.advance(minutes=5)
    services.record_vitals(infusion=infusion, by=clinic.nurse, **world.NORMAL | {"systolic": 186})
    assert (live(infusion).alarm, live(infusion).why) == ("Pause the pump", "Blood pressure 186/78")
    services.record_pump_event(infusion=infusion, kind="pause", by=clinic.nurse)
    assert live(infusion).alarm == "Stay paused"
    event = {"infusion": infusion, "severity": "serious", "by": clinic.nurse}
    services.record_adverse_event(kind="chest_pain", **event)
    assert live(infusion).alarm == "Stop the pump"
    clock.advance(minutes=1)
    services.record_pump_event(infusion=infusion, kind="stop", by=clinic.nurse)
    assert live(infusion).alarm == ""
    clock.advance(minutes=5)
    services.record_vitals(infusion=infusion, by=clinic.nurse, **world.NORMAL | {"spo2": 86})
    assert live(infusion).alarm == "Call the prescriber"
    assert counted(clinic) == ("1", "1")
    services.call_emergency(infusion=infusion, by=clinic.nurse)
    assert live(infusion) is None
    assert counted(clinic) == ("0", "1"), "nobody in a chair, the record still to be signed"


def counted(clinic) -> tuple[str, str]:
    """In a chair now, and waiting for sign-off, as the nurse's Today says."""
    said = {item["label"]: str(item["value"]) for item in tiles(clinic.nurse, clinic.site, app_now())}
    return said["In a chair now"], said["Waiting for sign-off"]
