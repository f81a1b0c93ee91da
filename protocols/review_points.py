"""After which infusions a prescriber signs the next step, by the text of a version. Pure module.

The same rule stands in PostgreSQL (function `is_review_point`, asked at every pump start); a test compares the two.
"""

from __future__ import annotations

from protocols.definition import ProtocolDefinition


def is_review_point(definition: ProtocolDefinition, after: int) -> bool:
    """Whether the next infusion waits for a signed review once infusion `after` (ordinal from 1) is behind."""
    points = definition.reviews
    if after < 1:
        return False
    if after in points.after_infusions or (points.at_end and after >= definition.visits):
        return True
    every, place = points.every_maintenance, maintenance_place(definition, after)
    return every is not None and place > 0 and place % every == 0


def maintenance_place(definition: ProtocolDefinition, ordinal: int) -> int:
    """Which maintenance infusion this one is, from 1; 0 when it is none. Those beyond the text go on counting."""
    seen = place = 0
    for number, phase in enumerate(definition.phases):
        last = number == len(definition.phases) - 1
        here = max(0, ordinal - seen) if last else min(phase.visits, max(0, ordinal - seen))
        if phase.maintenance:
            place += here
        seen += phase.visits
        if ordinal <= seen or last:
            return place if phase.maintenance else 0
    return 0


def last_point_before(definition: ProtocolDefinition, ordinal: int) -> int | None:
    """The review point that infusion `ordinal` waits for: the latest one before it; None when there is none."""
    return next((after for after in range(ordinal - 1, 0, -1) if is_review_point(definition, after)), None)


def review_points(definition: ProtocolDefinition) -> tuple[int, ...]:
    """All points of the text itself, in order."""
    return tuple(after for after in range(1, definition.visits + 1) if is_review_point(definition, after))
