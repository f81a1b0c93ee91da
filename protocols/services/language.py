"""One click of the review: the clinical term in the place of a word that the lexicon warns about."""

from __future__ import annotations

from typing import Any

from protocols.definition_codec import dump
from protocols.lexicon import Finding, check_text, with_term
from protocols.models import ProtocolDocument, ProtocolVersion
from protocols.services.writing import locked_draft, update_document, update_draft
from staff.errors import StateConflict
from staff.history import acting
from staff.models import User


def use_term(
    *, version: ProtocolVersion, field: str, start: int, match: str, expected_version: int | None, by: User
) -> ProtocolVersion:
    """Put the rule's term at `start` of the text `field` (a path of the definition, or a kind of document).

    In a document places count from its title, which two line feeds part from its body. Raises StateConflict when the
    word does not stand there any more, or no term fits; StaleVersion and not-a-draft as every change of a draft.
    """
    with acting(by):
        found = locked_draft(version, expected_version)
        document = found.documents.filter(kind=field).first()
        if document is not None:
            _in_document(found, document, start, match, by)
        else:
            _in_definition(found, field, start, match, by)
    return ProtocolVersion.objects.with_people().get(pk=found.pk)


def _in_document(
    version: ProtocolVersion, document: ProtocolDocument, start: int, match: str, by: User
) -> None:
    whole = f"{document.title}\n\n{document.body}"
    title, _, body = with_term(whole, _place(whole, start, match)).partition("\n\n")
    update_document(
        version=version,
        kind=document.kind,
        title=title,
        body=body,
        change=document.change,
        expected_version=version.version,
        by=by,
    )


def _in_definition(version: ProtocolVersion, field: str, start: int, match: str, by: User) -> None:
    data: Any = dump(version.read())
    *way, last = [int(part) if part.isdecimal() else part for part in field.split(".")]
    holder = data
    try:
        for part in way:
            holder = holder[part]
        text = holder[last]
    except (KeyError, IndexError, TypeError):
        text = None
    if not isinstance(text, str):
        raise StateConflict("That text is not there any more.", code="not-found-there", field="field")
    holder[last] = with_term(text, _place(text, start, match))
    update_draft(version=version, data=data, expected_version=version.version, by=by)


def _place(text: str, start: int, match: str) -> Finding:
    for item in check_text(text):
        if (item.start, item.match) == (start, match) and item.term is not None:
            return item
    raise StateConflict("That word does not stand there any more.", code="not-found-there", field="field")
