"""From draft to active and on to retired: submission, approval by a second person, supersession.

Moves (also guarded by the trigger `version_status_moves_forward`): draft -> in review -> draft or active;
active -> superseded or retired; superseded -> retired.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.utils import timezone

from protocols.definition_codec import digest, load
from protocols.documents import missing_elements
from protocols.models import SOLE_APPROVAL_WAIT, ProtocolDocument, ProtocolVersion
from protocols.review import review
from protocols.review_kinds import Finding
from protocols.services.writing import locked, locked_draft
from protocols.signals import version_retired
from staff.clock import app_now
from staff.errors import InvalidInput, RuleNotMet, StateConflict
from staff.history import acting
from staff.models import User
from staff.strict import parse_text

Status, Approval = ProtocolVersion.Status, ProtocolVersion.Approval
REVIEW_AFTER = timedelta(days=365)  # when the next review is due, unless the approver says otherwise


def submit(
    *, version: ProtocolVersion, by: User, expected_version: int | None = None, at: datetime | None = None
) -> ProtocolVersion:
    """Hand a draft over for approval; its text is fixed from now on, unless it is returned.

    Raises RuleNotMet when a document is missing, the consent text lacks a required element, or a revision
    does not say what changed.
    """
    with acting(by):
        found = locked_draft(version, expected_version)
        if found.working is not None:
            raise RuleNotMet(
                "Some boxes of this draft are not right yet: open the editor and mend them first.",
                code="unfinished-boxes",
            )
        load(found.definition)
        _check_documents(found)
        if found.number > 1 and not found.change_note:
            raise RuleNotMet(
                "Say what changed against the version before.", code="no-change-note", field="change_note"
            )
        _check_review(found)
        found.status, found.submitted_at = Status.IN_REVIEW, at or app_now()
        found.version += 1
        found.save(update_fields=["status", "submitted_at", "version"])
    return found


def return_to_draft(
    *,
    version: ProtocolVersion,
    by: User,
    note: str,
    expected_version: int | None = None,
    at: datetime | None = None,
) -> ProtocolVersion:
    """Give a text back to its author with a note on what to change."""
    words = parse_text(note, field="note", max_length=500)
    if not words:
        raise InvalidInput("Say what needs another look.", code="required", field="note")
    with acting(by):
        found = locked(version, expected_version)
        _require(found, Status.IN_REVIEW)
        _give_back(found, words)
    return found


def may_approve(version: ProtocolVersion, by: User, at: datetime) -> ProtocolVersion.Approval:
    """As the second person, or alone after a day. Raises RuleNotMet `wait-or-second-person`."""
    if not wrote(version, by):
        return Approval.SECOND_PERSON
    free_at = (version.submitted_at or at) + SOLE_APPROVAL_WAIT
    if version.submitted_at is None or at < free_at:
        raise RuleNotMet(
            "You wrote this text. Another person approves it; alone, you can do so 24 hours after it was "
            "submitted, and the version stays marked as approved without a second reviewer.",
            code="wait-or-second-person",
        )
    return Approval.SOLE


def wrote(version: ProtocolVersion, person: User) -> bool:
    """Whether `person` is or ever was the author of this text, by the history that nobody can edit."""
    events: Any = version.events  # type: ignore[attr-defined]  # added by the history library
    return version.author_id == person.pk or bool(events.filter(author=person).exists())


def approve_and_activate(
    *,
    version: ProtocolVersion,
    by: User,
    seen_sha256: str,
    changes: Mapping[str, str] | None = None,
    change_reason: str = "",
    expected_version: int | None = None,
    at: datetime | None = None,
) -> ProtocolVersion:
    """Sign the text that `seen_sha256` names and make it the active one; the old active version is
    superseded.

    `changes`: by kind of document, whether it is material or a notice; what is left out is confirmed as the author
    marked it, and another mark than the author's needs `change_reason`.
    One transaction under the template's lock: at no moment are two versions active. Raises RuleNotMet when
    `by` wrote it less than a day ago, or when the stored text is not the one that was seen (hazard H14).
    """
    at = at or app_now()
    with acting(by):
        found = locked(version, expected_version)
        _check_approvable(found, seen_sha256)
        approval = may_approve(found, by, at)
        _decide_changes(found, changes or {}, change_reason, by)
        _supersede(found)
        activate(found, approval=approval, by=by, at=at)
    return found


def approve_from_outside(version: ProtocolVersion, *, seen_sha256: str, at: datetime) -> None:
    """What an outside reviewer's signed answer does; the caller holds the locks and has written the answer.

    The documents keep their author's marks: the reviewer has read them with the text.
    """
    _check_approvable(version, seen_sha256)
    _supersede(version)
    activate(version, approval=Approval.OUTSIDE, by=None, at=at)


def return_from_outside(version: ProtocolVersion, *, note: str) -> None:
    """The text goes back to its author; the caller holds the locks and has written the answer."""
    _require(version, Status.IN_REVIEW)
    _give_back(version, note)


def _check_approvable(version: ProtocolVersion, seen_sha256: str) -> None:
    _require(version, Status.IN_REVIEW)
    if not version.sha256 == seen_sha256 == digest(load(version.definition)):
        raise RuleNotMet("The text is not the one you have read. Read it again.", code="other-text")
    _check_documents(version)
    _check_review(version)


def _supersede(version: ProtocolVersion) -> None:
    ProtocolVersion.objects.filter(template=version.template_id, status=Status.ACTIVE).update(
        status=Status.SUPERSEDED
    )


def _give_back(version: ProtocolVersion, words: str) -> None:
    version.status, version.submitted_at, version.returned_note = Status.DRAFT, None, words
    version.version += 1
    version.save(update_fields=["status", "submitted_at", "returned_note", "version"])


def changes_of(data: Mapping[str, Any]) -> dict[str, str]:
    """By kind of document, what the approver said; nothing where nothing was said."""
    found = {kind: str(data.get(f"{kind}_change") or "") for kind in ProtocolDocument.Kind.values}
    return {kind: change for kind, change in found.items() if change}


def _decide_changes(version: ProtocolVersion, changes: Mapping[str, str], reason: str, by: User) -> None:
    """What each new text asks of patients, confirmed or changed by the approver (decisions 2.9)."""
    words = parse_text(reason, field="change_reason", max_length=300)
    for document in version.documents.all():
        final = changes.get(document.kind, document.change)
        if final not in ProtocolDocument.Change.values:
            raise InvalidInput("Say material or notice.", code="choice", field=f"{document.kind}_change")
        if final != document.change and not words:
            raise InvalidInput(
                "Say why you mark it otherwise than the author.", code="required", field="change_reason"
            )
        document.author_change, document.change_decided_by = document.change, by
        document.change_reason = words if final != document.change else ""
        document.change = final
        document.save(update_fields=["author_change", "change_decided_by", "change_reason", "change"])


def activate(
    version: ProtocolVersion, *, approval: ProtocolVersion.Approval, by: User | None, at: datetime
) -> None:
    """Write the approval; `by` None = an outside reviewer, whose answer is written already.

    The caller holds the template's lock and has made room for a new active version.
    """
    day = timezone.localtime(at).date()  # the clinic's day: the request's zone is active
    due = _review_due(version, day)
    version.status, version.approval, version.approved_by = Status.ACTIVE, approval, by
    version.approved_at = version.activated_at = at
    version.last_reviewed_on, version.next_review_on = day, due
    version.version += 1
    version.save(
        update_fields=[
            "status",
            "approval",
            "approved_by",
            "approved_at",
            "activated_at",
            "last_reviewed_on",
            "next_review_on",
            "version",
        ]
    )


def _review_due(version: ProtocolVersion, day: date) -> date:
    """The day that the text names, which must be ahead; else a year from now."""
    wanted = version.read().review_by
    if not wanted:
        return day + REVIEW_AFTER
    due = date.fromisoformat(wanted)
    if due <= day:
        raise RuleNotMet(
            "The next review would be due already: name a later day, or none.",
            code="review-day-past",
            field="review_by",
        )
    return due


def retire(
    *,
    version: ProtocolVersion,
    by: User,
    reason: str,
    running: str,
    expected_version: int | None = None,
    at: datetime | None = None,
) -> ProtocolVersion:
    """Take a published text out of use: nothing new is planned on it; the text stays.

    `running`: series on it finish on it, or every next infusion is held (no pump starts on it). Each series becomes an
    item on its prescriber's list (answered by `scheduling`, in this transaction).
    """
    words = parse_text(reason, field="reason", max_length=500)
    if not words:
        raise InvalidInput("Say why it is retired.", code="required", field="reason")
    if running not in ProtocolVersion.Running.values:
        raise InvalidInput(
            "Say what happens to series that run on it: finish, or hold.", code="required", field="running"
        )
    at = at or app_now()
    with acting(by, reason=words):
        found = locked(version, expected_version)
        _require(found, Status.ACTIVE, Status.SUPERSEDED)
        found.status, found.retired_at, found.running_series = Status.RETIRED, at, running
        found.version += 1
        found.save(update_fields=["status", "retired_at", "running_series", "version"])
        version_retired.send(sender=ProtocolVersion, version=found, reason=words, by=by, at=at)
    return found


def _require(version: ProtocolVersion, *statuses: ProtocolVersion.Status) -> None:
    if version.status not in statuses:
        raise StateConflict(
            f"Version {version.number} is {version.get_status_display().lower()} now.", code="wrong-state"
        )


def findings_of(version: ProtocolVersion) -> tuple[Finding, ...]:
    """What the review says about a version's text and documents, blocking findings first.

    Titles are checked with their bodies: the first line of a document's text here is its title.
    """
    documents = {item.kind: reviewed_text(item) for item in version.documents.all()}
    return review(
        version.read(),
        documents,
        published=version.status in ProtocolVersion.PUBLISHED,
        next_review_on=version.next_review_on,
    )


def reviewed_text(document: ProtocolDocument) -> str:
    """Title and body as one text; empty lines stand between them."""
    return f"{document.title}\n\n{document.body}"


def _check_review(version: ProtocolVersion) -> None:
    blocking = [item for item in findings_of(version) if item.blocks]
    if blocking:
        more = f" And {len(blocking) - 1} more." if len(blocking) > 1 else ""
        raise RuleNotMet(
            f"{blocking[0].message} {blocking[0].reason}{more}", code="review-blocks", field=blocking[0].field
        )


def _check_documents(version: ProtocolVersion) -> None:
    bodies = {document.kind: document.body for document in version.documents.all()}
    for kind in ProtocolDocument.Kind:
        if kind not in bodies:
            raise RuleNotMet(f"The {kind.label.lower()} text is missing.", code="no-document", field=kind)
    missing = missing_elements(bodies[ProtocolDocument.Kind.CONSENT])
    if missing:
        named = "; ".join(element.label for element in missing)
        raise RuleNotMet(
            f"The consent text does not say: {named}.", code="consent-incomplete", field="consent"
        )
