"""The IANA time zones that this system can resolve. Pure module."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones


@cache
def known_zones() -> frozenset[str]:
    """Every name. Looked up once for a process: the library walks through a folder of files each time it is asked."""
    return frozenset(available_timezones())


@cache
def places() -> tuple[str, ...]:
    """The names that a person chooses from, in order: continent and city, without the offsets of `Etc/`."""
    return tuple(sorted(name for name in known_zones() if "/" in name and not name.startswith("Etc/")))
