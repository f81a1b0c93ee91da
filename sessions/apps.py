from django.apps import AppConfig


class SessionsConfig(AppConfig):
    """Label differs from Django's own `sessions`, which would otherwise clash."""

    name = "sessions"
    label = "treatment_sessions"
    verbose_name = "Infusion records"
