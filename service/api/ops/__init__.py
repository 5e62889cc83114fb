"""Health, readiness and metrics, on the operator's address."""
