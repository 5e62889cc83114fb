"""What finds people who are alike: Python and the database agree on whom to compare."""

import sys
from collections.abc import Iterator
from itertools import product
from typing import Final

import asyncpg
import pytest

from service.domain.plain_text import plain_text
from service.domain.spellings import forms_of_profile
from service.domain.suppression import plain_profile
from service.store.statements import load_statements

HANDLES: Final = ["zd\u00e9n-\u00f61", "zde\u0301n_~1", "\u5f20\u4f1f.q1", "wei\u00df's1"]


def written(handle: str) -> Iterator[str]:
    """Yield a profile with each choice of letters behind per-cent signs, in both cases."""
    for ways in product((False, True), repeat=len(handle)):
        path = "".join(
            "".join(f"%{byte:02x}" for byte in letter.encode()) if way else letter
            for letter, way in zip(handle, ways, strict=True)
        )
        yield f"https://www.linkedin.com/in/{path}"
        yield f"HTTP://DE.LinkedIn.com/in/{path.upper()}/?utm=2"


@pytest.mark.parametrize("handle", HANDLES)
async def test_a_profile_is_found_however_it_is_encoded(
    connection: asyncpg.Connection, handle: str
) -> None:
    """Each spelling that counts as one has one of the keys that are looked for."""
    asked = f"https://linkedin.com/in/{handle}"
    keys = await connection.fetchval(
        "select array(select leadfall_profile_key(u) from unnest($1::text[]) u)",
        sorted(forms_of_profile(asked)),
    )

    found = await connection.fetch(
        "select url from unnest($1::text[]) url where leadfall_profile_key(url) = any($2::text[])",
        list(written(handle)),
        keys,
    )

    assert {plain_profile(url) for url in written(handle)} == {plain_profile(asked)}
    assert [row["url"] for row in found] == list(written(handle))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("linkedin.com/in/zdenka", "linkedin.com/in/zdenka-1"),
        ("linkedin.com/in/a%25b", "linkedin.com/in/a%62"),
        ("linkedin.com/in/a%3Fb", "linkedin.com/in/a?b"),
    ],
)
async def test_other_profiles_have_other_keys(
    connection: asyncpg.Connection, one: str, other: str
) -> None:
    """A sign that would part the path, or be read twice, is left."""
    row = await connection.fetchrow(
        "select leadfall_profile_key($1) as one, leadfall_profile_key($2) as other", one, other
    )

    assert row["one"] != row["other"]
    assert one.lower() in forms_of_profile(one)


async def test_a_name_has_no_blanks_of_any_kind(connection: asyncpg.Connection) -> None:
    """What Python takes for a blank, the database does as well."""
    blanks = [each for each in map(chr, range(1, sys.maxunicode)) if each.isspace()]

    keys = await connection.fetch(
        "select distinct leadfall_name_key('Anna' || blank || 'Maria') as key"
        " from unnest($1::text[]) blank",
        blanks,
    )

    assert {plain_text(f"Anna{each}Maria") for each in blanks} == {"anna maria"}
    assert [row["key"] for row in keys] == ["annamaria"]


async def test_a_number_ends_alike_however_it_is_written(connection: asyncpg.Connection) -> None:
    """Whatever stands between its digits and before them."""
    keys = await connection.fetch(
        "select distinct leadfall_phone_key(phone) as key from unnest($1::text[]) phone",
        ["+4930123456", "030/12 34 56", "0049 (30) 12-34-56", "30123456"],
    )

    assert [row["key"] for row in keys] == ["0123456"]


async def test_numbers_alike_are_found_in_their_index(connection: asyncpg.Connection) -> None:
    """A workspace of many people is not read for the few who end alike."""
    await connection.execute(
        "insert into workspaces (public_id, name) values (repeat('0', 24), '')"
    )
    await connection.execute(
        "insert into leads (workspace_id, phone) select w.id, '+4915' || (10000000 + n)"
        " from workspaces w, generate_series(1, 5000) n"
    )
    await connection.execute("analyze leads")

    plan = await explain(connection)

    assert "leads_by_phone" in plan
    assert "Seq Scan on leads" not in plan


async def explain(connection: asyncpg.Connection) -> str:
    """Return the plan of looking for one number."""
    rows = await connection.fetch(
        f"explain {load_statements('erasure')['find_phones_alike']}", 1, ["+491510000005"], [5]
    )
    return "\n".join(row[0] for row in rows)
