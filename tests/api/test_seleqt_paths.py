"""Every path of the Seleqt face, as its clients write it: with its final slash and without."""

import pytest

from service.api.seleqt.routes import seleqt_routes
from tests.api.stage import Stage

ROUTES = sorted({(each.method, each.path.rstrip("/")) for each in seleqt_routes()})


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_the_final_slash_changes_nothing(stage: Stage, method: str, path: str) -> None:
    """Both spellings are answered alike, by the same handler and without a redirect."""
    url = path.format(list_id=stage.tenant.people_list, job_id="none")
    headers = {"X-API-Key": stage.tenant.seleqt_key.text}
    answers = []

    for spelling in (url, f"{url}/"):
        async with stage.client.request(
            method, spelling, headers=headers, allow_redirects=False
        ) as answer:
            answers.append((answer.status, await answer.json()))
    without_key = await stage.client.request(method, url, allow_redirects=False)

    assert answers[0][0] == answers[1][0]
    assert set(answers[0][1]) == set(answers[1][1])
    assert answers[0][1] != {"error": "Not found"}
    assert (without_key.status, await without_key.json()) == (
        401,
        {"error": "Missing API key", "message": "Provide X-API-Key header"},
    )
