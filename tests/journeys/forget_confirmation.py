"""As if everybody had last typed their password an hour ago: the next signature asks for it again.

Prints how many browser sign-ins that changed.
"""

from __future__ import annotations

import json
import os

import django

METHODS = "account_authentication_methods"  # allauth keeps there when and how a person identified themselves
HOUR = 3600


def forget() -> int:
    """Date every recorded identification back by an hour."""
    from django.contrib.sessions.backends.db import SessionStore
    from django.contrib.sessions.models import Session

    changed = 0
    for key in Session.objects.values_list("session_key", flat=True):
        store = SessionStore(session_key=key)
        for method in store.get(METHODS, []):
            method["at"] -= HOUR
            changed += 1
        store.modified = True
        store.save()
    return changed


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    print(json.dumps({"changed": forget()}))
