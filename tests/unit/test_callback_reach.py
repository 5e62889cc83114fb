"""Where a vendor can call back: not at an address that means its own machine."""

import pytest

from service.domain.callback_reach import can_call_back

VENDOR = "https://api.vendor.example"
SANDBOX = "http://127.0.0.1:4242/vendor"


@pytest.mark.parametrize(
    ("public_url", "vendor_url", "expected"),
    [
        ("https://leadfall.example", VENDOR, True),
        ("http://127.0.0.1:8080", SANDBOX, True),
        ("http://127.0.0.1:8080", VENDOR, False),
        ("http://localhost:8080", VENDOR, False),
        ("http://[::1]:8080", VENDOR, False),
        ("http://0.0.0.0:8080", VENDOR, False),
        ("", SANDBOX, False),
    ],
)
def test_a_vendor_elsewhere_does_not_find_our_loopback(
    public_url: str, vendor_url: str, *, expected: bool
) -> None:
    """`leadfall dev` with a real key polls; with the sandbox it is called."""
    assert can_call_back(public_url, vendor_url) is expected
