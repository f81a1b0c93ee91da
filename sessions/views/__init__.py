"""Pages of the infusion record and of the patient's treatment facts. Thin: fetch with authority, form,
service.
"""
