"""The worker process: drain loop, arq doorbell and janitor."""
