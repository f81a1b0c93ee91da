"""When a window that closes without therapy is put to others, by the version's `EscalationRule`. Pure module.

Elapsed time only. In a window that is cut short both moments may lie before its start: they are due at once then.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from protocols.definition import EscalationRule
from scheduling.domain.intervals import as_utc


def pool_moment(rule: EscalationRule, target: datetime) -> datetime:
    """From when therapy that is not booked is open to every therapist."""
    return as_utc(target) + timedelta(hours=rule.pool_after_target_hours)


def lead_moment(rule: EscalationRule, t0: datetime, core_until: datetime) -> datetime:
    """From when it is put to the prescriber: in the last part of the core [t0, core_until)."""
    ends = as_utc(core_until)
    part = (ends - as_utc(t0)) / rule.lead_core_parts
    least, most = timedelta(hours=rule.lead_least_hours), timedelta(hours=rule.lead_most_hours)
    return ends - min(max(part, least), most)


def unsigned_moment(rule: EscalationRule, observation_ends: datetime) -> datetime:
    """From when the prescriber hears of a record that is not signed."""
    return as_utc(observation_ends) + timedelta(minutes=rule.unsigned_after_minutes)


def shift_moment(rule: EscalationRule, shift_ends: datetime) -> datetime:
    """From when the nurse hears of it."""
    return as_utc(shift_ends) - timedelta(minutes=rule.unsigned_before_shift_minutes)
