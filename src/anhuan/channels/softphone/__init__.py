"""Calls by people: the exchange rings the collector's own telephone, and dials the customer once it is picked up. See docs/the-call.md."""
