"""Releases of information to therapists outside the clinic: listed for whoever has to answer for them, or revoked.

For a patient who takes a release back while nobody who could press the button is there. It asks for no password:
whoever may run commands on the server acts, in the name of a person of the clinic, and the reason says that it was the
operator. Recording one is no operator's act: the patient signs it before a person.
"""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.management.base import BaseCommand, CommandError
from django.http import Http404

from patients.access import get_release_for
from patients.models import TherapistRelease
from patients.services.external import revoke_release
from staff.clock import app_now
from staff.errors import DomainError
from staff.models import Site, User


class Command(BaseCommand):
    help = (
        "List the valid releases of information of a site, the one that ends first on top (tab-separated, patients by "
        "record number). With --revoke and --by: revoke one at once, in that person's name."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--site", help="short name of the site whose releases are listed")
        parser.add_argument("--days", type=int, help="only those that end within so many days")
        parser.add_argument(
            "--revoke", metavar="CODE", help="code of the release that the patient takes back"
        )
        parser.add_argument("--by", help="e-mail of the person in whose name it is revoked")
        parser.add_argument("--reason", default="", help="what the patient says")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["revoke"]:
            self._revoke(options["revoke"], options["by"] or "", options["reason"])
            return
        site = Site.objects.filter(short_name=options["site"] or "").first()
        if site is None:
            raise CommandError("Name a site by its short name with --site, or a release with --revoke.")
        now = app_now()
        rows = TherapistRelease.objects.filter(
            patient__site=site, revoked_at__isnull=True, valid_until__gt=now
        ).select_related("patient", "therapist")
        if options["days"] is not None:
            if not 0 <= options["days"] <= 400:
                raise CommandError("Days: 0 to 400.")
            rows = rows.filter(valid_until__lte=now + timedelta(days=options["days"]))
        for row in rows.order_by("valid_until", "pk"):
            ends = row.valid_until.isoformat(timespec="minutes")
            self.stdout.write(f"{row.code}\t{row.patient.mrn}\t{row.therapist.name}\t{ends}")

    def _revoke(self, code: str, email: str, reason: str) -> None:
        by = User.objects.filter(email__iexact=email, is_active=True).first()
        if by is None:
            raise CommandError("Say with --by who revokes it, by their e-mail address.")
        try:
            release = get_release_for(by, code)
            words = f"{reason or 'The patient took it back'} (operator {getpass.getuser()})"
            row = revoke_release(release=release, by=by, reason=words)
        except (Http404, PermissionDenied) as error:
            raise CommandError(
                "No release has this code for this person, or they may not revoke one."
            ) from error
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(f"{row.code}: revoked in the name of {by.full_name}. Nothing more is sent on it.")
