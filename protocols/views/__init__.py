"""Pages of protocol texts: reading them, writing drafts, and the acts of review."""
