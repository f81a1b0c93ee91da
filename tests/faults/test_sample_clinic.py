"""The sample clinic is right at any moment: weekday noon, Sunday night, and both nights on which clocks change.

Each is made by the seed command's own function on a database of its own, as the app role, and then asked.
"""

from __future__ import annotations

import pytest

from protocols.lexicon import check_text
from tests.faults.conftest import INSTANTS

pytestmark = pytest.mark.fault

STAGES = {
    "running": "SELECT count(*) FROM treatment_sessions_infusion WHERE status = 'infusing'",
    "recovering": "SELECT count(*) FROM treatment_sessions_infusion WHERE status = 'recovering'",
    "waiting": "SELECT count(*) FROM treatment_sessions_infusion WHERE status = 'arrived'",
    "open windows": "SELECT count(*) FROM scheduling_plasticitywindow WHERE status = 'open' AND superseded_at IS NULL",
    "windows ahead": "SELECT count(*) FROM scheduling_plasticitywindow"
    " WHERE status = 'pending' AND superseded_at IS NULL",
    "missed": "SELECT count(*) FROM scheduling_followup WHERE state = 'missed' AND therapy",
    "done": "SELECT count(*) FROM scheduling_followup WHERE state = 'done' AND therapy",
    "completed series": "SELECT count(*) FROM scheduling_treatmentseries WHERE status = 'completed'",
    "decided at check-in": "SELECT count(*) FROM treatment_sessions_gateanswer"
    " WHERE gate = 'minimum_gap' AND outcome = 'overridden' AND infusion_id IS NOT NULL",
    "exposure decided at booking": "SELECT count(*) FROM treatment_sessions_gateanswer"
    " WHERE gate = 'exposure' AND outcome = 'overridden'",
    "sent messages": "SELECT count(*) FROM scheduling_message WHERE state = 'sent'",
    "preparation visits held": "SELECT count(*) FROM treatment_sessions_preparationrecord",
    "taken by ambulance": "SELECT count(*) FROM treatment_sessions_disposition WHERE outcome = 'ambulance'",
    "legal representatives": "SELECT count(*) FROM treatment_sessions_consent WHERE representative_id IS NOT NULL",
    "times told outside": "SELECT count(*) FROM scheduling_message WHERE kind = 'outside_window' AND state = 'sent'",
    "reported outside": "SELECT count(*) FROM scheduling_followup WHERE state = 'reported'",
    "releases revoked": "SELECT count(*) FROM patients_therapistrelease WHERE revoked_by_id IS NOT NULL",
    "returned from outside": "SELECT count(*) FROM protocols_outsidereview WHERE answer = 'returned'",
}
TEXTS = """
    SELECT 'message', kind || ': ' || subject || E'\\n' || body FROM scheduling_message WHERE body <> '' UNION
    SELECT 'document', title || E'\\n' || body FROM protocols_protocoldocument UNION
    SELECT 'template', name || E'\\n' || summary FROM protocols_protocoltemplate UNION
    SELECT 'item', title || E'\\n' || detail FROM scheduling_workitem UNION
    SELECT 'plan', concat_ws(E'\\n', goals, practice_plan, expectations) FROM treatment_sessions_preparationrecord UNION
    SELECT 'note', concat_ws(E'\\n', goals, practice_plan, progress) FROM treatment_sessions_integrationnote
"""


@pytest.mark.parametrize("moment", INSTANTS)
def test_every_stage_is_there_and_the_lists_are_empty(sample_clinics, moment):
    stacks, made = sample_clinics
    stack = stacks[moment]
    assert "Sample sign-ins" in made[moment].result()
    assert stack.manage("check_schedule").endswith("0 findings.\n")
    assert stack.value("SELECT count(*) FROM patients_patient") == 60
    assert stack.value("SELECT count(*) FROM scheduling_resource WHERE kind = 'chair'") == 8
    assert (
        stack.value("SELECT count(*) FROM staff_user") == 23
    )  # the twenty, who manages the clinic, who is invited, who has left
    empty = [stage for stage, question in STAGES.items() if not stack.value(question)]
    assert empty == []
    assert "Sample sign-ins" in stack.manage("seed_demo")
    assert stack.value("SELECT count(*) FROM patients_patient") == 60


def test_the_lexicon_finds_nothing_in_what_the_sample_clinic_sends_and_shows(sample_clinics):
    """Messages as they left, texts for patients, names of protocols, items of lists, plans and notes."""
    stacks, made = sample_clinics
    made["a weekday at noon"].result()
    texts = stacks["a weekday at noon"].rows(TEXTS)
    assert {kind for kind, _ in texts} == {"message", "document", "template", "item", "plan", "note"}
    found = [(kind, item.match, text[:60]) for kind, text in texts for item in check_text(text)]
    assert found == []
