"""Why a date is impossible, in words. Pure module.

Reasons are asked in a fixed order, each only of the starts that all earlier ones left, so the first that
leaves none is the one to tell: closed, patient, chair, nurse, prescriber.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from scheduling.domain.clinic_types import Laid
from scheduling.domain.localtime import clock_in_words, day_in_words, in_words
from scheduling.domain.occupancy import ones, to_slots
from scheduling.domain.series_build import Setting, phase_of
from scheduling.domain.series_core import BIG, forward
from scheduling.domain.series_types import Refusal
from scheduling.domain.slots import PER_HOUR, IntArray

MAX_SPANS = 3


def day_refusals(
    setting: Setting, laid: Laid, first_slot: int, last_slot: int, ordinal: int
) -> tuple[Refusal, ...]:
    """One refusal for each local day in [first_slot, last_slot] on which visit `ordinal` cannot start."""
    grid = setting.grid
    ends = np.clip([first_slot, last_slot], 0, grid.count - 1).astype(np.int64)
    low, high = (int(day) for day in grid.day_of(ends))
    found = (_day_refusal(setting, laid, day, ordinal) for day in range(low, high + 1))
    return tuple(item for item in found if item is not None)


def _day_refusal(setting: Setting, laid: Laid, index: int, ordinal: int) -> Refusal | None:
    request, grid = setting.request, setting.grid
    day = grid.days[index]
    begins = int(grid.day_starts[index])
    ends = int(grid.day_starts[index + 1]) if index + 1 < len(grid.days) else grid.count
    name = day_in_words(day)
    if day in request.barred_days:
        return Refusal("barred", f"{name}: {request.barred_days[day]}", day, ordinal)
    today = ones(begins, ends) & setting.in_span
    if day.weekday() not in phase_of(request, ordinal).weekdays or not today:
        return None
    left = today & setting.is_open
    if not left:
        reason = request.closed.get(day)
        text = f"{name}: closed ({reason})" if reason else f"{name}: clinic closed"
        return Refusal("closed", text, day, ordinal)
    steps = (
        ("patient", "patient not available", setting.patient_free),
        ("chair", "no chair free", _any(laid.chairs.values())),
        ("nurse", "no nurse free", _any(laid.nurses.values())),
        ("prescriber", "no prescriber free", _any(laid.prescribers.values())),
    )
    for code, words, mask in steps:
        if not left & mask:
            return Refusal(code, f"{name}: {words} {_spans_in_words(setting, left)}", day, ordinal)
        left &= mask
    return None


def _any(rows: Iterable[int]) -> int:
    bits = 0
    for row in rows:
        bits |= row
    return bits


def _spans_in_words(setting: Setting, starts: int) -> str:
    """The times that stays beginning at these starts would touch: `10:00-12:40, 14:00-17:40`."""
    grid = setting.grid
    slots = to_slots(starts, grid.count)
    breaks = np.flatnonzero(np.diff(slots) > setting.stay) + 1
    groups: list[IntArray] = np.split(slots, breaks)
    words = [
        f"{clock_in_words(grid.instant(int(group[0])), grid.zone)}-"
        f"{clock_in_words(grid.instant(int(group[-1]) + setting.stay), grid.zone)}"
        for group in groups[:MAX_SPANS]
    ]
    return ", ".join(words) + (" and later" if len(groups) > MAX_SPANS else "")


def failure(setting: Setting, laid: Laid) -> tuple[Refusal, ...]:
    """Why the series cannot be placed: the first visit without a date, then its refused days."""
    request, problem, grid = setting.request, laid.problem, setting.grid
    if problem.starts.size == 0:
        span = to_slots(setting.in_span, grid.count)
        head = Refusal("no-date", "No date is possible in the whole span", None, request.first_ordinal)
        return (head, *day_refusals(setting, laid, int(span[0]), int(span[-1]), request.first_ordinal))
    table = forward(problem)
    visit = next((k for k in range(problem.visits) if (table[k] >= BIG).all()), problem.visits - 1)
    ordinal = request.first_ordinal + visit
    first, last, limits = _legal_span(setting, problem.starts, table, visit)
    where = f"{in_words(grid.instant(first), request.zone)} to {in_words(grid.instant(last), request.zone)}"
    head = Refusal("no-date", f"Infusion {ordinal} has no date: it must start {where}{limits}", None, ordinal)
    pinned = request.pinned.get(ordinal)
    if pinned is not None:
        text = f"Infusion {ordinal} cannot stay on {in_words(pinned, request.zone)}{limits}"
        head = Refusal("pinned", text, None, ordinal)
    return (head, *day_refusals(setting, laid, first, last, ordinal))


def _legal_span(setting: Setting, starts: IntArray, table: IntArray, visit: int) -> tuple[int, int, str]:
    """First and last slot at which the visit would be legal, and the rule in words."""
    span = to_slots(setting.in_span, setting.grid.count)
    first, last = int(span[0]), int(span[-1])
    request = setting.request
    ordinal = request.first_ordinal + visit
    phase = phase_of(request, ordinal)
    longest = max(phase.gap_max_hours, request.long_gap.get(ordinal, 0))
    if visit > 0:
        before = starts[table[visit - 1] < BIG]
        low, high = int(before[0]), int(before[-1])
    elif request.previous_start is not None:
        low = high = setting.grid.ceil(request.previous_start)
    else:
        return first, last, ""
    low = min(max(first, low + phase.gap_min_hours * PER_HOUR), last)
    high = max(low, min(last, high + longest * PER_HOUR))
    return low, high, f" ({phase.gap_min_hours} to {longest} h after infusion {ordinal - 1})"
