"""Whether therapy may be planned or started at a moment, with the reasons in words. Pure module; decisions
1.1, 1.5-1.8.

This is the service's side of the rule; the database refuses the no-therapy period by itself (decisions 2.3).
A safety contact is not therapy and is never refused; preparation and education are exempt from the quiet
time: for those nothing here is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from protocols.definition import FollowUpRule, WindowRule
from scheduling.domain.followups import session_earliest
from scheduling.domain.intervals import Interval, as_utc
from scheduling.domain.localtime import Duration, in_words

Act = Literal["plan", "start"]


@dataclass(frozen=True)
class InfusionFacts:
    """What is known of one infusion of the patient.

    starts_at: planned until the first pump event, then actual. t0 None: it cannot be estimated. signed: the
    window, or "no window opens", is signed. locked: the window is still pending or being recalculated.
    """

    ordinal: int
    starts_at: datetime
    started: bool
    t0: datetime | None
    signed: bool
    locked: bool = False


@dataclass(frozen=True)
class Reason:
    """One reason. overridable: a role may break it with a coded reason; the others are absolute."""

    code: str
    text: str
    overridable: bool = False


@dataclass(frozen=True)
class Verdict:
    """allowed is False as soon as one refusal stands, overridable or not."""

    allowed: bool
    refusals: tuple[Reason, ...] = ()
    warnings: tuple[Reason, ...] = ()


def therapy_allowed(
    session: Interval,
    *,
    infusions: Sequence[InfusionFacts],
    rule: WindowRule,
    zone: ZoneInfo,
    act: Act = "plan",
    night_rule: FollowUpRule | None = None,
) -> Verdict:
    """Judge one therapy session against every infusion of the patient. zone: the patient's, for the words.

    act "start" additionally asks that every earlier started infusion is signed and its window not locked.
    night_rule: the version's rule for the first session; None asks for no night.
    """
    refusals: list[Reason] = []
    warnings: list[Reason] = []
    for infusion in sorted(infusions, key=lambda item: as_utc(item.starts_at)):
        refusals += _no_therapy(session, infusion, zone)
        if act == "start":
            refusals += _unsigned(session, infusion)
        blocked, warned = _quiet(session, infusion, rule, zone)
        refusals += blocked
        warnings += warned
    refusals += _night(session, infusions, night_rule, zone)
    return Verdict(not refusals, tuple(refusals), tuple(warnings))


def _no_therapy(session: Interval, infusion: InfusionFacts, zone: ZoneInfo) -> list[Reason]:
    start = as_utc(infusion.starts_at)
    if session.end <= start:
        return []
    if infusion.t0 is None:
        text = (
            f"No therapy after infusion {infusion.ordinal} until a clinician states when the drug has cleared"
        )
        return [Reason("no-therapy-period", text)]
    if session.start >= as_utc(infusion.t0):
        return []
    estimate = "" if infusion.signed else " (estimate until signed)"
    text = (
        f"No-therapy period of infusion {infusion.ordinal}, {in_words(start, zone)} to "
        f"{in_words(infusion.t0, zone)}: therapy from {in_words(infusion.t0, zone)}{estimate}"
    )
    return [Reason("no-therapy-period", text)]


def _unsigned(session: Interval, infusion: InfusionFacts) -> list[Reason]:
    if not infusion.started or as_utc(infusion.starts_at) > session.start:
        return []
    if not infusion.signed:
        return [Reason("not-signed", f"Infusion {infusion.ordinal} is waiting for sign-off")]
    if infusion.locked:
        return [Reason("window-locked", f"The window after infusion {infusion.ordinal} is not open yet")]
    return []


def _quiet(
    session: Interval, infusion: InfusionFacts, rule: WindowRule, zone: ZoneInfo
) -> tuple[list[Reason], list[Reason]]:
    start = as_utc(infusion.starts_at)
    if session.start >= start:
        return [], []
    if session.end > start - Duration(rule.quiet_block_minutes):
        if session.end > start:
            return [], []  # told as the no-therapy period already
        text = (
            f"Therapy must end {rule.quiet_block_minutes} minutes before infusion {infusion.ordinal} "
            f"({in_words(start, zone)})"
        )
        return [Reason("quiet-time", text)], []
    if session.end > start - Duration(rule.quiet_warn_minutes):
        hours = rule.quiet_warn_minutes / 60
        text = f"Less than {hours:g} hours before infusion {infusion.ordinal} ({in_words(start, zone)})"
        return [], [Reason("quiet-warning", text)]
    return [], []


def _night(
    session: Interval, infusions: Sequence[InfusionFacts], night_rule: FollowUpRule | None, zone: ZoneInfo
) -> list[Reason]:
    """After the latest infusion whose therapy time is reached, one night must have passed."""
    if night_rule is None:
        return []
    cleared = [
        as_utc(item.t0) for item in infusions if item.t0 is not None and as_utc(item.t0) <= session.start
    ]
    if not cleared:
        return []
    earliest = session_earliest(night_rule, max(cleared), zone)
    if session.start >= earliest:
        return []
    text = f"First therapy after a night's sleep: from {in_words(earliest, zone)}"
    return [Reason("same-night", text, overridable=True)]
