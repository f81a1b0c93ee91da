"""The Celery app: it carries wake-ups. What is due is asked of the database (scheduling/dispatch.py)."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("clearwindow")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
