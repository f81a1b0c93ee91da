"""Everything that is derived, derived again: after an update of the software, or when somebody doubts it."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from scheduling.models import TreatmentSeries
from scheduling.services.followups import sync_follow_ups
from scheduling.services.windows import reanchor
from sessions.models import Infusion

log = logging.getLogger("clearwindow.scheduling")


def rederive(rows: Iterable[TreatmentSeries]) -> tuple[int, list[str]]:
    """Windows of started infusions first, then follow-ups and messages. (how many, codes of those that
    failed).
    """
    done, failed = 0, []
    for series in rows:
        try:
            for infusion in (
                Infusion.objects.started().filter(appointment__series=series).order_by("started_at")
            ):
                reanchor(infusion=infusion)
            sync_follow_ups(series=series)
            done += 1
        except Exception as error:
            log.error("series %s could not be derived again: %s", series.pk, type(error).__name__)
            failed.append(str(series.code))
    return done, failed
