"""Turns a filter over people into the conditions of a statement.

Only the conditions that are asked for are written, because the planner can use the index by text
and stop early only in a statement without alternatives. Every fragment is a constant; what
callers give goes in as parameters.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from service.domain.people_filter import PeopleFilter

# Companies are in the same table, and are no leads to this face.
OF_WORKSPACE: Final = " where l.workspace_id = $1::bigint and not l.is_company"
# The same, said as a range. With an equality the planner may walk the primary key instead, through
# the rows of everybody else; a range leaves it the index that begins with the workspace.
ALONG_WORKSPACE: Final = (
    " where l.workspace_id >= $1::bigint and l.workspace_id <= $1::bigint and not l.is_company"
)

# The lower end of that range alone; a row of workspace and id to stay below is its upper end. Two
# upper ends would be one too many: the scan begins at either.
BACK_IN_WORKSPACE: Final = " where l.workspace_id >= $1::bigint and not l.is_company"

_NULL_TESTS: Final = {
    "email_verified": "l.email_verified_at",
    "has_company": "l.company_name",
    "has_phone": "l.phone",
    "seg_protected": "l.gateway_slug",
}
_VALUE_TESTS: Final = {
    "tags": "l.tags && {}::text[]",
    "email_verdicts": "l.email_verdict = any({}::text[])",
    "email_type": "leadfall_email_sort(l.email) = {}::text",
    "country": "l.country_lower = lower({}::text)",
    "city": "l.city_lower = lower({}::text)",
    "created_after": "l.created_at >= {}::timestamptz",
    "created_before": "l.created_at < {}::timestamptz",
}
_IN_TEXT: Final = "l.search_text like lower({}::text)"
# What stands in a column stands in the text that is indexed, too; the index finds the candidates.
_PART_TESTS: Final = {
    "name": "lower(concat_ws(' ', l.first_name, l.last_name)) like lower({}::text)",
    "company_name": "lower(l.company_name) like lower({}::text)",
    "job_title": "lower(l.job_title) like lower({}::text)",
}


def conditions(people: PeopleFilter, arguments: list[Any]) -> str:
    """Return the conditions as SQL that follows a `where`, and append what they take."""

    def placed(fragment: str, value: Any) -> str:
        arguments.append(value)
        return f" and {fragment.format(f'${len(arguments)}')}"

    return "".join(
        f" and {fragment}" if value is None else placed(fragment, value)
        for fragment, value in _tests(people)
    )


def candidates(texts: Sequence[str], arguments: list[Any]) -> tuple[str, ...]:
    """Return what the index by text knows of whoever has the texts, and append what it takes."""
    first = len(arguments) + 1
    arguments += map(_anywhere, texts)
    return tuple(_IN_TEXT.format(f"${place}") for place in range(first, first + len(texts)))


def conditions_in_workspace(people: PeopleFilter, arguments: list[Any]) -> str:
    """Return the same with its `where`: found by text, or else met along the workspace's index."""
    base = OF_WORKSPACE if people.by_text else ALONG_WORKSPACE
    return base + conditions(people, arguments)


def _tests(people: PeopleFilter) -> Iterator[tuple[str, Any]]:
    """Yield each test with its value; None for a test that takes none."""
    for word in people.words:
        yield _IN_TEXT, _anywhere(word)
    for name, fragment in _PART_TESTS.items():
        part = getattr(people, name)
        if part is not None:
            yield _IN_TEXT, _anywhere(part)
            yield fragment, _anywhere(part)
    for name, fragment in _VALUE_TESTS.items():
        value = getattr(people, name)
        if value not in (None, ()):
            yield fragment, list(value) if isinstance(value, tuple) else value
    for name, column in _NULL_TESTS.items():
        wanted = getattr(people, name)
        if wanted is not None:
            yield f"{column} is {'not ' if wanted else ''}null", None


def _anywhere(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%"
