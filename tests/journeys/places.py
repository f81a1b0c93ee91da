"""Every address of the project that shows a page, found by itself, with an example of what it shows in the sample clinic.

A new page is looked at the day it gets a route. What no example leads to must be explained in `NOT_A_PAGE`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from django.urls import URLPattern, URLResolver, get_resolver

from tests.journeys.person import Person
from tests.journeys.stack import Stack

ELSEWHERE = ("admin/", "api/v1/", "webhooks/", "healthz/", "demo/", "site/", "static/")
TABLES = {
    "patients": "patients_patient",
    "series": "scheduling_treatmentseries",
    "visits": "scheduling_appointment",
    "clinic-plan": "scheduling_clinicplanrun",
    "resources": "scheduling_resource",
    "waitlist": "scheduling_waitlistentry",
    "windows": "scheduling_plasticitywindow",
    "follow-ups": "scheduling_followup",
    "messages": "scheduling_message",
    "duty": "scheduling_dutyshift",
    "alerts": "scheduling_staffalert",
    "work": "scheduling_workitem",
    "contacts": "patients_contactpoint",
    "infusions": "treatment_sessions_infusion",
    "pump-events": "treatment_sessions_pumpevent",
    "vitals": "treatment_sessions_vitalsigns",
    "levels": "treatment_sessions_measuredlevel",
    "adverse-events": "treatment_sessions_adverseevent",
    "consents": "treatment_sessions_consent",
    "people": "staff_user",
    "licences": "staff_licence",
    "sites": "staff_site",
    "therapy": "treatment_sessions_integrationsession",
    "drugs": "treatment_sessions_givendrug",
    "holds": "treatment_sessions_treatmenthold",
    "site-gates": "treatment_sessions_sitegate",
    "eligibility": "treatment_sessions_eligibilitysignoff",
    "representatives": "patients_legalrepresentative",
    "releases": "patients_therapistrelease",
}
STATES = ("status", "state", "kind")
NOTHING = str(uuid.UUID(int=7))
EACH = 3
"""Examples of each state."""
OWN_THERAPY = """SELECT t.code FROM treatment_sessions_integrationsession t
        JOIN staff_user u ON u.id = t.therapist_id WHERE u.email = 'therapist@demo.example' ORDER BY t.id DESC LIMIT 3"""
OUTSIDE = "SELECT code FROM patients_patient WHERE external_therapist_id IS NOT NULL ORDER BY id LIMIT 2"
WITH = {
    "therapy/<uuid:code>/": OWN_THERAPY,
    "therapy/<uuid:code>/amend/": OWN_THERAPY,
    "therapy/<uuid:code>/private/": OWN_THERAPY,
    "patients/<uuid:code>/extra-infusion/": """SELECT p.code FROM patients_patient p JOIN scheduling_treatmentseries s
        ON s.patient_id = p.id WHERE s.status = 'active' ORDER BY p.id LIMIT 3""",
    "patients/<uuid:code>/contraindications/<slug:kind>/resolve/": """SELECT p.code FROM patients_patient p
        JOIN patients_contraindication c ON c.patient_id = p.id WHERE c.resolved_at IS NULL LIMIT 1""",
    "series/<uuid:code>/version/": """SELECT s.code FROM scheduling_treatmentseries s JOIN protocols_protocolversion v
        ON v.id = s.protocol_version_id JOIN protocols_protocolversion newer
        ON newer.template_id = v.template_id AND newer.number > v.number AND newer.status = 'active'
        WHERE s.status = 'active' LIMIT 3""",
    "visits/<uuid:code>/gates/": """SELECT code FROM scheduling_appointment
        WHERE kind = 'infusion' AND status = 'booked' ORDER BY during LIMIT 3""",
    "visits/<uuid:code>/gates/<str:gate>/": """SELECT code FROM scheduling_appointment
        WHERE kind = 'infusion' AND status = 'booked' ORDER BY during LIMIT 3""",
    "representatives/<uuid:code>/end/": """SELECT code FROM patients_legalrepresentative
        WHERE ended_at IS NULL ORDER BY id LIMIT 3""",
    "patients/<uuid:code>/outside-therapist/end/": OUTSIDE,
    "patients/<uuid:code>/release/": OUTSIDE,
    "releases/<uuid:code>/revoke/": "SELECT code FROM patients_therapistrelease WHERE revoked_at IS NULL ORDER BY id LIMIT 2",
    "follow-ups/<uuid:code>/report/": """SELECT code FROM scheduling_followup
        WHERE outside_id IS NOT NULL AND state = 'released' ORDER BY id LIMIT 2""",
    "follow-ups/<uuid:code>/report/withdraw/": "SELECT code FROM scheduling_followup WHERE state = 'reported' LIMIT 1",
    "infusions/<uuid:code>/sign-off/": """SELECT code FROM treatment_sessions_infusion
        WHERE status = 'recovering' ORDER BY id LIMIT 3""",
}
"""Where an example of each state is not enough: which rows have that page."""


def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[str]:
    """Every route that could show a page to somebody who is signed in, as a template such as `visits/<uuid:code>/move/`."""
    for item in (resolver or get_resolver()).url_patterns:
        here = prefix + str(item.pattern)
        if here.startswith(ELSEWHERE) or "^" in here:
            continue
        if isinstance(item, URLResolver):
            yield from routes(item, here)
        elif isinstance(item, URLPattern):
            yield here


def shape(route: str) -> re.Pattern[str]:
    """What the addresses of this route look like."""
    parts = re.split(r"<[^>]+>", route)
    return re.compile("^/" + "[^/]+".join(re.escape(part) for part in parts) + r"(\?.*)?$")


def left_out(every: Iterable[str], paths: Iterable[str]) -> list[str]:
    """The routes that none of these addresses belongs to."""
    known = list(paths)
    return [route for route in every if not any(shape(route).match(path) for path in known)]


class Examples:
    """Addresses of each route in one database."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._codes: dict[str, list[str]] = {}
        self.columns: dict[str, set[str]] = {}
        for table, column in stack.rows(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        ):
            self.columns.setdefault(table, set()).add(column)

    def codes(self, table: str) -> list[str]:
        """Codes of rows of each state; the newest first."""
        if table not in self._codes:
            if "code" not in self.columns.get(table, ()):
                return []
            state = next((name for name in STATES if name in self.columns[table]), "id")
            self._codes[table] = [
                str(code)
                for (code,) in self._stack.rows(
                    f"""SELECT code FROM (SELECT code, row_number() OVER (PARTITION BY {state} ORDER BY id DESC) AS place
                        FROM "{table}") AS each WHERE place <= {EACH} ORDER BY place LIMIT 24"""
                )
            ]
        return self._codes[table]

    def versions(self) -> list[tuple[str, int]]:
        """Slug and number of protocol versions, of each state."""
        return [
            (slug, number)
            for slug, number in self._stack.rows(
                """SELECT DISTINCT ON (v.status) t.slug, v.number FROM protocols_protocolversion v
                   JOIN protocols_protocoltemplate t ON t.id = v.template_id ORDER BY v.status, v.id DESC"""
            )
        ]

    def of(self, route: str) -> Iterator[str]:
        """Addresses of this route, likely ones first."""
        if "<uuid:" in route:
            for code in self._likely(route) or [NOTHING]:  # what takes POST only says so first
                yield from self._rest(re.sub(r"<uuid:\w+>", code, route, count=1))
        else:
            yield from self._rest(route)

    def _likely(self, route: str) -> list[str]:
        if route in WITH:
            return [str(code) for (code,) in self._stack.rows(WITH[route])]
        return self.codes(TABLES.get(route.split("/", 1)[0], ""))

    def _rest(self, route: str) -> Iterator[str]:
        if "<slug:slug>" in route:
            for slug, number in self.versions():
                here = route.replace("<slug:slug>", slug)
                yield from self._rest(re.sub(r"<int:number>", str(number), here))
            return
        if "<document:kind>" in route:
            yield from (f"/{route.replace('<document:kind>', kind)}" for kind in ("consent", "education"))
            return
        if "<uuid:version>" in route:
            active = "SELECT code FROM protocols_protocolversion WHERE status = 'active' ORDER BY id LIMIT 1"
            yield from self._each(
                route, "<uuid:version>", [str(code) for (code,) in self._stack.rows(active)]
            )
            return
        if "<str:gate>" in route:
            yield from self._each(route, "<str:gate>", ("escort",))
            return
        if "<int:" in route:
            yield from self._each(route, r"<int:\w+>", ("1", "2", "3", "4", "5", "6"))
            return
        if "<slug:kind>" in route:
            yield from self._each(route, r"<slug:kind>", self._kinds())
            return
        yield f"/{route}"

    def _each(self, route: str, pattern: str, values: Iterable[str]) -> Iterator[str]:
        for value in values:
            yield from self._rest(re.sub(pattern, value, route, count=1))

    def _kinds(self) -> list[str]:
        return [kind for (kind,) in self._stack.rows("SELECT DISTINCT kind FROM patients_contraindication")]


class Found(NamedTuple):
    """A page, and who sees it there."""

    route: str
    label: str
    path: str
    may_have_forms: bool
    """Its text has a form that is sent, or parts that load by themselves: worth opening for its forms."""


HAS_FORMS = re.compile(r'<form[^>]*(method="post"|hx-post)|hx-trigger="[^"]*load')


def seen_by(who: Person, path: str) -> tuple[str, str]:
    """`page` and its text, or what else this person gets there: `post` (no GET), `part` (of a page), `leads on`, `file`,
    `closed`.
    """
    answer = who.context.request.get(path, max_redirects=0)
    if answer.status == 405:
        return "post", ""
    if answer.status in (301, 302):
        return "leads on", ""
    if answer.status != 200:
        return "closed", ""
    if "text/html" not in answer.headers.get("content-type", ""):
        return "file", ""
    text = answer.text()
    return ("page" if "<!doctype html" in text[:2000].lower() else "part"), text


def find(
    every: Iterable[str], examples: Examples, people: Mapping[str, Person]
) -> tuple[list[Found], dict[str, set[str]]]:
    """Each route that shows a page; and what was met at the routes that showed none."""
    pages: list[Found] = []
    without: dict[str, set[str]] = {}
    for route in every:
        met: set[str] = set()
        found = _first_page(route, examples, people, met)
        if found is None:
            without[route] = met
        else:
            pages.append(found)
    return pages, without


def _first_page(route: str, examples: Examples, people: Mapping[str, Person], met: set[str]) -> Found | None:
    for path in examples.of(route):
        for label, who in people.items():
            what, text = seen_by(who, path)
            if what == "page":
                return Found(route, label, path, bool(HAS_FORMS.search(text.partition("<main")[2])))
            met.add(what)
            if what in ("post", "part", "file"):
                return None
    return None


def forms_with_boxes(who: Person) -> list[tuple[int, str]]:
    """The forms of this page in which something is typed or chosen and sent with POST: number, and a shape that two
    pages of one kind share (where it is sent to, without codes, and the names of its boxes).
    """
    found: Any = who.page.evaluate(
        """() => [...document.querySelectorAll("main form")].map((form, place) => [form, place]).filter(([form]) =>
            (form.method === "post" || form.hasAttribute("hx-post")) && [...form.elements].some((box) =>
                box.matches("input:not([type=hidden]):not([type=submit]):not([type=button]), select, textarea")
                && !box.disabled)).map(([form, place]) => [place, [form.getAttribute("hx-post") || form.getAttribute("action") || location.pathname,
                ...new Set([...form.elements].map((box) => box.name))].join(" ")])"""
    )
    return [(int(place), re.sub(r"[0-9a-f-]{36}", "*", shape)) for place, shape in found]
