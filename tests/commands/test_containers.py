"""What can be told of `compose.yaml` by reading it: nothing here starts a container."""

from typing import Any

import pytest
import yaml

from tests.commands.processes import ROOT

ROLES = ["api", "worker", "dispatcher", "migrate"]
NAMED_ELSEWHERE = {"LEADFALL_DATABASE_URL", "LEADFALL_REDIS_URL", "LEADFALL_SECRET_KEYS"}


def service(name: str) -> dict[str, Any]:
    """Return one service as it is written there, with what it shares with others."""
    written = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    found: dict[str, Any] = written["services"][name]
    return found


def test_uploads_have_a_place_where_nothing_else_can_be_written() -> None:
    """An import puts its file aside while it is read."""
    api = service("api")

    assert (api["read_only"], api["tmpfs"]) == (True, ["/tmp"])  # noqa: S108 - in a container


@pytest.mark.parametrize("name", ROLES)
def test_the_file_of_settings_has_the_last_word(name: str) -> None:
    """What stands in `environment` would win over it, so only what README names stands there."""
    role = service(name)

    assert set(role["environment"]) == NAMED_ELSEWHERE
    assert role["env_file"] == [{"path": "leadfall.env", "required": False}]
