"""What follows one infusion: every obligation of the protocol version with its moments, or why it is dropped.

Pure module. Sources: decisions 1.6-1.9 and 1.14, clinical.md D1 and D2. One call plans one infusion; nothing
is moved silently: a target that leaves its wished moment carries a flag, an obligation that falls away
carries a reason.

Safety follow-ups (gate none) hang on the pump stop and never wait for sign-off. Everything with the window
gate hangs on T0, never begins before it, and ends with the quiet time before the next infusion (block; the
target also keeps clear of the longer warning time where it can).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from protocols.definition import Audience, Elapsed, FollowUpRule, Gate, LocalClock, Moment, ProtocolDefinition
from scheduling.domain.intervals import Interval, as_utc
from scheduling.domain.localtime import (
    Duration,
    Resolved,
    in_words,
    local_date,
    moment_after,
    next_local_morning,
)
from scheduling.domain.targets import nearest_start
from staff.errors import InvalidInput

AFTER_LAST_ONLY = "after_last_only"
REDOSED_FIRST = "redosed_first"
MERGED_INTO_NEXT = "merged_into_next"
MERGED_LATER = "merged_later"
WEEKLY_CAP = "weekly_cap"
NO_WINDOW = "no_window"
NO_ROOM = "no_room"
SHEET_ONLY = "sheet_only"

DROPPED_IN_WORDS = {
    AFTER_LAST_ONLY: "only after the last infusion, or before a long break",
    REDOSED_FIRST: "the next infusion comes first",
    MERGED_INTO_NEXT: "no time left before the next infusion: joined with the one after it",
    MERGED_LATER: "joined with the same task after the later infusion",
    WEEKLY_CAP: "the protocol's number of therapy sessions in that week is used up",
    NO_WINDOW: "no window opens after this infusion",
    NO_ROOM: "its earliest moment lies after its last one",
    SHEET_ONLY: "too late in the evening for a message: on the printed sheet only",
}


@dataclass(frozen=True)
class InfusionAnchors:
    """The moments of one infusion that follow-ups hang on.

    starts_at: planned start until the first pump event, then actual. t0: best known therapy time.
    provisional: True until signed off. pump_stop None: not stopped yet, `planned_stop` stands in for it.
    Raises InvalidInput when the order start <= stop <= T0 is broken.
    """

    ordinal: int
    starts_at: datetime
    planned_stop: datetime
    t0: datetime
    pump_stop: datetime | None = None
    provisional: bool = True

    def __post_init__(self) -> None:
        stop = self.pump_stop or self.planned_stop
        if not as_utc(self.starts_at) <= as_utc(stop) <= as_utc(self.t0):
            raise InvalidInput("start, pump stop and therapy time are out of order", field="t0")

    @property
    def stop(self) -> datetime:
        """Actual pump stop, else the planned one."""
        return as_utc(self.pump_stop or self.planned_stop)


@dataclass(frozen=True)
class PlannedFollowUp:
    """One obligation. earliest, target and latest are starting moments: later than `latest` is late.

    A task must be over by `hard_latest` (therapy must have ended), afterwards it is missed. earliest <=
    target <= latest <= hard_latest holds whenever `dropped` is None. `ordinal` counts a rule's repeats from
    1, `infusion` is the ordinal of the infusion. `why` holds words for a person, `flags` codes for a program.
    """

    kind: str
    ordinal: int
    infusion: int
    title: str
    audience: Audience
    gate: Gate
    therapy: bool
    duration_minutes: int
    message_kind: str
    required: bool
    earliest: datetime
    target: datetime
    latest: datetime
    hard_latest: datetime
    provisional: bool
    dropped: str | None = None
    why: dict[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    merge_within_hours: int = 12


@dataclass(frozen=True)
class _Frame:
    definition: ProtocolDefinition
    anchors: InfusionAnchors
    zone: ZoneInfo
    next_start: datetime | None
    is_last: bool
    window_opens: bool
    working: Sequence[Interval] | None

    def tail_is_due(self, rule: FollowUpRule) -> bool:
        """The last infusion, or one before a break that is long enough for this rule."""
        if self.is_last or self.next_start is None:
            return self.is_last
        gap = self.next_start - as_utc(self.anchors.starts_at)
        return gap >= Duration.of(hours=rule.tail_gap_hours).delta


def plan_follow_ups(
    definition: ProtocolDefinition,
    *,
    anchors: InfusionAnchors,
    zone: ZoneInfo,
    next_infusion_start: datetime | None = None,
    is_last: bool = False,
    window_opens: bool = True,
    working: Sequence[Interval] | None = None,
    other_sessions: Sequence[datetime] = (),
) -> tuple[PlannedFollowUp, ...]:
    """Every follow-up of one infusion, in the order of the version's rules, dropped ones with their reason.

    zone: the patient's. working: hours in which a therapist works; they move the target of therapy, nothing
    else. other_sessions: starts of the patient's other therapy sessions, which count towards the weekly cap.
    window_opens False: no clinician opened a window (aborted infusion); safety follow-ups stay. Raises
    InvalidInput when the next infusion does not start after this one.
    """
    next_start = None if next_infusion_start is None else as_utc(next_infusion_start)
    if next_start is not None and next_start <= as_utc(anchors.starts_at):
        raise InvalidInput("the next infusion must start after this one", field="next_infusion_start")
    frame = _Frame(definition, anchors, zone, next_start, is_last, window_opens, working)
    planned = [
        _plan_one(frame, rule, ordinal, days)
        for rule in definition.follow_ups
        for ordinal, days in enumerate(rule.repeat_days, start=1)
    ]
    return _apply_weekly_cap(definition, planned, other_sessions, zone)


def session_earliest(rule: FollowUpRule, t0: datetime, zone: ZoneInfo) -> datetime:
    """Earliest start of a task after T0: its own offset and, for `after_night`, one night after T0.

    One night = 07:00 of the local day after T0's local day, and `night_hours` elapsed hours, whichever is
    later.
    """
    earliest = max(as_utc(t0), moment_after(t0, rule.earliest, zone).instant)
    if not rule.after_night:
        return earliest
    return max(earliest, next_local_morning(t0, zone).instant, t0 + Duration.of(hours=rule.night_hours))


def merge_same_kind(follow_ups: Iterable[PlannedFollowUp]) -> tuple[PlannedFollowUp, ...]:
    """Across infusions: of two live tasks of a kind closer than its rule allows only the later infusion's stays.

    Safety tasks (gate none) are never joined: each infusion sends its own.
    """
    items = list(follow_ups)
    for index, item in enumerate(items):
        if (
            item.gate == "window"
            and item.dropped is None
            and any(
                other.dropped is None
                and other.kind == item.kind
                and other.infusion > item.infusion
                and abs(other.target - item.target) < Duration.of(hours=item.merge_within_hours).delta
                for other in items
            )
        ):
            items[index] = _drop(item, MERGED_LATER)
    return tuple(items)


def _plan_one(frame: _Frame, rule: FollowUpRule, ordinal: int, days: int) -> PlannedFollowUp:
    anchors = frame.anchors
    anchor = anchors.stop if rule.anchor == "pump_stop" else as_utc(anchors.t0)
    found = [
        moment_after(anchor, _days_later(moment, days), frame.zone)
        for moment in (rule.earliest, rule.target, rule.latest, rule.hard_latest)
    ]
    floor = as_utc(anchors.t0) if rule.gate == "window" else anchors.stop
    earliest = max(floor, found[0].instant)
    if rule.after_night:
        earliest = max(earliest, session_earliest(rule, anchors.t0, frame.zone))
    task = PlannedFollowUp(
        kind=rule.kind,
        ordinal=ordinal,
        infusion=anchors.ordinal,
        title=rule.title,
        audience=rule.audience,
        gate=rule.gate,
        therapy=rule.therapy,
        duration_minutes=rule.duration_minutes,
        message_kind=rule.message_kind,
        required=rule.required,
        earliest=earliest,
        target=found[1].instant,
        latest=found[2].instant,
        hard_latest=found[3].instant,
        provisional=anchors.pump_stop is None if rule.gate == "none" else anchors.provisional,
        why=_why(frame, rule, anchor, days),
        flags=_clock_flags(found),
        merge_within_hours=rule.merge_within_hours,
    )
    if rule.gate == "none":
        return _settle_safety(task)
    if not frame.window_opens:
        return _drop(task, NO_WINDOW)
    if rule.scope == "after_last" and not frame.tail_is_due(rule):
        return _drop(task, AFTER_LAST_ONLY)
    if rule.redosed != "fit" and frame.next_start is not None and frame.next_start < task.target:
        return _drop(task, MERGED_INTO_NEXT if rule.redosed == "merge" else REDOSED_FIRST)
    return _settle_in_window(frame, rule, task)


def _settle_safety(task: PlannedFollowUp) -> PlannedFollowUp:
    """A safety task goes out in its own time or, when that is over at the pump stop, is printed only."""
    if task.earliest >= task.hard_latest:
        return _drop(task, SHEET_ONLY)
    latest = max(task.latest, task.earliest)
    return replace(task, target=min(max(task.target, task.earliest), latest), latest=latest)


def _settle_in_window(frame: _Frame, rule: FollowUpRule, task: PlannedFollowUp) -> PlannedFollowUp:
    length = Duration(task.duration_minutes)
    quiet = frame.definition.window
    cut = None if frame.next_start is None else frame.next_start - Duration(quiet.quiet_block_minutes)
    hard, flags = task.hard_latest, list(task.flags)
    if cut is not None and cut < hard:
        hard, flags = cut, [*flags, "cut_short"]
    last_start = hard - length
    if last_start < task.earliest or hard <= task.earliest:
        return _drop(task, _no_room_reason(rule, task, cut))
    latest = min(task.latest, last_start)
    if _is_close_redose(frame, rule, task):
        latest = min(latest, frame.anchors.t0 + Duration.of(hours=rule.close_latest_hours))
    latest = max(latest, task.earliest)
    calm_until = last_start
    if frame.next_start is not None:
        calm_until = min(last_start, frame.next_start - Duration(quiet.quiet_warn_minutes) - length)
    wished = min(max(task.target, task.earliest), latest)
    target, more = _find_target(frame, task, wished, calm_until, last_start)
    why = {**task.why, "target": "moved to the nearest working time"} if "target_moved" in more else task.why
    return replace(
        task,
        target=target,
        latest=max(latest, target),
        hard_latest=hard,
        why=why,
        flags=(*flags, *more),
    )


def _find_target(
    frame: _Frame, task: PlannedFollowUp, wished: datetime, calm_until: datetime, last_start: datetime
) -> tuple[datetime, list[str]]:
    """Target and its flags: outside the quiet hours before an infusion if at all possible, in working time if
    known.
    """
    flags: list[str] = []
    if task.therapy and frame.working is not None:
        length = Duration(task.duration_minutes)
        slot = nearest_start(frame.working, wished, task.earliest, calm_until, length) or nearest_start(
            frame.working, wished, task.earliest, last_start, length
        )
        if slot is None:
            flags.append("no_working_slot")
        else:
            if slot != wished:
                flags.append("target_moved")
            wished = slot
    if wished > calm_until:
        if calm_until >= task.earliest and (frame.working is None or not task.therapy):
            return calm_until, flags
        flags.append("quiet_warning")
    return wished, flags


def _is_close_redose(frame: _Frame, rule: FollowUpRule, task: PlannedFollowUp) -> bool:
    if not task.therapy or rule.scope != "each_infusion" or frame.next_start is None:
        return False
    return frame.next_start < frame.anchors.t0 + Duration.of(hours=rule.close_redose_hours)


def _no_room_reason(rule: FollowUpRule, task: PlannedFollowUp, cut: datetime | None) -> str:
    if cut is None or cut >= task.hard_latest:
        return NO_ROOM
    if rule.redosed != "fit":
        return MERGED_INTO_NEXT if rule.redosed == "merge" else REDOSED_FIRST
    return MERGED_INTO_NEXT if rule.therapy and rule.scope == "each_infusion" else REDOSED_FIRST


def _apply_weekly_cap(
    definition: ProtocolDefinition,
    planned: list[PlannedFollowUp],
    other_sessions: Sequence[datetime],
    zone: ZoneInfo,
) -> tuple[PlannedFollowUp, ...]:
    """Decisions 1.14: above the cap session 2 falls first, then repeated work, never the session after each
    infusion.
    """
    cap = definition.weekly_session_cap
    if cap is None:
        return tuple(planned)
    used: Counter[date] = Counter(_week(at, zone) for at in other_sessions)
    rules = {rule.kind: rule for rule in definition.follow_ups}

    def order(index: int) -> tuple[int, datetime]:
        rule = rules[planned[index].kind]
        rank = 0 if rule.scope == "each_infusion" else 1 if len(rule.repeat_days) > 1 else 2
        return rank, planned[index].target

    for index in sorted(
        (n for n, task in enumerate(planned) if task.therapy and task.dropped is None), key=order
    ):
        task = planned[index]
        week = _week(task.target, zone)
        if used[week] < cap:
            used[week] += 1
        elif rules[task.kind].scope == "each_infusion":
            used[week] += 1
            planned[index] = replace(task, flags=(*task.flags, "over_weekly_cap"))
        else:
            planned[index] = _drop(task, WEEKLY_CAP)
    return tuple(planned)


def _week(at: datetime, zone: ZoneInfo) -> date:
    """Monday of the local week."""
    day = local_date(at, zone)
    return day - timedelta(days=day.weekday())


def _drop(task: PlannedFollowUp, reason: str) -> PlannedFollowUp:
    return replace(task, dropped=reason, why={**task.why, "dropped": DROPPED_IN_WORDS[reason]})


def _days_later(moment: Moment, days: int) -> Moment:
    if isinstance(moment, Elapsed):
        return Elapsed(moment.minutes + days * 24 * 60)
    return LocalClock(moment.days + days, moment.hour, moment.minute)


def _clock_flags(found: Sequence[Resolved]) -> tuple[str, ...]:
    flags = []
    if any(item.moved for item in found):
        flags.append("clock_moved")
    if any(item.ambiguous for item in found):
        flags.append("clock_ambiguous")
    return tuple(flags)


def _why(frame: _Frame, rule: FollowUpRule, anchor: datetime, days: int) -> dict[str, str]:
    """Words for a person: what the moments are counted from, and how."""
    name = "the pump stop" if rule.anchor == "pump_stop" else "the time therapy may begin"
    words = {
        "counted_from": f"{name}, {in_words(anchor, frame.zone)}",
        "target": _moment_in_words(_days_later(rule.target, days)),
        "source": f"{rule.source} (evidence grade {rule.grade})",
    }
    if rule.after_night:
        words["earliest"] = f"after a night's sleep: next day from 07:00, and {rule.night_hours} hours later"
    return words


def _moment_in_words(moment: Moment) -> str:
    if isinstance(moment, Elapsed):
        hours, minutes = divmod(moment.minutes, 60)
        if moment.minutes and moment.minutes % 1440 == 0:
            days = moment.minutes // 1440
            return "1 day later" if days == 1 else f"{days} days later"
        return f"{hours} h later" if minutes == 0 else f"{hours} h {minutes:02d} min later"
    day = {0: "the same day", 1: "the next day"}.get(moment.days, f"{moment.days} days later")
    return f"{moment.hour:02d}:{moment.minute:02d} {day}"
