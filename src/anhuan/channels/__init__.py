"""Moving bytes, one folder per channel: from a permit to the next hand, and what comes back, as values.

Knows the core alone: no law, no Django, no settings, and no channel knows another. Everything a transport needs (addresses,
secrets, folders, a clock) arrives as an argument. `transport` is the shape all of them share.
"""
