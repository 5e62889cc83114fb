"""The parameters that say which leads of a list are wanted, and in which order."""

from typing import Final, get_args

from service.api.openapi.parameters import in_query
from service.store.lead_selection import SortField

FILTERS: Final = in_query(
    "filters",
    "A JSON object in the grammar of `filters` in the body of the call that enriches.",
    format="lead-filter",
    examples=['{"job_title": "engineer"}'],
)
SORTING: Final = (
    in_query("sort_field", "The order of the rows.", enum=[*get_args(SortField)], default="id"),
    in_query("sort_direction", "Up or down.", enum=["asc", "desc"], default="asc"),
)
