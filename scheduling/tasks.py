"""Celery's part: it wakes the tick. What is due is asked of the database, so a lost or doubled wake-up is
harmless.
"""

from __future__ import annotations

from celery import shared_task

from scheduling import dispatch


@shared_task(name="scheduling.tick", ignore_result=True)
def tick() -> None:
    """One round of scheduling/dispatch.py. No arguments, so no patient data passes through the broker."""
    dispatch.tick()
