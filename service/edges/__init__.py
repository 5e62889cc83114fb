"""The outside world: HTTP, DNS, SMTP, the doorbell, secrets."""
