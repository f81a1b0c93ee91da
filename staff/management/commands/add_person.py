"""`add_person`: an account from the command line; prints the link to choose a password. `--role` gives a role more."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from staff import roles
from staff.errors import DomainError
from staff.management.commands.open_clinic import link_for
from staff.models import Site, User
from staff.services.people import invite, reactivate, set_access


class Command(BaseCommand):
    help = "Add a person, or give roles and sites to one who is there. The way back in when no manager can sign in."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument("--name", default="")
        parser.add_argument("--title", default="")
        parser.add_argument("--role", action="append", required=True, choices=sorted(roles.LABELS))
        parser.add_argument("--site", action="append", default=[], help="name of a site; default: all sites")

    def handle(self, *args: Any, **options: Any) -> None:
        sites = list(Site.objects.filter(name__in=options["site"]) if options["site"] else Site.objects.all())
        if len(sites) < len(set(options["site"])):
            raise CommandError("There is no site with this name.")
        person = User.objects.filter(email__iexact=options["email"]).first()
        try:
            if person is None:
                person = invite(
                    email=options["email"],
                    full_name=options["name"],
                    title=options["title"],
                    role_names=options["role"],
                    sites=sites,
                    by=None,
                )
            else:
                person = reactivate(person=person, by=None)
                person = set_access(
                    person=person,
                    role_names=person.role_names | set(options["role"]),
                    sites=sorted({*person.sites.all(), *sites}, key=lambda site: site.pk),
                    by=None,
                ).person
        except DomainError as refusal:
            raise CommandError(f"{refusal.field or 'refused'}: {refusal.message}") from refusal
        self.stderr.write(f"{person.full_name}: {', '.join(sorted(person.role_names))}")
        if not person.has_usable_password():
            self.stdout.write(link_for(person))
