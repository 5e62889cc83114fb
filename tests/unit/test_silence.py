"""A vendor's silence: it grows while somebody wants an answer, and only then."""

from service.domain.silence import UNWANTED_S, Silence


def test_it_lasts_from_the_first_look_through_every_opening() -> None:
    """A vendor that is tried now and then, and fails each time, has still answered nobody."""
    silence = Silence()

    for now_s in (0.0, 30.0, 400.0, 1_000.0):
        silence.note_shut(30.0, now_s)

    assert silence.lasts_s(1_100.0) == 1_100.0


def test_an_answer_ends_it() -> None:
    """What shuts it next begins another."""
    silence = Silence()
    silence.note_shut(30.0, 0.0)
    silence.note_answer()

    before = silence.lasts_s(1_000.0)
    silence.note_shut(30.0, 1_000.0)

    assert (before, silence.lasts_s(1_010.0)) == (0.0, 10.0)


def test_what_nobody_wanted_for_long_is_no_silence() -> None:
    """The first lead of the next job is not given up for what the last one met."""
    silence = Silence()
    silence.note_shut(60.0, 0.0)
    next_job_s = 60.0 + UNWANTED_S + 1

    before = silence.lasts_s(next_job_s)
    silence.note_shut(60.0, next_job_s)

    assert (before, silence.lasts_s(next_job_s + 5)) == (0.0, 5.0)


def test_a_long_hold_is_silence_all_the_time() -> None:
    """Whoever asks for a day is silent for a day, though nobody looks meanwhile."""
    silence = Silence()
    silence.note_shut(86_400.0, 0.0)

    assert silence.lasts_s(80_000.0) == 80_000.0
