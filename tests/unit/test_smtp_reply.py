"""What replies of mail servers mean."""

import pytest

from service.domain.smtp_reply import enhanced_code, read_refusal, read_reply


@pytest.mark.parametrize(
    ("code", "text", "meaning"),
    [
        (250, "2.1.5 Ok", "accepted"),
        (250, "", "accepted"),
        (251, "2.1.5 will forward", "accepted"),
        (252, "cannot verify, will try", "unknown"),
        (354, "go on", "unknown"),
        (421, "4.3.2 Service closing", "try_later"),
        (421, "4.7.0 Too many connections, try again later", "try_later"),
        (450, "4.2.1 Mailbox busy", "try_later"),
        (450, "4.7.1 <x@acme.test>: Recipient address rejected: Greylisted", "try_later"),
        (450, "4.7.1 Client host rejected: greylisted", "try_later"),
        (450, "4.7.1 Client host rejected: cannot find your hostname", "blocked_prober"),
        (451, "4.7.1 Internal resource temporarily unavailable", "try_later"),
        (451, "4.3.0 Local error", "try_later"),
        (452, "4.2.2 Mailbox full", "full"),
        (452, "The mailbox is over quota", "full"),
        (452, "4.3.1 Insufficient system storage", "try_later"),
        (452, "4.5.3 Too many recipients", "try_later"),
        (455, "Parameters", "unknown"),
        (503, "5.5.1 Bad sequence", "unknown"),
        (521, "5.3.2 This host takes no mail", "domain_refuses"),
        (521, "5.2.1 Listed at Spamhaus", "blocked_prober"),
        (521, "5.7.1 Your access is rejected", "blocked_prober"),
        (556, "5.7.1 Not from you", "blocked_prober"),
        (530, "5.7.0 Must issue a STARTTLS command first", "tls_required"),
        (550, "5.1.1 User unknown", "no_mailbox"),
        (550, "5.1.1 <blocked.policy@acme.test>: User unknown", "no_mailbox"),
        (550, "5.1.1 <spamhaus@acme.test>: User unknown", "no_mailbox"),
        (550, "5.1.1 Rejected, see your reputation report", "blocked_prober"),
        (550, "5.1.2 Bad destination", "domain_refuses"),
        (550, "5.1.3 Bad syntax", "no_mailbox"),
        (550, "5.1.10 Recipient not found", "no_mailbox"),
        (550, "5.2.1 Disabled", "no_mailbox"),
        (550, "5.4.1 Recipient address rejected: Access denied", "directory_block"),
        (550, "5.7.1 Relaying denied", "blocked_prober"),
        (550, "5.7.606 Access denied, banned sending IP", "blocked_prober"),
        (550, "No such user here", "no_mailbox"),
        (550, "The account does not exist", "no_mailbox"),
        (550, "Mailbox not found", "no_mailbox"),
        (550, "blocked by our policy", "blocked_prober"),
        (550, "SPF check failed", "blocked_prober"),
        (550, "Rejected", "unknown"),
        (550, "not allowed", "unknown"),
        (550, "5.0.0 Refused", "unknown"),
        (550, "", "unknown"),
        (550, "Greylisted, try again later", "try_later"),
        (551, "5.1.6 User has moved", "no_mailbox"),
        (552, "5.2.2 Over quota", "full"),
        (552, "Storage", "full"),
        (553, "5.1.3 Mailbox name not allowed", "no_mailbox"),
        (553, "5.7.1 Relaying denied", "blocked_prober"),
        (553, "sorry", "unknown"),
        (554, "5.7.1 Service unavailable; Client host blocked using zen", "blocked_prober"),
        (554, "5.5.4 Error: command not allowed", "blocked_prober"),
        (554, "Transaction failed", "unknown"),
        (556, "5.1.10 Null MX", "domain_refuses"),
    ],
)
def test_replies_to_a_recipient(code: int, text: str, meaning: str) -> None:
    """The enhanced code and words about the asker come before the three digits."""
    assert meaning == read_reply(code, text)


@pytest.mark.parametrize(
    ("code", "text", "meaning"),
    [
        (421, "Too busy", "try_later"),
        (450, "4.7.1 Your IP is on a blocklist", "blocked_prober"),
        (521, "No mail here", "domain_refuses"),
        (521, "5.7.1 Your access is rejected", "blocked_prober"),
        (530, "5.7.0 Must issue a STARTTLS command first", "tls_required"),
        (550, "5.1.1 Unknown user", "blocked_prober"),
        (550, "TLS required", "tls_required"),
        (554, "5.3.2 No service", "domain_refuses"),
        (554, "No", "blocked_prober"),
        (556, "Null MX", "domain_refuses"),
    ],
)
def test_refusals_before_a_recipient(code: int, text: str, meaning: str) -> None:
    """What is refused before the recipient is named never speaks about the mailbox."""
    assert meaning == read_refusal(code, text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("5.1.1 No", "5.1.1"),
        ("  4.7.1", "4.7.1"),
        ("5.1.10 No", "5.1.10"),
        ("5.1.1: No", None),
        ("3.1.1 No", None),
        ("No 5.1.1", None),
        ("5.1", None),
        ("", None),
    ],
)
def test_enhanced_codes_stand_at_the_beginning(text: str, code: str | None) -> None:
    """Only a well-formed code at the beginning of the text counts."""
    assert code == enhanced_code(text)
