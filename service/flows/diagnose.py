"""Tells an operator how this installation is set up and what is missing, without a secret in it."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import asyncpg
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from providers.registry import all_providers
from service.domain.check import Check, Status
from service.domain.kinds import Kind
from service.domain.waterfall import Waterfall
from service.edges.dial_guard import EgressPolicy
from service.edges.secret_box import SecretBox
from service.flows.check_health import within
from service.flows.check_providers import remedies
from service.flows.list_settings import SettingLine, list_settings
from service.settings import Settings
from service.store.migrations import missing_migrations
from service.store.transient import TRANSIENT

CONNECT_TIMEOUT_S: Final = 5.0
POSTGRES_MAJOR_MIN: Final = 15
REDIS_MIN: Final = (6, 2)
VALKEY_MIN: Final = (7, 2)

_MAIL_PORT: Final = 25
_PLACEHOLDER: Final = ".invalid"


@dataclass(frozen=True, slots=True)
class KindLine:
    """What a kind can be asked of.

    Attributes:
        providers: the steps that are usable, in order.
        remedies: where there is none, the settings of which one would give it a step.
    """

    kind: Kind
    providers: tuple[str, ...]
    remedies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything `leadfall doctor` shows."""

    settings: tuple[SettingLine, ...]
    kinds: tuple[KindLine, ...]
    checks: tuple[Check, ...]

    @property
    def status(self) -> Status:
        """The worst of all checks."""
        return max((check.status for check in self.checks), key=lambda status: status.rank)

    def as_json(self) -> dict[str, Any]:
        """Return the diagnosis as one JSON object."""
        return {"status": self.status, **asdict(self)}


async def diagnose(settings: Settings, waterfalls: Collection[Waterfall]) -> Diagnosis:
    """Look at settings, servers and waterfalls; changes nothing and dials no vendor.

    Args:
        waterfalls: one for every kind, with only the steps that are usable.
    """
    postgres, redis = await asyncio.gather(_check_postgres(settings), _check_redis(settings))
    kinds = tuple(
        KindLine(each.kind, each.providers, () if each.steps else tuple(remedies(each)))
        for each in waterfalls
    )
    checks = (
        *postgres,
        redis,
        _check_secret_keys(settings),
        _check_providers(settings),
        _check_kinds(kinds),
        _check_egress(settings),
        _check_public_url(settings),
        _check_mail(settings),
    )
    return Diagnosis(tuple(list_settings(settings)), kinds, checks)


async def _check_postgres(settings: Settings) -> list[Check]:
    urls = [("postgres", settings.database_url), ("postgres_direct", settings.database_direct_url)]
    return [
        check
        for name, url in urls
        if url is not None
        for check in await _check_one_postgres(name, url.get_secret_value())
    ]


async def _check_one_postgres(name: str, url: str) -> list[Check]:
    async def read() -> tuple[int, str, list[str]]:
        connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S)
        try:
            number = int(await connection.fetchval("show server_version_num"))
            said = await connection.fetchval("show server_version")
            return number // 10_000, said.partition(" ")[0], await missing_migrations(connection)
        finally:
            connection.terminate()

    setting = "LEADFALL_DATABASE_URL" if name == "postgres" else "LEADFALL_DATABASE_DIRECT_URL"
    try:
        major, version, missing = await within(read(), CONNECT_TIMEOUT_S)
    except (*TRANSIENT, asyncpg.PostgresError, ValueError) as error:
        # The text of the error may repeat the URL and with it the password.
        said = f"Postgres cannot be used ({type(error).__name__}): look at {setting}."
        return [Check(name, Status.FAIL, said)]
    if major < POSTGRES_MAJOR_MIN:
        said = f"Postgres {version} is too old: {POSTGRES_MAJOR_MIN} or newer is needed."
        return [Check(name, Status.FAIL, said, major, "version", POSTGRES_MAJOR_MIN)]
    said = f"Postgres {version} answers."
    answers = Check(name, Status.PASS, said, major, "version", POSTGRES_MAJOR_MIN)
    if missing:
        said = f"The schema lacks {', '.join(missing)}: run `leadfall migrate`."
        return [answers, Check(f"{name}_schema", Status.FAIL, said, len(missing), "migrations", 1)]
    said = "The schema has every migration that this version needs."
    return [answers, Check(f"{name}_schema", Status.PASS, said, 0, "migrations", 1)]


async def _check_redis(settings: Settings) -> Check:
    async def read() -> Mapping[str, Any]:
        client: Redis = Redis.from_url(
            settings.redis_url.get_secret_value(), retry=Retry(NoBackoff(), 0)
        )
        async with client:
            info: Mapping[str, Any] = await client.info("server")
            return info

    try:
        info = await within(read(), CONNECT_TIMEOUT_S)
    except (RedisError, OSError, TimeoutError, ValueError) as error:
        said = (
            f"Redis cannot be used ({type(error).__name__}): look at LEADFALL_REDIS_URL. "
            "Without it work is found by polling, a little later."
        )
        return Check("redis", Status.WARN, said)
    # Valkey calls itself Redis 7.2 for the sake of old clients.
    valkey = info.get("valkey_version")
    name, version, least = (
        ("Valkey", str(valkey), VALKEY_MIN)
        if valkey
        else ("Redis", str(info.get("redis_version", "0")), REDIS_MIN)
    )
    if _numbers(version) < least:
        said = f"{name} {version} is too old: {least[0]}.{least[1]} or newer is needed."
        return Check("redis", Status.FAIL, said)
    return Check("redis", Status.PASS, f"{name} {version} answers.")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def _check_secret_keys(settings: Settings) -> Check:
    keys = [key.get_secret_value() for key in settings.secret_keys]
    try:
        SecretBox(keys)
    except ValueError as error:
        return Check("secret_keys", Status.FAIL, f"{error}: webhooks cannot be signed.")
    return Check("secret_keys", Status.PASS, f"{len(keys)} can decrypt, the first encrypts.")


def _check_providers(settings: Settings) -> Check:
    unknown = sorted(settings.providers.keys() - all_providers().keys())
    configured = sorted(settings.configured_providers & all_providers().keys())
    if unknown:
        said = f"There is no provider {', '.join(unknown)}; there are {', '.join(all_providers())}."
        return Check("providers", Status.FAIL, said)
    said = f"Configured: {', '.join(configured)}."
    return Check("providers", Status.PASS, said, len(configured), "providers")


def _check_kinds(kinds: tuple[KindLine, ...]) -> Check:
    unusable = [line for line in kinds if not line.providers]
    if not unusable:
        return Check("waterfalls", Status.PASS, "Every kind has a usable step.", 0, "kinds", 1)
    told = "; ".join(f"{line.kind} (set {' or '.join(line.remedies)})" for line in unusable)
    said = f"Without a usable step, and so refused: {told}."
    return Check("waterfalls", Status.WARN, said, len(unusable), "kinds", 1)


def _check_egress(settings: Settings) -> Check:
    try:
        policy = EgressPolicy.parse(
            settings.egress.allow, deny=settings.egress.deny, own_url=settings.public_url
        )
    except ValueError as error:
        return Check("egress", Status.FAIL, f"The exceptions cannot be used: {error}.")
    if any(network.prefixlen == 0 for network in policy.networks):
        said = "LEADFALL_EGRESS__ALLOW allows every address: customers can reach your network."
        return Check("egress", Status.WARN, said)
    count = len(settings.egress.allow)
    said = (
        f"{count} exceptions: {', '.join(settings.egress.allow)}."
        if count
        else ("Only public addresses are dialled.")
    )
    return Check("egress", Status.PASS, said, count, "entries")


def _check_public_url(settings: Settings) -> Check:
    if settings.public_url is None:
        said = "LEADFALL_PUBLIC_URL is not set: result links in webhooks are paths without a host."
        return Check("public_url", Status.WARN, said)
    return Check("public_url", Status.PASS, "Links in webhooks begin with LEADFALL_PUBLIC_URL.")


def _check_mail(settings: Settings) -> Check:
    hint = "Most clouds and home networks block outgoing port 25; nothing was dialled to find out."
    smtp = settings.smtp
    unset = [
        name
        for name, value in (
            ("LEADFALL_SMTP__HELO", smtp.helo),
            ("LEADFALL_SMTP__FROM", smtp.sender),
        )
        if value.endswith(_PLACEHOLDER)
    ]
    if unset:
        said = f"Set {' and '.join(unset)} to names of yours: mail hosts distrust others. {hint}"
        return Check("mail", Status.WARN, said, smtp.port, "port", _MAIL_PORT)
    return Check("mail", Status.PASS, hint, smtp.port, "port", _MAIL_PORT)
