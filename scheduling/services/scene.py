"""Everything that a booking decides on, read afresh under its locks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from patients.models import Patient
from protocols.models import ProtocolVersion
from scheduling.domain.intervals import as_utc
from scheduling.domain.localtime import local_date
from scheduling.loaders import SiteLoad, zone_of
from scheduling.models import Resource
from scheduling.planning import Clearance, PatientLoad, load_for, load_patient, predicted_clearance
from scheduling.services.holds import free_expired
from scheduling.services.seating import TherapyChoice, VisitChoice, as_code
from staff.locks import lock
from staff.models import Site

BOOKABLE = (Resource.Kind.CHAIR, Resource.Kind.NURSE, Resource.Kind.CLINICIAN)


@dataclass(frozen=True)
class Scene:
    """Everything loaded under the locks for one booking."""

    patient: Patient
    version: ProtocolVersion
    load: SiteLoad
    who: PatientLoad
    predicted: Clearance
    at: datetime


def set_scene(
    patient: Patient,
    version: ProtocolVersion,
    weight_kg: Decimal,
    wanted: Sequence[VisitChoice],
    therapy: Sequence[TherapyChoice],
    at: datetime,
    *,
    without: Sequence[int] = (),
    also: Iterable[int] = (),
    early: Callable[[], None] | None = None,
) -> Scene:
    """Take the locks, then read everything afresh. `without`: appointments that move; `also`: more resources;
    `early`: what may refuse under the locks before the long reading begins.

    Raises InvalidInput for codes that cannot be read and for a weight outside 20 to 350 kg.
    """
    resources = {*_resource_keys(patient.site, wanted, therapy), *also}
    lock(patients=[patient.pk], resources=resources)
    if early is not None:
        early()
    free_expired(resources=resources, patient=patient.pk, at=at)
    patient = Patient.objects.with_people().get(pk=patient.pk)
    version = ProtocolVersion.objects.select_related("template").get(pk=version.pk)
    starts = [*(as_utc(item.start) for item in wanted), *(as_utc(item.start) for item in therapy)]
    load = load_for(
        patient.site, min(starts), max(starts) + timedelta(days=1), without=without, only=resources
    )
    predicted = predicted_clearance(
        version.read(), patient, weight_kg=weight_kg, on=local_date(at, zone_of(patient.site))
    )
    who = load_patient(patient, at=at, without=without)
    return Scene(patient, version, load, who, predicted, at)


def _resource_keys(site: Site, wanted: Sequence[VisitChoice], therapy: Sequence[TherapyChoice]) -> set[int]:
    """Primary keys to lock: the named resources, and all that might be chosen where a name is left open."""
    named = [code for item in wanted for code in (item.chair, item.nurse, item.prescriber)]
    rows = Resource.objects.filter(site=site)
    found = set(rows.filter(code__in=[as_code(code) for code in named if code]).values_list("pk", flat=True))
    found |= set(
        rows.filter(code__in=[as_code(item.therapist) for item in therapy]).values_list("pk", flat=True)
    )
    if not all(named):
        found |= set(rows.filter(kind__in=BOOKABLE, active=True).values_list("pk", flat=True))
    return found
