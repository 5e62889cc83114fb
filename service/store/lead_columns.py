"""What a page of leads shows, and what they are sorted by where it is no column of that name."""

from typing import Final

from service.domain.kinds import Target
from service.store.lacking_members import OPEN

# By the first number of "51-200" or "1,001+", as far as a number goes.
_EMPLOYEES: Final = (
    "substring(replace(l.company_size, ',', '') from '^[^0-9]*([0-9]{1,18})')::bigint"
)
SORT_COLUMNS: Final = {
    "email_status": "l.email_verdict",
    "phone_number": "coalesce(l.phone_e164, l.phone)",
    "linkedin_profile_url": "l.linkedin_url",
    "name": "l.company_name",
    "website_url": "l.company_domain",
    "amount_of_employees": _EMPLOYEES,
    "company_size": _EMPLOYEES,
}
SHOWN: Final = ", ".join(
    f"l.{column}"
    for column in (
        "id", "public_id", "first_name", "last_name", "job_title", "seniority", "department",
        "headline", "industry", "location", "city", "state", "country", "linkedin_url",
        "company_name", "company_domain", "company_size", "email", "email_verdict", "phone",
        "phone_e164", "custom_fields", "created_at", "updated_at",
    )
)  # fmt: skip
LOADING: Final = ", ".join(
    f"{OPEN.format(target)} as {target}_loading" for target in (Target.EMAIL, Target.PHONE)
)
