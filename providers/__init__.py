"""Data providers: one file per vendor, found by scanning this folder."""
