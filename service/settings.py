"""All settings, read once from `LEADFALL_*` variables; nothing else reads the environment."""

from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from service.domain.kinds import Kind

PROVIDER_DEADLINE_S_MAX: Final = 900.0


def _split(value: object) -> object:
    """Read a comma-separated text as a list; anything else is left to pydantic."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class ProviderSettings(_Section):
    """The operator's access to one vendor."""

    api_key: SecretStr | None = None
    base_url: str | None = None


class EgressSettings(_Section):
    """Destinations that are exempt from the rules for addresses, schemes, ports and names."""

    allow: Annotated[tuple[str, ...], NoDecode] = ()

    _split_allow = field_validator("allow", mode="before")(_split)


class DNSSettings(_Section):
    """Resolvers as `ip` or `ip:port`; none means the system's."""

    servers: Annotated[tuple[str, ...], NoDecode] = ()
    timeout_s: float = Field(5.0, gt=0, le=60)

    _split_servers = field_validator("servers", mode="before")(_split)


class SMTPSettings(_Section):
    """How the verifier introduces itself to mail exchangers."""

    port: int = Field(25, ge=1, le=65535)
    sender: str = Field("probe@leadfall.invalid", alias="from")
    helo: str = "leadfall.invalid"
    step_timeout_s: float = Field(10.0, gt=0, le=60)
    # Pause between two questions to one mail host; big hosts block who asks faster.
    host_interval_s: float = Field(0.05, ge=0, le=60)


class PriceSettings(_Section):
    """Credits per lead at the built-in provider, by face and type."""

    sendkit: dict[str, int] = {
        "email": 1,
        "phoneEnrichment": 20,
        "segGateway": 0,
        "espDetection": 0,
    }
    seleqt: dict[str, int] = {"FIND_EMAIL": 3, "FIND_EMAIL_WATERFALL": 6, "FIND_PHONE": 30}


class LimitSettings(_Section):
    """Bounds on what one request may ask for."""

    body_bytes_max: int = Field(4 * 1024 * 1024, ge=1024)
    leads_per_request_max: int = Field(10_000, ge=1, le=1_000_000)
    sync_leads_max: int = Field(1_000, ge=1, le=10_000)
    sync_deadline_s: float = Field(120.0, gt=0, le=600)
    sync_waiters_max: int = Field(2_000, ge=1)
    page_size_max: int = Field(100, ge=1, le=1_000)
    inline_results_max: int = Field(1_000, ge=0, le=10_000)


class WorkerSettings(_Section):
    """How a worker claims, runs and settles."""

    concurrency: int = Field(64, ge=1, le=5_000)
    claim_batch: int = Field(200, ge=1, le=5_000)
    settle_batch: int = Field(200, ge=1, le=5_000)
    flush_interval_s: float = Field(0.02, gt=0, le=1)
    poll_interval_s: float = Field(0.5, gt=0, le=60)
    drain_span_s: float = Field(20.0, gt=0, le=300)
    drain_grace_s: float = Field(30.0, gt=0, le=900)
    reclaim_count_max: int = Field(5, ge=0, le=100)
    interrupted_wait_s: float = Field(600.0, gt=0)

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
    workspace_concurrency: int = Field(64, ge=1)
    host_concurrency: int = Field(32, ge=1)
    endpoint_concurrency: int = Field(8, ge=1)
    claim_batch: int = Field(128, ge=1, le=1_000)
    poll_interval_s: float = Field(1.0, gt=0, le=60)
    deadline_s: float = Field(15.0, gt=0, le=30)
    # The pause before each attempt after the first, in seconds.
    retry_schedule_s: Annotated[tuple[float, ...], NoDecode] = (
        5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
    )  # fmt: skip

    @field_validator("retry_schedule_s", mode="before")
    @classmethod
    def _numbers(cls, value: object) -> object:
        parts = _split(value)
        return [float(part) for part in parts] if isinstance(parts, list) else value


class HealthSettings(_Section):
    """Ages, in seconds, above which health warns and fails."""

    ready_age_warn_s: float = 60.0
    ready_age_fail_s: float = 300.0
    running_age_fail_s: float = 1_800.0
    due_age_warn_s: float = 60.0
    due_age_fail_s: float = 300.0
    loop_beat_fail_s: float = 5.0


class Settings(BaseSettings):
    """Everything an operator can set, with its default."""

    model_config = SettingsConfigDict(
        env_prefix="LEADFALL_", env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    database_url: SecretStr = SecretStr("postgresql://localhost/leadfall")
    # For LISTEN when `database_url` leads through a pooler in transaction mode.
    database_direct_url: SecretStr | None = None
    database_pool_max: int = Field(8, ge=2, le=100)
    redis_url: SecretStr = SecretStr("redis://localhost:6379/0")
    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    ops_host: str = "127.0.0.1"
    ops_port: int = Field(0, ge=0, le=65535)
    public_url: str | None = None
    # Fernet keys, newest first: the first encrypts, all of them decrypt.
    secret_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    waterfalls_file: str | None = None
    lease_s: float = Field(5.0, ge=0.2, le=60)
    # Real seconds per second of a vendor's published times and limits; only a sandbox has another.
    vendor_time_scale: float = Field(1.0, gt=0, le=1)
    log_format: str = Field("auto", pattern="^(auto|json|console)$")

    providers: dict[str, ProviderSettings] = {}
    egress: EgressSettings = EgressSettings()
    dns: DNSSettings = DNSSettings()
    smtp: SMTPSettings = SMTPSettings()
    prices: PriceSettings = PriceSettings()
    # Share of the price given back when a lookup ends without a value, in percent, by kind.
    refund_percent: dict[Kind, int] = dict.fromkeys(Kind, 100)
    idempotency_hours: int = Field(24, ge=1, le=24 * 30)
    limits: LimitSettings = LimitSettings()
    worker: WorkerSettings = WorkerSettings()
    dispatcher: DispatcherSettings = DispatcherSettings()
    health: HealthSettings = HealthSettings()

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
    def idempotency_kept(self) -> timedelta:
        """How long an Idempotency-Key is remembered."""
        return timedelta(hours=self.idempotency_hours)

    @property
    def lease(self) -> timedelta:
        """How long a process may be silent before its work is another's."""
        return timedelta(seconds=self.lease_s)

    def redacted(self) -> dict[str, Any]:
        """Return every setting with its value, secrets masked, for `leadfall doctor`."""
        return self.model_dump(mode="json")
