"""Pages about patients: people (list, record, team), contacts, and the history that speaks for or against
treatment.
"""
