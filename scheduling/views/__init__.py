"""Pages of bookings and of what follows infusions: thin, they fetch by `scheduling.access` and call services."""
