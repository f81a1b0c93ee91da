"""What the review says about the window after an infusion: whether follow-ups fit into it, what spacing drops from it,
and whether those who hear that nothing was done hear it in time. Pure module.
"""

from __future__ import annotations

from collections.abc import Iterator

from protocols.definition import Elapsed, FollowUpRule, Moment, ProtocolDefinition
from protocols.review_kinds import Finding, Severity, finding

# From the start of an infusion to the end of the no-therapy period: P95 at 0.5 mg/kg over 40 minutes, 70 kg.
CLEARED_AFTER_MINUTES = 389
NIGHT_MINUTES = 16 * 60  # from an afternoon to seven in the morning


def minutes_after(moment: Moment) -> int:
    """Elapsed minutes after the anchor, for a clock time counted from three in the afternoon."""
    if isinstance(moment, Elapsed):
        return moment.minutes
    return moment.days * 1440 + moment.hour * 60 + moment.minute - 15 * 60


def _needs(rule: FollowUpRule) -> int:
    """Minutes after T0 by which the obligation can be over at the earliest."""
    first = max(minutes_after(rule.earliest), NIGHT_MINUTES if rule.after_night else 0)
    return first + rule.duration_minutes


def windows(definition: ProtocolDefinition) -> Iterator[Finding]:
    """Windows that the spacing of the series closes before they open."""
    for number, rule in enumerate(definition.follow_ups):
        if rule.anchor != "t0" or rule.scope != "each_infusion" or definition.visits < 2:
            continue
        for phase in definition.phases:
            if phase.visits < 2:
                continue
            quiet = definition.window.quiet_block_minutes if rule.therapy else 0
            for severity, gap, when in (
                ("block", phase.gap_max_hours, "never"),
                ("warn", phase.gap_target_hours, "not at the gap aimed at"),
            ):
                room = gap * 60 - CLEARED_AFTER_MINUTES - quiet
                if _needs(rule) > room:
                    sure: Severity = "block" if severity == "block" and rule.required else "warn"
                    yield Finding(
                        sure,
                        "window-never-met",
                        f"“{rule.title}” can {when} be met in “{phase.name}”: it needs {_needs(rule) / 60:.0f} h after "
                        f"the drug has cleared, and the next infusion leaves {max(0, room) / 60:.0f} h.",
                        "The next infusion closes the window before the task may begin: plan it after the last one.",
                        "Clinical report D2",
                        f"follow_ups.{number}.earliest",
                    )
                    break
        if rule.therapy and minutes_after(rule.hard_latest) < _needs(rule):
            yield finding(
                "window-too-short",
                f"“{rule.title}” is missed before it can be over.",
                f"follow_ups.{number}.hard_latest",
            )


def successive(definition: ProtocolDefinition) -> Iterator[Finding]:
    """Follow-ups that the spacing of the series drops or joins every time."""
    for number, rule in enumerate(definition.follow_ups):
        if rule.redosed == "fit" or rule.anchor != "t0" or rule.scope != "each_infusion":
            continue
        for phase in definition.phases:
            if phase.visits < 2:
                continue
            target = max(minutes_after(rule.target), NIGHT_MINUTES if rule.after_night else 0)
            if target > phase.gap_max_hours * 60 - CLEARED_AFTER_MINUTES:
                word = "left out" if rule.redosed == "drop" else "joined"
                yield Finding(
                    "block" if rule.required else "warn",
                    "always-redosed",
                    f"“{rule.title}” is {word} after every infusion of “{phase.name}” but its last.",
                    "Its target lies beyond the longest gap: ask for it after the last infusion instead.",
                    "Clinical report D2",
                    f"follow_ups.{number}.redosed",
                )
    for number, rule in enumerate(definition.follow_ups):
        if rule.expiry == "quiet" and (rule.required or rule.gate == "none"):
            yield finding(
                "missed-unseen",
                f"“{rule.title}” would be missed without anybody being told.",
                f"follow_ups.{number}.expiry",
            )


def escalation(definition: ProtocolDefinition) -> Iterator[Finding]:
    """Moments of the escalation lie inside the window, therapists before the prescriber."""
    rule, core = definition.escalation, definition.window.core_until_hours
    if rule.lead_most_hours >= core:
        yield finding(
            "told-too-late",
            f"The prescriber may be told {rule.lead_most_hours} h before the end of a core of {core} h, so at once.",
            "escalation.lead_most_hours",
        )
    lead = core - min(max(core / rule.lead_core_parts, rule.lead_least_hours), rule.lead_most_hours)
    for therapy in definition.follow_ups:
        if not (therapy.therapy and therapy.required):
            continue
        target = max(minutes_after(therapy.target), NIGHT_MINUTES if therapy.after_night else 0) / 60
        pool = target + rule.pool_after_target_hours
        if pool >= min(core, minutes_after(therapy.hard_latest) / 60) and therapy.scope == "each_infusion":
            yield finding(
                "told-too-late",
                f"“{therapy.title}”: other therapists hear of it {pool:.0f} h after the no-therapy period, too late.",
                "escalation.pool_after_target_hours",
            )
        elif pool > lead and therapy.scope == "each_infusion":
            yield finding(
                "lead-before-pool",
                f"“{therapy.title}”: the prescriber hears of it {pool - lead:.0f} h before the other therapists.",
                "escalation.pool_after_target_hours",
            )
