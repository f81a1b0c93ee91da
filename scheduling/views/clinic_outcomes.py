"""Outcomes of the clinic: pictures, tables and a file. Site and period stand in the address."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from scheduling import outcome_pictures as pictures
from scheduling.outcome_report import COLUMNS, ORDER, Report, lines_of, outcome_report
from scheduling.sites import chosen_site
from scheduling.utilisation import monday_of
from scheduling.views.acts import person, show
from scheduling.views.utilisation import weeks_asked
from staff.access import require
from staff.clock import app_now
from staff.csv_text import as_csv
from staff.models import Site


def site_asked(request: HttpRequest) -> tuple[Site | None, list[Site]]:
    """The site of `?site=` when the person works there, else the chosen one; and all of theirs."""
    chosen = chosen_site(request)
    mine: list[Site] = request.site_choices  # type: ignore[attr-defined]  # set by chosen_site
    try:
        code = UUID(request.GET.get("site", ""))
    except ValueError:
        return chosen, mine
    return next((site for site in mine if site.code == code), chosen), mine


@require_safe
@login_required
def outcomes_page(request: HttpRequest) -> HttpResponse:
    """`?weeks=` up to and with the present one, `?site=`; `?format=csv` gives the same as a file."""
    require(person(request), "appointment.view")
    site, mine = site_asked(request)
    if site is None:
        return render(request, "scheduling/no_site.html", {})
    now, weeks = app_now(), weeks_asked(request)
    first = monday_of(now, site) - timedelta(days=7 * (weeks - 1))
    report = outcome_report(site, first, weeks, now)
    if request.GET.get("format") == "csv":
        answer = HttpResponse(as_csv(COLUMNS, lines_of(report)), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="outcomes-{first.isoformat()}.csv"'
        return answer
    used = {item.instrument for item in report.results if item.courses > item.without_start}
    context = {
        "site": site,
        "sites": mine,
        "now": now,
        "weeks": weeks,
        "choices": (4, 8, 26, 52),
        "report": report,
        "windows_percent": _percent(report.kept, report.decided),
        "chairs_percent": _percent(report.used_minutes, report.offered_minutes),
        "sent_percent": _percent(report.messages.sent, report.messages.all),
        "window_charts": [c for c in (pictures.adherence_chart(report), pictures.hours_chart(report)) if c],
        "message_chart": pictures.message_chart(report),
        "chair_chart": pictures.chair_chart(report),
        "result_charts": _results(report),
        "asked": [item for item in report.results if item.instrument in used],
        "not_asked": [one.title for one in ORDER if one not in used],
        "delay_words": _delay(report.messages.median_delay),
    }
    return show(request, "scheduling/outcomes.html", context, site)


def _delay(delay: timedelta | None) -> str:
    """`14 s`, from two minutes on `29 min`."""
    seconds = 0 if delay is None else max(0, round(delay.total_seconds()))
    return f"{seconds} s" if seconds < 120 else f"{round(seconds / 60)} min"


def _percent(part: int, whole: int) -> int | None:
    return round(100 * part / whole) if whole else None


def _results(report: Report) -> list[object]:
    """A chart for each instrument that any course was assessed with."""
    drawn = (
        pictures.result_chart([item for item in report.results if item.instrument is one]) for one in ORDER
    )
    return [chart for chart in drawn if chart is not None]
