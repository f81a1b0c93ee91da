"""What still stands before the pump may start: facts gathered here, judged by `sessions/eligibility.py`.

Reads only, except that `refresh_ready` sets `status` on the instance it is given. Consent, education, weight,
blood pressure and order are answered by the record itself; people answer the other checks of the version.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce

from protocols.models import ProtocolDocument, ProtocolVersion
from sessions import dosing, eligibility, running_gate
from sessions.gates import OVERRIDE_REASONS
from sessions.models import (
    Consent,
    EducationRecord,
    GateAnswer,
    Infusion,
    PreInfusionCheck,
    SiteGate,
    TreatmentHold,
    VitalSigns,
    WeightCorrection,
)
from sessions.services import rows
from sessions.services.before_start import LABELS, findings_before_start
from sessions.services.holds import WORDS, open_holds
from sessions.services.review_points import ReviewPoint, points_before

COMPUTED_CHECKS = eligibility.HARD_AT_START
RECORD_ANSWERS = frozenset({"version", "review", running_gate.CONDITION, *LABELS})
FROM_READINGS = frozenset({"blood_pressure", running_gate.CONDITION})
MAY_NOT_APPLY = frozenset({"pregnancy_test"})


@dataclass(frozen=True)
class GateLine:
    """One line of the gate as shown: what is asked, how it stands, who said so when, and what to do if it
    blocks.

    `state`: passed, failed, not-applicable or open. `finding` None = nothing stands in the way.
    """

    kind: str
    label: str
    state: str
    detail: str = ""
    observed_at: datetime | None = None
    by: str = ""
    finding: eligibility.Finding | None = None
    course: UUID | None = None
    can_start_from: datetime | None = None
    declined: bool = False

    @property
    def computed(self) -> bool:
        """The record answers it; nobody ticks it."""
        return self.kind in COMPUTED_CHECKS or self.kind in RECORD_ANSWERS or self.site_gate

    @property
    def site_gate(self) -> bool:
        """A gate of the site's own: answered on the page of the visit's gates."""
        return self.kind.startswith("site:")


@dataclass(frozen=True)
class StartGate:
    """The whole gate for a start at one moment."""

    lines: tuple[GateLine, ...]
    decision: eligibility.StartDecision

    @property
    def blocks(self) -> tuple[eligibility.Finding, ...]:
        """What nobody can override here."""
        return tuple(item for item in self.decision.findings if item.severity == "block")

    @property
    def decides(self) -> tuple[eligibility.Finding, ...]:
        """What a prescriber may accept, with a reason."""
        return tuple(item for item in self.decision.findings if item.severity == "decide")


def recordable_checks(version: ProtocolVersion) -> tuple[str, ...]:
    """The version's checks that people answer, in its order."""
    return tuple(kind for kind in version.read().preinfusion_checks if kind not in COMPUTED_CHECKS)


def start_gate(infusion: Infusion, at: datetime) -> StartGate:
    """The gate for a pump start at `at`."""
    definition = infusion.protocol_version.read()
    lines = [*_recorded(infusion), _consent(infusion, at), _education(infusion, at), _weight(infusion, at)]
    lines += [_pressure(infusion, at), _order(infusion)]
    results = {
        line.kind: eligibility.CheckResult(line.kind, _outcome(line.state), line.detail, line.declined)
        for line in lines
        if line.state != "open"
    }
    decision = eligibility.check_start(
        definition.preinfusion_checks,
        results,
        readings=readings_until(infusion, at),
        limits=definition.limits,
        now=at,
        can_start_from=next((line.can_start_from for line in lines if line.can_start_from), None),
    )
    for hold in rows.once(infusion, "holds", lambda: open_holds(infusion.patient_id)):
        if hold.raised_at <= at and hold.infusion_id != infusion.pk:
            words = WORDS[TreatmentHold.Kind(hold.kind)]
            lines.insert(
                0, GateLine("treatment_held", "Infusions may go on", "failed", words, hold.raised_at)
            )
            decision = eligibility.with_treatment_held(decision, words)
            break
    for found in running_gate.fit_to_start(readings_until(infusion, at), definition.limits):
        lines.append(
            GateLine(found.code, "Oxygen, alertness and heart rate", "failed", found.message, finding=found)
        )
        decision = eligibility.with_finding(decision, found)
    before = findings_before_start(infusion, at)
    lines += [GateLine(item.code, LABELS[item.code], "failed", item.message, finding=item) for item in before]
    decision = eligibility.with_decisions(decision, before)
    own = _site_gates(infusion)
    lines += own
    decision = eligibility.with_site_gates(decision, [line.finding for line in own if line.finding])
    if infusion.protocol_version.held:
        lines.append(
            GateLine("version", "Protocol version in use", "failed", "Withdrawn: infusions on hold.")
        )
        decision = eligibility.with_version_held(decision)
    for point in points_before(infusion):
        lines.append(_review(point))
        if point.open:
            decision = eligibility.with_review_open(decision, point.after)
    return StartGate(
        tuple(line if line.site_gate else _with_finding(line, decision) for line in lines), decision
    )


def _site_gates(infusion: Infusion) -> list[GateLine]:
    """The site's own gates that were in use when the patient arrived, with what people said about each."""
    gates = rows.if_read(infusion, SiteGate)
    if gates is None:
        gates = list(SiteGate.objects.in_use(infusion.arrived_at).filter(site_id=infusion.site_id))
    answers: dict[str, GateAnswer] = {}
    if gates:
        answers = {item.gate: item for item in rows.current(infusion, GateAnswer, "answered_by")}
    return [_site_line(row, answers.get(row.key)) for row in sorted(gates, key=lambda row: row.label)]


def _site_line(row: SiteGate, answer: GateAnswer | None) -> GateLine:
    if answer is not None and answer.outcome != GateAnswer.Outcome.OPEN:
        state = "passed" if answer.outcome == GateAnswer.Outcome.MET else "not-applicable"
        reason = OVERRIDE_REASONS.get(answer.reason_code, "")
        words = ". ".join(part for part in (f"Overridden: {reason}" if reason else "", answer.note) if part)
        return GateLine(row.key, row.label, state, words, answer.answered_at, answer.answered_by.full_name)
    severity: eligibility.Severity = "block" if row.hard else "warn"
    finding = eligibility.Finding(
        severity, row.key, f"Not met: {row.label}.", "Answer it on the list of this visit's gates."
    )
    return GateLine(row.key, row.label, "open", finding=finding)


def _outcome(state: str) -> eligibility.Outcome:
    return "passed" if state == "passed" else "failed" if state == "failed" else "not-applicable"


def _with_finding(line: GateLine, decision: eligibility.StartDecision) -> GateLine:
    found = next((item for item in decision.findings if item.code.startswith(line.kind)), None)
    if line.kind != "blood_pressure" or found is None:
        return GateLine(**{**vars(line), "finding": found})
    state = line.state if found.severity == "warn" or line.state == "open" else "failed"
    return GateLine(**{**vars(line), "finding": found, "state": state})


def refresh_ready(infusion: Infusion, at: datetime) -> None:
    """Set the instance's status to ready or arrived; readings are judged at the start itself."""
    if infusion.status in Infusion.BEFORE_START:
        findings = start_gate(infusion, at).decision.findings
        blocked = any(item.severity == "block" and item.code not in FROM_READINGS for item in findings)
        infusion.status = Infusion.Status.ARRIVED if blocked else Infusion.Status.READY


def as_reading(row: VitalSigns) -> eligibility.Reading:
    """A stored row as the pure rules read it."""
    return eligibility.Reading(
        at=row.observed_at,
        systolic=row.systolic,
        diastolic=row.diastolic,
        heart_rate=row.heart_rate,
        spo2=row.spo2,
        moaas=row.moaas,
    )


def readings_until(infusion: Infusion, at: datetime) -> list[eligibility.Reading]:
    """Live readings up to and at `at`, oldest first."""
    return [as_reading(row) for row in rows.live(infusion, VitalSigns) if row.observed_at <= at]


def earlier_weights(infusion: Infusion) -> list[Decimal]:
    """Weights of the patient's other records, oldest first; a corrected one as it was corrected."""
    return rows.once(infusion, "earlier_weights", lambda: _earlier_weights(infusion))


def _earlier_weights(infusion: Infusion) -> list[Decimal]:
    others = Infusion.objects.filter(patient_id=infusion.patient_id, weight_kg__isnull=False).exclude(
        pk=infusion.pk
    )
    corrected = WeightCorrection.objects.current().filter(infusion=OuterRef("pk")).values("weight_kg")
    right = others.annotate(right_kg=Coalesce(Subquery(corrected), "weight_kg"))
    return list(right.order_by("weighed_at", "pk").values_list("right_kg", flat=True))


def weight_findings(infusion: Infusion, weight_kg: Decimal) -> tuple[dosing.WeightFinding, ...]:
    """What speaks against this weight, given the patient's height and earlier weights."""
    earlier = earlier_weights(infusion)
    return dosing.check_weight(
        weight_kg,
        last_weight_kg=earlier[-1] if earlier else None,
        earlier_weights_kg=earlier[:-1],
        height_cm=infusion.patient.height_cm,
    )


def needs_second_weighing(infusion: Infusion) -> bool:
    """The weight on record is the patient's first, or doubtful, and nobody has weighed again yet."""
    if infusion.weight_kg is None or infusion.weight_confirmed_by_id is not None:
        return False
    doubtful = any(item.severity != "warn" for item in weight_findings(infusion, infusion.weight_kg))
    return doubtful or not earlier_weights(infusion)


def accepted_documents(version: ProtocolVersion, kind: str) -> list[int]:
    """Primary keys of the texts of this kind that count for `version`: back to the last material change."""
    return _accepted(version)[kind]


def _accepted(version: ProtocolVersion) -> dict[str, list[int]]:
    """The texts that count, by kind, in one query."""
    texts = ProtocolDocument.objects.filter(
        protocol_version__template_id=version.template_id, protocol_version__number__lte=version.number
    ).order_by("-protocol_version__number")
    found: dict[str, list[int]] = {kind: [] for kind in ProtocolDocument.Kind.values}
    closed = set()
    for kind, pk, change in texts.values_list("kind", "pk", "change"):
        if kind not in closed:
            found[kind].append(pk)
        if change == ProtocolDocument.Change.MATERIAL:
            closed.add(kind)
    return found


def _documents(infusion: Infusion) -> dict[str, list[int]]:
    return rows.once(infusion, "documents", lambda: _accepted(infusion.protocol_version))


def consent_in_force(infusion: Infusion, at: datetime) -> Consent | None:
    """The consent that covers this infusion at `at`, if there is one."""
    documents = _documents(infusion)[ProtocolDocument.Kind.CONSENT]
    given = rows.if_read(infusion, Consent)
    if given is None:
        given = list(Consent.objects.filter(patient_id=infusion.patient_id).select_related("recorded_by"))
    standing = [row for row in given if row.document_id in documents and row.in_force(at)]
    return max(standing, key=lambda row: row.given_at, default=None)


def education_complete(infusion: Infusion, at: datetime) -> EducationRecord | None:
    """The education record that covers this infusion, all three questions answered rightly."""
    documents = _documents(infusion)[ProtocolDocument.Kind.EDUCATION]
    told = rows.if_read(infusion, EducationRecord)
    if told is None:
        found = EducationRecord.objects.filter(patient_id=infusion.patient_id)
        told = list(found.select_related("recorded_by"))
    taught = [row for row in told if row.document_id in documents and row.taught_at <= at and row.complete]
    return max(taught, key=lambda row: row.taught_at, default=None)


def _label(kind: str) -> str:
    text = eligibility.CHECKS.get(kind)
    return text.label if text else kind.replace("_", " ").capitalize()


def _recorded(infusion: Infusion) -> list[GateLine]:
    answers: dict[str, PreInfusionCheck] = {
        item.kind: item for item in rows.current(infusion, PreInfusionCheck, "entered_by")
    }
    lines = []
    for kind in recordable_checks(infusion.protocol_version):
        answer = answers.get(kind)
        if answer is None:
            lines.append(GateLine(kind, _label(kind), "open"))
        else:
            by = answer.entered_by.full_name
            lines.append(
                GateLine(
                    kind,
                    _label(kind),
                    answer.outcome,
                    answer.note,
                    answer.observed_at,
                    by,
                    can_start_from=answer.can_start_from,
                    declined=answer.reason_code == "declined",
                )
            )
    return lines


def _consent(infusion: Infusion, at: datetime) -> GateLine:
    found = consent_in_force(infusion, at)
    if found is None:
        return GateLine("consent", _label("consent"), "open")
    return GateLine("consent", _label("consent"), "passed", "", found.given_at, found.recorded_by.full_name)


def _education(infusion: Infusion, at: datetime) -> GateLine:
    found = education_complete(infusion, at)
    if found is None:
        return GateLine("education", _label("education"), "open")
    return GateLine(
        "education", _label("education"), "passed", "", found.taught_at, found.recorded_by.full_name
    )


def _weight(infusion: Infusion, at: datetime) -> GateLine:
    label = _label("weight")
    if infusion.weight_kg is None or infusion.weighed_at is None:
        return GateLine("weight", label, "open")
    zone = ZoneInfo(infusion.site.time_zone)
    by = infusion.weighed_by.full_name if infusion.weighed_by else ""
    if infusion.weighed_at.astimezone(zone).date() != at.astimezone(zone).date():
        return GateLine("weight", label, "failed", "Not weighed on this day", infusion.weighed_at, by)
    if needs_second_weighing(infusion):
        return GateLine("weight", label, "failed", "Waiting for a second weighing", infusion.weighed_at, by)
    return GateLine("weight", label, "passed", f"{infusion.weight_kg} kg", infusion.weighed_at, by)


def _review(point: ReviewPoint) -> GateLine:
    label = f"Review after infusion {point.after}"
    if point.review is None:
        return GateLine("review", label, "open", course=point.course)
    state = "failed" if point.open else "passed"
    words, by = point.review.get_decision_display(), point.review.signed_by.full_name
    return GateLine("review", label, state, words, point.review.signed_at, by, course=point.course)


def _pressure(infusion: Infusion, at: datetime) -> GateLine:
    label = _label("blood_pressure")
    taken = [row for row in rows.live(infusion, VitalSigns, "entered_by") if row.observed_at <= at]
    if not taken:
        return GateLine("blood_pressure", label, "open")
    last = taken[-1]
    value = f"{last.systolic}/{last.diastolic} mmHg"
    return GateLine("blood_pressure", label, "passed", value, last.observed_at, last.entered_by.full_name)


def _order(infusion: Infusion) -> GateLine:
    label = _label("order")
    if infusion.ordered_mg is None or infusion.ordered_by is None:
        return GateLine("order", label, "open")
    by = infusion.ordered_by.full_name
    return GateLine("order", label, "passed", f"{infusion.ordered_mg} mg", infusion.ordered_at, by)
