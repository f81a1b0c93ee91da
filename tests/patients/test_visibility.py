"""Which patients a person sees, and how they are found."""

from datetime import date

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404

from patients.access import get_contact_point_for, get_patient_for
from patients.models import ContactPoint, Patient
from patients.querysets import read_birth_date
from tests.factories import make_contact, make_patient, make_site, make_user


def seen_by(user):
    return set(Patient.objects.visible_to(user))


@pytest.fixture
def people(clinic):
    """assigned to the therapist, unassigned, assigned to the other one, at another site, elsewhere but assigned."""
    elsewhere = make_site()
    return {
        "mine": clinic.patient,
        "pool": make_patient(clinic.site),
        "theirs": make_patient(clinic.site, therapist=clinic.other_therapist),
        "elsewhere": make_patient(elsewhere),
        "mine_elsewhere": make_patient(elsewhere, therapist=clinic.therapist),
    }


def test_the_care_team_sees_everybody_at_their_sites(clinic, people):
    here = {people["mine"], people["pool"], people["theirs"]}
    for user in (clinic.clinician, clinic.nurse, clinic.coordinator):
        assert seen_by(user) == here


def test_a_therapist_sees_assigned_patients_and_the_pool_of_their_sites(clinic, people):
    assert seen_by(clinic.therapist) == {people["mine"], people["pool"], people["mine_elsewhere"]}


def test_a_therapist_who_is_also_a_nurse_sees_the_whole_site(clinic, people):
    both = make_user("therapist", "nurse", sites=[clinic.site])
    assert seen_by(both) == {people["mine"], people["pool"], people["theirs"]}


def test_a_protocol_admin_sees_no_patient(clinic, people):
    assert seen_by(clinic.admin) == set()


def test_fetching_says_404_for_what_is_not_yours_and_403_for_the_wrong_role(clinic, people):
    assert get_patient_for(clinic.therapist, people["pool"].code) == people["pool"]
    for code in (people["theirs"].code, "11111111-1111-4111-8111-111111111111", "no-uuid"):
        with pytest.raises(Http404):
            get_patient_for(clinic.therapist, code)
    with pytest.raises(PermissionDenied):
        get_patient_for(clinic.admin, people["pool"].code)
    with pytest.raises(PermissionDenied):
        get_patient_for(clinic.therapist, people["mine"].code, action="patient.edit")


def test_an_address_is_visible_with_its_patient(clinic, people):
    theirs = make_contact(people["theirs"])
    with pytest.raises(Http404):
        get_contact_point_for(clinic.therapist, theirs.code, action="patient.view")
    assert get_contact_point_for(clinic.nurse, theirs.code) == theirs
    assert theirs not in ContactPoint.objects.visible_to(clinic.outsider)


@pytest.fixture
def mara(clinic):
    return make_patient(
        clinic.site, given_name="Mara Lena", family_name="Ellison", mrn="RC-1037", birth_date=date(1964, 2, 4)
    )


@pytest.mark.parametrize(
    "typed",
    [
        "ellison",
        "Mara",
        "ELLISON, mara",
        "lena ell",
        "RC-10",
        "rc-1037",
        "1964-02-04",
        "4 Feb 1964",
        "4 February 1964",
    ],
)
def test_a_patient_is_found_by_name_number_or_birth_date(mara, typed):
    assert list(Patient.objects.matching(typed)) == [mara]


@pytest.mark.parametrize("typed", ["ellison theo", "1037", "1964-02-05", "%", "' OR 1=1 --", "04/02/1964"])
def test_what_is_not_hers_does_not_find_her(mara, typed):
    assert mara not in Patient.objects.matching(typed)


@pytest.mark.parametrize("typed", ["Elisson", "Elison", "Marra Ellison", "Elliston"])
def test_a_misspelt_name_is_found_by_sound(clinic, mara, typed):
    assert list(Patient.objects.filter(site=clinic.site).sounding_like(typed))[:1] == [mara]


def test_a_birth_date_that_two_countries_read_differently_is_not_guessed():
    assert read_birth_date("03/04/1984") is None
    assert read_birth_date("1984-02-30") is None
    assert read_birth_date("29.02.1984") == date(1984, 2, 29)
