"""What the property tests of the engine draw: people, regimens, whole pump logs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from sessions.clearance import PumpEntry
from sessions.pharmacokinetics.regimen import Bolus, Regimen, Segment
from sessions.pharmacokinetics.structure import Person

MODEL_IDS = (
    "otto2021",
    "kamp2020",
    "perez2021",
    "kamp2020_lin",
    "domino1984",
    "clements1981",
    "hijazi2003",
    "simons2022",
)
START = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)

weights = st.floats(30, 200)
people = st.builds(Person, weights, st.floats(18, 90))
amounts = st.floats(0.1, 60)
# Whole 64ths of a minute, so that a shift by whole minutes is exact in floating point.
times = st.integers(0, 600 * 64).map(lambda ticks: ticks / 64)
lengths = st.integers(0, 200 * 64).map(lambda ticks: ticks / 64)
rates = st.floats(0.01, 3)

boluses = st.builds(Bolus, times, amounts)
segments = st.builds(lambda start, length, rate: Segment(start, start + length, rate), times, lengths, rates)
regimens = st.builds(
    lambda first, second: Regimen(tuple(first), tuple(second)),
    st.lists(boluses, max_size=3),
    st.lists(segments, max_size=4),
).filter(lambda regimen: regimen.total_mg > 0.5)


@st.composite
def pump_entries(draw: st.DrawFn) -> list[PumpEntry]:
    """A legal, stopped log of 5 minutes to some hours: rate changes, pauses, boluses."""
    at = START
    rate = draw(st.floats(0.2, 2.0))
    entries = [PumpEntry("start", at, rate)]
    paused = False
    for _ in range(draw(st.integers(0, 6))):
        at += timedelta(seconds=draw(st.integers(0, 1800)))
        kind = draw(st.sampled_from(("resume", "bolus") if paused else ("pause", "rate", "bolus")))
        paused = kind == "pause" or (paused and kind == "bolus")
        entries.append(
            PumpEntry(
                kind,
                at,
                draw(st.floats(0.2, 2.0)) if kind in ("rate", "resume") else None,
                draw(st.floats(1, 10)) if kind == "bolus" else None,
            )
        )
    entries.append(PumpEntry("stop", at + timedelta(seconds=draw(st.integers(300, 2400)))))
    return entries
