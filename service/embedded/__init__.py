"""PostgreSQL and Valkey from wheels, as supervised children, for dev, demo and tests."""

from service.embedded.errors import DataFolderInUseError, EmbeddedServerError
from service.embedded.postgres import EmbeddedPostgres, start_postgres
from service.embedded.valkey import EmbeddedValkey, start_valkey

__all__ = [
    "DataFolderInUseError",
    "EmbeddedPostgres",
    "EmbeddedServerError",
    "EmbeddedValkey",
    "start_postgres",
    "start_valkey",
]
