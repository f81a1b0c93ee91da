"""Celery's part: it wakes the tick and the clinic optimiser. What is due is asked of the database, so a lost or
doubled wake-up is harmless.
"""

from __future__ import annotations

import logging

from celery import shared_task
from kombu.exceptions import OperationalError

from scheduling import dispatch
from scheduling.services import clinic_plans

log = logging.getLogger("clearwindow.tasks")


@shared_task(name="scheduling.tick", ignore_result=True)
def tick() -> None:
    """One round of scheduling/dispatch.py. No arguments, so no patient data passes through the broker."""
    dispatch.tick()
    clinic_plans.sweep(wake_clinic_plan)


@shared_task(name="scheduling.clinic_plan", ignore_result=True)
def plan_clinic(code: str) -> None:
    """Do one run of the clinic optimiser, if nobody else has it. The argument is an opaque code."""
    clinic_plans.work(code)


def wake_clinic_plan(code: str) -> None:
    """Ask a worker to take a run. Without a broker nothing is lost: the run waits until a tick wakes it."""
    try:
        plan_clinic.apply_async(args=[code], retry=False)
    except OperationalError:
        log.warning("clinic plan %s waits: no broker", code)
