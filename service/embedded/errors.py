"""What can go wrong with an embedded server."""


class EmbeddedServerError(RuntimeError):
    """An embedded server could not be started or stopped."""


class DataFolderInUseError(EmbeddedServerError):
    """Another living process runs its server on this data folder."""
