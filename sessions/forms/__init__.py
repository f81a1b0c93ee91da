"""Forms of the infusion record, its sign-off, and the patient's consents, safety contacts and scores."""
