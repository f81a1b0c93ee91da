"""Brings the database up to date as its owner, in one Django process: tables, the database's mark, roles.

    python -m config.launcher.prepare

DATABASE_URL is the owning role. Each step may be repeated.
"""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Run the three commands; the first failure ends it with a traceback in the log."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", interactive=False, verbosity=1)
    call_command("mark_database", "demo")
    call_command("sync_roles")
    return 0


if __name__ == "__main__":
    sys.exit(main())
