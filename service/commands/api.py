"""`leadfall api`: the process that serves both APIs."""

from service.commands.options import AsJson


def api(*, as_json: AsJson = False) -> None:
    """Serve both APIs until told to stop."""
    from service import app
    from service.commands.role import run_role

    run_role("api", app.api, as_json=as_json)
