"""The settings of a local run: what the operator set wins over what the run would choose."""

from collections.abc import Mapping
from typing import Any, Final

from providers.sandbox.server import Addresses
from service.settings import Settings

SANDBOX_KEY: Final = "sandbox"
# Receivers on this machine are what somebody tries first.
LOOPBACK_ALLOWED: Final = ("127.0.0.0/8", "::1/128", "localhost")
DNS_TIMEOUT_S: Final = 1.0
SMTP_STEP_TIMEOUT_S: Final = 2.0


def merge_settings(chosen: Mapping[str, Any]) -> Settings:
    """Return settings in which every value that the environment does not give is as chosen."""
    given = Settings().model_dump(exclude_unset=True, by_alias=True)
    return Settings(**_merged(chosen, given))


def sandbox_settings(addresses: Addresses) -> dict[str, Any]:
    """Return settings that put a running sandbox in the place of all vendors and mail hosts."""
    host, port = addresses.dns_address
    return {
        "providers": {
            slug: {"api_key": SANDBOX_KEY, "base_url": url}
            for slug, url in addresses.base_urls.items()
        },
        "dns": {"servers": (f"{host}:{port}",), "timeout_s": DNS_TIMEOUT_S},
        "smtp": {
            "port": addresses.smtp_port,
            "host_interval_s": 0.0,
            "step_timeout_s": SMTP_STEP_TIMEOUT_S,
        },
        "vendor_time_scale": addresses.time_scale,
    }


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for name, value in over.items():
        below = merged.get(name)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            merged[name] = _merged(below, value)
        else:
            merged[name] = value
    return merged
