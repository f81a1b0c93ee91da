"""A site's own gates, and what people say about the gates of a visit. Overrides are answers with a coded reason."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from patients.models import Patient
from sessions import gates
from sessions.models import GateAnswer, Infusion, SiteGate
from sessions.services._record import act, moment
from sessions.services.readiness import refresh_ready
from staff import roles
from staff.errors import InvalidInput, NotAllowed, RuleNotMet, StaleVersion, StateConflict
from staff.locks import lock
from staff.models import Site, User
from staff.strict import parse_text

Outcome = GateAnswer.Outcome
ROLE_ORDER = (roles.CLINICIAN, roles.NURSE, roles.THERAPIST, roles.COORDINATOR)


@act
def answer_gate(
    *,
    patient: Patient,
    site: Site,
    gate: gates.Gate,
    outcome: str,
    by: User,
    visit: UUID | None = None,
    infusion: Infusion | None = None,
    site_gate: SiteGate | None = None,
    reason_code: str = "",
    note: str = "",
    at: datetime | None = None,
) -> GateAnswer:
    """Say how one gate stands; the answer before is superseded and stays readable.

    Raises InvalidInput for an unknown outcome or reason and without the words that are asked for, RuleNotMet for a
    gate that the record answers itself or that nobody may override, NotAllowed for an override by somebody who is no
    prescriber. The same answer twice is stored once.
    """
    now = moment(at)
    words = parse_text(note, field="note", max_length=300) if note.strip() else ""
    _check(gate, outcome, reason_code, words, by, built_in=site_gate is None)
    lock(patients=[patient.pk])
    current = GateAnswer.objects.current().filter(_about(visit, infusion), gate=gate.key)
    code = reason_code if outcome == Outcome.OVERRIDDEN else ""
    same: GateAnswer | None = current.filter(
        outcome=outcome, reason_code=code, note=words, answered_by=by
    ).first()
    if same is not None:
        return same
    current.update(superseded_at=now)
    row: GateAnswer = GateAnswer.objects.create(
        patient=patient,
        site=site,
        visit=visit,
        infusion=infusion,
        gate=gate.key,
        label=gate.label,
        outcome=outcome,
        reason_code=code,
        note=words,
        answered_at=now,
        answered_by=by,
        answered_as=_role_of(by, outcome),
    )
    _refresh(infusion, now)
    return row


def _check(gate: gates.Gate, outcome: str, reason_code: str, note: str, by: User, *, built_in: bool) -> None:
    if outcome not in Outcome.values:
        raise InvalidInput(
            "Say met, not applicable, overridden or open again.", code="outcome", field="outcome"
        )
    if outcome == Outcome.OVERRIDDEN:
        if not gates.may_override(gate, built_in=built_in):
            raise RuleNotMet("Nobody overrides this one.", code="never-overridden", field="outcome")
        if not by.may("gate.override"):
            raise NotAllowed("Only a prescriber overrides.", code="role", field="outcome")
        if reason_code not in gates.OVERRIDE_REASONS:
            raise InvalidInput("Choose a reason.", code="reason", field="reason_code")
        if reason_code == "other" and not note:
            raise InvalidInput("Say the reason in words.", code="required", field="note")
        return
    if built_in and not gate.by_hand:
        raise RuleNotMet("The record answers this one itself.", code="computed-gate", field="outcome")
    if outcome == Outcome.NOT_APPLICABLE and not note:
        raise InvalidInput("Say why it does not apply.", code="required", field="note")


def _about(visit: UUID | None, infusion: Infusion | None) -> Q:
    found = Q()
    if visit is not None:
        found |= Q(visit=visit)
    if infusion is not None:
        found |= Q(infusion=infusion)
    return found


def _role_of(by: User, outcome: str) -> str:
    if outcome == Outcome.OVERRIDDEN:
        return roles.CLINICIAN
    return next((name for name in ROLE_ORDER if name in by.role_names), "")


def _refresh(infusion: Infusion | None, now: datetime) -> None:
    if infusion is None:
        return
    row = Infusion.objects.for_record().select_for_update(of=("self",), no_key=True).get(pk=infusion.pk)
    if row.status in Infusion.BEFORE_START:
        refresh_ready(row, now)
        row.save(update_fields=["status"])


def adopt_answers(*, visit: UUID, infusion: Infusion, at: datetime) -> None:
    """At check-in: what was answered about the visit belongs to its record, too. In the caller's transaction."""
    GateAnswer.objects.current().filter(visit=visit, infusion__isnull=True).update(infusion=infusion)
    _refresh(infusion, at)


def note_start_overrides(
    *,
    infusion: Infusion,
    findings: list[tuple[str, str]],
    reason_code: str,
    note: str,
    by: User,
    at: datetime,
) -> None:
    """A prescriber started against checks that ask for a decision: one override each. `findings`: (code, label)."""
    code = reason_code or "other"
    if code not in gates.OVERRIDE_REASONS:
        raise InvalidInput("Choose a reason.", code="reason", field="reason_code")
    for key, label in findings:
        GateAnswer.objects.current().filter(infusion=infusion, gate=key).update(superseded_at=at)
        GateAnswer.objects.create(
            patient=infusion.patient,
            site=infusion.site,
            infusion=infusion,
            gate=key[:50],
            label=label[:120],
            outcome=Outcome.OVERRIDDEN,
            reason_code=code,
            note=note.strip()[:300],
            answered_at=at,
            answered_by=by,
            answered_as=roles.CLINICIAN,
        )


def override_for_visit(
    *,
    patient: Patient,
    site: Site,
    visit: UUID,
    gate: str,
    label: str,
    note: str,
    by: User,
    at: datetime,
    infusion: Infusion | None = None,
    reason_code: str = "other",
) -> GateAnswer:
    """A prescriber let a visit be booked, moved or checked in against a rule that they may decide about.

    In the caller's transaction; the start of the pump does not ask the same again. Raises NotAllowed,
    InvalidInput without a reason.
    """
    if not by.may("gate.override"):
        raise NotAllowed("Only a prescriber overrides.", code="role", field="reason")
    words = parse_text(note, field="reason", max_length=300)
    if not words:
        raise InvalidInput("Say why.", code="required", field="reason")
    about = _about(visit, infusion)
    GateAnswer.objects.current().filter(about, gate=gate).update(superseded_at=at)
    answer: GateAnswer = GateAnswer.objects.create(
        patient=patient, site=site, visit=visit, infusion=infusion, gate=gate, label=label[:120],
        outcome=Outcome.OVERRIDDEN, reason_code=reason_code, note=words, answered_at=at, answered_by=by,
        answered_as=roles.CLINICIAN,
    )  # fmt: skip
    return answer


# --- A site's own gates ---


@act
def add_site_gate(
    *, site: Site, label: str, due: str, owner_role: str, hard: bool, by: User, at: datetime | None = None
) -> SiteGate:
    """Add a gate to every later visit of the site. Raises InvalidInput, StateConflict for a label in use."""
    words = _label(label, due, owner_role)
    with _label_once():
        gate: SiteGate = SiteGate.objects.create(
            site=site,
            label=words,
            due=due,
            owner_role=owner_role,
            hard=hard,
            created_at=moment(at),
            created_by=by,
        )
    return gate


@act
def change_site_gate(
    *,
    gate: SiteGate,
    label: str,
    due: str,
    owner_role: str,
    hard: bool,
    by: User,
    expected_version: int | None = None,
) -> SiteGate:
    """Change its words, due point, owner or weight. Answers keep the words they were given to."""
    words = _label(label, due, owner_role)
    found = _locked(gate, expected_version)
    if found.retired_at is not None:
        raise StateConflict("This gate is no longer in use.", code="gate-retired")
    found.label, found.due, found.owner_role, found.hard = words, due, owner_role, hard
    found.version += 1
    with _label_once():
        found.save(update_fields=["label", "due", "owner_role", "hard", "version"])
    return found


@act
def retire_site_gate(
    *, gate: SiteGate, by: User, expected_version: int | None = None, at: datetime | None = None
) -> SiteGate:
    """No longer asked; what was answered stays. Retiring it twice changes nothing."""
    found = _locked(gate, expected_version if gate.retired_at is None else None)
    if found.retired_at is None:
        found.retired_at = moment(at)
        found.version += 1
        found.save(update_fields=["retired_at", "version"])
    return found


def _locked(gate: SiteGate, expected_version: int | None) -> SiteGate:
    found: SiteGate = SiteGate.objects.select_for_update(of=("self",)).select_related("site").get(pk=gate.pk)
    if expected_version is not None and found.version != expected_version:
        raise StaleVersion(
            "Somebody else changed this gate since you opened it.", code="stale", field="version"
        )
    return found


def _label(label: str, due: str, owner_role: str) -> str:
    words = parse_text(label, field="label", max_length=80)
    if not words:
        raise InvalidInput("Say what has to stand.", code="required", field="label")
    if due not in gates.DUE_POINTS:
        raise InvalidInput("Choose when it is due.", code="due", field="due")
    if owner_role not in gates.OWNERS:
        raise InvalidInput("Choose whose task it is.", code="owner", field="owner_role")
    return words


class _label_once:
    """A savepoint; the label that is in use already becomes a refusal in words."""

    def __enter__(self) -> None:
        self.point = transaction.atomic()
        self.point.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self.point.__exit__(kind, error, trace)  # type: ignore[arg-type]  # what Django passes through
        if isinstance(error, IntegrityError) and "site_gate_label_once" in str(error):
            raise StateConflict(
                "This site has a gate with these words already.", code="label-in-use", field="label"
            ) from error


def as_gate(row: SiteGate) -> gates.Gate:
    """A site's gate as the rules read it."""
    return gates.Gate(row.key, row.label, row.due, row.owner_role, hard=row.hard, by_hand=True)  # type: ignore[arg-type]
