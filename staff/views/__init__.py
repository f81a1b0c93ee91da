"""Pages of the people who manage the clinic."""
