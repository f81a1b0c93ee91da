"""Who is told what, in which order; and a fact survives a receiver that fails."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from django.db import connection

from sessions import services, signals
from sessions.models import Infusion
from tests.sessions import world

pytestmark = pytest.mark.django_db


@contextmanager
def listening():
    heard = []

    def listen(name):
        def receiver(sender, infusion, by, at, **kwargs):
            heard.append((name, infusion.status, connection.in_atomic_block))

        return receiver

    receivers = {signal: listen(name) for signal, name in signals.NAMES.items()}
    for signal, receiver in receivers.items():
        signal.connect(receiver)
    try:
        yield heard
    finally:
        for signal, receiver in receivers.items():
            signal.disconnect(receiver)


def names(heard):
    return [name for name, _, _ in heard]


def test_the_order_of_a_whole_visit(clinic, clock):
    with listening() as heard:
        infusion, _ = world.signed(clinic, clock)
        stop = infusion.pump_events.live().get(kind="stop")
        services.amend_pump_event(
            event=stop, observed_at=stop.observed_at.replace(second=30), reason="Seconds", by=clinic.nurse
        )
    assert names(heard) == [
        "prescriber_answered",
        "infusion_started",
        "pump_log_changed",
        "pump_log_changed",
        "infusion_signed_off",
        "infusion_amended",
        "pump_log_changed",
    ]
    assert [status for _, status, _ in heard] == [
        "ready", "infusing", "infusing", "recovering", "signed-off", "signed-off", "signed-off",
    ]  # fmt: skip
    assert all(inside for _, _, inside in heard)


def test_not_given_is_told(clinic):
    infusion = world.arrived(clinic)
    with listening() as heard:
        services.mark_not_given(infusion=infusion, reason="Unwell today", by=clinic.nurse)
    assert names(heard) == ["infusion_not_given"]


@pytest.mark.parametrize("harm", ["python", "database"])
def test_a_failing_receiver_loses_its_own_writes_and_never_the_fact(clinic, caplog, harm):
    infusion = world.ready(clinic)

    def broken(sender, infusion, **kwargs):
        Infusion.objects.filter(pk=infusion.pk).update(chair="written by the receiver")
        if harm == "database":
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        raise RuntimeError("planning failed")

    signals.pump_log_changed.connect(broken)
    try:
        event = services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    finally:
        signals.pump_log_changed.disconnect(broken)
    infusion.refresh_from_db()
    assert infusion.pump_events.live().get() == event
    assert (infusion.status, infusion.chair) == (Infusion.Status.INFUSING, "Chair 1")
    assert "a receiver of pump_log_changed failed" in caplog.text
