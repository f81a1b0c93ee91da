"""The plasticity window of one infusion, its phases and its state in the queue. Pure module; decisions 1.1,
1.6.

One window per infusion. It opens at T0 (the no-therapy period is [infusion start, T0), so therapy may begin
exactly then) and is cut where the next no-therapy period begins. All offsets are elapsed hours from the
version's WindowRule; whether such a window exists in people is a thesis (clinical.md D), which pages say with
its evidence grade.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from protocols.definition import WindowRule
from scheduling.domain.intervals import Interval, as_utc, span, subtract, union
from scheduling.domain.localtime import Duration
from staff.errors import InvalidInput

WEEKLY_WEEKS = 14  # weekly work after the last infusion, decisions 1.6 (Wilkinson 2021: 14 weeks)

WindowState = Literal["opening", "open", "closing", "closed"]


@dataclass(frozen=True)
class Window:
    """Half-open phases: rest [opens, practice_from), core [opens, core_until), tail [core_until, tail_until).

    `weekly_until` is later than `tail_until` only after the last infusion. Every moment is already cut at
    `cut_at`, the start of the next no-therapy period; None = nothing cuts it.
    """

    opens: datetime
    practice_from: datetime
    core_until: datetime
    tail_until: datetime
    weekly_until: datetime
    cut_at: datetime | None = None

    @property
    def is_empty(self) -> bool:
        """The next infusion begins before therapy could: nothing of the window is left."""
        return self.core_until <= self.opens

    def phases(self) -> tuple[tuple[str, Interval], ...]:
        """(name, interval) of rest, practice, tail and weekly work, in order, without the empty ones."""
        edges = (
            ("rest", self.opens, self.practice_from),
            ("practice", self.practice_from, self.core_until),
            ("tail", self.core_until, self.tail_until),
            ("weekly", self.tail_until, self.weekly_until),
        )
        return tuple((name, part) for name, start, end in edges for part in span(start, end))

    @property
    def core(self) -> tuple[Interval, ...]:
        """[opens, core_until), or () when it is empty."""
        return span(self.opens, self.core_until)


def plasticity_window(
    t0: datetime, rule: WindowRule, *, next_infusion_start: datetime | None = None, last: bool = False
) -> Window:
    """The window after `t0`, cut at the start of the next infusion if there is one."""
    opens = as_utc(t0)
    cut = None if next_infusion_start is None else as_utc(next_infusion_start)
    tail = Duration.of(days=rule.tail_until_days)
    weekly = max(tail, Duration.of(days=7 * WEEKLY_WEEKS)) if last else tail

    def until(after: Duration) -> datetime:
        moment = opens + after
        return moment if cut is None else max(opens, min(moment, cut))

    return Window(
        opens=opens,
        practice_from=until(Duration.of(hours=rule.practice_from_hours)),
        core_until=until(Duration.of(hours=rule.core_until_hours)),
        tail_until=until(tail),
        weekly_until=until(weekly),
        cut_at=cut,
    )


def window_state(
    window: Window, at: datetime, *, earliest_session: datetime, rule: WindowRule
) -> WindowState:
    """The queue's word for a signed window at an instant.

    opening: the earliest session is still ahead; closing: the last `closing_last_hours` of the core; closed:
    core over. An unsigned infusion has no state: it waits for sign-off, whatever the clock says.
    """
    if at >= window.core_until:
        return "closed"
    if at < max(earliest_session, window.opens):
        return "opening"
    return "closing" if at >= window.core_until - Duration.of(hours=rule.closing_last_hours) else "open"


def no_therapy_period(infusion_start: datetime, t0: datetime) -> Interval:
    """[infusion start, T0). Raises InvalidInput when T0 does not come after the start."""
    if as_utc(t0) <= as_utc(infusion_start):
        raise InvalidInput("therapy time must come after the start of the infusion", field="t0")
    return Interval(infusion_start, t0)


def merge(windows: Iterable[Window], no_therapy: Iterable[Interval] = ()) -> tuple[Interval, ...]:
    """Union of the core windows minus the no-therapy periods. For display only: obligations hang on single
    windows.
    """
    return subtract(union(part for window in windows for part in window.core), no_therapy)
