"""Consent and education texts of a protocol version, in plain clinical words, and what a consent text must
contain.

Pure module. The texts are ours, written from the numbers of the version; a clinic may edit them in a draft.
The required elements are those of the clinical lexicon's structural rule: a consent text that lacks one
cannot be submitted for approval. A body is plain text: "## " begins a heading, "- " a list item, an empty
line a paragraph.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from protocols.definition import ProtocolDefinition
from protocols.wording import plain_number

PLASTICITY = (
    "In the hours and days after the drug has cleared there may be a period of increased plasticity: the "
    "brain may find it easier to change how its cells are connected. The evidence for this period in people "
    "is limited (evidence grade D for the period itself, mostly animal studies; grade B for structured "
    "practice in the days after an infusion, one randomised trial). No trial has found the best hour for "
    "therapy."
)


@dataclass(frozen=True)
class Element:
    """Something a consent text must say. Every pattern must be found (case and line breaks do not matter)."""

    code: str
    label: str
    patterns: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """A piece of a body as a page draws it: a heading, a paragraph, or a list of items."""

    kind: Literal["heading", "text", "list"]
    lines: tuple[str, ...]


CONSENT_ELEMENTS = (
    Element("off_label", "the use is off-label", (r"off[- ]label",)),
    Element("alternatives", "the alternatives", (r"\balternatives?\b",)),
    Element("blood_pressure", "the blood pressure risk", (r"blood pressure",)),
    Element("dissociation", "the risk of dissociation", (r"dissociat",)),
    Element("misuse", "the risk of misuse and dependence", (r"\b(?:misuse|abuse|dependence)\b",)),
    Element("bladder", "the bladder risk", (r"bladder|urinary",)),
    Element(
        "driving", "no driving until after sleep", (r"\b(?:not|no|never)\b[^.]{0,60}driv[^.]{0,160}sleep",)
    ),
    Element(
        "experience",
        "what is felt during the infusion is not needed for benefit and not necessarily true",
        (
            r"not (?:needed|required|necessary)\b[^.]{0,60}\b(?:benefit|better|effect)",
            r"not necessarily true|need not be true",
        ),
    ),
    Element("plasticity", "plasticity, with its evidence grade", (r"plasticity", r"grade [A-D]\b")),
    Element(
        "therapist", "work with a licensed therapist afterwards", (r"licensed therapist[^.]*(?:after|later)",)
    ),
    Element(
        "why_vein",
        "why the drug is given into a vein",
        (r"\b(?:vein|intravenous(?:ly)?|IV)\b[^.]{0,120}\b(?:because|evidence|studied)\b",),
    ),
    Element("relapse", "the risk of relapse", (r"relapse|come back|return of symptoms",)),
)


QUESTIONS = (
    "Is what I feel during the infusion needed for the treatment to work?",
    "When does the work happen?",
    "When may I drive?",
)
"""The three questions of the teach-back, asked word for word; the patient answers in their own words."""


def missing_questions(body: str) -> tuple[str, ...]:
    """Which of the three questions an education text does not ask; line breaks and case do not matter."""
    flat = " ".join(body.split()).casefold()
    return tuple(question for question in QUESTIONS if question.casefold() not in flat)


def missing_elements(body: str) -> tuple[Element, ...]:
    """What a consent text does not say, in the order of the list; empty when it is complete."""
    flat = " ".join(body.split())
    return tuple(
        element
        for element in CONSENT_ELEMENTS
        if not all(re.search(pattern, flat, re.IGNORECASE) for pattern in element.patterns)
    )


def blocks(body: str) -> tuple[Block, ...]:
    """The body cut into headings, paragraphs and lists, in order. Never raises; unknown marks stay text."""
    found: list[Block] = []
    for part in re.split(r"\n[ \t]*\n", body.strip()):
        run: list[str] = []
        for line in (line.strip() for line in part.split("\n")):
            if line.startswith("## "):
                found += _closed(run)
                run = []
                found.append(Block("heading", (line[3:].strip(),)))
            elif run and run[0].startswith("- ") != line.startswith("- "):
                found += _closed(run)
                run = [line]
            elif line:
                run.append(line)
        found += _closed(run)
    return tuple(found)


def _closed(run: list[str]) -> list[Block]:
    if not run:
        return []
    if run[0].startswith("- "):
        return [Block("list", tuple(line[2:].strip() for line in run))]
    return [Block("text", (" ".join(run),))]


def consent_title(definition: ProtocolDefinition) -> str:
    """Title of the standard consent text."""
    return f"Consent to ketamine by infusion: {definition.title.lower()}"


def education_title(definition: ProtocolDefinition) -> str:
    """Title of the standard education text."""
    return f"About your infusions: {definition.title.lower()}"


def _visits(definition: ProtocolDefinition) -> str:
    return "one infusion" if definition.visits == 1 else f"{definition.visits} infusions"


def _studies(definition: ProtocolDefinition) -> str:
    return f"What is known from studies: {definition.evidence}" if definition.evidence else ""


def consent_text(definition: ProtocolDefinition) -> str:
    """The standard consent text with this version's numbers. Contains every element of CONSENT_ELEMENTS."""
    dose, observe = definition.dose, definition.discharge.observe_from_start_minutes
    return f"""## What is offered
You are offered {_visits(definition)} of ketamine into a vein. The planned amount is \
{plain_number(dose.mg_per_kg)} mg for each kg of body weight over {dose.infusion_minutes} minutes. \
Afterwards you stay with us for at least {observe} minutes from the start, until a clinician has found \
that you are ready to leave.

Ketamine is an anaesthetic. Its use for depression is off-label: the drug is approved, but not for this \
purpose. {_studies(definition)}

Why into a vein: one infusion of 0.5 mg/kg over 40 minutes into a vein has the most evidence (level 1 of 4, \
CANMAT). Other routes have less, and the amount that reaches the blood varies more. It has not been shown \
that the vein works better when the two are compared directly.

## Alternatives
There are alternatives: changing or adding an antidepressant medicine, talking therapies, esketamine \
nasal spray, magnetic stimulation, electroconvulsive therapy, or no treatment now. You can ask about \
each of them, and you can take time to decide.

## Risks
- Blood pressure and heart rate rise for a while. We measure them throughout, and stop if they pass set \
limits.
- Dissociation: you may feel detached from your body or surroundings, or see and hear things \
differently. This is an effect of the drug and usually passes within an hour or two of the start. It \
can be frightening.
- Sleepiness, nausea, dizziness and headache are common on the day.
- Misuse and dependence are possible. We count your infusions and look at how often they are given.
- Bladder and urinary problems have been seen with frequent use. Tell us about pain or frequent urination.
- The effects of repeated infusions over years are not well known.
- Symptoms may not improve. If they do, a relapse is common: without further treatment, half of the \
people in one study had relapsed by about 18 days after the last infusion. If thoughts of suicide come \
or grow, call us or the emergency number at once.

## The day itself
- Do not drive, cycle in traffic or operate machines until the next day, after a full night of restful \
sleep.
- Somebody has to take you home. Make no important decisions and drink no alcohol until the next day.
- Have an empty stomach, as we have told you, and tell us about every medicine and any chance of pregnancy.

## What you may feel, and what it means
What you feel during the infusion is not needed for benefit: in studies, stronger feelings did not \
reliably mean getting better. It is like a dream: it can be vivid and emotional, and it is not \
necessarily true. Staff will look after you and will not interpret it. No therapy takes place until the \
drug has cleared.

## Afterwards
{PLASTICITY}

Rest and sleep come first. In the following days you work with a licensed therapist after the drug has \
cleared, and practise between the appointments what you have planned together.

## Your decision
You may say no, ask us to stop the infusion at any moment, or withdraw this consent later, without \
giving a reason and without losing other care."""


def education_text(definition: ProtocolDefinition) -> str:
    """The standard education text, read with the patient; the three questions at its end are asked back."""
    window = definition.window
    return f"""## What ketamine does
Ketamine blocks one kind of receptor for the messenger glutamate (the NMDA receptor). For a few hours \
it also raises blood pressure and changes how things look, sound and feel. These effects end as the \
drug clears.

## What may help
Mood may lift within hours to days. {PLASTICITY}

## What you feel during the infusion
Some people feel detached, some see images, some feel very little. Pleasant or moving thoughts can \
arise, and so can unpleasant ones. They are dream-like: they are not instructions, and they need not be \
true. How strong they are does not tell whether the treatment works. Nobody will ask you to work on \
problems during the infusion, because memory and judgement are altered then.

## Rest, then practice
- The first evening and night: rest in the dark, no screens late, your usual bedtime.
- From about {window.practice_from_hours} hours after the drug has cleared: short, planned practice \
every day.
- Within the first days: an appointment with your licensed therapist, on goals that are yours.
- Weeks later: keep up what helped. Symptoms often come back when treatment and practice stop.

## Staying safe
- Do not drive until the next day, after a full night of restful sleep.
- Call us if you feel worse, and the emergency number if you are in danger.

## Three questions, in your own words
- {QUESTIONS[0]}
- {QUESTIONS[1]}
- {QUESTIONS[2]}"""
