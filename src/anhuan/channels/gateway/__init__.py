"""Text messages through an HTTP gateway, signed both ways."""
