"""Lets this process open as many files as its connections need."""

import resource

import structlog

_log = structlog.get_logger()


def allow_files(count: int) -> None:
    """Raise the limit of open files to `count`, or as far as this process may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return
    allowed = count if hard == resource.RLIM_INFINITY else min(count, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < count:
        _log.warning("open_files.limited", allowed=allowed, wanted=count)
