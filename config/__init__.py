"""Project wiring. `app` is imported so that `celery -A config` and shared tasks find the Celery app."""

from __future__ import annotations
