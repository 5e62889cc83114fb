"""`leadfall dispatcher`: the process that delivers events."""

from service.commands.options import AsJson


def dispatcher(*, as_json: AsJson = False) -> None:
    """Deliver events to receivers until told to stop."""
    from service import app
    from service.commands.role import run_role

    run_role("dispatcher", app.dispatcher, as_json=as_json)
