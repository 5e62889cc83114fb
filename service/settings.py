"""All settings, read once from `LEADFALL_*` variables; nothing else reads the environment.

The text below each field is its description, which `leadfall doctor` shows.
"""

import re
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from service.domain.kinds import Kind
from service.domain.outcome import OutcomeName

PROVIDER_DEADLINE_S_MAX: Final = 900.0

# What Kubernetes sets in every pod for a service called leadfall-something; nobody's setting.
_SERVICE_LINK: Final = re.compile(r".+_service_(host|port(_.+)?)|.+_port(_\d+_(tcp|udp|sctp).*)?")


def _split(value: object) -> object:
    """Read a comma-separated text as a list; anything else is left to pydantic."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


class _Section(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True
    )


class ProviderSettings(_Section):
    """The operator's access to one vendor."""

    api_key: SecretStr | None = None
    """The vendor's key; a provider without one is not used."""
    credit_cost: float = Field(1.0, ge=0)
    """What one credit of the vendor costs, in a unit of your choice; `cost_max` counts in it."""
    base_url: str | None = None
    """Where the vendor is reached instead of at its own address, such as a proxy."""

    @field_validator("api_key")
    @classmethod
    def _blank_is_none(cls, key: SecretStr | None) -> SecretStr | None:
        """Take an empty variable, as files of settings have them, for one that is not set."""
        return key if key is not None and key.get_secret_value().strip() else None


class EgressSettings(_Section):
    """Destinations that are exempt from the rules for addresses, and ones that never are."""

    allow: Annotated[tuple[str, ...], NoDecode] = ()
    """CIDRs and `host[:port]` that receivers, mail hosts and callbacks may have though private."""

    deny: Annotated[tuple[str, ...], NoDecode] = ()
    """CIDRs never dialled, whatever else says: your own public addresses, a NAT64 prefix, …"""

    _split_ranges = field_validator("allow", "deny", mode="before")(_split)


class DNSSettings(_Section):
    """Resolvers as `ip` or `ip:port`; none means the system's."""

    servers: Annotated[tuple[str, ...], NoDecode] = ()
    """Resolvers as `ip` or `ip:port`, comma-separated; none means the system's."""
    timeout_s: float = Field(5.0, gt=0, le=60)
    """Seconds for one question, over all resolvers."""
    control_name: str = Field("example.com", min_length=1, max_length=200)
    """A domain that exists: asked when nobody answers for a receiver's name, to see who is down."""

    _split_servers = field_validator("servers", mode="before")(_split)


class SMTPSettings(_Section):
    """How the verifier introduces itself to mail exchangers."""

    port: int = Field(25, ge=1, le=65535)
    """Port of mail exchangers; another than 25 is for tests."""
    sender: str = Field("probe@leadfall.invalid", alias="from")
    """Address given in MAIL FROM; use one of a domain of yours that accepts bounces."""
    helo: str = "leadfall.invalid"
    """Name given in EHLO; use the host's public name."""
    step_timeout_s: float = Field(10.0, gt=0, le=60)
    """Seconds for each answer of a mail exchanger."""
    host_interval_s: float = Field(0.05, ge=0, le=60)
    """Seconds between two questions to one mail host; big hosts block who asks faster."""


class PriceSettings(_Section):
    """Credits per lead at the built-in provider, by face and type."""

    sendkit: dict[str, int] = {
        "email": 1,
        "phoneEnrichment": 20,
        "segGateway": 0,
        "espDetection": 0,
    }
    """Credits per lead on the SendKit face, by enrichment type, as JSON."""
    seleqt: dict[str, int] = {"FIND_EMAIL": 3, "FIND_EMAIL_WATERFALL": 6, "FIND_PHONE": 30}
    """Credits per lead on the Seleqt face, by enrichment type, as JSON."""


class LimitSettings(_Section):
    """Bounds on what one request may ask for."""

    body_bytes_max: int = Field(4 * 1024 * 1024, ge=1024)
    """Bytes of a request's body."""
    body_timeout_s: float = Field(30.0, gt=0, le=600)
    """Seconds in which a request's body must have arrived."""
    upload_timeout_s: float = Field(300.0, gt=0, le=3_600)
    """Seconds in which a file must have arrived."""
    leads_per_request_max: int = Field(10_000, ge=1, le=1_000_000)
    """Leads that one request may enrich."""
    sync_leads_max: int = Field(1_000, ge=1, le=10_000)
    """Leads that one request may wait for."""
    sync_deadline_s: float = Field(120.0, gt=0, le=600)
    """Seconds after which a waiting caller is answered with what there is."""
    sync_waiters_max: int = Field(1_500, ge=1)
    """Callers of one API process who may wait at once."""
    requests_per_minute: int = Field(50, ge=1)
    """Requests that one key may send to the Seleqt face in any minute."""
    sendkit_requests_per_minute: int = Field(600, ge=1)
    """Requests that one key may send to the SendKit face in any minute."""
    connections_max: int = Field(2_000, ge=10)
    """Connections that one API process holds; further ones are told at once to try again."""
    page_size_max: int = Field(100, ge=1, le=1_000)
    """Rows of one page."""
    inline_results_max: int = Field(1_000, ge=0, le=10_000)
    """Lookups up to which a webhook carries the results; above, it carries a URL."""


class MemorySettings(_Section):
    """For how long answers of providers are used again instead of being paid for again."""

    enabled: bool = True
    """Whether answers are remembered at all."""
    found_days: float = Field(30.0, gt=0, le=365)
    """Days a value that was found is used again."""
    missing_days: float = Field(7.0, gt=0, le=365)
    """Days a person that a provider did not know is not asked for again."""


class WorkerSettings(_Section):
    """How a worker claims, runs and settles."""

    concurrency: int = Field(200, ge=1, le=5_000)
    """Lookups of a worker that may wait for a vendor at once."""
    claim_batch: int = Field(200, ge=1, le=5_000)
    """Lookups claimed at once."""
    settle_batch: int = Field(200, ge=1, le=5_000)
    """Lookups settled in one transaction."""
    flush_interval_s: float = Field(0.02, gt=0, le=1)
    """Seconds a settlement waits for others to share its transaction."""
    poll_interval_s: float = Field(0.5, gt=0, le=60)
    """Seconds between two looks for work when nobody rings."""
    drain_span_s: float = Field(20.0, gt=0, le=300)
    """Seconds after which a drain ends and rings again."""
    drain_grace_s: float = Field(30.0, gt=0, le=900)
    """Seconds a stopping worker waits for what is under way."""
    reclaim_count_max: int = Field(50, ge=0, le=1_000)
    """Crashes of its worker after which a lookup is given up, refunded. One that ends its worker by
    asking a vendor is given up sooner, by that vendor's repeat policy; this is for the others, and
    high, because every crash also counts for all that the worker happened to hold."""
    interrupted_wait_s: float = Field(600.0, gt=0)
    """Seconds after which a call with an unknown end counts as no answer."""
    gate_patience_s: float = Field(900.0, gt=0, le=3_600)
    """Seconds that leads wait for a provider that is throttled or down and answers nobody."""

    @property
    def drain_span(self) -> timedelta:
        """How long one drain claims before it rings again."""
        return timedelta(seconds=self.drain_span_s)

    @property
    def drain_grace(self) -> timedelta:
        """How long a stopping worker waits for what is under way."""
        return timedelta(seconds=self.drain_grace_s)


class DispatcherSettings(_Section):
    """How deliveries are sent: nested caps and deadlines."""

    concurrency: int = Field(128, ge=1, le=2_000)
    """Requests of one dispatcher under way at once."""
    workspace_concurrency: int = Field(64, ge=1)
    """Requests of one dispatcher under way to the receivers of one workspace."""
    host_concurrency: int = Field(32, ge=1)
    """Requests of one dispatcher under way to one host and port."""
    endpoint_concurrency: int = Field(8, ge=1)
    """Requests of one dispatcher under way to one endpoint."""
    claim_batch: int = Field(128, ge=1, le=1_000)
    """Deliveries claimed at once."""
    poll_interval_s: float = Field(1.0, gt=0, le=60)
    """Seconds between two looks for deliveries when nothing announces them."""
    deadline_s: float = Field(30.0, gt=0, le=30)
    """Seconds for one attempt at most; an endpoint's own timeoutMs is mostly shorter."""
    canary_url: str | None = None
    """A receiver of yours outside your network: while it is away, no other is blamed."""
    canary_interval_s: float = Field(10.0, gt=0, le=3_600)
    """Seconds between two calls of the canary."""
    retry_schedule_s: Annotated[tuple[float, ...], NoDecode] = (
        5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
    )  # fmt: skip
    """Seconds before each attempt after the first, comma-separated."""

    @field_validator("retry_schedule_s", mode="before")
    @classmethod
    def _numbers(cls, value: object) -> object:
        parts = _split(value)
        return [float(part) for part in parts] if isinstance(parts, list) else value


class RetentionSettings(_Section):
    """How long what happened is kept."""

    event_days: int = Field(90, ge=35, le=3_650)
    """Days that events, with their bodies, and finished deliveries are kept."""
    attempt_days: int = Field(30, ge=1, le=3_650)
    """Days that each request of a delivery, with the answer's beginning, is kept."""
    parked_days: int = Field(30, ge=1, le=30)
    """Days that a delivery waits for its endpoint to be enabled again."""
    parked_max: int = Field(100_000, ge=1, le=10_000_000)
    """Deliveries of one endpoint that wait so; of more, the oldest expire."""


class HealthSettings(_Section):
    """Ages, in seconds, above which health warns and fails."""

    ready_age_warn_s: float = 60.0
    """Seconds a lookup may wait for a worker before health warns."""
    ready_age_fail_s: float = 300.0
    """Seconds a job with lookups to begin may stand still before health fails."""
    running_age_fail_s: float = 1_800.0
    """Seconds a call may be under way before health fails."""
    due_age_warn_s: float = 60.0
    """Seconds a delivery may be late by our fault before health warns."""
    due_age_fail_s: float = 300.0
    """Seconds a delivery may be late by our fault before health fails."""
    loop_beat_fail_s: float = 5.0
    """Seconds a loop may not turn before the process is not ready."""


class _Environment(EnvSettingsSource):
    """The environment, with variables of ours that no setting has: they must not be overlooked."""

    def __call__(self) -> dict[str, Any]:
        found = super().__call__()
        prefix, delimiter = self.env_prefix.lower(), self.env_nested_delimiter or "__"
        for variable in self.env_vars:
            name = variable.lower().removeprefix(prefix)
            ours = variable.lower().startswith(prefix)
            section = name.partition(delimiter)[0]
            if ours and section not in Settings.model_fields and not _SERVICE_LINK.fullmatch(name):
                # The value may be a secret under a misspelt name.
                found[name] = None
        return found


class Settings(BaseSettings):
    """Everything an operator can set, with its default."""

    model_config = SettingsConfigDict(
        env_prefix="LEADFALL_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
    )

    database_url: SecretStr = SecretStr("postgresql://localhost/leadfall")
    """PostgreSQL 15 or newer: `postgresql://user:password@host:port/name`."""
    database_direct_url: SecretStr | None = None
    """Like LEADFALL_DATABASE_URL, past a pooler in transaction mode; used for LISTEN."""
    database_pool_max: int = Field(8, ge=2, le=100)
    """Database connections of one process."""
    redis_url: SecretStr = SecretStr("redis://localhost:6379/0")
    """Redis 6.2 or Valkey 7.2, or newer; nothing in it needs to be kept."""
    host: str = "127.0.0.1"
    """Address that the API listens on."""
    port: int = Field(8080, ge=0, le=65535)
    """Port that the API listens on; 0 takes any free one."""
    ops_host: str = "127.0.0.1"
    """Address for health and metrics; keep it private."""
    ops_port: int = Field(0, ge=0, le=65535)
    """Port for health and metrics; 0 takes any free one."""
    public_url: str | None = None
    """How callers reach this API; links in webhooks begin with it."""
    secret_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """Fernet keys, newest first, comma-separated: the first encrypts, all of them decrypt."""
    waterfalls_file: str | None = None
    """A TOML file that replaces the built-in waterfalls."""
    lease_s: float = Field(5.0, ge=0.2, le=60)
    """Seconds a process may be silent before its work is another's."""
    vendor_time_scale: float = Field(1.0, gt=0, le=1)
    """Real seconds per second of a vendor's times and limits; only a sandbox has another than 1."""
    log_format: str = Field("auto", pattern="^(auto|json|console)$")
    """`json`, `console`, or `auto`: console in a terminal, JSON elsewhere."""

    providers: dict[str, ProviderSettings] = {}
    """Access to each vendor."""
    egress: EgressSettings = EgressSettings()
    """Exceptions for outgoing connections."""
    dns: DNSSettings = DNSSettings()
    """Name resolution."""
    smtp: SMTPSettings = SMTPSettings()
    """Mail verification."""
    prices: PriceSettings = PriceSettings()
    """Prices of the built-in provider."""
    refund_percent: dict[Kind, int] = dict.fromkeys(Kind, 100)
    """Percent of the price given back when a lookup ends without a value, by kind, as JSON."""
    idempotency_hours: int = Field(24, ge=1, le=24 * 30)
    """Hours an Idempotency-Key is remembered."""
    job_kept_days: float = Field(7.0, gt=0, le=3_650)
    """Days a job that has ended can be read; then it goes, with its lookups and traces."""
    unknown_filters: Literal["refuse", "ignore"] = "refuse"
    """Whether a Seleqt filter by an unknown key, or by data that leads do not hold, is refused."""
    limits: LimitSettings = LimitSettings()
    """Bounds on requests."""
    memory: MemorySettings = MemorySettings()
    """How long answers are remembered."""
    worker: WorkerSettings = WorkerSettings()
    """How workers run."""
    dispatcher: DispatcherSettings = DispatcherSettings()
    """How dispatchers send."""
    retention: RetentionSettings = RetentionSettings()
    """How long what happened is kept."""
    health: HealthSettings = HealthSettings()
    """Thresholds of health."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is the library's
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment so that unknown variables are errors; nothing else is read."""
        return init_settings, _Environment(settings_cls)

    @field_validator("secret_keys", mode="before")
    @classmethod
    def _split_keys(cls, value: object) -> object:
        return _split(value)

    @property
    def listen_url(self) -> str:
        """The URL for connections that must keep their session."""
        return (self.database_direct_url or self.database_url).get_secret_value()

    @property
    def configured_providers(self) -> frozenset[str]:
        """Slugs of the providers that the operator's settings make usable."""
        return frozenset({"enrich"} | {slug for slug, p in self.providers.items() if p.api_key})

    @property
    def memory_days(self) -> dict[OutcomeName, float]:
        """Return for how many days an answer is remembered, by outcome; empty for not at all."""
        if not self.memory.enabled:
            return {}
        return {
            OutcomeName.FOUND: self.memory.found_days,
            OutcomeName.MISSING: self.memory.missing_days,
        }

    @property
    def idempotency_kept(self) -> timedelta:
        """How long an Idempotency-Key is remembered."""
        return timedelta(hours=self.idempotency_hours)

    @property
    def jobs_kept(self) -> timedelta:
        """How long a job that has ended is kept: at least as long as a request is repeatable."""
        return max(timedelta(days=self.job_kept_days), self.idempotency_kept)

    @property
    def lease(self) -> timedelta:
        """How long a process may be silent before its work is another's."""
        return timedelta(seconds=self.lease_s)

    def redacted(self) -> dict[str, Any]:
        """Return every setting with its value, secrets masked, for `leadfall doctor`."""
        return self.model_dump(mode="json")
