"""`leadfall webhooks`: tools for those who write receivers. None of them needs a database."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.commands.options import AsJson

if TYPE_CHECKING:
    from service.commands.hooks.conformance import Outcome

webhooks_app = typer.Typer(help="Help those who write receivers.", no_args_is_help=True)

Secret = Annotated[
    str,
    typer.Option(
        "--secret",
        envvar="WEBHOOK_SECRET",
        help="The endpoint's secret (whsec_ or hex digits), or its public key (whpk_).",
    ),
]


@webhooks_app.command()
def listen(
    *,
    secret: Secret,
    port: Annotated[int, typer.Option("--port", min=0, max=65_535)] = 8090,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    fail: Annotated[
        str | None,
        typer.Option("--fail", help="Fail each request: a status, hang, drip, reset, garbage, …"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Receive webhooks, verify them, and print them as they come."""
    from service.commands.hooks.listener import listen as receive
    from service.commands.setup import run_to_end

    run_to_end(receive(host, port, secret, fail=fail, as_json=as_json))


@webhooks_app.command()
def verify(
    request: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, help="Header lines, an empty line, the body; exact bytes."
        ),
    ],
    *,
    secret: Secret,
    at: Annotated[
        int | None, typer.Option("--at", help="When it arrived, in seconds since 1970.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify a captured request; exit 1 and say what is wrong if it is not authentic."""
    from service.commands.failures import failing_plainly
    from service.commands.hooks.captured import verify_captured
    from service.commands.output import print_json, print_lines

    with failing_plainly():
        found = verify_captured(request, secret, at)
        if as_json:
            print_json({"verdict": found.verdict, "part": found.part, "sentence": found.sentence})
        else:
            print_lines(found.sentence)
        sys.exit(0 if found.part is None else 1)


@webhooks_app.command()
def check(
    url: Annotated[str, typer.Argument(help="Where the receiver listens.")],
    *,
    secret: Secret,
    as_json: AsJson = False,
) -> None:
    """Send a receiver twelve cases and score it; exit 1 unless it gets all of them right."""
    from service.commands.hooks.conformance import check_receiver
    from service.commands.hooks.listener import read_shared
    from service.commands.output import print_json, print_lines, print_table
    from service.commands.setup import run_to_end

    async def run() -> "list[Outcome]":
        return await check_receiver(url, read_shared(secret))

    outcomes = run_to_end(run())
    score = sum(each.passed for each in outcomes)
    if as_json:
        rows = [
            {"case": each.name, "passed": each.passed, "status": each.status, "said": each.said}
            for each in outcomes
        ]
        print_json({"score": score, "of": len(outcomes), "cases": rows})
    else:
        print_table(
            ("case", "", "status", ""),
            [
                (each.name, "ok" if each.passed else "WRONG", each.status or "-", each.said)
                for each in outcomes
            ],
        )
        print_lines(f"{score} of {len(outcomes)}")
    sys.exit(0 if score == len(outcomes) else 1)
