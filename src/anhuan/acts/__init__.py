"""Every write: one transaction, one event."""
