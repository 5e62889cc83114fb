"""What a caller gives of a lead, and how it changes one that is there."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from service.domain.lead_input import LeadInput
from service.domain.lead_record import Lead
from service.domain.phone_number import parse_phone, region_of

TEXT_COLUMNS: Final = (
    "first_name",
    "last_name",
    "company_name",
    "job_title",
    "phone",
    "linkedin_url",
    "city",
    "state",
    "country",
)
"""The columns of plain text that a caller can give."""

TAGS_MAX: Final = 50
TAG_CHARACTERS_MAX: Final = 100
CUSTOM_FIELDS_MAX: Final = 50
CUSTOM_NAME_CHARACTERS_MAX: Final = 100
CUSTOM_TEXT_CHARACTERS_MAX: Final = 2_000


class LeadTooLargeError(ValueError):
    """A change would leave a lead with more than it may hold; the message says of what.

    Attributes:
        field: the field's name on the SendKit face.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.field = name


@dataclass(frozen=True, slots=True)
class LeadChange:
    """A change of one lead.

    Attributes:
        texts: new values by the names in `TEXT_COLUMNS`; None clears one.
        tags: replace what is there; None leaves it.
        tags_added: join what is there.
        custom_fields: merged into what is there; a value of None removes that one.
    """

    texts: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    tags: tuple[str, ...] | None = field(default=None, repr=False)
    tags_added: tuple[str, ...] = field(default=(), repr=False)
    custom_fields: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class GivenLead:
    """A lead that a caller gives by its address.

    Attributes:
        email: parses, in lower case.
        texts: values by the names in `TEXT_COLUMNS`; only those that were given.
    """

    email: str = field(repr=False)
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    tags: tuple[str, ...] = field(default=(), repr=False)
    custom_fields: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def phone_e164(self) -> str | None:
        """The phone in E.164, or None when there is none or it does not parse."""
        return _parsed(self.texts.get("phone"), self.texts.get("country"))

    @property
    def as_input(self) -> LeadInput:
        """What names the person in it."""
        return LeadInput.from_row({**self.texts, "email": self.email})

    @property
    def change(self) -> LeadChange:
        """What this makes of a lead that is there already: it adds and replaces, never clears."""
        return LeadChange(self.texts, tags_added=self.tags, custom_fields=self.custom_fields)


def apply_change(lead: Lead, change: LeadChange) -> Lead:
    """Return the lead as the change leaves it, equal to `lead` where nothing differs.

    Raises:
        LeadTooLargeError: it would have too many tags or custom fields.
    """
    tags = list(lead.tags if change.tags is None else change.tags)
    tags += [tag for tag in change.tags_added if tag not in tags]
    if len(tags) > TAGS_MAX:
        raise LeadTooLargeError("tags", f"the lead would have more than {TAGS_MAX} tags")
    merged = {**lead.custom_fields, **change.custom_fields}
    custom_fields = {name: value for name, value in merged.items() if value is not None}
    if len(custom_fields) > CUSTOM_FIELDS_MAX:
        raise LeadTooLargeError(
            "customFields", f"the lead would have more than {CUSTOM_FIELDS_MAX} custom fields"
        )
    given: dict[str, Any] = {**change.texts, "tags": tags, "custom_fields": custom_fields}
    changed = replace(lead, **given)
    if changed.phone == lead.phone and lead.phone_e164 is not None:
        return changed
    return replace(changed, phone_e164=_parsed(changed.phone, changed.country))


def _parsed(phone: str | None, country: str | None) -> str | None:
    return None if phone is None else parse_phone(phone, region_of(country))
