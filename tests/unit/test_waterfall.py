"""The order of the providers is data: read exactly, refused precisely, and done when it says so."""

from importlib.resources import files
from typing import Any

import pytest

from providers.registry import all_providers
from service.domain.kinds import Capability, Kind
from service.domain.outcome import Found, Missing, NoAnswer, Outcome, RejectedInput
from service.domain.verdict import VerdictStatus
from service.domain.waterfall import (
    STEPS_MAX,
    Step,
    Waterfall,
    WaterfallsInvalidError,
    accepts,
    load_waterfalls,
    usable,
)

KNOWN = {
    "acme": {Capability.FIND_EMAIL, Capability.VERIFY_EMAIL},
    "bell": {Capability.FIND_PHONE, Capability.FIND_EMAIL},
}
TWO_STEPS = """
[[find_email]]
provider = "acme"

[[find_email]]
provider = "bell"
accept = ["risky", "unknown"]
deadline_s = 12
when_gate_shut = "wait"
"""
FIRM = frozenset[VerdictStatus]({"deliverable", "undeliverable"})
RISKY = frozenset[VerdictStatus]({"risky"})
UNKNOWN = frozenset[VerdictStatus]({"unknown"})


def test_the_order_and_every_key_are_read() -> None:
    """Steps keep their order; what a step leaves out has its default."""
    waterfall = load_waterfalls(TWO_STEPS, KNOWN)[Kind.FIND_EMAIL]

    assert waterfall.steps == (
        Step("acme", accept=FIRM, deadline_s=None, when_gate_shut="skip"),
        Step("bell", accept=FIRM | RISKY | UNKNOWN, deadline_s=12.0, when_gate_shut="wait"),
    )


def test_a_kind_that_is_left_out_has_no_steps() -> None:
    """Every kind has its waterfall, so that nobody need ask whether there is one."""
    waterfalls = load_waterfalls("", KNOWN)

    assert waterfalls == {kind: Waterfall(kind, ()) for kind in Kind}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("find_email =", "waterfalls are not TOML: Invalid value .*"),
        ("[[find_mail]]", "waterfalls: unknown kind 'find_mail'; there are verify_email, .*"),
        ("find_email = 3", r"find_email: write each step as a table under \[\[find_email\]\]"),
        ("find_email = [3]", r"find_email: write each step as a table under \[\[find_email\]\]"),
        ("[find_email]", r"find_email: write each step as a table under \[\[find_email\]\]"),
        ("[[find_email]]", "find_email, step 1: provider is missing or not text"),
        ("[[find_email]]\nprovider = 1", "find_email, step 1: provider is missing or not text"),
        (
            TWO_STEPS + "[[find_email]]\nprovider = 'acne'",
            "find_email, step 3: unknown provider 'acne'; there are acme, bell",
        ),
        (
            "[[find_phone]]\nprovider = 'acme'",
            "find_phone, step 1: provider 'acme' cannot find_phone",
        ),
        (
            TWO_STEPS + "[[find_email]]\nprovider = 'acme'",
            "find_email, step 3: provider 'acme' has an earlier step already",
        ),
        (
            "[[find_email]]\nprovider = 'acme'\ntimeout = 3",
            "find_email, step 1: unknown key 'timeout'; there are provider, accept, .*",
        ),
        (
            "[[find_email]]\nprovider = 'acme'\naccept = 'risky'",
            "find_email, step 1: accept is not a list",
        ),
        (
            "[[find_email]]\nprovider = 'acme'\naccept = [['risky']]",
            r"find_email, step 1: unknown verdict \['risky'\]; there are deliverable, .*",
        ),
        (
            "[[find_email]]\nprovider = 'acme'\nwhen_gate_shut = 'hope'",
            "find_email, step 1: unknown when_gate_shut 'hope'; there are skip, wait",
        ),
        ("[[find_email]]\nprovider = 'acme'\n" * (STEPS_MAX + 1), "find_email: more than 20 steps"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, message: str) -> None:
    """The operator reads the kind, the step, what is wrong, and what would be right."""
    with pytest.raises(WaterfallsInvalidError, match=f"^{message}$"):
        load_waterfalls(text, KNOWN)


@pytest.mark.parametrize("deadline", ["0", "-1", "900.1", "inf", "nan", "true", "'9'"])
def test_a_deadline_is_above_zero_and_at_most_fifteen_minutes(deadline: str) -> None:
    """No provider call may last longer, so no step may say that it does."""
    text = f"[[find_email]]\nprovider = 'acme'\ndeadline_s = {deadline}"

    with pytest.raises(WaterfallsInvalidError, match="step 1: deadline_s is not a number"):
        load_waterfalls(text, KNOWN)


def test_the_steps_of_configured_providers_remain_in_order() -> None:
    """What has no key is left out; what is left has a version of its own."""
    waterfall = load_waterfalls(TWO_STEPS, KNOWN)[Kind.FIND_EMAIL]

    remaining = usable(waterfall, {"bell", "other"})

    assert [step.provider for step in remaining.steps] == ["bell"]
    assert remaining.version != waterfall.version
    assert usable(waterfall, {"bell", "acme"}) == waterfall


def test_the_version_changes_with_the_content_only() -> None:
    """Comments and spelling leave it alone, a step's key changes it, every process computes it."""
    version = load_waterfalls(TWO_STEPS, KNOWN)[Kind.FIND_EMAIL].version
    respelled = load_waterfalls("# note\n" + TWO_STEPS.replace("12", "12.0"), KNOWN)
    changed = load_waterfalls(TWO_STEPS.replace("12", "13"), KNOWN)

    assert version == respelled[Kind.FIND_EMAIL].version
    assert version != changed[Kind.FIND_EMAIL].version
    assert version == "4b85dd7e9223"


STRICT = Step("acme")
LENIENT = Step("acme", accept=FIRM | RISKY)


@pytest.mark.parametrize(
    ("ends", "step", "outcome"),
    [
        (True, STRICT, Found({"email": "a@b.test", "verdict": "deliverable"})),
        (True, STRICT, Found({"email": "a@b.test", "verdict": "undeliverable", "reason": "x"})),
        (False, STRICT, Found({"email": "a@b.test", "verdict": "risky"})),
        (True, LENIENT, Found({"email": "a@b.test", "verdict": "risky"})),
        (False, LENIENT, Found({"email": "a@b.test", "verdict": "unknown"})),
        (True, STRICT, Found({"phone": "+12025550147"})),
        (True, STRICT, Found({"slug": None, "name": None})),
        (False, LENIENT, Missing()),
        (False, LENIENT, NoAnswer("timeout")),
        (False, LENIENT, RejectedInput("refused_by_vendor")),
    ],
)
def test_an_outcome_ends_the_waterfall_when_it_is_firm_or_accepted(
    *, ends: bool, step: Step, outcome: Outcome
) -> None:
    """Deliverable always; risky only where the step says so; nothing that was not found."""
    assert ends == accepts(step, outcome)


@pytest.mark.parametrize(
    ("kind", "providers"),
    [
        (
            Kind.VERIFY_EMAIL,
            [
                "enrich",
                "millionverifier",
                "neverbounce",
                "zerobounce",
                "leadmagic",
                "hunter",
                "icypeas",
                "enrow",
            ],
        ),
        (Kind.FIND_EMAIL, ["enrich", "hunter"]),
        (
            Kind.FIND_EMAIL_WATERFALL,
            [
                "enrich",
                "hunter",
                "leadmagic",
                "icypeas",
                "prospeo",
                "findymail",
                "enrow",
                "dropcontact",
                "aleads",
                "fullenrich",
                "bettercontact",
            ],
        ),
        (
            Kind.FIND_PHONE,
            ["leadmagic", "aleads", "prospeo", "findymail", "enrow", "fullenrich", "bettercontact"],
        ),
        (Kind.DETECT_GATEWAY, ["enrich"]),
        (Kind.DETECT_ESP, ["enrich"]),
    ],
)
def test_the_shipped_waterfalls_fit_the_shipped_providers(kind: Kind, providers: list[str]) -> None:
    """The file that comes with the service loads against the real registry, in this order."""
    text = files("providers").joinpath("waterfalls.toml").read_text()
    known: Any = {
        slug: {offer.capability for offer in provider.offers}
        for slug, provider in all_providers().items()
    }

    waterfalls = load_waterfalls(text, known)

    assert providers == [step.provider for step in waterfalls[kind].steps]


def test_ceilings_belong_to_a_kind_and_to_its_version() -> None:
    """A cost and a deadline per lead are read beside the steps and change the version."""
    plain = load_waterfalls(TWO_STEPS, KNOWN)[Kind.FIND_EMAIL]
    text = TWO_STEPS + "\n[ceilings.find_email]\ncost_max = 0.5\ndeadline_s = 600\n"

    capped = load_waterfalls(text, KNOWN)[Kind.FIND_EMAIL]

    assert (capped.cost_max, capped.deadline_s) == (0.5, 600.0)
    assert (plain.cost_max, plain.deadline_s) == (None, None)
    assert capped.version != plain.version
    assert capped.steps == plain.steps


@pytest.mark.parametrize(
    ("ceiling", "said"),
    [
        ("[ceilings.find_mail]\ncost_max = 1", "unknown kind"),
        ("[ceilings.find_email]\ncost = 1", "unknown key"),
        ("[ceilings.find_email]\ncost_max = 0", "cost_max is not a number above 0"),
        ("[ceilings.find_email]\ndeadline_s = 'soon'", "deadline_s is not a number above 0"),
    ],
)
def test_a_ceiling_that_cannot_be_read_is_named(ceiling: str, said: str) -> None:
    with pytest.raises(WaterfallsInvalidError, match=said):
        load_waterfalls(f"{TWO_STEPS}\n{ceiling}", KNOWN)


@pytest.mark.parametrize(
    ("confidence", "ends"), [(0.9, True), (0.5, False), (0.0, False), (None, True)]
)
def test_a_find_must_be_as_sure_as_its_step_asks(confidence: float | None, *, ends: bool) -> None:
    """A lower confidence goes on; a find that gives none is taken at its verdict."""
    value = {"email": "a@b.leadfall", "verdict": "deliverable"}
    if confidence is not None:
        value |= {"confidence": confidence}

    assert accepts(Step("acme", confidence_min=0.8), Found(value)) is ends
