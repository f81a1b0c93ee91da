"""Why a date is impossible, in words. Pure module.

Reasons are asked in a fixed order, each only of the starts that all earlier ones left, so the first that
leaves none is the one to tell: closed, patient, chair, nurse, prescriber.
"""

from __future__ import annotations

import numpy as np

from scheduling.domain.localtime import clock_in_words, day_in_words, in_words
from scheduling.domain.occupancy import any_row
from scheduling.domain.series_build import Setting, phase_of
from scheduling.domain.series_core import BIG, forward
from scheduling.domain.series_types import Refusal
from scheduling.domain.slots import BoolArray, IntArray

MAX_SPANS = 3


def day_refusals(setting: Setting, first_slot: int, last_slot: int, ordinal: int) -> tuple[Refusal, ...]:
    """One refusal for each local day in [first_slot, last_slot] on which visit `ordinal` cannot start."""
    grid = setting.grid
    low, high = (
        int(day) for day in grid.day_of(np.clip([first_slot, last_slot], 0, grid.count - 1).astype(np.int64))
    )
    found = (_day_refusal(setting, day, ordinal) for day in range(low, high + 1))
    return tuple(item for item in found if item is not None)


def _day_refusal(setting: Setting, index: int, ordinal: int) -> Refusal | None:
    request, grid = setting.request, setting.grid
    day = grid.days[index]
    begins = int(grid.day_starts[index])
    ends = int(grid.day_starts[index + 1]) if index + 1 < len(grid.days) else grid.count
    name = day_in_words(day)
    if day in request.barred_days:
        return Refusal("barred", f"{name}: {request.barred_days[day]}", day, ordinal)
    if day.weekday() not in phase_of(request, ordinal).weekdays:
        return None
    today = np.zeros(grid.count, dtype=np.bool_)
    today[begins:ends] = setting.in_span[begins:ends]
    if not today.any():
        return None
    left = today & setting.is_open
    if not left.any():
        reason = request.closed.get(day)
        text = f"{name}: closed ({reason})" if reason else f"{name}: clinic closed"
        return Refusal("closed", text, day, ordinal)
    steps = (
        ("patient", "patient not available", setting.patient_free),
        ("chair", "no chair free", any_row(setting.chairs)),
        ("nurse", "no nurse free", any_row(setting.nurses)),
        ("prescriber", "no prescriber free", any_row(setting.prescribers)),
    )
    for code, words, mask in steps:
        remaining = left & mask
        if not remaining.any():
            return Refusal(code, f"{name}: {words} {_spans_in_words(setting, left)}", day, ordinal)
        left = remaining
    return None


def _spans_in_words(setting: Setting, starts: BoolArray) -> str:
    """The times that stays beginning at these starts would touch: `10:00-12:40, 14:00-17:40`."""
    slots = np.flatnonzero(starts)
    breaks = np.flatnonzero(np.diff(slots) > setting.stay) + 1
    groups: list[IntArray] = np.split(slots, breaks)
    zone = setting.grid.zone
    words = [
        f"{clock_in_words(setting.grid.instant(int(group[0])), zone)}-"
        f"{clock_in_words(setting.grid.instant(int(group[-1]) + setting.stay), zone)}"
        for group in groups[:MAX_SPANS]
    ]
    return ", ".join(words) + (" and later" if len(groups) > MAX_SPANS else "")


def failure(setting: Setting) -> tuple[Refusal, ...]:
    """Why the series cannot be placed: the first visit without a date, then its refused days."""
    request, problem = setting.request, setting.problem
    if problem.starts.size == 0:
        first, last = (int(slot) for slot in np.flatnonzero(setting.in_span)[[0, -1]])
        head = Refusal("no-date", "No date is possible in the whole span", None, request.first_ordinal)
        return (head, *day_refusals(setting, first, last, request.first_ordinal))
    table = forward(problem)
    visit = next((k for k in range(problem.visits) if (table[k] >= BIG).all()), problem.visits - 1)
    ordinal = request.first_ordinal + visit
    first, last, limits = _legal_span(setting, table, visit)
    where = f"{in_words(setting.grid.instant(first), request.zone)} to "
    where += in_words(setting.grid.instant(last), request.zone)
    head = Refusal("no-date", f"Infusion {ordinal} has no date: it must start {where}{limits}", None, ordinal)
    pinned = request.pinned.get(ordinal)
    if pinned is not None:
        text = f"Infusion {ordinal} cannot stay on {in_words(pinned, request.zone)}{limits}"
        head = Refusal("pinned", text, None, ordinal)
    return (head, *day_refusals(setting, first, last, ordinal))


def _legal_span(setting: Setting, table: IntArray, visit: int) -> tuple[int, int, str]:
    """First and last slot at which the visit would be legal, and the rule in words."""
    span = np.flatnonzero(setting.in_span)
    first, last = int(span[0]), int(span[-1])
    request, problem = setting.request, setting.problem
    ordinal = request.first_ordinal + visit
    phase = phase_of(request, ordinal)
    longest = max(phase.gap_max_hours, request.long_gap.get(ordinal, 0))
    words = f" ({phase.gap_min_hours} to {longest} h after infusion {ordinal - 1})"
    if visit > 0:
        before = problem.starts[table[visit - 1] < BIG]
        rule = problem.gaps[visit - 1]
        low, high = int(before[0]) + rule.minimum, int(before[-1]) + rule.maximum
    elif request.previous_start is not None:
        at = setting.grid.ceil(request.previous_start)
        low, high = at + phase.gap_min_hours * 4, at + longest * 4
    else:
        return first, last, ""
    low = min(max(first, low), last)
    return low, max(low, min(last, high)), words
