"""Postgres, one module and one SQL file per table group; nothing here begins or commits."""
