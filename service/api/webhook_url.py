"""Checks the URL at which a caller wants to be told of a job."""

from service.edges.dial_guard import DialRefused, EgressPolicy


def url_problems(name: str, url: str | None, egress: EgressPolicy) -> dict[str, str]:
    """Return what is wrong with a URL, by the name of its field; nothing when there is none."""
    if url is None:
        return {}
    try:
        egress.check_url(url)
    except DialRefused as refusal:
        return {name: f"{name} is not allowed: {refusal}"}
    return {}
