"""The only writers of plans, one module per noun. Keyword-only functions, each one transaction, domain errors out."""
