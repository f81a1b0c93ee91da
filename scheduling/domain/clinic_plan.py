"""Planning the waiting patients of a clinic together: the optimiser's page asks here. Pure module.

The same exact planner and the same search as the benchmark command; each answer is a `SeriesPlan` as for one
patient. Nothing is written: what the clinician accepts, all or some, is booked by the booking service.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from scheduling.domain.bounds import Bound, tightened
from scheduling.domain.planner import plan_alone, plan_from
from scheduling.domain.refusals import failure
from scheduling.domain.search import JointPlan, Progress, Search, bound
from scheduling.domain.series_build import Setting, build
from scheduling.domain.series_types import SeriesPlan, SeriesRequest

BOUND_SHARE = 0.1  # share of the time for tightening the bound


@dataclass(frozen=True)
class ClinicPlan:
    """Plans in the order of the requests; those left out are not complete and say why.

    cost counts all series, those left out and the daily peaks; bound is what no plan can undercut. peaks:
    most chairs in use at once on each of `days` (local dates), before and after.
    """

    plans: tuple[SeriesPlan, ...]
    cost: int
    bound: int
    days: tuple[date, ...]
    peaks_before: tuple[int, ...]
    peaks_after: tuple[int, ...]

    @property
    def percent_above_bound(self) -> float:
        """At most so far above the best possible; 0 when it is the best possible."""
        return 100.0 * (self.cost - self.bound) / self.bound if self.bound else 0.0


def plan_clinic(
    requests: Sequence[SeriesRequest],
    *,
    spent: Callable[[], float],
    report: Callable[[Progress, int], None] | None = None,
    seed: int = 0,
) -> ClinicPlan:
    """Plan all requests together until `spent()`, the share of the time used, reaches 1.

    Requests share one site; a resource of the same code is the same resource. report is told of every
    improvement and the bound. Raises InvalidInput as `plan_series` does.
    """
    if not requests:
        return ClinicPlan((), 0, 0, (), (), ())
    settings = build(requests)
    if len(settings) == 1:
        return _alone(settings[0])
    clinic = settings[0].clinic
    before = tuple(clinic.peaks().tolist())
    cases = [setting.case for setting in settings]
    least = bound(clinic, cases)
    relaxed = Bound(clinic, cases)
    search = Search(clinic, cases, seed)
    search.opening()
    tightened(relaxed, target=lambda: search.best.cost, stop=lambda: spent() >= BOUND_SHARE)
    least = max(least, relaxed.value)
    search.guides = relaxed.guides()
    best = search.run(spent, None if report is None else lambda progress: report(progress, least))
    search.adopt(best)
    plans = tuple(_plan(setting, best) for setting in settings)
    days = settings[0].grid.days
    return ClinicPlan(plans, best.cost, least, days, before, tuple(clinic.peaks().tolist()))


def _alone(setting: Setting) -> ClinicPlan:
    """One series needs no search: the plan page's own plan, which is the best possible."""
    before = tuple(setting.clinic.peaks().tolist())
    plan, placement = plan_alone(setting)
    cost = plan.cost if placement is not None else setting.case.unplanned_cost
    if placement is not None:
        setting.clinic.take(setting.case, placement)
    return ClinicPlan((plan,), cost, cost, setting.grid.days, before, tuple(setting.clinic.peaks().tolist()))


def _plan(setting: Setting, best: JointPlan) -> SeriesPlan:
    """One series in the joint plan: its reasons are those of a clinic in which all the others stand."""
    placement = best.placements.get(setting.case.key)
    if placement is None:
        laid = setting.clinic.lay(setting.case)
        return SeriesPlan((), failure(setting, laid), 0, {}, False)
    setting.clinic.give_back(setting.case, placement)
    laid = setting.clinic.lay(setting.case)
    plan = plan_from(setting, laid, placement)
    setting.clinic.take(setting.case, placement)
    return plan
