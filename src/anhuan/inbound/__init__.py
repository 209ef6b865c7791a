"""The edge for machines: gateways, mail servers and the bank's payment system tell us what happened, each message signed.

Knows signatures, JSON and status codes. Does not decide: `acts.receipts` and `acts.payment` do.
"""
