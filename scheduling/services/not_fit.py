"""The patient came and is not fit for therapy: sedated, intoxicated, still dissociating, unwell (clinic-day 34).

Therapy after this infusion waits until a later time, a person on duty is told at once, the booked time is
given back, and
the row stays in the queue with the time that is left. The therapy time itself (a fact of clearance) is not rewritten.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from scheduling.domain.localtime import in_words, next_local_morning
from scheduling.models import Appointment, FollowUp, PlasticityWindow, WorkItem
from scheduling.services.acts import act
from scheduling.services.alerts import raise_alert
from scheduling.services.follow_up_rows import cancel_appointment, check_version, locked
from scheduling.services.followups import sync_follow_ups
from scheduling.services.window_rows import check_constraints_now
from scheduling.services.workitems import raise_item, settle
from staff import roles
from staff.clock import app_now
from staff.errors import InvalidInput, RuleNotMet, StateConflict
from staff.models import User

REASONS = {
    "sedated": "Sedated or drowsy",
    "dissociating": "Still dissociating",
    "intoxicated": "Under alcohol or another drug",
    "unwell": "Physically unwell",
}
SOONEST = timedelta(hours=1)


@act
def not_fit_today(
    *,
    follow_up: FollowUp,
    reason: str,
    by: User,
    until: datetime | None = None,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> PlasticityWindow:
    """No therapy after this infusion before `until` (default: the next local morning, 07:00). Twice is harmless.

    Raises InvalidInput at `reason`; RuleNotMet at `until` when it is less than an hour ahead or beyond the window;
    StateConflict when therapy has started, is over, or the window is not open.
    """
    now = at or app_now()
    row = locked(follow_up, by)
    if reason not in REASONS:
        raise InvalidInput("Choose what was found.", code="unknown-reason", field="reason")
    window = PlasticityWindow.objects.current().select_for_update().filter(infusion=row.infusion_id).first()
    zone = ZoneInfo(row.patient.time_zone)
    wanted = until or next_local_morning(now, zone).instant
    if window is not None and (window.not_fit_until, window.not_fit_reason) == (wanted, reason):
        return window
    check_version(row, expected_version)
    _check(row, window, wanted, now, zone)
    if window is None:
        raise StateConflict("The window is not open.", code="window-not-open")
    if row.appointment is not None:
        cancel_appointment(row, f"Not fit for therapy: {REASONS[reason].lower()}")
        row.state, row.generation = FollowUp.State.FIRM, row.generation + 1
        row.version += 1
        row.save(update_fields=["state", "appointment", "version", "generation"])
    window.not_fit_until, window.not_fit_reason = wanted, reason
    window.version += 1
    window.save(update_fields=["not_fit_until", "not_fit_reason", "version"])
    sync_follow_ups(series=row.series, at=now)
    _tell(row, window, now, zone)
    check_constraints_now()
    return window


def _check(
    row: FollowUp, window: PlasticityWindow | None, wanted: datetime, now: datetime, zone: ZoneInfo
) -> None:
    if not row.therapy or row.state not in FollowUp.ACTIONABLE:
        raise StateConflict("This therapy session is not waiting to take place.", code="follow-up-closed")
    booked = row.appointment
    if booked is not None and booked.status == Appointment.Status.IN_PROGRESS:
        raise StateConflict(
            "The therapy session has started: complete it with a note.", code="session-started"
        )
    if window is None or window.status != PlasticityWindow.Status.OPEN:
        raise StateConflict("The window is not open.", code="window-not-open")
    if wanted < now + SOONEST:
        raise RuleNotMet("Choose a time at least one hour ahead.", code="too-soon", field="until")
    if wanted + timedelta(minutes=row.duration_minutes or 50) > row.hard_latest_at:
        words = in_words(row.hard_latest_at, zone)
        raise RuleNotMet(
            f"The window ends {words}: record the therapy as not done instead.",
            code="after-window",
            field="until",
        )


def _tell(row: FollowUp, window: PlasticityWindow, now: datetime, zone: ZoneInfo) -> None:
    """Whoever is on duty is alerted, and it stands on the nurses' list until one has looked."""
    found = REASONS[window.not_fit_reason].lower()
    later = in_words(window.not_fit_until or now, zone)
    raise_alert(
        key=f"not-fit:{window.code}:{now:%Y%m%d%H%M}", site=row.site, patient=row.patient, at=now,
        reason=f"Came to therapy and was not fit: {found}.",
    )  # fmt: skip
    raise_item(
        kind=WorkItem.Kind.CALL_PATIENT, key=f"not-fit:{window.infusion.code}", site=row.site, patient=row.patient,
        title="Look after the patient: not fit for therapy", role=roles.NURSE, due_at=now, at=now,
        detail=f"Found: {found}. Not to leave alone and not to drive. Therapy again from {later}.",
    )  # fmt: skip


@act
def fit_again(*, window: PlasticityWindow, by: User, at: datetime | None = None) -> PlasticityWindow:
    """Take it back, when it was recorded by mistake or a clinician has found the patient fit. Harmless twice."""
    now = at or app_now()
    follow_up = (
        FollowUp.objects.filter(infusion=window.infusion_id, therapy=True).order_by("target_at").first()
    )
    if follow_up is None:
        raise StateConflict("No therapy belongs to this window.", code="not-therapy")
    row = locked(follow_up, by)
    current = PlasticityWindow.objects.current().select_for_update().get(infusion=window.infusion_id)
    if current.not_fit_until is None:
        return current
    current.not_fit_until, current.not_fit_reason = None, ""
    current.version += 1
    current.save(update_fields=["not_fit_until", "not_fit_reason", "version"])
    settle(
        kind=WorkItem.Kind.CALL_PATIENT, key=f"not-fit:{current.infusion.code}", resolution="Fit again.",
        by=by, at=now,
    )  # fmt: skip
    sync_follow_ups(series=row.series, at=now)
    check_constraints_now()
    return current
