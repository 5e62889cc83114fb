"""Whether a vendor can call back, as far as addresses tell."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def can_call_back(public_url: str, vendor_url: str) -> bool:
    """Tell whether whoever is at `vendor_url` may reach `public_url`, which may be empty.

    A loopback address means the machine of whoever dials it: only a vendor beside us, such as the
    sandbox, finds us there. Others refuse a submission for it, or call themselves.
    """
    return public_url != "" and (not _is_this_machine(public_url) or _is_this_machine(vendor_url))


def _is_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_loopback or address.is_unspecified
