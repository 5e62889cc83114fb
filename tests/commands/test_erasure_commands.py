"""`leadfall leads erase` and `leadfall suppressions`, as the operator runs them."""

from pathlib import Path

from tests.commands.processes import run


async def test_a_person_is_erased_and_stays_out(
    settings: dict[str, str], workspace_id: str, tmp_path: Path
) -> None:
    """Erased by address, counted, and refused by the next import of the same file."""
    file = tmp_path / "leads.csv"
    file.write_text("first_name,email\nAda,ada@x.example\nBo,bo@x.example\n")
    load = ("leads", "import", str(file), "--workspace", workspace_id, "--json")
    await run(*load, "--new-list", "One", settings=settings)

    erased = await run(
        *("leads", "erase", "--email", "Ada@X.example", "--workspace", workspace_id, "--json"),
        settings=settings,
    )
    again = await run(*load, "--new-list", "Two", settings=settings)

    assert erased.json == {
        "workspace_id": workspace_id,
        "leads": 1,
        "lookups": 0,
        "refunded": 0,
        "events": 0,
        "deliveries": 0,
        "answers": 0,
        "more": False,
    }
    assert [error["reason"] for error in again.json["errors"]] == [
        "this person must not be kept or looked up",
        "a lead with this email is there already",
    ]


async def test_suppressions_are_added_listed_and_lifted(
    settings: dict[str, str], workspace_id: str
) -> None:
    """An opt-out is kept as hashes, for one workspace or for all, until it is lifted."""
    person = ("--email", "ada@x.example", "--json")
    added = await run("suppressions", "add", *person, settings=settings)
    repeated = await run("suppressions", "add", *person, settings=settings)
    listed = await run("suppressions", "list", "--json", settings=settings)
    elsewhere = await run(
        "suppressions", "list", "--workspace", workspace_id, "--json", settings=settings
    )
    lifted = await run("suppressions", "remove", *person, settings=settings)
    empty = await run("suppressions", "list", "--json", settings=settings)

    assert (added.json["added"], repeated.json["added"], lifted.json["removed"]) == (
        True,
        False,
        True,
    )
    assert {row["reason"] for row in listed.json["suppressions"]} == {"opt_out"}
    # Not the bare name: a hash in hex may spell it by chance.
    assert "ada@" not in listed.output
    assert "x.example" not in listed.output
    assert (elsewhere.json["total"], empty.json["total"]) == (0, 0)


async def test_nobody_named_is_wrong_usage(settings: dict[str, str], workspace_id: str) -> None:
    """Neither address nor lead: exit code 2; what is no address: a sentence."""
    nobody = await run("leads", "erase", "--workspace", workspace_id, settings=settings)
    nonsense = await run(
        *("leads", "erase", "--email", "nonsense", "--workspace", workspace_id), settings=settings
    )

    assert nobody.code == 2
    assert (nonsense.code, nonsense.errors) == (
        1,
        "leadfall: One of the --email is not an e-mail address.\n",
    )
