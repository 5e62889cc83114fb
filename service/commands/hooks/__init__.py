"""Tools for those who write receivers of webhooks."""
