"""Checks the URL at which a caller wants to be told of a job."""

from typing import Annotated

from pydantic import Field

from service.edges.dial_guard import DialRefused, EgressPolicy

WebhookUrl = Annotated[
    str,
    Field(
        json_schema_extra={
            "format": "webhook-url",
            "description": "A public https URL; which others the operator allows is a setting.",
            "examples": ["https://hooks.example.com/leadfall"],
        }
    ),
]


def url_problems(name: str, url: str | None, egress: EgressPolicy) -> dict[str, str]:
    """Return what is wrong with a URL, by the name of its field; nothing when there is none."""
    if url is None:
        return {}
    try:
        egress.check_url(url)
    except DialRefused as refusal:
        return {name: f"{name} is not allowed: {refusal}"}
    return {}
