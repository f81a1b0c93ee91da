"""The address of a database as everything here reads it: settings, launcher and tests alike."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import environ


def read_database_url(url: str) -> dict[str, Any]:
    """Django's values of `postgres://user:password@host:port/name?option=value`.

    The folder of a unix socket stands percent-encoded as the host, as libpq writes it
    (`postgres://user@%2Frun%2Fpostgresql/name`), or in the option `host`.
    """
    found: dict[str, Any] = environ.Env.db_url_config(url)
    return found | {"HOST": unquote(found.get("HOST") or "")}
