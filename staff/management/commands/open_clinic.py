"""`open_clinic`: the first site and the first manager of a fresh database; prints the link to choose a password."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from staff import roles
from staff.errors import DomainError
from staff.models import Site, User
from staff.services import sync_roles
from staff.services.invitations import sign_in_link
from staff.services.people import invite, managers
from staff.services.sites import found_site


class Command(BaseCommand):
    help = (
        "Open the first site and make its first manager. Refuses when there is a site or a manager already."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", required=True, help="name of the site")
        parser.add_argument("--time-zone", required=True, help="such as America/Los_Angeles")
        parser.add_argument("--country", required=True, help="two letters, such as US")
        parser.add_argument("--subdivision", default="", help="state or region, such as OR")
        parser.add_argument("--phone", required=True)
        parser.add_argument("--address", default="")
        parser.add_argument("--manager-email", required=True)
        parser.add_argument("--manager-name", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        if Site.objects.exists() or managers():
            raise CommandError("A clinic is open here already. Sign in as its manager, or use add_person.")
        values = {
            name: options[name]
            for name in ("name", "time_zone", "country", "subdivision", "phone", "address")
        }
        try:
            with transaction.atomic():
                sync_roles()
                site = found_site(values=values, by=None)
                person = invite(
                    email=options["manager_email"],
                    full_name=options["manager_name"],
                    role_names=[roles.MANAGER],
                    sites=[site],
                    by=None,
                )
        except DomainError as refusal:
            raise CommandError(f"{refusal.field or 'refused'}: {refusal.message}") from refusal
        self.stderr.write(f"{site.name} is open. Choose a password within three days, once, at:")
        self.stdout.write(link_for(person))


def link_for(person: User) -> str:
    """The one-time link; without PUBLIC_URL at the first host that is served."""
    hosts = [host for host in settings.ALLOWED_HOSTS if host and not host.startswith((".", "*"))]
    scheme = "https" if settings.SECURE_SSL_REDIRECT else "http"
    return sign_in_link(person, settings.PUBLIC_URL or f"{scheme}://{hosts[0] if hosts else 'YOUR-SERVER'}")
