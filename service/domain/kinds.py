"""What can be asked of a lead (kinds), what each fills (targets), and each face's names."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Target(StrEnum):
    """What a kind fills; at most one lookup per lead and target is open at a time."""

    VERIFICATION = "verification"
    EMAIL = "email"
    PHONE = "phone"
    GATEWAY = "gateway"
    ESP = "esp"


class Kind(StrEnum):
    """One way to enrich a lead."""

    VERIFY_EMAIL = "verify_email"
    FIND_EMAIL = "find_email"
    FIND_EMAIL_WATERFALL = "find_email_waterfall"
    FIND_PHONE = "find_phone"
    DETECT_GATEWAY = "detect_gateway"
    DETECT_ESP = "detect_esp"

    @property
    def target(self) -> Target:
        """What this kind fills."""
        return _TARGETS[self]

    @property
    def capability(self) -> "Capability":
        """What a provider must be able to do to be a step of this kind."""
        return _CAPABILITIES[self]


class Capability(StrEnum):
    """One thing a provider can do."""

    FIND_EMAIL = "find_email"
    VERIFY_EMAIL = "verify_email"
    FIND_PHONE = "find_phone"
    DETECT_GATEWAY = "detect_gateway"
    DETECT_ESP = "detect_esp"


_TARGETS: Final = {
    Kind.VERIFY_EMAIL: Target.VERIFICATION,
    Kind.FIND_EMAIL: Target.EMAIL,
    Kind.FIND_EMAIL_WATERFALL: Target.EMAIL,
    Kind.FIND_PHONE: Target.PHONE,
    Kind.DETECT_GATEWAY: Target.GATEWAY,
    Kind.DETECT_ESP: Target.ESP,
}

_CAPABILITIES: Final = {
    Kind.VERIFY_EMAIL: Capability.VERIFY_EMAIL,
    Kind.FIND_EMAIL: Capability.FIND_EMAIL,
    Kind.FIND_EMAIL_WATERFALL: Capability.FIND_EMAIL,
    Kind.FIND_PHONE: Capability.FIND_PHONE,
    Kind.DETECT_GATEWAY: Capability.DETECT_GATEWAY,
    Kind.DETECT_ESP: Capability.DETECT_ESP,
}


class Face(StrEnum):
    """One of the two public APIs Leadfall speaks."""

    SELEQT = "seleqt"
    SENDKIT = "sendkit"


@dataclass(frozen=True, slots=True)
class JobType:
    """A face's own name for a kind, as its callers send it and as its answers show it."""

    face: Face
    requested_as: str
    shown_as: str
    kind: Kind


JOB_TYPES: Final = (
    JobType(Face.SELEQT, "FIND_EMAIL", "FIND_EMAIL", Kind.FIND_EMAIL),
    JobType(Face.SELEQT, "FIND_EMAIL_WATERFALL", "FIND_EMAIL_WATERFALL", Kind.FIND_EMAIL_WATERFALL),
    JobType(Face.SELEQT, "FIND_PHONE", "FIND_PHONE", Kind.FIND_PHONE),
    JobType(Face.SENDKIT, "email", "email_verification", Kind.VERIFY_EMAIL),
    JobType(Face.SENDKIT, "phoneEnrichment", "phone_enrichment", Kind.FIND_PHONE),
    JobType(Face.SENDKIT, "segGateway", "seg_gateway", Kind.DETECT_GATEWAY),
    JobType(Face.SENDKIT, "espDetection", "esp_detection", Kind.DETECT_ESP),
)
