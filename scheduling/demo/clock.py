"""The next moments worth jumping to with the demo's clock."""

from __future__ import annotations

from datetime import datetime, timedelta

from scheduling.models import PlasticityWindow
from sessions.models import Infusion
from staff.models import Site


def next_sign_off(*, site: Site, now: datetime) -> datetime | None:
    """When the minimum observation of the first patient still in a chair ends; None when nobody is in one."""
    moments = []
    for infusion in Infusion.objects.filter(
        site=site, status__in=[*Infusion.RUNNING, Infusion.Status.RECOVERING]
    ).select_related("protocol_version"):
        definition = infusion.protocol_version.read()
        start = infusion.started_at
        if start is None:
            continue
        stop = infusion.stopped_at or start + timedelta(minutes=definition.dose.infusion_minutes)
        rule = definition.discharge
        moments.append(
            max(
                start + timedelta(minutes=rule.observe_from_start_minutes),
                stop + timedelta(minutes=rule.observe_from_stop_minutes),
            )
        )
    return min((moment for moment in moments if moment > now), default=None)


def next_therapy_time(*, site: Site, now: datetime) -> datetime | None:
    """The next moment at which a signed or estimated window opens; None when none is ahead."""
    return (
        PlasticityWindow.objects.filter(
            infusion__site=site,
            superseded_at__isnull=True,
            t0__gt=now,
            status__in=[PlasticityWindow.Status.PENDING, PlasticityWindow.Status.PROVISIONAL],
        )
        .order_by("t0")
        .values_list("t0", flat=True)
        .first()
    )
