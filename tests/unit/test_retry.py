"""What becomes of a delivery after each kind of answer, and after none."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import accumulate
from random import Random

import pytest

from service.domain.attempt_class import OURS, AttemptClass
from service.domain.retry import (
    Answer,
    Chance,
    Decision,
    Disable,
    DisableReason,
    Effect,
    Hold,
    decide,
    draw_jitter,
    parse_retry_after,
)
from service.settings import DispatcherSettings

NOW = datetime(2026, 1, 1, tzinfo=UTC)
IN_TWO_MINUTES = "Thu, 01 Jan 2026 00:02:00 GMT"
YESTERDAY = "Wed, 31 Dec 2025 00:00:00 GMT"
SCHEDULE_S = DispatcherSettings().retry_schedule_s
FIRST = Chance(attempt=1, retry_count_max=9, schedule_s=SCHEDULE_S, now=NOW)
LAST = replace(FIRST, attempt=10)
GONE = Disable(DisableReason.GONE)
ASKED = Disable(DisableReason.ASKED)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_success_ends_it(status: int) -> None:
    """Any 2xx delivers and lets the endpoint have more at once, on the last attempt too."""
    decision = decide(Answer(status), LAST)

    assert summary(decision) == ("delivered", "success", 0.0, None, "raise")


@pytest.mark.parametrize(
    ("status", "attempt_class", "delay_s", "effect", "pace"),
    [
        (101, "unexpected_status", 5.0, None, "keep"),
        (300, "redirect", 5.0, None, "keep"),
        (302, "redirect", 5.0, None, "keep"),
        (307, "redirect", 5.0, None, "keep"),
        (400, "rejected", 5.0, None, "keep"),
        (401, "rejected", 5.0, None, "keep"),
        (404, "rejected", 5.0, None, "keep"),
        (408, "not_now", 5.0, None, "keep"),
        (422, "rejected", 5.0, None, "keep"),
        (425, "not_now", 5.0, None, "keep"),
        (429, "throttled", 60.0, Hold(60.0), "halve"),
        (500, "server_error", 5.0, None, "halve"),
        (501, "server_error", 5.0, None, "halve"),
        (502, "overloaded", 60.0, None, "halve"),
        (503, "unavailable", 5.0, None, "halve"),
        (504, "overloaded", 60.0, None, "halve"),
        (599, "server_error", 5.0, None, "halve"),
        (999, "unexpected_status", 5.0, None, "keep"),
    ],
)
def test_other_answers_are_tried_again(
    status: int, attempt_class: str, delay_s: float, effect: Effect, pace: str
) -> None:
    """Every other answer is retried on schedule; signs of overload wait a minute at least."""
    decision = decide(Answer(status), FIRST)

    assert ("due", attempt_class, delay_s, effect, pace) == summary(decision)
    assert decision.blames_receiver


@pytest.mark.parametrize(
    ("attempt_class", "delay_s", "pace"),
    [
        (AttemptClass.CONNECTION_REFUSED, 5.0, "halve"),
        (AttemptClass.CONNECTION_FAILED, 5.0, "halve"),
        (AttemptClass.CONNECTION_LOST, 5.0, "halve"),
        (AttemptClass.CONNECT_TIMEOUT, 60.0, "halve"),
        (AttemptClass.TIMEOUT, 60.0, "halve"),
        (AttemptClass.TLS_FAILED, 5.0, "halve"),
        (AttemptClass.NAME_UNKNOWN, 5.0, "halve"),
        (AttemptClass.NAME_UNANSWERED, 5.0, "halve"),
        (AttemptClass.BAD_ANSWER, 5.0, "halve"),
        (AttemptClass.ADDRESS_REFUSED, 5.0, "keep"),
    ],
)
def test_failures_of_the_receiver_are_tried_again(
    attempt_class: AttemptClass, delay_s: float, pace: str
) -> None:
    """Where there was no answer, the attempt counts and the schedule goes on."""
    decision = decide(attempt_class, FIRST)

    assert ("due", attempt_class.value, delay_s, None, pace) == summary(decision)
    assert decision.blames_receiver


@pytest.mark.parametrize("attempt_class", sorted(OURS))
def test_our_own_faults_cost_the_receiver_nothing(attempt_class: AttemptClass) -> None:
    """What is our fault is tried again, uses no attempt and changes nothing about the receiver."""
    decision = decide(attempt_class, LAST)

    assert ("due", attempt_class.value, 5.0, None, "keep") == summary(decision)
    assert (decision.counts_attempt, decision.blames_receiver) == (False, False)


@pytest.mark.parametrize(("unsent", "delay_s"), [(0, 5.0), (1, 10.0), (5, 160.0), (99, 300.0)])
def test_our_own_faults_are_waited_out_ever_longer(unsent: int, delay_s: float) -> None:
    """The pause doubles up to five minutes."""
    chance = replace(FIRST, unsent_claim_count=unsent)

    assert delay_s == decide(AttemptClass.RESOLVER_DOWN, chance).delay_s


def test_a_url_that_can_never_be_dialled_ends_it() -> None:
    """A URL that breaks a rule of form is not tried again."""
    decision = decide(AttemptClass.URL_REFUSED, FIRST)

    assert summary(decision) == ("aborted", "url_refused", 0.0, None, "keep")


@pytest.mark.parametrize("chance", [FIRST, LAST])
def test_gone_switches_the_endpoint_off(chance: Chance) -> None:
    """410 parks the delivery, whichever attempt it was."""
    assert summary(decide(Answer(410), chance)) == ("parked", "gone", 0.0, GONE, "keep")


@pytest.mark.parametrize(
    ("status", "wish", "state", "effect"),
    [
        (500, "abort-message", "aborted", None),
        (429, " Abort-Message ", "aborted", None),
        (500, "disable", "parked", ASKED),
        (410, "disable", "parked", ASKED),
        (200, "disable", "delivered", ASKED),
        (200, "abort-message", "delivered", None),
        (500, "something-else", "due", None),
    ],
)
def test_a_receiver_may_ask_to_be_left_alone(
    status: int, wish: str, state: str, effect: Effect
) -> None:
    """The header `webhook-delivery` stops one event or everything; unknown wishes are ignored."""
    decision = decide(Answer(status, wish=wish), FIRST)

    assert (state, effect) == (decision.state, decision.effect)


@pytest.mark.parametrize(
    ("status", "retry_after", "delay_s", "effect"),
    [
        (429, "1", 60.0, Hold(60.0)),
        (429, "120", 120.0, Hold(120.0)),
        (429, IN_TWO_MINUTES, 120.0, Hold(120.0)),
        (429, "86400", 86_400.0, Hold(86_400.0)),
        (429, "999999999", 86_400.0, Hold(86_400.0)),
        (429, "-1", 60.0, Hold(60.0)),
        (503, "120", 120.0, Hold(120.0)),
        (503, "1", 5.0, Hold(1.0)),
        (503, YESTERDAY, 5.0, None),
        (503, "soon", 5.0, None),
        (500, "120", 120.0, None),
        (404, "120", 120.0, None),
        (302, "120", 120.0, None),
    ],
)
def test_retry_after_is_kept(status: int, retry_after: str, delay_s: float, effect: Effect) -> None:
    """On any failure the next attempt is not earlier than asked; 429 and 503 hold the endpoint."""
    decision = decide(Answer(status, retry_after), FIRST)

    assert (delay_s, effect) == (decision.delay_s, decision.effect)


@pytest.mark.parametrize(
    ("retry_after", "read"), [("120", "honoured"), ("soon", "ignored"), (None, None)]
)
def test_what_was_made_of_retry_after_is_told(retry_after: str | None, read: str | None) -> None:
    """Whoever counts the headers learns which could be read."""
    assert read == decide(Answer(503, retry_after), FIRST).retry_after


@pytest.mark.parametrize("happened", [Answer(500), Answer(404), AttemptClass.TIMEOUT])
def test_the_last_attempt_exhausts(happened: Answer | AttemptClass) -> None:
    """After the last attempt nothing follows, and the reason says so."""
    decision = decide(happened, LAST)

    assert (decision.state, decision.delay_s) == ("exhausted", 0.0)
    assert decision.blames_receiver
    assert decision.reason.endswith("; that was the last attempt")


def test_an_exhausting_429_still_holds_the_endpoint() -> None:
    """The receiver asked for a pause; that this delivery is over does not change it."""
    assert Hold(120.0) == decide(Answer(429, "120"), LAST).effect


@pytest.mark.parametrize(
    ("retry_count_max", "attempt", "state"),
    [
        (0, 1, "exhausted"),
        (1, 1, "due"),
        (1, 2, "exhausted"),
        (10, 10, "due"),
        (10, 11, "exhausted"),
    ],
)
def test_the_endpoint_says_how_often(retry_count_max: int, attempt: int, state: str) -> None:
    """An endpoint's retry count bounds the attempts after the first."""
    chance = replace(FIRST, retry_count_max=retry_count_max, attempt=attempt)

    assert state == decide(Answer(500), chance).state


def test_the_schedule_spans_three_days() -> None:
    """The nine pauses add up to the recommended 75:35:05 after the first attempt."""
    pauses = [
        decide(Answer(500), replace(FIRST, attempt=attempt)).delay_s for attempt in range(1, 10)
    ]

    expected = [5, 305, 2_105, 9_305, 27_305, 63_305, 113_705, 185_705, 272_105]
    assert expected == list(accumulate(pauses))


SPAN_S = 272_105 * 1.2


@pytest.mark.parametrize(
    ("elapsed_s", "asked", "delay_s"),
    [
        (0.0, "86400", 86_400.0),
        (SPAN_S - 7_000, "86400", 7_000.0),
        (SPAN_S - 7_000, "6000", 6_000.0),
        (SPAN_S - 100, "86400", 1_800.0),
        (SPAN_S + 1, "86400", 1_800.0),
    ],
    ids=["in time", "cut at the end", "before the end", "less than the schedule", "past the end"],
)
def test_a_wish_is_cut_at_the_end_of_the_schedule(
    elapsed_s: float, asked: str, delay_s: float
) -> None:
    """Retry-After puts nothing off beyond the time of the last attempt, and shortens no pause."""
    chance = replace(FIRST, attempt=3, elapsed_s=elapsed_s)

    assert decide(Answer(503, asked), chance).delay_s == pytest.approx(delay_s)


@pytest.mark.parametrize(
    ("elapsed_s", "pause_s"), [(0.0, 86_400.0), (SPAN_S - 7_000, 7_000.0)], ids=["a day", "the end"]
)
def test_jitter_lengthens_no_wish_beyond_its_bounds(elapsed_s: float, pause_s: float) -> None:
    """What is cut to a day, or to the end of the schedule, ends there."""
    chance = replace(FIRST, attempt=2, elapsed_s=elapsed_s, jitter=1.2)

    decision = decide(Answer(429, "999999"), chance)

    assert decision.delay_s == pytest.approx(pause_s)
    assert decision.effect == Hold(decision.delay_s)


@pytest.mark.parametrize("jitter", [1.0, 1.1, 1.2])
def test_jitter_only_lengthens(jitter: float) -> None:
    """A pause is never shorter than what was promised or asked for."""
    decision = decide(Answer(429, "100"), replace(FIRST, jitter=jitter))

    assert (100 * jitter, Hold(100 * jitter)) == (decision.delay_s, decision.effect)


def test_jitter_stays_within_its_bounds() -> None:
    """Every factor drawn lies between 1.0 and 1.2."""
    random = Random(1)  # noqa: S311 - jitter

    drawn = [draw_jitter(random) for _ in range(1_000)]

    assert (min(drawn) >= 1.0, max(drawn) <= 1.2) == (True, True)


def test_a_redirect_says_what_to_do() -> None:
    """The owner reads that the URL is to be updated."""
    reason = decide(Answer(301), FIRST).reason

    assert "update the URL" in reason


@pytest.mark.parametrize("attempt_class", [AttemptClass.ADDRESS_REFUSED, AttemptClass.URL_REFUSED])
def test_a_refusal_names_the_setting(attempt_class: AttemptClass) -> None:
    """The owner of a receiver in the operator's own network reads what lets it be dialled."""
    assert "LEADFALL_EGRESS__ALLOW" in decide(attempt_class, FIRST).reason


def test_a_reason_can_be_shown_to_the_owner() -> None:
    """The sentence names the answer, the next attempt and why then."""
    decision = decide(Answer(503, "120"), FIRST)

    expected = (
        "the receiver answered 503; next attempt in 120 s because Retry-After asked for 120 s"
    )
    assert expected == decision.reason


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        (" 7 ", 7.0),
        ("999999999", 86_400.0),
        ("1234567890", None),
        ("1.5", None),
        ("+5", None),
        ("-1", None),
        ("", None),
        ("soon", None),
        ("٥", None),  # noqa: RUF001 - a digit elsewhere
        (IN_TWO_MINUTES, 120.0),
        (YESTERDAY, 0.0),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 86_400.0),
        ("Thu, 32 Jan 2026 00:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    """Both forms are read, up to a day; anything else asks for nothing."""
    assert seconds == parse_retry_after(text, NOW)


def summary(decision: Decision) -> tuple[str, str, float, Effect, str]:
    """Return what a row of the table says."""
    return (
        decision.state,
        decision.attempt_class.value,
        decision.delay_s,
        decision.effect,
        decision.pace,
    )
