"""Automatic reminder calls, carried by the bank's telephone exchange."""
