"""Therapy sessions reserved together with a series: planned from predicted therapy times, firm once those are
signed.

They are `provisional` appointments inside the predicted window. Re-anchoring displaces those that a later
therapy time overtakes; the sign-off of their infusion books the others (services/chair_use.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from scheduling.domain.followups import session_earliest
from scheduling.domain.intervals import Interval, as_utc, covered
from scheduling.domain.localtime import in_words
from scheduling.domain.therapy import InfusionFacts, therapy_allowed
from scheduling.loaders import LoadedResource
from scheduling.models import Appointment, FollowUp, Resource, TreatmentSeries
from scheduling.planning import speaks
from scheduling.ranges import as_range
from scheduling.services.lanes import Occupation, occupy
from scheduling.services.rules import VisitRules, named
from scheduling.services.seating import Part, TherapyChoice, check_duty, check_room
from staff.errors import Clash, InvalidInput, RuleNotMet
from staff.models import Licence

Status = Appointment.Status


def book_planned_therapy(
    series: TreatmentSeries, rules: VisitRules, visits: Sequence[Appointment], wanted: Sequence[TherapyChoice]
) -> None:
    """Write the sessions of a series that is being booked. Raises what the rules raise, naming the visit."""
    if not wanted:
        return
    parts: list[tuple[TherapyChoice, Part]] = []
    for choice in sorted(wanted, key=lambda item: as_utc(item.start)):
        with named(choice.ordinal, rules.total, first=rules.first):
            part = judge_therapy(choice, rules, visits, [earlier for _, earlier in parts])
            parts.append((choice, part))
    rows = Appointment.objects.bulk_create(
        Appointment(
            kind=Appointment.Kind.THERAPY,
            status=Status.PROVISIONAL,
            patient=series.patient,
            site=series.site,
            series=series,
            ordinal=choice.ordinal,
            during=as_range(part.during.start, part.during.end),
            practitioner=part.resource.row.user,
            booked_by=rules.by,
            booked_at=rules.at,
        )
        for choice, part in parts
    )
    occupy(
        [Occupation(row, part.resource.row, part.during) for row, (_, part) in zip(rows, parts, strict=True)]
    )


def link_planned_therapy(series: TreatmentSeries, wanted: Sequence[TherapyChoice]) -> None:
    """Tell the follow-ups which session is theirs, once they have been planned."""
    sessions = {
        (row.ordinal, row.during.lower): row
        for row in series.appointments.filter(kind=Appointment.Kind.THERAPY, status=Status.PROVISIONAL)
    }
    for choice in wanted:
        session = sessions[(choice.ordinal, as_utc(choice.start))]
        follow_up = FollowUp.objects.filter(
            series=series, visit__ordinal=choice.ordinal, kind=choice.kind, ordinal=1, state__in=FollowUp.OPEN
        ).first()
        if follow_up is None:
            continue
        follow_up.appointment, follow_up.assignee = session, session.practitioner
        follow_up.state = FollowUp.State.BOOKED
        follow_up.version += 1
        follow_up.save(update_fields=["appointment", "assignee", "state", "version"])


def judge_therapy(
    choice: TherapyChoice, rules: VisitRules, visits: Sequence[Appointment], earlier: Sequence[Part]
) -> Part:
    """The part that a session takes of its therapist. Raises RuleNotMet, Clash or InvalidInput."""
    rule = next(
        (item for item in rules.definition.follow_ups if item.kind == choice.kind and item.therapy), None
    )
    visit = next((item for item in visits if item.ordinal == choice.ordinal), None)
    if rule is None or visit is None:
        raise InvalidInput("Not a therapy session of this series.", code="unknown-therapy", field="therapy")
    session = Interval(choice.start, as_utc(choice.start) + timedelta(minutes=rule.duration_minutes))
    facts = [
        InfusionFacts(item.ordinal or 0, item.during.lower, False, item.predicted_t0, False)
        for item in visits
    ]
    night = rule if rule.after_night else None
    verdict = therapy_allowed(
        session, infusions=facts, rule=rules.definition.window, zone=rules.who.zone, night_rule=night
    )
    if verdict.refusals:
        raise RuleNotMet(f"{verdict.refusals[0].text}.", code=verdict.refusals[0].code, field="therapy")
    earliest = session_earliest(rule, rules.therapy_from(visit.during.lower), rules.who.zone)
    if session.start < earliest:
        words = f"Therapy after this infusion from {in_words(earliest, rules.load.zone)} (estimate)."
        raise RuleNotMet(words, code="too-early", field="therapy")
    _check_patient_free(session, rules, visits, earlier)
    part = Part(_therapist(choice, session, rules), session, 1)
    check_duty(part, rules.load)
    check_room(
        part, rules.load, rules.by, [item.during for item in earlier if item.resource == part.resource]
    )
    return part


def _check_patient_free(
    session: Interval, rules: VisitRules, visits: Sequence[Appointment], earlier: Sequence[Part]
) -> None:
    others = [*rules.who.busy(), *(Interval(item.during.lower, item.during.upper) for item in visits)]
    if any(session.overlaps(other) for other in (*others, *(item.during for item in earlier))):
        raise Clash("The patient has another appointment then.", code="patient-taken", field="therapy")


def _therapist(choice: TherapyChoice, session: Interval, rules: VisitRules) -> LoadedResource:
    """The named therapist, licensed where the patient lives on that day and speaking their language."""
    item = rules.load.by_code(str(choice.therapist))
    if item is None or item.row.kind != Resource.Kind.THERAPIST:
        raise InvalidInput(
            "This therapist does not belong to the site.", code="unknown-resource", field="therapist"
        )
    jurisdiction = rules.who.patient.jurisdiction
    valid = rules.load.licensed(item, Licence.Profession.THERAPIST, jurisdiction)
    if not covered(valid, session):
        words = f"{item.row.name} holds no therapist's licence for {jurisdiction} on that day."
        raise RuleNotMet(words, code="not-licensed", field="therapist")
    if not speaks(item, rules.who.patient.language):
        raise RuleNotMet(
            f"{item.row.name} does not speak the patient's language.", code="language", field="therapist"
        )
    return item
