"""Writing a text: template, draft, revision, and the changes to a draft. One open draft per template at a
time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Max

from protocols import documents
from protocols.definition import ProtocolDefinition
from protocols.definition_codec import digest, dump, load
from protocols.models import ProtocolDocument, ProtocolTemplate, ProtocolVersion
from staff.clock import app_now
from staff.errors import InvalidInput, StaleVersion, StateConflict
from staff.history import acting
from staff.models import User
from staff.strict import parse_text

Kind = ProtocolDocument.Kind
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
RESERVED = frozenset({"new", "import"})  # addresses of our own beside the protocols
LONGEST_BODY = 40_000


def create_template(
    *, slug: str, name: str, by: User, summary: str = "", at: datetime | None = None
) -> ProtocolTemplate:
    """A named protocol without a text yet. `slug` stands in URLs and never changes. In use: StateConflict."""
    if not isinstance(slug, str) or not SLUG.fullmatch(slug) or len(slug) > 50 or slug in RESERVED:
        raise InvalidInput(
            "Use small letters, digits and single hyphens, such as six-in-three-weeks.", field="slug"
        )
    called = parse_text(name, field="name", max_length=120, single_line=True)
    if not called:
        raise InvalidInput("Name is missing.", code="required", field="name")
    about = parse_text(summary, field="summary", max_length=300, single_line=True)
    with acting(by):
        template, created = ProtocolTemplate.objects.get_or_create(
            slug=slug, defaults={"name": called, "summary": about, "created_at": at or app_now()}
        )
        if not created:
            raise StateConflict(
                "A protocol with this address exists already.", code="slug-in-use", field="slug"
            )
    return template


def create_draft(
    *,
    template: ProtocolTemplate,
    definition: ProtocolDefinition | Mapping[str, Any],
    by: User,
    change_note: str = "",
    at: datetime | None = None,
) -> ProtocolVersion:
    """The next version of `template` with this text and the standard consent and education documents."""
    text = _read(definition)
    with acting(by):
        version = _next_version(template, text, change_note, by, at)
        for kind in Kind:
            title, body = standard_document(text, kind)
            _add_document(version, kind, title, body, ProtocolDocument.Change.MATERIAL)
    return version


def revise_version(
    *, version: ProtocolVersion, by: User, change_note: str = "", at: datetime | None = None
) -> ProtocolVersion:
    """Copy a published text, documents included, into the next draft. Nothing about the published one
    changes.
    """
    with acting(by):
        source = ProtocolVersion.objects.select_related("template").get(pk=version.pk)
        if source.status not in ProtocolVersion.PUBLISHED:
            raise StateConflict(
                "Only a published version is revised; a draft is edited.", code="not-published"
            )
        draft = _next_version(source.template, source.read(), change_note, by, at)
        for document in source.documents.all():
            _add_document(draft, document.kind, document.title, document.body, ProtocolDocument.Change.NOTICE)
    return draft


def duplicate_version(
    *, version: ProtocolVersion, slug: str, name: str, by: User, at: datetime | None = None
) -> ProtocolVersion:
    """A new protocol whose first draft is a copy of `version`, documents included; unfinished boxes are not copied."""
    with acting(by):
        template = create_template(slug=slug, name=name, by=by, at=at)
        text = load(version.definition)
        note = f"Copied from {version.template.name}, version {version.number}"
        draft = _next_version(template, text, note, by, at)
        for document in version.documents.all():
            _add_document(
                draft, document.kind, document.title, document.body, ProtocolDocument.Change.MATERIAL
            )
    return draft


def update_draft(
    *,
    version: ProtocolVersion,
    expected_version: int | None,
    data: ProtocolDefinition | Mapping[str, Any],
    by: User,
    change_note: str | None = None,
    at: datetime | None = None,
) -> ProtocolVersion:
    """Replace the whole text of a draft. Documents that still are the standard ones follow the new numbers.

    Whoever changes a text becomes its author; the history keeps every earlier one, and none of them can be
    the second person of its approval.
    """
    text = _read(data)
    with acting(by):
        found = locked_draft(version, expected_version)
        before = found.read()
        found.definition, found.sha256, found.working = dump(text), digest(text), None
        if change_note is not None:
            found.change_note = _note(change_note)
        touch(found, by)
        follow_numbers(found, before, text)
    return ProtocolVersion.objects.with_people().get(pk=found.pk)


def update_document(
    *,
    version: ProtocolVersion,
    kind: str,
    title: str,
    body: str,
    change: str,
    expected_version: int | None,
    by: User,
    at: datetime | None = None,
) -> ProtocolDocument:
    """Change the consent or education text of a draft. `change` says what the new text asks of patients."""
    if kind not in Kind.values:
        raise InvalidInput("Choose consent or education.", field="kind")
    if change not in ProtocolDocument.Change.values:
        raise InvalidInput("Say what the new text asks of patients.", field="change")
    headline = parse_text(title, field="title", max_length=160, single_line=True)
    words = parse_text(body, field="body", max_length=LONGEST_BODY)
    if not headline or not words:
        raise InvalidInput(
            "Enter a title and a text.", code="required", field="body" if headline else "title"
        )
    with acting(by):
        found = locked_draft(version, expected_version)
        document, _ = ProtocolDocument.objects.update_or_create(
            protocol_version=found, kind=kind, defaults={"title": headline, "body": words, "change": change}
        )
        touch(found, by)
    return document


def standard_document(definition: ProtocolDefinition, kind: str) -> tuple[str, str]:
    """(title, body) of our own text of that kind for these numbers."""
    if kind == Kind.CONSENT:
        return documents.consent_title(definition), documents.consent_text(definition)
    return documents.education_title(definition), documents.education_text(definition)


def locked(version: ProtocolVersion, expected_version: int | None) -> ProtocolVersion:
    """The current row, its template locked first, until the end of the transaction. Raises StaleVersion."""
    ProtocolTemplate.objects.select_for_update().get(pk=version.template_id)
    found = ProtocolVersion.objects.select_for_update(of=("self",)).with_people().get(pk=version.pk)
    if expected_version is not None and found.version != expected_version:
        raise StaleVersion("Somebody changed this version since you opened it. Nothing was saved.")
    return found


def locked_draft(version: ProtocolVersion, expected_version: int | None) -> ProtocolVersion:
    """As `locked`; raises StateConflict when it is no draft any more."""
    found = locked(version, expected_version)
    if found.status not in ProtocolVersion.EDITABLE:
        raise StateConflict(
            f"Version {found.number} is {found.get_status_display().lower()}: its text is fixed.",
            code="not-a-draft",
        )
    return found


def _read(definition: ProtocolDefinition | Mapping[str, Any]) -> ProtocolDefinition:
    """Checked in any case: a definition built in code passes the same rules as one from outside."""
    return load(dump(definition) if isinstance(definition, ProtocolDefinition) else definition)


def _note(text: str) -> str:
    return parse_text(text, field="change_note", max_length=500)


def _next_version(
    template: ProtocolTemplate, text: ProtocolDefinition, change_note: str, by: User, at: datetime | None
) -> ProtocolVersion:
    ProtocolTemplate.objects.select_for_update().get(pk=template.pk)
    open_draft = template.versions.open_drafts().first()
    if open_draft is not None:
        raise StateConflict(
            f"Version {open_draft.number} of this protocol is not finished yet. Go on with that one.",
            code="draft-open",
        )
    newest = template.versions.aggregate(newest=Max("number"))["newest"] or 0
    version: ProtocolVersion = ProtocolVersion.objects.create(
        template=template,
        number=newest + 1,
        definition=dump(text),
        sha256=digest(text),
        change_note=_note(change_note),
        author=by,
        created_at=at or app_now(),
    )
    return version


def _add_document(version: ProtocolVersion, kind: str, title: str, body: str, change: str) -> None:
    ProtocolDocument.objects.create(
        protocol_version=version, kind=kind, title=title, body=body, change=change
    )


def touch(version: ProtocolVersion, by: User) -> None:
    """Save a changed draft: whoever changed it is its author, and its number goes up by one."""
    version.author, version.returned_note = by, ""
    version.version += 1
    version.save(
        update_fields=["definition", "sha256", "working", "change_note", "author", "returned_note", "version"]
    )


def follow_numbers(version: ProtocolVersion, before: ProtocolDefinition, after: ProtocolDefinition) -> None:
    """Documents that still are the standard ones say the new numbers."""
    for document in version.documents.all():
        if (document.title, document.body) == standard_document(before, document.kind):
            document.title, document.body = standard_document(after, document.kind)
            document.save(update_fields=["title", "body"])
