"""The population models that ship with the product, with their sources. Pure module.

Numbers as printed by the source named in `citation`, read through the open implementation named in `note`.
`otto2021` is the default for patients, `kamp2020` a structural check beside it, `perez2021` the older-adult
sensitivity; the others serve engine tests and comparison plots only.
"""

from __future__ import annotations

import math
from types import MappingProxyType

from sessions.pharmacokinetics.structure import (
    AgeSlope,
    CovariateFactor,
    Metabolite,
    Parameter,
    PopulationModel,
    Validity,
    Variability,
)
from staff.errors import InvalidInput


def _hourly(value: float, weight_exponent: float = 0.0) -> Parameter:
    """A flow printed in L/h, or a rate printed per hour."""
    return Parameter(value / 60.0, weight_exponent)


def _per_kg(volume: float, k10: float, peripherals: tuple[tuple[float, float], ...]) -> dict[str, Parameter]:
    """Volumes and flows of a model printed as a volume per kg and micro-constants per minute."""
    v1 = volume * 70.0
    result = {"v1": Parameter(v1, 1.0), "cl": Parameter(k10 * v1, 1.0)}
    for number, (outward, inward) in enumerate(peripherals, start=2):
        result[f"q{number}"] = Parameter(outward * v1, 1.0)
        result[f"v{number}"] = Parameter(outward / inward * v1, 1.0)
    return result


def _cv(percent: float) -> float:
    """Log-scale variance of a log-normal parameter whose coefficient of variation is printed in percent."""
    return math.log1p((percent / 100.0) ** 2)


def _diagonal(*variances: float) -> tuple[tuple[float, ...], ...]:
    size = len(variances)
    return tuple(tuple(variances[i] if i == j else 0.0 for j in range(size)) for i in range(size))


OTTO_2021 = PopulationModel(
    id="otto2021",
    title="Otto 2021",
    citation=(
        "Otto ME, Bergmann KR, Jacobs G, van Esdonk MJ. Predictive performance of parent-metabolite "
        "population pharmacokinetic models of (S)-ketamine in healthy volunteers. "
        "Eur J Clin Pharmacol 2021;77:1181-1192. "
        "doi:10.1007/s00228-021-03104-1. Ketamine part fixed to Fanta 2015, doi:10.1007/s00228-015-1826-y."
    ),
    population="48 healthy adults (22 women), mean age 23, mean weight 68-71 kg",
    sampling_site="venous",
    drug="S-ketamine, applied to the total racemic dose",
    role="default",
    parameters=MappingProxyType(
        {
            "v1": Parameter(133.0, 1.0),
            "cl": _hourly(95.2, 0.75),
            "v2": Parameter(187.0),
            "q2": _hourly(23.2),
            "v3": Parameter(98.8),
            "q3": _hourly(157.0),
            "nk_v1": Parameter(98.638, 1.0),
            "nk_cl": _hourly(57.72, 0.75),
            "nk_v2": Parameter(160.04),
            "nk_q": _hourly(42.778),
        }
    ),
    peripherals=(("v2", "q2"), ("v3", "q3")),
    metabolite=Metabolite(),
    variability=Variability(("v1", "cl"), ((0.084177, 0.02261), (0.02261, 0.026048)), residual_sd=0.23609),
    validity=Validity(50, 90, 19, 35),
    note="Read in nlmixr2lib Otto_2021_s_ketamine. Norketamine as fitted, without a molecular-weight factor.",
)

_KAMP_VOLUMES = {"v1": Parameter(25.0, 1.0), "v2": Parameter(56.0, 1.0), "v3": Parameter(157.0, 1.0)}

KAMP_2020 = PopulationModel(
    id="kamp2020",
    title="Kamp 2020",
    citation=(
        "Kamp J, Olofsen E, Henthorn TK, van Velzen M, Niesters M, Dahan A. Ketamine pharmacokinetics: "
        "a systematic review of the literature, meta-analysis, and population analysis. "
        "Anesthesiology 2020;133:1192-1213. "
        "doi:10.1097/ALN.0000000000003577."
    ),
    population="Meta-analysis of 14 raw data sets; covariates without effect in the meta-regression",
    sampling_site="arterial",
    drug="ketamine, racemic and S pooled",
    role="alternate",
    parameters=MappingProxyType(
        {**_KAMP_VOLUMES, "cl": _hourly(84.0, 0.75), "q2": _hourly(161.0, 0.75), "q3": _hourly(79.0, 0.75)}
    ),
    peripherals=(("v2", "q2"), ("v3", "q3")),
    note="Read in SimTIVA and opentiva. Variances not found. Clearances scaled by weight to the power 0.75.",
)

KAMP_2020_LINEAR = PopulationModel(
    id="kamp2020_lin",
    title="Kamp 2020, clearances linear in weight",
    citation=KAMP_2020.citation,
    population=KAMP_2020.population,
    sampling_site="arterial",
    drug=KAMP_2020.drug,
    role="comparison",
    parameters=MappingProxyType(
        {**_KAMP_VOLUMES, "cl": _hourly(84.0, 1.0), "q2": _hourly(161.0, 1.0), "q3": _hourly(79.0, 1.0)}
    ),
    peripherals=(("v2", "q2"), ("v3", "q3")),
    note="As opentiva scales it; shipped to show how far two readings of one paper differ.",
)

PEREZ_2021 = PopulationModel(
    id="perez2021",
    title="Perez-Ruixo 2021",
    citation=(
        "Perez-Ruixo C, Rossenu S, Zannikos P, et al. Population pharmacokinetics of esketamine nasal "
        "spray and its metabolite noresketamine in healthy subjects and patients with treatment-resistant "
        "depression. "
        "Clin Pharmacokinet 2021;60:501-516. doi:10.1007/s40262-020-00953-4."
    ),
    population="820 people, 564 with treatment-resistant depression, 18-86 years, 39-170 kg; IV arm 28 mg",
    sampling_site="venous",
    drug="esketamine, applied to the total racemic dose",
    role="sensitivity",
    parameters=MappingProxyType(
        {
            "v1": Parameter(192.0),
            "v2": Parameter(143.0),
            "q2": _hourly(84.3),
            "v3": Parameter(417.0),
            "q3": _hourly(37.6),
            "vh": Parameter(101.0),
            "qh": _hourly(151.0),
            "kel": _hourly(1.11),
            "kmet": _hourly(2.77),
            "nk_v1": Parameter(70.0),
            "nk_cl": _hourly(38.0),
            "nk_v2": Parameter(115.0),
            "nk_q": _hourly(26.1),
        }
    ),
    peripherals=(("v2", "q2"), ("v3", "q3")),
    liver=True,
    metabolite=Metabolite(fed_from="liver"),
    variability=Variability(
        ("v1", "v2", "qh", "vh", "kel"),
        _diagonal(_cv(27.5), _cv(49.3), _cv(23.2), _cv(34.6), _cv(120.0)),
        residual_sd=None,
    ),
    age_slopes=(AgeSlope("qh", 60.0, -2.19 / 60.0),),
    factors=(CovariateFactor("asian", "kel", 0.36), CovariateFactor("asian", "nk_cl", 0.81)),
    validity=Validity(39, 170, 18, 86),
    note=(
        "Read in nlmixr2lib PerezRuixo_2020_esketamine. The variance of kmet is not printed (0 here). "
        "The residual error is printed apart for phases 1/2 and 3 and is not adopted. "
        "Norketamine AUC is over-predicted 1.4-1.6 times."
    ),
)

SIMONS_2022 = PopulationModel(
    id="simons2022",
    title="Simons 2022",
    citation=(
        "Simons P, Olofsen E, van Velzen M, et al. S-ketamine oral thin film, part 1: population "
        "pharmacokinetics of S-ketamine, S-norketamine and S-hydroxynorketamine. "
        "Front Pain Res 2022;3:946486. "
        "doi:10.3389/fpain.2022.946486."
    ),
    population="20 healthy adults, 19-32 years, 53-93 kg",
    sampling_site="arterial",
    drug="S-ketamine",
    role="comparison",
    parameters=MappingProxyType(
        {
            "v1": Parameter(11.6, 1.0),
            "cl": Parameter(1.48, 0.75),
            "v2": Parameter(39.0, 1.0),
            "q2": Parameter(2.43, 0.75),
            "v3": Parameter(174.0, 1.0),
            "q3": Parameter(1.21, 0.75),
            "nk_v1": Parameter(11.6, 1.0),
            "nk_cl": Parameter(1.00, 0.75),
            "nk_v2": Parameter(221.0, 1.0),
            "nk_q": Parameter(2.63, 0.75),
        }
    ),
    peripherals=(("v2", "q2"), ("v3", "q3")),
    metabolite=Metabolite(fraction=0.8, transit_steps=2, transit_rate=2.0 / 20.1, mass_ratio=223.70 / 237.73),
    variability=Variability(("v1", "cl", "q3"), _diagonal(0.057, 0.029, 0.026), residual_sd=None),
    validity=Validity(53, 93, 19, 32),
    note=(
        "Read in nlmixr2lib Simons_2022_s_ketamine. Weight exponents are assumed, not printed. "
        "The printed relative residual can be read as a variance or an SD and is not adopted."
    ),
)

DOMINO_1984 = PopulationModel(
    id="domino1984",
    title="Domino 1984",
    citation="Domino; peers cite PMID 7198883 (1982) or Clin Pharmacol Ther 1984;36:645.",
    population="Adults; not stated in the sources read",
    sampling_site="not stated",
    drug="racemic ketamine",
    role="comparison",
    parameters=MappingProxyType(_per_kg(0.063, 0.4381, ((0.5921, 0.2470), (0.5900, 0.0146)))),
    peripherals=(("v2", "q2"), ("v3", "q3")),
    note="Read in opentiva, SimTIVA and stanpumpR. No variances found.",
)

CLEMENTS_1981 = PopulationModel(
    id="clements1981",
    title="Clements 1981",
    citation="Clements 1981, Br J Anaesth 53:27. doi:10.1093/bja/53.1.27.",
    population="Adults, 0.25 mg/kg bolus",
    sampling_site="not stated",
    drug="racemic ketamine",
    role="comparison",
    parameters=MappingProxyType(_per_kg(1.7522, 0.0109, ((0.0186, 0.0137),))),
    peripherals=(("v2", "q2"),),
    note="Read in opentiva (Clements250). No variances found.",
)

HIJAZI_2003 = PopulationModel(
    id="hijazi2003",
    title="Hijazi 2003",
    citation="Hijazi 2003, Br J Anaesth 90:155. doi:10.1093/bja/aeg028.",
    population="Critically ill adults (population not verified)",
    sampling_site="not stated",
    drug="racemic ketamine",
    role="comparison",
    parameters=MappingProxyType(_per_kg(1.08, 0.0333, ((0.0088, 0.0030),))),
    peripherals=(("v2", "q2"),),
    note="Read in opentiva. No variances found. Critical illness differs about two-fold from volunteers.",
)

MODELS: MappingProxyType[str, PopulationModel] = MappingProxyType(
    {
        model.id: model
        for model in (
            OTTO_2021,
            KAMP_2020,
            PEREZ_2021,
            KAMP_2020_LINEAR,
            DOMINO_1984,
            CLEMENTS_1981,
            HIJAZI_2003,
            SIMONS_2022,
        )
    }
)

CLEARANCE_MODELS: tuple[str, ...] = tuple(name for name, model in MODELS.items() if model.decides_clearance)
PATIENT_MODELS: tuple[str, ...] = tuple(name for name, model in MODELS.items() if model.for_patients)


def get_model(name: object) -> PopulationModel:
    """The model of that id. Raises InvalidInput on field `model`."""
    if isinstance(name, str) and name in MODELS:
        return MODELS[name]
    raise InvalidInput(f"must be one of {', '.join(MODELS)}", field="model")
