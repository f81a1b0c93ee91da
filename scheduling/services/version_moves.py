"""Moving a running series to a newer version of its protocol: an explicit act, never a side effect of publishing.

What was given, is being given or was settled stays as it is, on the text it was given by (the record keeps its own
version). Visits ahead keep their time where the new rules allow it, else move least; their stay, staff and therapy
time become the new text's. `preview_version_move` runs the real act and rolls it back, so the diff that a clinician
signs is the one that happens: the signature names its digest, and another outcome is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.urls import reverse

from protocols.models import ProtocolVersion
from scheduling.conflicts import booking_act
from scheduling.models import (
    Appointment,
    Resource,
    ScheduleChange,
    SeriesVersionMove,
    TreatmentSeries,
    WorkItem,
)
from scheduling.planning import predicted_clearance
from scheduling.services.cascade import propose_fit
from scheduling.services.endings import HAS_A_DATE, cancel_rows, settle_series, undated_key
from scheduling.services.followups import sync_follow_ups
from scheduling.services.moving import move_visits
from scheduling.services.rules import check_eligibility
from scheduling.services.slot_holds import tell_waitlist
from scheduling.services.version_diffs import (
    LOST,
    VersionDiff,
    consents_asked,
    is_frozen,
    line,
    picture,
    task_lines,
    tasks,
    today,
)
from scheduling.services.window_rows import check_constraints_now
from scheduling.services.workitems import raise_item, settle, settle_visit
from staff import roles
from staff.clock import app_now
from staff.errors import DomainError, InvalidInput, RuleNotMet, StaleVersion, StateConflict
from staff.locks import lock
from staff.models import User
from staff.strict import parse_text

Status = Appointment.Status
Decision = SeriesVersionMove.Decision
SETTLED = frozenset({Status.COMPLETED, Status.OMITTED})


OTHER_DIFF = "What would change is not what you have seen. Look at it again."


@dataclass(frozen=True)
class _Signature:
    """Who decided, why, and on which diff."""

    reason: str
    diff: dict[str, Any]
    sha256: str
    by: User
    at: datetime


def newer_version(series: TreatmentSeries) -> ProtocolVersion | None:
    """The active version of the same protocol that a running series could move to; None when it is on it."""
    if series.status not in TreatmentSeries.LIVE:
        return None
    active = ProtocolVersion.objects.filter(
        template=series.protocol_version.template_id, status=ProtocolVersion.Status.ACTIVE
    )
    found: ProtocolVersion | None = (
        active.exclude(pk=series.protocol_version_id).select_related("template").first()
    )
    return found


def preview_version_move(
    *, series: TreatmentSeries, to_version: ProtocolVersion, by: User, at: datetime | None = None
) -> VersionDiff:
    """What moving would change. The act is done and rolled back; why it cannot be done stands in `refusal`."""
    now = at or app_now()
    try:
        with transaction.atomic():
            diff = _move(series, to_version, _Signature("Only looked at", {}, "0" * 64, by, now))
            transaction.set_rollback(True)
    except DomainError as refusal:
        return VersionDiff(series.protocol_version, to_version, refusal=refusal)
    return diff


@booking_act
def move_series_to_version(
    *,
    series: TreatmentSeries,
    to_version: ProtocolVersion,
    seen_sha256: str,
    reason: str,
    by: User,
    expected_version: int | None = None,
    at: datetime | None = None,
) -> SeriesVersionMove:
    """Move it, exactly as the diff of digest `seen_sha256` says; one transaction, signed by `by`.

    The caller has asked for the password again. Raises RuleNotMet `other-diff` when another diff would happen now,
    StaleVersion, StateConflict, RuleNotMet or Clash when a visit cannot be placed.
    """
    now, words = at or app_now(), _reason(reason)
    lock(patients=[series.patient_id])
    _check_fresh(series, expected_version)
    seen = preview_version_move(series=series, to_version=to_version, by=by, at=now)
    if seen.refusal is not None:
        raise seen.refusal
    if seen.sha256 != seen_sha256:
        raise RuleNotMet(OTHER_DIFF, code="other-diff")
    done = _move(series, to_version, _Signature(words, seen.as_json, seen.sha256, by, now))
    if done.sha256 != seen_sha256:
        raise RuleNotMet(OTHER_DIFF, code="other-diff")
    row: SeriesVersionMove = SeriesVersionMove.objects.filter(series=series).latest("pk")
    return row


@booking_act
def refuse_version_move(
    *, series: TreatmentSeries, to_version: ProtocolVersion, reason: str, by: User, at: datetime | None = None
) -> SeriesVersionMove:
    """Keep the series on its version, with the reason and the diff that was refused, signed by `by`."""
    now, words = at or app_now(), _reason(reason)
    lock(patients=[series.patient_id])
    current = _movable(series, to_version)
    diff = preview_version_move(series=current, to_version=to_version, by=by, at=now)
    row: SeriesVersionMove = SeriesVersionMove.objects.create(
        series=current,
        from_version=current.protocol_version,
        to_version=to_version,
        decision=Decision.REFUSED,
        reason=words,
        diff=diff.as_json,
        sha256=diff.sha256,
        decided_by=by,
        decided_at=now,
    )
    return row


def _reason(text: str) -> str:
    words = parse_text(text, field="reason", max_length=300)
    if not words:
        raise InvalidInput("Say why.", code="required", field="reason")
    return words


def _check_fresh(series: TreatmentSeries, expected: int | None) -> None:
    current = TreatmentSeries.objects.get(pk=series.pk)
    if expected is not None and current.version != expected:
        raise StaleVersion("Somebody else changed this series since you opened it. Look at it again.")


def _movable(series: TreatmentSeries, to_version: ProtocolVersion) -> TreatmentSeries:
    current = TreatmentSeries.objects.for_page().select_for_update(of=["self"]).get(pk=series.pk)
    if current.status not in TreatmentSeries.LIVE:
        raise StateConflict(f"This series is {current.get_status_display().lower()}.", code="series-over")
    if current.protocol_version_id == to_version.pk:
        raise StateConflict(f"This series follows {to_version} already.", code="same-version")
    if current.protocol_version.template_id != to_version.template_id:
        raise RuleNotMet(
            "Another protocol is a new series: switch the protocol instead.", code="other-protocol"
        )
    if to_version.status != ProtocolVersion.Status.ACTIVE:
        raise RuleNotMet(f"{to_version} is not active.", code="version-not-active")
    return current


def _move(series: TreatmentSeries, to_version: ProtocolVersion, signed: _Signature) -> VersionDiff:
    """Do it inside the caller's transaction, and say what changed."""
    by, now = signed.by, signed.at
    resources = Resource.objects.filter(site=series.site_id, active=True).values_list("pk", flat=True)
    lock(patients=[series.patient_id], resources=set(resources))
    to_version = ProtocolVersion.objects.select_related("template").get(pk=to_version.pk)
    current = _movable(series, to_version)
    check_eligibility(current.patient, to_version, now)
    old, before = current.protocol_version, picture(current, now)
    tasks_before = tasks(current)
    SeriesVersionMove.objects.create(
        series=current, from_version=old, to_version=to_version, decision=Decision.ACCEPTED,
        reason=signed.reason, diff=signed.diff, sha256=signed.sha256, decided_by=by, decided_at=now,
    )  # fmt: skip
    _change(current, old, to_version, by, now)
    after, tasks_after = picture(current, now), tasks(current)
    return VersionDiff(
        old,
        to_version,
        tuple(line(number, before.get(number), after.get(number)) for number in sorted({*before, *after})),
        tuple(task_lines(tasks_before, tasks_after)),
        tuple(consents_asked(current.patient, to_version, now)),
    )


def _change(
    current: TreatmentSeries, old: ProtocolVersion, new: ProtocolVersion, by: User, now: datetime
) -> None:
    rows = list(current.appointments.infusions().order_by("ordinal", "pk"))
    if any(row.status == Status.RESERVED for row in rows):
        raise StateConflict("Slots are only reserved: confirm or release them first.", code="reserved")
    settled = [row.ordinal or 0 for row in rows if is_frozen(row) and row.status not in LOST]
    if new.read().visits < current.first_ordinal:
        words = (
            f"Version {new.number} has {new.read().visits} infusions, and {current.given_elsewhere} were given "
            "elsewhere. End this series instead."
        )
        raise RuleNotMet(words, code="nothing-left", field="to_version")
    extra = max(0, current.visits - old.read().visits)
    current.protocol_version, current.visits = new, max([new.read().visits + extra, *settled])
    current.version += 1
    current.save(update_fields=["protocol_version", "visits", "version"])
    ahead = [row for row in rows if row.status in Appointment.MOVABLE]
    _drop_surplus(current, [row for row in ahead if (row.ordinal or 0) > current.visits], now, by)
    booked = [row for row in ahead if row.status != Status.DISPLACED and (row.ordinal or 0) <= current.visits]
    _fit(current, booked, old, by, now)
    _raise_missing(current, now)
    settle_series(current, now)
    sync_follow_ups(series=current, at=now)
    check_constraints_now()


def _fit(
    current: TreatmentSeries, booked: list[Appointment], old: ProtocolVersion, by: User, now: datetime
) -> None:
    """Give the booked visits times, stays and staff by the new text; nothing is written where nothing differs."""
    if not booked:
        return
    plan = propose_fit(series=current, rows=booked, at=now)
    if not plan.choices:
        why = plan.refusals[0].text if plan.refusals else "No plan was found."
        raise RuleNotMet(f"The visits ahead cannot all be placed by the new version: {why}", code="no-plan")
    starts = {row.ordinal: row.during.lower for row in booked}
    moved = any(item.start != starts[item.ordinal] for item in plan.choices)
    if not moved and not _stay_differs(current, old, now):
        return
    move_visits(
        series=current,
        choices=plan.choices,
        sessions=plan.sessions,
        scope=plan.scope,
        reason=f"Moved to version {current.protocol_version.number} of the protocol",
        displace_therapy=True,
        kind=ScheduleChange.Kind.VERSION,
        by=by,
        at=now,
    )


def _stay_differs(current: TreatmentSeries, old: ProtocolVersion, now: datetime) -> bool:
    before, after = old.read(), current.protocol_version.read()
    if (before.chair_minutes, before.turnover_minutes, before.staffing) != (
        after.chair_minutes, after.turnover_minutes, after.staffing,
    ):  # fmt: skip
        return True
    return _minutes(current, old, now) != _minutes(current, current.protocol_version, now)


def _minutes(series: TreatmentSeries, version: ProtocolVersion, now: datetime) -> int:
    predicted = predicted_clearance(
        version.read(), series.patient, weight_kg=series.weight_kg, on=today(series, now)
    )
    return predicted.minutes


def _drop_surplus(current: TreatmentSeries, rows: list[Appointment], now: datetime, by: User) -> None:
    """Visits that the new text does not have, and the therapy that was only planned for after them."""
    if not rows:
        return
    words = f"Not part of version {current.protocol_version.number}"
    numbers = [row.ordinal for row in rows]
    planned = list(
        current.appointments.filter(
            kind=Appointment.Kind.THERAPY, status=Status.PROVISIONAL, ordinal__in=numbers
        )
    )
    tell_waitlist([row.pk for row in rows], at=now)
    cancel_rows([*rows, *planned], words)
    for row in rows:
        settle_visit(row, resolution=words, at=now, by=by)
        settle(
            kind=WorkItem.Kind.DISPLACED,
            key=undated_key(current, row.ordinal or 0),
            resolution=words,
            at=now,
            by=by,
        )


def _raise_missing(current: TreatmentSeries, now: datetime) -> None:
    """Infusions of the new text that have no date yet are somebody's item until they have one."""
    rows = current.appointments.infusions().filter(status__in=[*HAS_A_DATE, *SETTLED])
    have = set(rows.values_list("ordinal", flat=True))
    for number in current.numbers:
        if number not in have:
            raise_item(
                kind=WorkItem.Kind.DISPLACED,
                key=undated_key(current, number),
                site=current.site,
                patient=current.patient,
                title=f"Infusion {number} of {current.visits} has no date",
                detail=f"{current.protocol_version} asks for it. Give it a time, or skip it.",
                role=roles.COORDINATOR,
                owner=current.booked_by,
                url=reverse("series_detail", args=[current.code]),
                due_at=now,
                at=now,
            )
