"""What a caller may send about its providers, and the sentences that say what is wrong with it."""

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

from providers.contract import Provider
from providers.registry import all_providers, find_provider
from service.api.validation import WHOLE, Body, invalid, problems_of, validate
from service.domain.sentences import joined
from service.store.provider_keys import Arrangement

KEY_CHARACTERS_MAX: Final = 512
PRIORITY_MAX: Final = 1_000_000
ARRANGED_MAX: Final = 100

_NAME_CHARACTERS_MAX: Final = 64
_KEY: Final = re.compile(rf"[\x21-\x7e]{{1,{KEY_CHARACTERS_MAX}}}")


class ProviderKeyBody(Body):
    """The body of the call that sets a key."""

    api_key: Annotated[
        SecretStr,
        Field(
            alias="apiKey",
            json_schema_extra={"pattern": rf"^\s*[!-~]{{1,{KEY_CHARACTERS_MAX}}}\s*$"},
        ),
    ]


def _read_slug(name: str) -> str:
    provider = known_provider(name)
    if provider is None:
        known = joined(list(all_providers()))
        raise PydanticCustomError("unknown_provider", "unknown", {"providers": known})
    return provider.slug


class ArrangedProvider(Body):
    """What changes of one provider; lower priorities come earlier in the list of providers."""

    provider: Annotated[
        str,
        Field(max_length=_NAME_CHARACTERS_MAX, json_schema_extra={"enum": [*all_providers()]}),
        AfterValidator(_read_slug),
    ]
    enabled: bool | None = None
    priority: Annotated[int, Field(ge=0, le=PRIORITY_MAX), WHOLE] | None = None


class ArrangementsBody(Body):
    """The body of the call that changes order and switches."""

    providers: Annotated[list[ArrangedProvider], Field(min_length=1, max_length=ARRANGED_MAX)]


def read_key(raw: dict[str, Any]) -> str:
    """Return the key in a body, without the blanks around it that come with copying.

    Raises:
        InvalidRequest: there is none, or it has characters that no key has; never repeats it.
    """
    return _key_of(
        validate(ProviderKeyBody, raw, further=lambda body: problems_of(lambda: _key_of(body)))
    )


def _key_of(body: ProviderKeyBody) -> str:
    api_key = body.api_key.get_secret_value().strip()
    if _KEY.fullmatch(api_key) is None:
        raise invalid(
            {
                "apiKey": f"apiKey must have 1 to {KEY_CHARACTERS_MAX} printable ASCII characters "
                "and no blanks"
            }
        )
    return api_key


def read_arrangements(raw: dict[str, Any]) -> list[Arrangement]:
    """Return the new order and switches, each provider by its slug.

    Raises:
        InvalidRequest: names everything that is wrong.
    """
    body = validate(ArrangementsBody, raw, further=_repetitions)
    return [Arrangement(each.provider, each.enabled, each.priority) for each in body.providers]


def _repetitions(body: ArrangementsBody) -> dict[str, str]:
    slugs = [each.provider for each in body.providers]
    paths = [f"providers.{place}.provider" for place in range(len(slugs))]
    return {
        path: f"{path} is given more than once"
        for place, path in enumerate(paths)
        if slugs[place] in slugs[:place]
    }


def known_provider(name: str) -> Provider | None:
    """Return the provider that a caller calls so, in any case, or None."""
    return find_provider(name.strip().lower())
