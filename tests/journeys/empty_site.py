"""A site that has just been opened, with one person who holds every role and no work yet. Prints her address."""

from __future__ import annotations

import json
import os

import django


def build() -> str:
    """Open the site, engage the person."""
    from staff import roles
    from staff.services import add_staff_member, open_site
    from tests.journeys.stack import PASSWORD

    site = open_site(
        name="Lakeside Clinic, Bend",
        short_name="Bend",
        time_zone="America/Los_Angeles",
        country="US",
        subdivision="OR",
        phone="+1 541 555 0100",
    )
    user = add_staff_member(
        email="first@clinic.example", full_name="Ada Quist", role_names=tuple(roles.LABELS), sites=[site]
    )
    user.set_password(PASSWORD)
    user.save(update_fields=["password"])
    return user.email


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    print(json.dumps({"email": build()}))
