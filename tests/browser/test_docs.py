"""`/docs` in a real browser: it shows everything, asks nobody else, and complains of nothing."""

import pytest
from playwright.async_api import Locator, Page, expect

from tests.api.published import read_document
from tests.browser.conftest import Visit

SHOWN_MS = 30_000
CLOSED_GROUP = "Open Group"


def contents_of(page: Page) -> Locator:
    """Return the table of contents at the side."""
    return page.locator("aside, nav").first


async def open_docs(visit: Visit) -> Page:
    """Open the page, wait until the document is shown, and unfold its table of contents."""
    await visit.page.goto(f"{visit.base_url}/docs")
    await expect(visit.page.get_by_role("heading", name="Leadfall", exact=True)).to_be_visible(
        timeout=SHOWN_MS
    )
    closed = contents_of(visit.page).get_by_text(CLOSED_GROUP)
    while await closed.count():
        await closed.first.click()
    return visit.page


async def test_everything_is_shown(visit: Visit) -> None:
    """The contents name every operation of both faces, and every event."""
    document = read_document()
    items = {**document["paths"], **document["webhooks"]}.values()
    summaries = {operation["summary"] for item in items for operation in item.values()}

    page = await open_docs(visit)

    contents = await contents_of(page).inner_text()
    assert summaries - set(contents.splitlines()) == set()


@pytest.mark.parametrize(
    "text", ["/v1/enrichment/jobs/{job_id}/cancel", "X-Workspace-Id", "JOB_NOT_CANCELLABLE"]
)
async def test_an_operation_says_what_it_takes_and_answers(visit: Visit, text: str) -> None:
    """Whoever chooses one sees its path, its parameters and its errors."""
    page = await open_docs(visit)

    await contents_of(page).get_by_text("Cancel a job").click()

    await expect(page.get_by_text(text).first).to_be_attached(timeout=SHOWN_MS)


async def test_nobody_else_is_asked(visit: Visit) -> None:
    """From the first byte to the last group, every request goes to this server."""
    page = await open_docs(visit)
    await page.get_by_text("Health and callbacks").first.click()
    await page.wait_for_load_state("networkidle")

    assert (visit.foreign, visit.complaints) == ([], [])
    assert {url.removeprefix(visit.base_url) for url in visit.own} == {
        "/docs",
        "/docs/scalar-1.72.1.js",
        "/docs/start.js",
        "/openapi.json",
    }


async def test_a_foreign_request_would_be_seen(visit: Visit) -> None:
    """The test above can fail: the policy refuses such a request, and the page complains."""
    page = await open_docs(visit)

    refused = await page.evaluate(
        "() => fetch('https://elsewhere.example/').then(() => false, () => true)"
    )

    assert refused is True
    assert any("elsewhere.example" in each for each in visit.complaints)
