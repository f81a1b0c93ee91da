"""The pump log through the services: gates, order, the bag, mis-taps, corrections, both clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessions import clearance, services
from sessions.models import Infusion
from sessions.services import PumpAct
from staff.clock import app_now
from staff.errors import InvalidInput, RuleNotMet
from tests.sessions import world

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def current(infusion):
    return services.current_estimate(infusion)


def test_a_start_waits_for_what_must_stand_before_it(clinic):
    infusion = world.weighed(clinic, world.arrived(clinic))
    services.sign_order(infusion=infusion, bag_mg_per_ml=Decimal(1), by=clinic.clinician)
    with pytest.raises(RuleNotMet) as refused:
        services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    assert (refused.value.code, refused.value.field) == ("start-gate", "kind")
    assert not infusion.pump_events.exists()


def test_no_order_no_start(clinic):
    infusion = world.arrived(clinic)
    with pytest.raises(RuleNotMet) as refused:
        services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    assert refused.value.code == "start-gate"


def test_a_check_answered_no_is_the_prescribers_decision_with_a_reason(clinic):
    infusion = world.ready(clinic)
    services.record_check(
        infusion=infusion, kind="fasting", outcome="failed", note="Toast at 7", by=clinic.nurse
    )
    for by, reason, code in (
        (clinic.nurse, "Waited", "start-needs-prescriber"),
        (clinic.clinician, "", "start-needs-reason"),
    ):
        with pytest.raises(RuleNotMet) as refused:
            services.record_pump_event(infusion=infusion, kind="start", reason=reason, by=by)
        assert refused.value.code == code
    event = services.record_pump_event(
        infusion=infusion, kind="start", reason="Six hours ago", by=clinic.clinician
    )
    assert event.reason == "Six hours ago"


@pytest.mark.parametrize(
    ("before", "kind", "field"),
    [
        ((), "stop", "kind"),
        ((), "pause", "kind"),
        (("start",), "start", "kind"),
        (("start",), "resume", "kind"),
        (("start", "pause"), "pause", "kind"),
        (("start", "stop"), "bolus", "kind"),
        (("start", "stop"), "stop", "kind"),
    ],
)
def test_impossible_sequences_are_refused_and_nothing_is_written(clinic, clock, before, kind, field):
    infusion = world.ready(clinic)
    for earlier in before:
        services.record_pump_event(infusion=infusion, kind=earlier, by=clinic.nurse)
        clock.advance(minutes=5)
    count = infusion.pump_events.count()
    bolus = Decimal(5) if kind == "bolus" else None
    with pytest.raises(RuleNotMet) as refused:
        services.record_pump_event(infusion=infusion, kind=kind, bolus_mg=bolus, by=clinic.nurse)
    assert refused.value.field == field
    assert infusion.pump_events.count() == count


def test_a_time_in_the_future_or_without_a_zone_is_refused(clinic):
    infusion = world.ready(clinic)
    with pytest.raises(RuleNotMet) as refused:
        services.record_pump_event(
            infusion=infusion, kind="start", observed_at=app_now() + MINUTE, by=clinic.nurse
        )
    assert refused.value.field == "observed_at"
    with pytest.raises(InvalidInput):
        services.record_pump_event(
            infusion=infusion, kind="start", observed_at=datetime(2026, 3, 3, 9, 0), by=clinic.nurse
        )


@pytest.mark.parametrize("rate", ["0", "-1", "10.5"])
def test_impossible_rates_are_refused_at_the_rate(clinic, rate):
    infusion = world.ready(clinic)
    with pytest.raises(InvalidInput) as refused:
        services.record_pump_event(
            infusion=infusion, kind="start", rate_mg_per_min=Decimal(rate), by=clinic.nurse
        )
    assert refused.value.field == "rate_mg_per_min"


def test_nothing_is_counted_beyond_the_bag(clinic, clock):
    """Stop is noted 25 minutes after the bag ended: 35 mg were given, not 57."""
    infusion = world.given(clinic, clock, minutes=65)
    assert infusion.delivered_mg == Decimal("35.00")
    assert infusion.stopped_at - infusion.started_at == 65 * MINUTE
    assert (current(infusion).t_pk - infusion.started_at) / MINUTE == pytest.approx(387.5, abs=3)


def test_a_forgotten_pause_is_entered_later_in_its_place(clinic, clock):
    infusion = world.ready(clinic)
    start = services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    clock.advance(minutes=30)
    services.record_pump_events(
        infusion=infusion,
        events=[
            PumpAct("pause", start.observed_at + 10 * MINUTE),
            PumpAct("resume", start.observed_at + 20 * MINUTE),
        ],
        by=clinic.nurse,
    )
    fresh = Infusion.objects.get(pk=infusion.pk)
    assert fresh.status == Infusion.Status.INFUSING
    assert fresh.delivered_mg == Decimal("17.50")
    assert infusion.clearance_estimates.count() == 2


def test_a_pause_for_vitals_resumes_only_with_a_good_reading_and_a_note(clinic, clock):
    infusion = world.ready(clinic)
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    clock.advance(minutes=10)
    high = {"systolic": 186, "diastolic": 104, "heart_rate": 88, "spo2": 97}
    services.record_vitals(infusion=infusion, by=clinic.nurse, **high)
    services.record_pump_event(infusion=infusion, kind="pause", by=clinic.nurse)
    clock.advance(minutes=5)
    with pytest.raises(RuleNotMet) as refused:
        services.record_pump_event(infusion=infusion, kind="resume", reason="Better", by=clinic.nurse)
    assert refused.value.code == "resume-gate"
    services.record_vitals(infusion=infusion, by=clinic.nurse, **world.NORMAL)
    with pytest.raises(RuleNotMet) as refused:
        services.record_pump_event(infusion=infusion, kind="resume", by=clinic.nurse)
    assert refused.value.field == "reason"
    services.record_pump_event(infusion=infusion, kind="resume", reason="Better", by=clinic.nurse)
    assert Infusion.objects.get(pk=infusion.pk).status == Infusion.Status.INFUSING


def paused_at_ten(clinic, clock):
    infusion = world.ready(clinic)
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    clock.advance(minutes=10)
    services.record_pump_event(infusion=infusion, kind="pause", by=clinic.nurse)
    return infusion


@pytest.mark.parametrize(
    ("kind", "severity", "act"),
    [
        ("chest_pain", "mild", "stop"),
        ("neurological", "mild", "stop"),
        ("agitation", "serious", "stop"),
        ("nausea", "stop-rule", "stop"),
        ("dissociation", "serious", "pause"),
        ("agitation", "mild", "none"),
        ("nausea", "serious", "none"),
    ],
)
def test_what_happens_to_the_patient_stops_the_pump_as_a_reading_does(clinic, clock, kind, severity, act):
    infusion = paused_at_ten(clinic, clock)
    services.record_adverse_event(infusion=infusion, kind=kind, severity=severity, by=clinic.nurse)
    services.record_vitals(infusion=infusion, by=clinic.nurse, **world.NORMAL)
    fresh = Infusion.objects.get(pk=infusion.pk)
    assert services.vitals_advice(fresh, app_now()).act == act
    values = {"infusion": infusion, "reason": "Better", "by": clinic.nurse}
    if act == "stop":
        with pytest.raises(RuleNotMet) as refused:
            services.record_pump_event(kind="resume", **values)
        assert refused.value.code == "resume-gate"
        services.record_pump_event(kind="stop", **values)
    else:
        services.record_pump_event(kind="resume", **values)


def test_a_reading_beyond_the_stop_limit_ends_it_unless_it_was_mistyped(clinic, clock):
    infusion = paused_at_ten(clinic, clock)
    beyond = services.record_vitals(infusion=infusion, by=clinic.nurse, **world.NORMAL | {"systolic": 205})
    clock.advance(minutes=5)
    services.record_vitals(infusion=infusion, by=clinic.nurse, **world.NORMAL)
    values = {"infusion": infusion, "kind": "resume", "reason": "Better", "by": clinic.nurse}
    with pytest.raises(RuleNotMet) as refused:
        services.record_pump_event(**values)
    assert "205" in refused.value.message
    services.withdraw_vitals(vitals=beyond, by=clinic.nurse)
    services.record_pump_event(**values)


def test_the_last_reading_before_the_start_may_forbid_it(clinic, clock):
    infusion = world.ready(clinic)
    low = services.record_vitals(infusion=infusion, by=clinic.nurse, **world.NORMAL | {"spo2": 86})
    values = {"infusion": infusion, "kind": "start"}
    for person in (clinic.nurse, clinic.clinician):
        with pytest.raises(RuleNotMet) as refused:
            services.record_pump_event(**values, reason="Seen", by=person)
        assert refused.value.code == "start-gate"
    services.withdraw_vitals(vitals=low, by=clinic.nurse)
    services.record_vitals(infusion=infusion, by=clinic.nurse, **world.NORMAL | {"spo2": 90})
    with pytest.raises(RuleNotMet) as refused:
        services.record_pump_event(**values, by=clinic.nurse)
    assert refused.value.code == "start-needs-prescriber"
    services.record_pump_event(**values, reason="Usual for this patient", by=clinic.clinician)


def test_a_dangerous_reading_after_the_stop_asks_for_the_prescriber(clinic, clock):
    infusion = world.given(clinic, clock)
    assert services.vitals_advice(infusion, app_now()).act == "none"
    clock.advance(minutes=5)
    services.record_vitals(infusion=infusion, by=clinic.nurse, **world.NORMAL | {"spo2": 86})
    fresh = Infusion.objects.get(pk=infusion.pk)
    assert services.vitals_advice(fresh, app_now()).reasons == ("Oxygen saturation 86 %",)


def test_an_infusion_two_days_ago_counts_in_the_next_estimate_and_its_correction_too(clinic, clock):
    world.signed(clinic, clock)
    clock.advance(days=1, hours=21, minutes=55)
    second = world.given(clinic, clock, ordinal=2)
    before = current(second)
    first = Infusion.objects.get(ordinal=1, patient=clinic.patient)
    stop = first.pump_events.live().get(kind="stop")
    services.amend_pump_event(
        event=stop, observed_at=stop.observed_at - 20 * MINUTE, reason="Earlier", by=clinic.nurse
    )
    after = current(second)
    assert after.generation == before.generation + 1
    assert after.t_pk <= before.t_pk


@pytest.mark.parametrize(
    ("night", "name"),
    [
        (
            datetime(2026, 3, 8, 9, 40, tzinfo=UTC),
            "spring",
        ),  # 01:40 in Los Angeles, clocks go forward at 02:00
        (datetime(2026, 11, 1, 8, 40, tzinfo=UTC), "autumn"),  # 01:40 in Los Angeles, clocks go back at 02:00
    ],
)
def test_elapsed_minutes_are_the_same_on_both_nights_of_clock_change(clinic, clock, night, name):
    clock.set(night)
    infusion = world.given(clinic, clock)
    assert infusion.delivered_mg == Decimal("35.00")
    assert (current(infusion).t_pk - infusion.started_at) / MINUTE == pytest.approx(387.5, abs=3), name
    zone = ZoneInfo(clinic.site.time_zone)
    offsets = {item.astimezone(zone).utcoffset() for item in (infusion.started_at, infusion.stopped_at)}
    assert len(offsets) == 2, "the change of the clocks lies inside this infusion"


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["pause", "resume", "rate", "bolus", "stop"]),
        st.integers(min_value=0, max_value=15),
        st.integers(min_value=1, max_value=40),
    ),
    min_size=1,
    max_size=7,
)


def possible(steps, start):
    """The longest possible log of these steps, as acts after a start at 0.875 mg/min."""
    acts, state, at = [PumpAct("start", start, Decimal("0.8750"))], "running", start
    allowed = {
        "running": ("rate", "pause", "bolus", "stop"),
        "paused": ("resume", "bolus", "stop"),
        "stopped": (),
    }
    for kind, wait, amount in steps:
        if kind not in allowed[state]:
            continue
        at = at + wait * MINUTE
        rate = Decimal(amount) / 20 if kind in ("rate", "resume") else None
        bolus = Decimal(amount) / 10 if kind == "bolus" else None
        acts.append(PumpAct(kind, at, rate, bolus))
        state = {"pause": "paused", "stop": "stopped", "resume": "running"}.get(kind, state)
    return acts


@given(steps=STEPS)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_what_is_stored_is_what_the_engine_reads(clinic, clock, steps):
    """Property: any possible log gives the engine's own amount and clearance time, and the status of its last act."""
    from django.db import transaction

    with transaction.atomic():
        infusion = world.ready(clinic)
        start = app_now()
        acts = possible(steps, start)
        clock.advance(minutes=130)
        services.record_pump_events(infusion=infusion, events=acts, by=clinic.nurse)
        fresh = Infusion.objects.get(pk=infusion.pk)
        entries = [
            clearance.PumpEntry(
                act.kind,
                act.observed_at,
                None if act.rate_mg_per_min is None else float(act.rate_mg_per_min),
                None if act.bolus_mg is None else float(act.bolus_mg),
            )
            for act in acts
        ]
        log = clearance.read_pump_log(entries, bag_mg=35.0)
        ended = clearance.projected(log, planned_mg=35.0, now=app_now())
        value = clearance.estimate_clearance(log=ended, weight_kg=70.0, age_years=41)
        given_mg = clearance.delivered_mg(log, until=None if log.stop else app_now())
        assert float(fresh.delivered_mg) == pytest.approx(given_mg, abs=0.006)
        assert current(infusion).t_pk == value.t_pk
        assert fresh.delivered_mg <= Decimal("35.00")
        expected = {"running": "infusing", "paused": "paused", "stopped": "recovering"}[log.state]
        assert fresh.status == expected
        transaction.set_rollback(True)


@pytest.mark.parametrize("second", [40, 0])
def test_a_reading_before_a_start_typed_to_the_same_minute_counts_before_it(clinic, clock, second):
    infusion = world.ready(clinic)
    services.withdraw_vitals(vitals=infusion.vital_signs.get(), by=clinic.nurse)
    clock.advance(seconds=second)
    reading = services.record_vitals(infusion=infusion, by=clinic.nurse, **world.NORMAL)
    clock.advance(seconds=10)
    typed = app_now().replace(second=0, microsecond=0)
    line = services.record_pump_event(infusion=infusion, kind="start", observed_at=typed, by=clinic.nurse)
    assert reading.observed_at <= line.observed_at < typed + MINUTE


def test_stop_and_what_is_seen_around_it_keep_their_order_within_a_minute(clinic, clock):
    infusion = world.ready(clinic)
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    clock.advance(minutes=40, seconds=20)
    typed = app_now().replace(second=0)
    running = services.record_vitals(infusion=infusion, by=clinic.nurse, **world.NORMAL)
    same = services.record_vitals(infusion=infusion, by=clinic.nurse, observed_at=typed, **world.NORMAL)
    clock.advance(seconds=20)
    services.record_pump_event(infusion=infusion, kind="stop", observed_at=typed, by=clinic.nurse)
    stopped = Infusion.objects.get(pk=infusion.pk).stopped_at
    assert same.observed_at < running.observed_at < stopped < typed + MINUTE
    assert services.discharge.last_reading_after_stop(infusion, app_now()) is None
    clock.advance(seconds=10)
    after = [
        services.record_vitals(infusion=infusion, by=clinic.nurse, observed_at=typed, **world.NORMAL)
        for _ in range(2)
    ]
    assert stopped < after[0].observed_at < typed + MINUTE
    assert after[0].pk == after[1].pk, "the same reading twice is one"
    found = services.record_criterion(
        infusion=infusion, criterion="orientation", outcome="met", observed_at=typed, by=clinic.nurse
    )
    assert stopped < found.observed_at
