"""Drugs given beside the infusion, and the bag that was used: lot, expiry, waste before a witness."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from sessions import signals
from sessions.models import BagUse, GivenDrug, Infusion
from sessions.services import estimates
from sessions.services._record import act, locked, moment, need_role, need_state, not_in_future, touch
from staff.errors import InvalidInput, RuleNotMet, StateConflict
from staff.models import User

# code -> (name, sedating, usual largest dose in mg; more is asked about, not refused)
PRN_DRUGS: dict[str, tuple[str, bool, Decimal]] = {
    "ondansetron": ("Ondansetron", False, Decimal(8)),
    "metoclopramide": ("Metoclopramide", False, Decimal(10)),
    "labetalol": ("Labetalol", False, Decimal(40)),
    "clonidine": ("Clonidine", True, Decimal("0.3")),
    "hydralazine": ("Hydralazine", False, Decimal(20)),
    "midazolam": ("Midazolam", True, Decimal(5)),
    "lorazepam": ("Lorazepam", True, Decimal(4)),
    "glycopyrrolate": ("Glycopyrrolate", False, Decimal("0.4")),
    "paracetamol": ("Paracetamol", False, Decimal(1000)),
    "other": ("Other", False, Decimal(5000)),
}
LARGEST = Decimal(5000)
WITH_THE_PATIENT = frozenset({*Infusion.BEFORE_START, *Infusion.RUNNING, Infusion.Status.RECOVERING})
CLOSED = "This record is closed: nothing more was given on this visit."


@act
def record_given_drug(
    *,
    infusion: Infusion,
    drug: str,
    dose_mg: Decimal,
    ordered_by: User,
    by: User,
    drug_name: str = "",
    sedating: bool = False,
    note: str = "",
    observed_at: datetime | None = None,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> GivenDrug:
    """One drug in mg. The same one twice (drug, mg, time, person) is stored once.

    A sedating one makes the observation longer and renews the estimate, which then says that it ignores it.
    Raises InvalidInput at the field, NotAllowed when `ordered_by` may not order, StateConflict on a closed record.
    """
    now = moment(at)
    current = locked(infusion, expected_version)
    need_state(current, WITH_THE_PATIENT, CLOSED)
    if drug not in PRN_DRUGS:
        raise InvalidInput("Choose the drug.", code="unknown-drug", field="drug")
    name, known_sedating, _ = PRN_DRUGS[drug]
    name = drug_name.strip()[:60] if drug == "other" else name
    if not name:
        raise InvalidInput("Name the drug.", code="required", field="drug_name")
    if not dose_mg.is_finite() or not Decimal(0) < dose_mg <= LARGEST:
        raise InvalidInput("Enter the dose in mg, above 0 and at most 5000.", code="range", field="dose_mg")
    need_role(ordered_by, "infusion.order", "A drug is ordered by a prescriber.", field="ordered_by")
    seen = not_in_future(observed_at or now, now, "observed_at")
    values = {
        "drug": drug,
        "drug_name": name,
        "dose_mg": dose_mg,
        "observed_at": seen,
        "ordered_by": ordered_by,
    }
    same: GivenDrug | None = current.given_drugs.live().filter(entered_by=by, **values).first()
    if same is not None:
        return same
    given: GivenDrug = GivenDrug.objects.create(
        infusion=current,
        sedating=known_sedating or sedating,
        note=note.strip()[:200],
        entered_at=now,
        entered_by=by,
        **values,
    )
    touch(current)
    _follow(current, given, by, now)
    return given


@act
def strike_given_drug(
    *,
    given: GivenDrug,
    reason: str,
    by: User,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> GivenDrug:
    """Take a row out that was entered by mistake; it stays visible as struck. StateConflict once signed."""
    now = moment(at)
    current = locked(given.infusion, expected_version)
    need_state(current, WITH_THE_PATIENT, "This record is signed: what was given is fixed.")
    if not reason.strip():
        raise InvalidInput("Say why the entry is struck out.", code="reason-needed", field="reason")
    found: GivenDrug = current.given_drugs.select_for_update(of=("self",)).get(pk=given.pk)
    if found.withdrawn_at is not None:
        raise StateConflict("This entry was already struck out.", code="already-withdrawn")
    found.withdrawn_at, found.withdrawn_by, found.withdrawn_reason = now, by, reason.strip()[:200]
    found.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_reason"])
    touch(current)
    _follow(current, found, by, now)
    return found


def _follow(infusion: Infusion, given: GivenDrug, by: User, now: datetime) -> None:
    """Only a sedating drug changes when the patient may leave and what the estimate has to say."""
    if given.sedating and infusion.started_at is not None:
        estimates.renew_estimate(infusion, estimates.read_log(infusion), now)
        signals.tell(signals.estimate_changed, infusion=infusion, by=by, at=now)


@act
def record_bag(
    *,
    infusion: Infusion,
    lot: str,
    expires_on: date,
    by: User,
    waste_mg: Decimal | None = None,
    witness: User | None = None,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> BagUse:
    """Which bag is used, or what of it was thrown away. A new entry supersedes the one before.

    Raises RuleNotMet for a bag past its day (local to the site), waste without a witness or witnessed by the same
    person; InvalidInput at the field.
    """
    now = moment(at)
    current = locked(infusion, expected_version)
    need_state(current, WITH_THE_PATIENT, CLOSED)
    if not lot.strip():
        raise InvalidInput("Enter the lot number.", code="required", field="lot")
    today = now.astimezone(ZoneInfo(current.site.time_zone)).date()
    if expires_on < today and current.started_at is None:
        raise RuleNotMet("This bag is past its day. Take another one.", code="expired", field="expires_on")
    if waste_mg is not None and (not waste_mg.is_finite() or not 0 <= waste_mg <= 1000):
        raise InvalidInput("Enter 0 to 1000 mg.", code="range", field="waste_mg")
    _check_witness(waste_mg, witness, by)
    current.bags.current().update(superseded_at=now)
    row: BagUse = BagUse.objects.create(
        infusion=current, lot=lot.strip()[:40], expires_on=expires_on, waste_mg=waste_mg,
        witness=witness if waste_mg else None, observed_at=now, entered_at=now, entered_by=by,
    )  # fmt: skip
    touch(current)
    return row


def _check_witness(waste_mg: Decimal | None, witness: User | None, by: User) -> None:
    if not waste_mg:
        return
    if witness is None:
        raise RuleNotMet(
            "Somebody else witnesses the waste, with their own password.",
            code="witness-needed",
            field="witness",
        )
    if witness.pk == by.pk:
        raise RuleNotMet("The witness must be somebody else.", code="same-person", field="witness")
    need_role(witness, "infusion.record", "The witness must be a clinician or nurse.", field="witness")
