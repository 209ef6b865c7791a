"""Text messages over SMPP 3.4, the protocol of message centres (SMSC)."""
