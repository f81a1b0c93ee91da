"""The editor's draft: every box is kept as typed, right or wrong; the text follows as soon as all boxes are right.

Two people on one draft: a save names the version that it was made from. When somebody else saved in between, nothing
is written and `EditedByOthers` carries both sides and their common base, so that the page can join them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from protocols.definition_codec import digest, dump, load
from protocols.models import ProtocolTemplate, ProtocolVersion
from protocols.services.writing import create_draft, follow_numbers, locked_draft, touch
from protocols.sheet import Reading, Sheet, read_sheet, tidy, to_sheet
from protocols.sheet_acts import empty_sheet, placeholder
from protocols.sheet_boxes import NOTE
from staff.errors import StaleVersion
from staff.history import acting
from staff.models import User


class EditedByOthers(StaleVersion):
    """The draft changed since `base` was read. `mine` is what was not saved, `theirs` what stands now."""

    default_code = "edited-by-others"

    def __init__(self, *, version: ProtocolVersion, base: Sheet, mine: Sheet, theirs: Sheet) -> None:
        super().__init__("Somebody else changed this draft since you opened it. Nothing of yours is lost.")
        self.version, self.base, self.mine, self.theirs = version, base, mine, theirs


@dataclass(frozen=True)
class Saved:
    """The draft after a save, and what its boxes say; `changed` is False when there was nothing to write."""

    version: ProtocolVersion
    reading: Reading
    changed: bool


def sheet_of(version: ProtocolVersion) -> Sheet:
    """The boxes as they stand: the unfinished ones, else those of the text."""
    if version.working is not None:
        return tidy(version.working)
    return to_sheet(load(version.definition), version.change_note)


def save_draft(
    *, version: ProtocolVersion, sheet: Mapping[str, Any], expected_version: int, by: User
) -> Saved:
    """Keep the boxes. When all are right, they become the draft's text, and its standard documents follow.

    Saving what stands there already writes nothing, whatever version it was made from. Raises EditedByOthers,
    StateConflict when it is no draft, InvalidInput when it is no sheet or too long to keep.
    """
    boxes = tidy(sheet)
    reading = read_sheet(boxes)
    with acting(by):
        found = locked_draft(version, None)
        present = sheet_of(found)
        if _says_the_same(found, boxes, present, reading):
            return Saved(found, reading, changed=False)
        if found.version != expected_version:
            base = _sheet_at(found, expected_version) or present
            raise EditedByOthers(version=found, base=base, mine=boxes, theirs=present)
        before = load(found.definition)
        if reading.definition is None:
            found.working = boxes
        else:
            text = reading.definition
            found.definition, found.sha256, found.working = dump(text), digest(text), None
            found.change_note = str(boxes[NOTE.path]).strip()
        touch(found, by)
        if reading.definition is not None:
            follow_numbers(found, before, reading.definition)
    return Saved(found, reading, changed=True)


def _says_the_same(found: ProtocolVersion, boxes: Sheet, present: Sheet, reading: Reading) -> bool:
    """The boxes stand there already, or mean what stands there (`0,5` and `0.5` are one dose)."""
    if without_ids(boxes) == without_ids(present):
        return True
    if reading.definition is None or found.working is not None:
        return False
    same_note = str(boxes[NOTE.path]).strip() == found.change_note
    return same_note and digest(reading.definition) == found.sha256


def start_empty(*, template: ProtocolTemplate, by: User, at: datetime | None = None) -> ProtocolVersion:
    """The first draft of an empty protocol. It cannot be submitted before every box is right."""
    with acting(by):
        version = create_draft(template=template, definition=placeholder(), by=by, at=at)
        version.working = tidy(empty_sheet() | {"title": template.name})
        version.save(update_fields=["working"])
    return version


def _sheet_at(version: ProtocolVersion, number: int) -> Sheet | None:
    """The boxes as they stood at that number of the draft, from its history; None when it is not known."""
    events: Any = version.events  # type: ignore[attr-defined]  # added by the history library
    row = events.filter(version=number).order_by("-pgh_id").first()
    if row is None:
        return None
    if row.working is not None:
        return tidy(row.working)
    return to_sheet(load(row.definition), row.change_note)


def without_ids(sheet: Mapping[str, Any]) -> dict[str, Any]:
    """A sheet without the names of its rows, which say nothing."""
    return {
        key: [{name: item for name, item in row.items() if name != "id"} for row in value]
        if isinstance(value, list) and value and isinstance(value[0], dict)
        else value
        for key, value in sheet.items()
    }
