"""`leadfall worker`: the process that runs lookups."""

from service.commands.options import AsJson


def worker(*, as_json: AsJson = False) -> None:
    """Run lookups until told to stop."""
    from service import app
    from service.commands.role import run_role

    run_role("worker", app.worker, as_json=as_json)
