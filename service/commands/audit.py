"""`leadfall audit`: checks the promises on the live database."""

import sys
from typing import TYPE_CHECKING

from service.commands.options import AsJson

if TYPE_CHECKING:
    from service.flows.audit import AuditReport


def audit(*, as_json: AsJson = False) -> None:
    """Check the promises on the database; exit 1 on any breach."""
    from service.commands.output import print_document, print_json
    from service.commands.setup import run_to_end

    report = run_to_end(_audit())
    if as_json:
        print_json(report.as_json())
    else:
        print_document(report.as_json())
    if not report.clean:
        sys.exit(1)


async def _audit() -> "AuditReport":
    from providers.registry import all_providers
    from service.commands.setup import open_database
    from service.flows.audit import audit as look_for_breaches
    from service.settings import Settings

    settings = Settings()
    async with open_database(settings) as pool:
        return await look_for_breaches(pool, all_providers(), settings.lease)
