"""The edge for time: what runs because an hour has come."""
