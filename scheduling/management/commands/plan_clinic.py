"""`plan_clinic --site SHORT --protocol SLUG --first-day YYYY-MM-DD --by EMAIL MRN:KG[:URGENCY] ...`: the clinic
optimiser, with the very functions of its page; the finished run is listed there, and accepted there.

The result is JSON on stdout, progress on stderr. Exit status 0 when every patient has a plan, 1 when some have none,
2 when it cannot be started (another run is going on, a patient may not be booked, a wrong argument).
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from patients.models import Patient
from protocols.models import ProtocolVersion
from scheduling.domain.search import Progress
from scheduling.models import ClinicPlanRun
from scheduling.services.clinic_plans import Wish, start_run, work
from staff.errors import DomainError, InvalidInput
from staff.models import Site, User
from staff.strict import parse_date, parse_decimal, parse_integer


class Command(BaseCommand):
    """Plan many series together."""

    help = "Plan the series of several patients of one site together; nothing is booked."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("patients", nargs="+", metavar="MRN:KG[:URGENCY]")
        parser.add_argument("--site", required=True, help="the site's name or short name")
        parser.add_argument("--protocol", required=True, help="address of an active protocol")
        parser.add_argument("--first-day", required=True)
        parser.add_argument("--by", required=True, help="e-mail of the person in whose name it is done")
        parser.add_argument("--seconds", type=int, default=30)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run = self._start(options)
        except DomainError as refusal:
            self.stderr.write(refusal.message)
            sys.exit(2)
        if not work(str(run.code), watch=self._told):
            self.stderr.write("Another clinic plan is being worked out. This one waits for the worker.")
            sys.exit(2)
        run.refresh_from_db()
        data = self._data(run)
        self.stdout.write(json.dumps(data, ensure_ascii=False))
        self.stderr.write(
            run.failure or f"Done: {run.placed} of {len(data['patients'])} planned, cost {run.cost}"
        )
        sys.exit(0 if run.placed == len(data["patients"]) else 1)

    def _told(self, progress: Progress, bound: int) -> None:
        self.stderr.write(f"{progress.placed} planned, cost {progress.cost}, bound {bound}")

    def _start(self, options: dict[str, Any]) -> ClinicPlanRun:
        """Raises DomainError."""
        name = options["site"]
        sites = {*Site.objects.filter(name__iexact=name), *Site.objects.filter(short_name__iexact=name)}
        by = User.objects.filter(email__iexact=options["by"], is_active=True).first()
        version = ProtocolVersion.objects.filter(
            template__slug=options["protocol"], status=ProtocolVersion.Status.ACTIVE
        ).first()
        if len(sites) != 1 or by is None or version is None or not by.may("series.book"):
            raise InvalidInput("No such site, active protocol, or person who may book.", code="unknown")
        site = sites.pop()
        if site.pk not in by.site_ids():
            raise InvalidInput(f"{by.full_name} does not work at {site.name}.", code="other-site")
        return start_run(
            site=site,
            protocol_version=version,
            first_day=parse_date(options["first_day"], field="first_day"),
            wishes=[_wish(site, text) for text in options["patients"]],
            seconds=options["seconds"],
            by=by,
            wake=lambda _: None,
        )

    def _data(self, run: ClinicPlanRun) -> dict[str, Any]:
        return {
            "run": str(run.code),
            "state": run.state,
            "placed": run.placed,
            "cost": run.cost,
            "bound": run.bound,
            "report": run.report,
            "patients": [
                {
                    "mrn": row.patient.mrn,
                    "state": row.state,
                    "visits": row.visits,
                    "therapy": row.therapy,
                    "reasons": row.reasons,
                }
                for row in run.entries.select_related("patient").order_by("pk")
            ],
        }


def _wish(site: Site, text: str) -> Wish:
    """`MRN:KG` or `MRN:KG:URGENCY`. Raises InvalidInput."""
    mrn, _, rest = text.partition(":")
    weight, _, urgency = rest.partition(":")
    patient = Patient.objects.with_people().filter(site=site, mrn__iexact=mrn).first()
    if patient is None:
        raise InvalidInput(f"{site.name} has no patient {mrn[:40]}.", code="unknown-patient")
    return Wish(
        patient=patient,
        weight_kg=parse_decimal(weight, field="weight_kg", max_places=1, unit="kg"),
        priority=parse_integer(urgency or "1", field="urgency", min_value=1, max_value=3),
    )
