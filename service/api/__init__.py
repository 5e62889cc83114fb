"""The HTTP API: routes, middleware and one folder per face."""
