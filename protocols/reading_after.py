"""What follows an infusion as a clinician reads it: window, escalation, follow-ups. Pure module."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.definition import Elapsed, FollowUpRule, ProtocolDefinition
from protocols.reading_rows import Section, row
from protocols.wording import (
    ANCHORS,
    AUDIENCES,
    EXPIRIES,
    GATES,
    REDOSED,
    SCOPES,
    hours_words,
    minutes_words,
    moment_words,
)


@dataclass(frozen=True)
class FollowUpLine:
    """One follow-up rule in words."""

    title: str
    audience: str
    scope: str
    after: str
    earliest: str
    target: str
    late_after: str
    missed_after: str
    waits_for: str
    therapy: bool
    required: bool
    message: bool
    repeats: int
    grade: str
    source: str
    successive: tuple[str, ...] = ()


def window(definition: ProtocolDefinition) -> Section:
    """The window and what is planned in it."""
    rule = definition.window
    return Section(
        "window",
        "Plasticity window",
        (
            row("Rest", "First, at least until after one night of sleep", "night"),
            row(
                "Practice",
                f"From {hours_words(rule.practice_from_hours)} after the no-therapy period",
                "practice",
            ),
            row("Core", f"Until {hours_words(rule.core_until_hours)}", "core"),
            row("Tail", f"Until day {rule.tail_until_days}; cut short by the next infusion", "tail"),
            row("Closing", f"The last {hours_words(rule.closing_last_hours)} of the core", "core"),
            row(
                "Quiet time before an infusion",
                f"No therapy in the last {minutes_words(rule.quiet_block_minutes)}; "
                f"a warning in the last {minutes_words(rule.quiet_warn_minutes)}",
                "quiet",
            ),
            row("Therapy appointment", minutes_words(definition.therapy_minutes), "therapy"),
            row(
                "Weekly limit",
                "None"
                if definition.weekly_session_cap is None
                else f"{definition.weekly_session_cap} therapy appointments",
                "therapy",
            ),
        ),
    )


def escalation(definition: ProtocolDefinition) -> Section:
    """Who hears of therapy that is not booked and of a record that is not signed."""
    rule = definition.escalation
    after = rule.pool_after_target_hours
    part = {2: "half", 3: "third", 4: "quarter"}.get(
        rule.lead_core_parts, f"of {rule.lead_core_parts} equal parts"
    )
    return Section(
        "escalation",
        "Not booked, not signed",
        (
            row(
                "Therapy not booked",
                f"{f'{hours_words(after)} after' if after else 'At'} its target every therapist may take it",
                "escalation",
                (
                    f"The prescriber hears of it in the last {part} of the core",
                    f"At least {hours_words(rule.lead_least_hours)} and at most {hours_words(rule.lead_most_hours)} "
                    "before its end",
                ),
            ),
            row(
                "Record not signed",
                "The prescriber hears of it "
                f"{minutes_words(rule.unsigned_after_minutes)} after the minimum observation",
                "escalation",
                (f"The nurse {minutes_words(rule.unsigned_before_shift_minutes)} before the shift ends",),
            ),
        ),
    )


def follow_ups(definition: ProtocolDefinition) -> tuple[FollowUpLine, ...]:
    """The follow-up table, in the order of the text."""
    return tuple(_follow_up(rule) for rule in definition.follow_ups)


def _follow_up(rule: FollowUpRule) -> FollowUpLine:
    earliest = moment_words(rule.earliest)
    if rule.after_night:
        earliest += ", and after one night: the next day from 07:00"
        if rule.earliest != Elapsed(rule.night_hours * 60):
            earliest += f", at least {rule.night_hours} h later"
    return FollowUpLine(
        title=rule.title,
        audience=AUDIENCES[rule.audience],
        scope=SCOPES[rule.scope],
        after=ANCHORS[rule.anchor],
        earliest=earliest,
        target=moment_words(rule.target),
        late_after=moment_words(rule.latest),
        missed_after=moment_words(rule.hard_latest),
        waits_for=GATES[rule.gate],
        therapy=rule.therapy,
        required=rule.required,
        message=bool(rule.message_kind),
        repeats=len(rule.repeat_days),
        grade=rule.grade,
        source=rule.source,
        successive=tuple(_successive(rule)),
    )


def _successive(rule: FollowUpRule) -> list[str]:
    """What happens when infusions follow closely or it is missed, where that is not the usual."""
    usual, found = FollowUpRule.__dataclass_fields__, []
    if rule.redosed != "fit":
        found.append(f"If the next infusion comes before the target: {REDOSED[rule.redosed].lower()}")
    if rule.tail_gap_hours != usual["tail_gap_hours"].default:
        found.append(f"Also before a break of {hours_words(rule.tail_gap_hours)} or more")
    if (rule.close_redose_hours, rule.close_latest_hours) != (
        usual["close_redose_hours"].default,
        usual["close_latest_hours"].default,
    ):
        close, late = hours_words(rule.close_redose_hours), hours_words(rule.close_latest_hours)
        found.append(f"Next infusion within {close}: late after {late}")
    if rule.merge_within_hours != usual["merge_within_hours"].default:
        hours = rule.merge_within_hours
        found.append(
            f"Two of a kind within {hours} h are joined" if hours else "Two of a kind are not joined"
        )
    if rule.expiry != "as_required":
        found.append(f"When missed: {EXPIRIES[rule.expiry].lower()}")
    return found
