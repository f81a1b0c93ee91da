"""Whose name in the clinic is easily taken for this patient's (hazard H1): those with a record of today."""

from __future__ import annotations

from datetime import datetime, timedelta

from patients.alike import Named, look_alikes
from sessions.models import Infusion

TODAY = timedelta(hours=24)


def names_alike(infusion: Infusion, now: datetime) -> list[str]:
    """Patients who arrived at this site within a day and whose names are alike, as `Larson, Anna`. One query."""
    rows = (
        Infusion.objects.filter(site_id=infusion.site_id, arrived_at__gt=now - TODAY, arrived_at__lte=now)
        .exclude(patient_id=infusion.patient_id)
        .values_list("patient_id", "patient__given_name", "patient__family_name", "patient__birth_date")
    )
    mine = infusion.patient
    own = Named(mine.pk, mine.given_name, mine.family_name, mine.birth_date)
    found = look_alikes([own, *(Named(*row) for row in rows)])
    return [f"{one.family_name}, {one.given_name}" for one in found.get(own.key, ())]
