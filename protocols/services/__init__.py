"""The only writers of protocol texts: write a draft, have it approved, retire it."""

from protocols.services.acknowledging import acknowledge_rationale
from protocols.services.drafting import save_draft, start_empty
from protocols.services.files import import_file
from protocols.services.language import use_term
from protocols.services.outside import answer_outside, ask_outside, hand_over, open_review, take_back
from protocols.services.review import approve_and_activate, findings_of, retire, return_to_draft, submit
from protocols.services.shipped import install_shipped
from protocols.services.writing import (
    create_draft,
    create_template,
    duplicate_version,
    revise_version,
    update_document,
    update_draft,
)

__all__ = [
    "acknowledge_rationale",
    "answer_outside",
    "approve_and_activate",
    "ask_outside",
    "create_draft",
    "create_template",
    "duplicate_version",
    "findings_of",
    "hand_over",
    "import_file",
    "install_shipped",
    "open_review",
    "retire",
    "return_to_draft",
    "revise_version",
    "save_draft",
    "start_empty",
    "submit",
    "take_back",
    "update_document",
    "update_draft",
    "use_term",
]
