"""Judgement about one customer: closed words, money, days. Standard library only."""
