"""The editor of a draft: one form in workflow order, saved as it is typed, joined when two people edit it.

Every answer to a POST carries the whole state, so the page works without scripts too. `act` says what was pressed:
`autosave` and `save` keep the boxes, `add:phases` and its like change rows first (`protocols/sheet_acts.py`), `merge`
shows both sides after a clash, `join` saves what was chosen there.
"""

from __future__ import annotations

import json
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from protocols.access import get_version_for
from protocols.models import ProtocolDocument, ProtocolVersion
from protocols.review import review
from protocols.services.drafting import EditedByOthers, Saved, save_draft, sheet_of
from protocols.sheet import Reading, Sheet, box_of, read_sheet, tidy
from protocols.sheet_acts import apply_act
from protocols.sheet_boxes import NOTE, boxes, lists
from protocols.sheet_form import SheetForm, heading, read_post
from protocols.sheet_merge import merge_sheets
from staff.clock import app_now
from staff.errors import DomainError, InvalidInput, StateConflict
from staff.models import User
from staff.strict import load_json, parse_integer

KEEP = ("save", "autosave", "merge", "join")


@require_http_methods(["GET", "POST"])
@login_required
def version_edit(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """The editor. POST keeps the boxes and does what was pressed."""
    user = cast("User", request.user)
    version = get_version_for(user, slug, number, action="protocol.edit")
    if version.status not in ProtocolVersion.EDITABLE:
        raise StateConflict(
            f"Version {version.number} is {version.get_status_display().lower()}: its text is fixed.",
            code="not-a-draft",
        )
    page = Editor(request, version, user)
    return page.draw(sheet_of(version)) if request.method == "GET" else page.answer()


class Editor:
    """One request of the editor."""

    def __init__(self, request: HttpRequest, version: ProtocolVersion, user: User) -> None:
        self.request, self.version, self.user = request, version, user
        self.act = request.POST.get("act", "save")
        self.live = bool(request.headers.get("HX-Request"))

    def answer(self) -> HttpResponse:
        """Keep what was sent and do what was pressed. What cannot be kept is still in the answer."""
        try:
            sheet = self._joined() if self.act == "join" else read_post(self.request.POST)
            opened = ""
            if self.act not in KEEP:
                sheet, opened = apply_act(tidy(sheet), self.act)
            saved = save_draft(
                version=self.version, sheet=sheet, expected_version=self._expected(), by=self.user
            )
        except EditedByOthers as clash:
            return self._clash(clash)
        except DomainError as refusal:
            return self._refused(refusal)
        self.version = saved.version
        if self.act == "autosave" and self.live:
            return self._state(saved.reading, saved_now=True)
        if self.live:
            return self.draw(sheet, opened=opened, reading=saved.reading)
        return self._back(saved, opened)

    def _expected(self) -> int:
        return parse_integer(self.request.POST.get("version", ""), field="version", min_value=0)

    def _back(self, saved: Saved, opened: str) -> HttpResponse:
        if saved.reading.definition is None:
            messages.warning(self.request, "Saved as typed. Some boxes are not right yet.")
        else:
            messages.success(self.request, "Draft saved.")
        anchor = f"#id_{opened}" if opened and ":" not in opened else ""
        return redirect(
            reverse("version_edit", args=[self.version.template.slug, self.version.number]) + anchor
        )

    def _refused(self, refusal: DomainError) -> HttpResponse:
        status = 422 if refusal.status == 400 else refusal.status
        if self.act == "autosave" and self.live:
            return self._state(None, refusal=refusal, status=status)
        sheet = read_post(self.request.POST)
        return self.draw(sheet, reading=_lenient(sheet), refusal=refusal, status=status)

    def _clash(self, clash: EditedByOthers) -> HttpResponse:
        """412. While typing only a notice; on every act both sides, to be joined."""
        self.version = clash.version
        if self.act == "autosave" and self.live:
            return self._state(None, refusal=clash, status=412)
        merged = merge_sheets(clash.base, clash.mine, clash.theirs)
        context = self._context() | {
            "merged": merged,
            "mine": json.dumps(clash.mine, ensure_ascii=False),
            "base": json.dumps(clash.base, ensure_ascii=False),
            "who": clash.version.author.full_name,
        }
        name = "protocols/_merge.html" if self.live else "protocols/merge.html"
        return render(self.request, name, context, status=412)

    def _joined(self) -> Sheet:
        """Both sides as chosen; what was changed on the page before it was sent again is part of `mine`."""
        mine, base = (self._sent(name) for name in ("mine", "base"))
        picks = {
            name.removeprefix("pick:"): str(value)
            for name, value in self.request.POST.items()
            if name.startswith("pick:")
        }
        current = ProtocolVersion.objects.with_people().get(pk=self.version.pk)
        if current.version != self._expected():
            raise EditedByOthers(version=current, base=base, mine=mine, theirs=sheet_of(current))
        return merge_sheets(base, mine, sheet_of(current), picks).sheet

    def _sent(self, name: str) -> Sheet:
        found = load_json(self.request.POST.get(name, "").encode())
        if not isinstance(found, dict):
            raise InvalidInput("This page was cut short. Go back and join the two again.", field=name)
        return tidy(found)

    def _context(self) -> dict[str, Any]:
        return {"version": self.version, "template": self.version.template, "live": self.live}

    def _state(
        self,
        reading: Reading | None,
        *,
        refusal: DomainError | None = None,
        status: int = 200,
        saved_now: bool = False,
    ) -> HttpResponse:
        """The line that says whether it is saved, with what is still to mend."""
        sheet = read_post(self.request.POST)
        context = self._context() | state(sheet, reading, refusal) | {"saved_now": saved_now}
        context["findings"] = findings_of(self.version, sheet, reading)
        return render(self.request, "protocols/_draft_state.html", context, status=status)

    def draw(
        self,
        sheet: Sheet,
        *,
        opened: str = "",
        reading: Reading | None = None,
        refusal: DomainError | None = None,
        status: int = 200,
    ) -> HttpResponse:
        """The whole page, or its live part."""
        reading = reading or read_sheet(sheet)
        shown = {name: words for name, words in reading.errors.items() if name not in reading.missing}
        form = SheetForm(sheet, shown)
        context = self._context() | state(sheet, reading, refusal)
        context |= {
            "findings": findings_of(self.version, sheet, reading),
            "form": form,
            "sections": form.drawn(".".join(opened.split(".")[:2])),
            "note": form[NOTE.path],
            "focus": focus_of(opened),
            "documents": self.version.documents.all(),
        }
        name = "protocols/_editor.html" if self.live else "protocols/edit.html"
        return render(self.request, name, context, status=status)


def _lenient(sheet: Sheet) -> Reading:
    """The reading of what could not be kept: its faults if it is a sheet at all."""
    try:
        return read_sheet(tidy(sheet))
    except InvalidInput:
        return Reading(None, {})


def focus_of(opened: str) -> str:
    """The id of the element that takes the focus after an act."""
    if ":" in opened:
        return "act-" + opened.replace(":", "-")
    return f"id_{opened}" if opened.count(".") == 2 else f"row-{opened}" if "." in opened else f"add-{opened}"


def state(sheet: Sheet, reading: Reading | None, refusal: DomainError | None = None) -> dict[str, Any]:
    """What the side of the page says about the boxes: to mend, to fill in, or refused."""
    found = [] if reading is None else [
        {
            "name": name, "label": label_of(name, sheet), "text": words, "missing": name in reading.missing,
            "target": target_of(name),
        }
        for name, words in reading.errors.items()
    ]  # fmt: skip
    return {
        "to_mend": [item for item in found if not item["missing"]],
        "to_fill": [item for item in found if item["missing"]],
        "refusal": refusal,
        "saved_at": app_now(),
        "whole": reading is not None and reading.definition is not None,
    }


def findings_of(version: ProtocolVersion, sheet: Sheet, reading: Reading | None) -> list[dict[str, Any]]:
    """What the review of the text finds, each with the box (or the text for patients) that mends it."""
    if reading is None or reading.definition is None:
        return []
    bodies = {document.kind: document.body for document in version.documents.all()}
    groups: dict[bool, list[dict[str, str]]] = {True: [], False: []}
    for item in review(reading.definition, bodies):
        if item.field in bodies or item.field in ProtocolDocument.Kind.values:
            where = reverse("document_edit", args=[version.template.slug, version.number, item.field])
        else:
            name = box_of(item.field, sheet)
            where = f"#{target_of(name)}" if name else ""
        groups[item.blocks].append(
            {"message": item.message, "reason": item.reason, "source": item.source, "url": where}
        )
    titles = {True: "Blocks publishing", False: "Worth a second look"}
    return [
        {"title": titles[blocks], "blocking": blocks, "entries": found}
        for blocks, found in groups.items()
        if found
    ]


def target_of(name: str) -> str:
    """The id of what a link about this box goes to: the first thing there that takes the focus."""
    if name in lists():
        return f"add-{name}"
    box = boxes().get(name)
    for path, rows in lists().items():
        if name.startswith(f"{path}."):
            box = next((item for item in rows.boxes if item.name == name.rpartition(".")[2]), None)
    return f"id_{name}_0" if box is not None and box.kind == "several" else f"id_{name}"


def label_of(name: str, sheet: Sheet) -> str:
    """The words for a box: `Follow-ups, Practice: Target`."""
    if name == NOTE.path:
        return NOTE.label
    if name in boxes():
        return boxes()[name].label
    if name in lists():
        return lists()[name].label
    for path, rows in lists().items():
        if not name.startswith(f"{path}."):
            continue
        row_id, _, box_name = name.removeprefix(f"{path}.").partition(".")
        row: dict[str, Any] = next((item for item in sheet.get(path, []) if item["id"] == row_id), {})
        box = next((item for item in rows.boxes if item.name == box_name), None)
        return f"{heading(rows, row)}: {box.label.lower() if box else ''}"
    return "This draft"
