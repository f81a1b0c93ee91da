"""Patients and their future infusion visits from a spreadsheet: the same services as the pages, with a dry run.

Every patient is one unit: the record and the whole series, or nothing. `together`: all patients of the file or none.
A dry run does everything and rolls it back, so its problems are the real ones, clashes inside the file included.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import transaction

from patients.models import Patient
from patients.services import create_patient, record_prior_exposure
from protocols.models import ProtocolVersion
from scheduling.domain.booking_csv import MOST_ROWS, PersonRows, Problem, VisitRow, birth_date_of, read_sheet
from scheduling.loaders import zone_of
from scheduling.models import Resource
from scheduling.services.seating import VisitChoice
from scheduling.services.series import book_series
from sessions.eligibility_list import ABSENT
from sessions.services import eligibility_in_force, eligibility_lines, sign_eligibility
from staff.errors import DomainError, InvalidInput, NotAllowed
from staff.models import Site, User

COLUMN_OF = {
    "patient": "mrn",
    "protocol_version": "protocol",
    "confirm_different": "other_person",
    "caution_reason": "mrn",
    "given_elsewhere": "given_before",
    "count": "given_before",
    "last_on": "last_given_on",
}
KINDS = {
    "chair": Resource.Kind.CHAIR,
    "nurse": Resource.Kind.NURSE,
    "prescriber": Resource.Kind.CLINICIAN,
}


@dataclass
class ImportReport:
    """What an import did, or would do. `written` False: nothing was (a dry run, or all-or-none with a problem)."""

    rows: int
    new_patients: int = 0
    known_patients: int = 0
    series: int = 0
    visits: int = 0
    problems: list[Problem] = field(default_factory=list)
    written: bool = False

    def as_data(self) -> dict[str, Any]:
        """As JSON."""
        problems = [{"row": p.row, "column": p.column, "message": p.message} for p in self.problems]
        return {**{k: v for k, v in vars(self).items() if k != "problems"}, "problems": problems}


def import_bookings(
    *,
    site: Site,
    raw: bytes,
    by: User,
    dry_run: bool,
    together: bool = True,
    eligible: bool = False,
    most_rows: int = MOST_ROWS,
) -> ImportReport:
    """Register the patients and book the series of a CSV file at `site`.

    eligible: `by`, a prescriber, signs the eligibility checklist of each patient whose series is booked and who has no
    signature yet; without it such a series is a problem of its row, as it is refused on the pages.

    Raises InvalidInput when the file as a whole cannot be read, NotAllowed when `by` may not register and book there.
    """
    if not (by.may("patient.edit") and by.may("series.book")) or site.pk not in by.site_ids():
        raise NotAllowed("Importing needs the right to register patients and to book.", code="not-allowed")
    if eligible and not by.may("infusion.order"):
        raise NotAllowed("Only a prescriber signs the eligibility checklists.", code="role", field="eligible")
    sheet = read_sheet(raw, zone_of(site), most_rows=most_rows)
    report = ImportReport(sheet.rows, problems=list(sheet.problems))
    if not sheet.rows:
        raise InvalidInput("The file has a header and no rows.", code="no-rows", field="file")
    work = _Work(site, by, report, eligible=eligible)
    if not (dry_run or together):
        for person in sheet.people:
            work.one(person)
        report.written = bool(report.new_patients or report.series)
    else:
        with transaction.atomic():
            for person in sheet.people:
                work.one(person)
            report.written = not dry_run and not report.problems
            transaction.set_rollback(not report.written)
    report.problems.sort()
    return report


class _Work:
    """One file on its way into the tables."""

    def __init__(self, site: Site, by: User, report: ImportReport, *, eligible: bool) -> None:
        self.site, self.by, self.report, self.eligible = site, by, report, eligible
        self.versions = {
            item.template.slug: item
            for item in ProtocolVersion.objects.select_related("template").filter(
                status=ProtocolVersion.Status.ACTIVE
            )
        }
        self.resources = list(Resource.objects.filter(site=site, active=True).select_related("user"))

    def one(self, person: PersonRows) -> None:
        """One patient: the record and the series, or a problem and nothing."""
        counted = replace(self.report, problems=[])
        with self._noted(person), transaction.atomic():
            patient = self._patient(person, counted)
            self._given_before(patient, person)
            if person.visits:
                self._series(patient, person, counted)
            for name in ("new_patients", "known_patients", "series", "visits"):
                setattr(self.report, name, getattr(counted, name))

    @contextmanager
    def _noted(self, person: PersonRows) -> Iterator[None]:
        """A refusal becomes a problem at its row and column."""
        try:
            yield
        except DomainError as refusal:
            row, column = _place(refusal, person)
            self.report.problems.append(Problem(row, column, refusal.message))

    def _patient(self, person: PersonRows, counted: ImportReport) -> Patient:
        known = Patient.objects.filter(site=self.site, mrn__iexact=person.mrn).first()
        if known is not None:
            _check_same(known, person)
            counted.known_patients += 1
            return known
        values: dict[str, Any] = dict(person.values)
        patient = create_patient(site=self.site, by=self.by, confirm_different=person.other_person, **values)
        counted.new_patients += 1
        return patient

    def _given_before(self, patient: Patient, person: PersonRows) -> None:
        """Put on record what was given before this file, unless as much is on record already."""
        if person.given_before > patient.prior_exposures.counted():
            record_prior_exposure(
                patient=patient, route="iv", count=person.given_before - patient.prior_exposures.counted(),
                last_on=person.last_given_on, source="The imported file", by=self.by,
            )  # fmt: skip

    def _series(self, patient: Patient, person: PersonRows, counted: ImportReport) -> None:
        first = person.visits[0]
        version = self.versions.get(first.protocol)
        if version is None:
            raise InvalidInput(
                f"No active protocol is called “{first.protocol[:60]}”.", field="protocol_version"
            )
        expected = list(range(min(first.infusion, version.read().visits), version.read().visits + 1))
        numbers = [item.infusion for item in person.visits]
        if numbers != expected:
            missing = sorted(set(expected) - set(numbers))
            has = f"{version.template.name} has {expected[-1]} infusions"
            words = (
                f"{has}; row for infusion {missing[0]} is missing."
                if missing
                else f"{has}; {numbers[-1]} is too many."
            )
            raise InvalidInput(words, field="infusion")
        if self.eligible and eligibility_in_force(patient, version) is None:
            asked = eligibility_lines(patient, version)
            sign_eligibility(
                patient=patient, version=version, answers=dict.fromkeys((line.code for line in asked), ABSENT),
                reason="Signed for all patients of an imported file", by=self.by,
            )  # fmt: skip
        series = book_series(
            patient=patient,
            protocol_version=version,
            weight_kg=first.weight_kg,
            visits=[self._choice(item, index) for index, item in enumerate(person.visits)],
            by=self.by,
        )
        counted.series += 1
        counted.visits += len(series.numbers)

    def _choice(self, row: VisitRow, index: int) -> VisitChoice:
        seat = {name: self._resource(row, name, index) for name in KINDS}
        return VisitChoice(row.infusion, row.start, **seat)

    def _resource(self, row: VisitRow, name: str, index: int) -> str:
        wanted = getattr(row, name).casefold()
        if not wanted:
            return ""
        found = [
            item
            for item in self.resources
            if item.kind == KINDS[name]
            and wanted in (item.name.casefold(), item.user.email.casefold() if item.user else "")
        ]
        if len(found) != 1:
            words = (
                f"{'No' if not found else 'More than one'} {name} here is called “{getattr(row, name)[:60]}”."
            )
            raise InvalidInput(words, code="unknown-resource", field=f"visits.{index}.{name}")
        return str(found[0].code)


def _check_same(known: Patient, person: PersonRows) -> None:
    """A record number that is on file must be of the same person. Raises InvalidInput at the column that differs."""
    pairs = {
        "family_name": known.family_name.casefold() == str(person.values["family_name"]).casefold(),
        "given_name": known.given_name.casefold() == str(person.values["given_name"]).casefold(),
        "birth_date": known.birth_date == birth_date_of(person),
        "sex": known.sex == person.values["sex"],
    }
    for name, same in pairs.items():
        if not same:
            words = "The record with this number on file here says otherwise. Nothing of it is changed by an import."
            raise InvalidInput(words, code="other-identity", field=name)


def _place(refusal: DomainError, person: PersonRows) -> tuple[int, str]:
    """Row and column of what a service refused."""
    parts = (refusal.field or "").split(".")
    if parts[0] == "visits" and len(parts) == 3 and int(parts[1]) < len(person.visits):
        return person.visits[int(parts[1])].row, parts[2]
    name = COLUMN_OF.get(parts[0], parts[0])
    of_visit = name in ("protocol", "weight_kg", "infusion", "start", "close_reason")
    row = person.visits[0].row if of_visit and person.visits else person.row
    return row, "start" if name == "close_reason" else name


def shown(problems: Iterable[Problem], most: int) -> tuple[list[Problem], int]:
    """The first `most` problems, and how many are left out."""
    every = list(problems)
    return every[:most], max(0, len(every) - most)
