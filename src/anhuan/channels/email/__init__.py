"""E-mail: SMTP out, and what comes back."""
