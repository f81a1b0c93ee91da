"""The Celery app: it carries wake-ups. What is due is asked of the database (scheduling/dispatch.py)."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import worker_init, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("clearwindow")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def warm_up(**_: Any) -> None:
    """Read the addresses once, before the pool divides: otherwise each process reads them at its first work item."""
    from django.urls import reverse

    reverse("message_list")


@worker_ready.connect
def look_at_once(sender: Any, **more: Any) -> None:
    """A worker that has just started looks at once, with all its processes: after an outage much may be due, and the
    metronome wakes one at a time. Should this get lost, the metronome comes anyway.
    """
    for _ in range(sender.controller.concurrency):
        app.send_task("scheduling.tick", retry=False)
