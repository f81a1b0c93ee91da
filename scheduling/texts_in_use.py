"""Protocol texts that running series follow. They never change, so that a process reads each of them once."""

from __future__ import annotations

from functools import lru_cache

from protocols.definition import ProtocolDefinition
from protocols.models import ProtocolVersion


@lru_cache(maxsize=64)
def definition_of(version_id: int) -> ProtocolDefinition:
    """The text of a version that a series runs on."""
    return ProtocolVersion.objects.get(pk=version_id).read()
