"""The pump log: what is accepted, what is refused and at which field, and how much was given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessions.clearance import PumpEntry, delivered_mg, projected, read_pump_log
from sessions.pharmacokinetics.pump_log import PumpLog, regimen_of
from staff.errors import InvalidInput, RuleNotMet
from tests.sessions.pk_strategies import START, pump_entries

RATE = 0.875


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def standard(minutes: float = 40) -> list[PumpEntry]:
    return [PumpEntry("start", at(0), RATE), PumpEntry("stop", at(minutes))]


def test_a_plain_infusion() -> None:
    log = read_pump_log(standard(), now=at(40))
    assert (log.start, log.stop, log.state) == (at(0), at(40), "stopped")
    assert delivered_mg(log) == pytest.approx(35.0)
    assert delivered_mg(log, at(10)) == pytest.approx(8.75)
    assert delivered_mg(log, at(-1)) == 0.0


def test_pauses_rate_changes_and_boluses_count_once() -> None:
    log = read_pump_log(
        [
            PumpEntry("start", at(0), 1.0),
            PumpEntry("bolus", at(0), bolus_mg=5),
            PumpEntry("pause", at(10)),
            PumpEntry("bolus", at(12), bolus_mg=2),
            PumpEntry("resume", at(15)),
            PumpEntry("rate", at(20), 0.5),
            PumpEntry("rate", at(20), 0.25),
            PumpEntry("pause", at(30)),
            PumpEntry("resume", at(30), 0.5),
            PumpEntry("stop", at(40)),
        ]
    )
    assert delivered_mg(log) == pytest.approx(5 + 10 + 2 + 5 + 2.5 + 5)


REFUSED = {
    "nothing": ([], "entries"),
    "no start": ([PumpEntry("stop", at(0))], "entries.0.kind"),
    "two starts": ([PumpEntry("start", at(0), 1.0), PumpEntry("start", at(5), 1.0)], "entries.1.kind"),
    "stop before start": ([PumpEntry("start", at(5), 1.0), PumpEntry("stop", at(0))], "entries.1.at"),
    "out of order": (
        [PumpEntry("start", at(0), 1.0), PumpEntry("pause", at(9)), PumpEntry("resume", at(8))],
        "entries.2.at",
    ),
    "pause twice": (
        [PumpEntry("start", at(0), 1.0), PumpEntry("pause", at(1)), PumpEntry("pause", at(2))],
        "entries.2.kind",
    ),
    "resume while running": ([PumpEntry("start", at(0), 1.0), PumpEntry("resume", at(2))], "entries.1.kind"),
    "rate while paused": (
        [PumpEntry("start", at(0), 1.0), PumpEntry("pause", at(1)), PumpEntry("rate", at(2), 2.0)],
        "entries.2.kind",
    ),
    "after the stop": ([*standard(), PumpEntry("bolus", at(50), bolus_mg=3)], "entries.2.kind"),
    "two stops": ([*standard(), PumpEntry("stop", at(50))], "entries.2.kind"),
    "in the future": ([PumpEntry("start", at(0), 1.0), PumpEntry("stop", at(500))], "entries.1.at"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_impossible_order_is_refused_at_its_field(name: str) -> None:
    entries, field = REFUSED[name]
    with pytest.raises(RuleNotMet) as refused:
        read_pump_log(entries, now=at(100))
    assert refused.value.field == field


UNREADABLE = {
    "no rate": (PumpEntry("start", at(0)), "entries.0.rate_mg_per_min"),
    "rate 0": (PumpEntry("start", at(0), 0.0), "entries.0.rate_mg_per_min"),
    "negative rate": (PumpEntry("start", at(0), -1.0), "entries.0.rate_mg_per_min"),
    "rate not a number": (PumpEntry("start", at(0), float("nan")), "entries.0.rate_mg_per_min"),
    "rate in mg per hour": (PumpEntry("start", at(0), 52.5), "entries.0.rate_mg_per_min"),
    "true as a rate": (PumpEntry("start", at(0), True), "entries.0.rate_mg_per_min"),
    "bolus without mg": (PumpEntry("bolus", at(0)), "entries.0.bolus_mg"),
    "stop with a rate": (PumpEntry("stop", at(0), 1.0), "entries.0.rate_mg_per_min"),
    "start with a bolus": (PumpEntry("start", at(0), 1.0, 3.0), "entries.0.bolus_mg"),
    "unknown": (PumpEntry("flush", at(0)), "entries.0.kind"),
    "no time zone": (PumpEntry("start", datetime(2026, 3, 3, 9, 0), 1.0), "entries.0.at"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_values_are_refused_at_their_field(name: str) -> None:
    entry, field = UNREADABLE[name]
    with pytest.raises(InvalidInput) as refused:
        read_pump_log([entry])
    assert refused.value.field == field


def test_nothing_is_counted_beyond_the_bag() -> None:
    log = read_pump_log(standard(60), bag_mg=35.0)
    assert log.stop == at(60)
    assert log.bag_empty_at == at(40)
    assert delivered_mg(log) == pytest.approx(35.0)
    assert delivered_mg(log, at(50)) == pytest.approx(35.0)


def test_a_bolus_uses_up_the_bag_in_order() -> None:
    log = read_pump_log(
        [
            PumpEntry("start", at(0), 1.0),
            PumpEntry("bolus", at(20), bolus_mg=10),
            PumpEntry("bolus", at(28), bolus_mg=10),
            PumpEntry("stop", at(40)),
        ],
        bag_mg=40.0,
    )
    assert delivered_mg(log, at(20)) == pytest.approx(30.0)
    assert delivered_mg(log, at(27.5)) == pytest.approx(37.5)
    assert delivered_mg(log) == pytest.approx(40.0)
    assert log.bag_empty_at == at(28)
    assert [push.mg for push in log.pushes] == pytest.approx([10.0, 2.0])


def test_a_running_pump_is_counted_up_to_now_and_never_beyond_the_bag() -> None:
    log = read_pump_log([PumpEntry("start", at(0), RATE)], bag_mg=35.0, now=at(12))
    assert log.open
    assert delivered_mg(log, at(12)) == pytest.approx(10.5)
    assert delivered_mg(log, at(300)) == pytest.approx(35.0)


def test_a_running_pump_without_a_bag_has_no_total_yet() -> None:
    log = read_pump_log([PumpEntry("start", at(0), RATE)])
    with pytest.raises(RuleNotMet) as refused:
        delivered_mg(log)
    assert refused.value.code == "pump-running"
    with pytest.raises(RuleNotMet):
        regimen_of([log], log.start)


@pytest.mark.parametrize("bag", [None, 35.0, 50.0])
def test_a_running_pump_is_continued_as_planned(bag: float | None) -> None:
    log = read_pump_log([PumpEntry("start", at(0), RATE)], bag_mg=bag)
    ahead = projected(log, planned_mg=35.0, now=at(12))
    assert ahead.projected
    assert ahead.stop == at(40)
    assert delivered_mg(ahead) == pytest.approx(35.0)


def test_a_paused_pump_is_continued_from_now() -> None:
    log = read_pump_log([PumpEntry("start", at(0), RATE), PumpEntry("pause", at(20))])
    ahead = projected(log, planned_mg=35.0, now=at(30))
    assert ahead.stop == at(50)
    assert delivered_mg(ahead) == pytest.approx(35.0)


def test_a_stopped_log_is_not_continued() -> None:
    log = read_pump_log(standard(20))
    assert projected(log, planned_mg=35.0, now=at(25)) is log


def test_overrun_beyond_the_plan_stops_now() -> None:
    log = read_pump_log([PumpEntry("start", at(0), RATE)])
    ahead = projected(log, planned_mg=35.0, now=at(45))
    assert ahead.stop == at(45)
    assert delivered_mg(ahead) == pytest.approx(45 * RATE)


@settings(deadline=None, max_examples=100, derandomize=True)
@given(pump_entries(), st.floats(1, 100))
def test_the_bag_only_ever_takes_away(entries: list[PumpEntry], bag: float) -> None:
    whole, limited = read_pump_log(entries), read_pump_log(entries, bag_mg=bag)
    assert delivered_mg(limited) == pytest.approx(min(delivered_mg(whole), bag), rel=1e-6, abs=1e-4)
    for minutes in (0, 3.5, 17, 61, 400):
        assert delivered_mg(limited, at(minutes)) <= delivered_mg(whole, at(minutes)) + 1e-4


@settings(deadline=None, max_examples=100, derandomize=True)
@given(pump_entries())
def test_amount_given_never_falls_and_agrees_with_the_regimen(entries: list[PumpEntry]) -> None:
    log = read_pump_log(entries)
    amounts = [delivered_mg(log, log.start + timedelta(minutes=m)) for m in range(0, 300, 7)]
    assert amounts == sorted(amounts)
    assert regimen_of([log], log.start).total_mg == pytest.approx(delivered_mg(log))


NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("start", "stop", "minutes"),
    [
        (datetime(2026, 3, 8, 1, 50, tzinfo=NEW_YORK), datetime(2026, 3, 8, 3, 10, tzinfo=NEW_YORK), 20),
        (
            datetime(2026, 11, 1, 1, 50, tzinfo=NEW_YORK),
            datetime(2026, 11, 1, 1, 10, fold=1, tzinfo=NEW_YORK),
            20,
        ),
        (datetime(2026, 11, 1, 0, 50, tzinfo=NEW_YORK), datetime(2026, 11, 1, 2, 10, tzinfo=NEW_YORK), 140),
    ],
    ids=["spring", "autumn, repeated hour", "autumn, across"],
)
def test_local_times_across_a_change_of_the_clocks(start: datetime, stop: datetime, minutes: float) -> None:
    log = read_pump_log([PumpEntry("start", start, 1.0), PumpEntry("stop", stop)])
    assert delivered_mg(log) == pytest.approx(minutes)
    assert isinstance(log, PumpLog)
    assert log.start.tzinfo is UTC
