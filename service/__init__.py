"""Leadfall: self-hosted lead enrichment."""
