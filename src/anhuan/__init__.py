"""Anhuan (安还): a compliance-first credit-card collections platform."""
