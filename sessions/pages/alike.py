"""Whose name is easily taken for this patient's (hazard H1): those of today, arrived or still expected."""

from __future__ import annotations

from datetime import datetime, timedelta

from patients.alike import Named, look_alikes
from sessions import signals
from sessions.models import Infusion

TODAY = timedelta(hours=24)
NAME_FIELDS = ("patient_id", "patient__given_name", "patient__family_name", "patient__birth_date")


def names_alike(infusion: Infusion, now: datetime) -> list[str]:
    """Patients with a record of the last day at this site, or a visit of its local day, whose names are alike, as
    `Larson, Anna`. One query here, and one of whoever keeps the visits.
    """
    arrived = Infusion.objects.filter(
        site_id=infusion.site_id, arrived_at__gt=now - TODAY, arrived_at__lte=now
    )
    rows = list(arrived.exclude(patient_id=infusion.patient_id).values_list(*NAME_FIELDS))
    for _, expected in signals.who_is_expected.send(sender=Infusion, infusion=infusion, at=now):
        rows += [row for row in expected or () if row[0] != infusion.patient_id]
    mine = infusion.patient
    own = Named(mine.pk, mine.given_name, mine.family_name, mine.birth_date)
    found = look_alikes([own, *(Named(*row) for row in rows)])
    return [f"{one.family_name}, {one.given_name}" for one in found.get(own.key, ())]
