"""Secrets at rest: bound to their row, readable with any configured key, never shown."""

import pytest
from cryptography.fernet import Fernet

from service.edges.secret_box import SecretBox, SecretUnreadable, provider_purpose, signing_purpose

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
SECRET = "whsec_a-secret"


def test_what_is_sealed_opens_for_the_same_purpose() -> None:
    """A secret comes back as it was, and its ciphertext does not hold it."""
    box = SecretBox([NEW])

    sealed = box.seal(signing_purpose(1, None), SECRET)

    assert box.open(signing_purpose(1, None), sealed) == SECRET
    assert SECRET.encode() not in sealed


@pytest.mark.parametrize(
    "purpose", [signing_purpose(2, None), signing_purpose(1, 5), provider_purpose(1, "default")]
)
def test_a_ciphertext_opens_only_in_its_own_row(purpose: str) -> None:
    """Copied to another workspace, endpoint or table, it is unreadable."""
    box = SecretBox([NEW])
    sealed = box.seal(signing_purpose(1, None), SECRET)

    with pytest.raises(SecretUnreadable) as unreadable:
        box.open(purpose, sealed)

    assert SECRET not in str(unreadable.value)


def test_an_old_key_still_opens() -> None:
    """After a new key came in front, what the old one sealed can be read."""
    sealed = SecretBox([OLD]).seal("p", SECRET)

    assert SecretBox([NEW, OLD]).open("p", sealed) == SECRET


def test_resealing_makes_the_old_key_needless() -> None:
    """After resealing, the newest key alone opens the secret."""
    resealed = SecretBox([NEW, OLD]).reseal(SecretBox([OLD]).seal("p", SECRET))

    assert SecretBox([NEW]).open("p", resealed) == SECRET


@pytest.mark.parametrize(
    "ciphertext",
    [b"", b"garbage", Fernet(NEW.encode()).encrypt(b"[]")],
    ids=["empty", "garbage", "not a secret"],
)
def test_garbage_is_unreadable(ciphertext: bytes) -> None:
    """What is no sealed secret raises the one error there is."""
    with pytest.raises(SecretUnreadable):
        SecretBox([NEW]).open("p", ciphertext)


def test_a_lost_key_makes_a_secret_unreadable() -> None:
    """Neither opening nor resealing works without the key that sealed it."""
    sealed = SecretBox([OLD]).seal("p", SECRET)

    with pytest.raises(SecretUnreadable):
        SecretBox([NEW]).open("p", sealed)
    with pytest.raises(SecretUnreadable):
        SecretBox([NEW]).reseal(sealed)


@pytest.mark.parametrize("keys", [[], ["not-a-key"], [NEW, ""]])
def test_bad_keys_are_refused_by_the_name_of_their_setting(keys: list[str]) -> None:
    """The message names the setting and repeats no key."""
    with pytest.raises(ValueError, match="LEADFALL_SECRET_KEYS") as refusal:
        SecretBox(keys)

    assert "not-a-key" not in str(refusal.value)
