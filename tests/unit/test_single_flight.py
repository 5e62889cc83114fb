"""Sharing the answer of one question among those who ask at the same time."""

import asyncio

import pytest

from service.edges.single_flight import SingleFlight


class Question:
    """A question that is answered when the test says so."""

    def __init__(self) -> None:
        self.asked = 0
        self.cancelled = 0
        self.answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def __call__(self) -> int:
        self.asked += 1
        try:
            return await asyncio.shield(self.answer)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


async def test_one_question_answers_all_who_wait() -> None:
    """Whoever asks while the question is in progress gets its answer; later it is asked anew."""
    flights: SingleFlight[str, int] = SingleFlight()
    question = Question()
    waiting = [asyncio.create_task(flights.run("a", question)) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    question.answer.set_result(7)

    assert await asyncio.gather(*waiting) == [7, 7, 7]
    assert await flights.run("a", question) == 7
    assert question.asked == 2


async def test_a_waiter_that_leaves_takes_nobody_along() -> None:
    """Cancelling one waiter leaves the question and the other waiter alone."""
    flights: SingleFlight[str, int] = SingleFlight()
    question = Question()
    leaving = asyncio.create_task(flights.run("a", question))
    staying = asyncio.create_task(flights.run("a", question))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    question.answer.set_result(7)

    assert await staying == 7
    assert (question.asked, question.cancelled) == (1, 0)


async def test_a_question_nobody_waits_for_is_dropped() -> None:
    """When the last waiter leaves, the question ends, and the next one is a new one."""
    flights: SingleFlight[str, int] = SingleFlight()
    question = Question()
    leaving = asyncio.create_task(flights.run("a", question))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    question.answer.set_result(7)

    assert await flights.run("a", question) == 7
    assert (question.asked, question.cancelled) == (2, 1)


async def test_everybody_hears_of_a_failure() -> None:
    """A question that fails fails for all who wait, and can be asked again."""
    flights: SingleFlight[str, int] = SingleFlight()
    question = Question()
    waiting = [asyncio.create_task(flights.run("a", question)) for _ in range(2)]
    await asyncio.sleep(0)
    question.answer.set_exception(LookupError("no"))

    results = await asyncio.gather(*waiting, return_exceptions=True)

    assert [LookupError, LookupError] == [type(result) for result in results]
