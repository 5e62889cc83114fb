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
        (550, "5.7.1: recipient not found, access denied by policy", "blocked_prober"),
        (550, "#5.7.1 Mailbox user unknown or blocked", "blocked_prober"),
        (550, "Message refused\n5.7.1 recipient not found in allow list", "blocked_prober"),
        (551, "#5.7.1 This host does not relay", "blocked_prober"),
        (550, "5.7.1.9: user unknown", "no_mailbox"),
        (553, "5.1.8 Domain of sender address p@x.test does not exist", "blocked_prober"),
        (553, "5.1.7 Bad sender's mailbox; mailbox not found", "blocked_prober"),
        (550, "5.1.1 Sender verify failed: no such user here", "blocked_prober"),
        (550, "Sender address does not exist", "blocked_prober"),
        (
            550,
            "Verification failed for <p@x.test>\nNo such user\nSender verify failed",
            "blocked_prober",
        ),
        (550, "Domain of sender does not exist", "blocked_prober"),
        (553, "The sender's domain does not exist", "blocked_prober"),
        (450, "4.1.8 Sender address rejected: Domain not found", "try_later"),
        (550, "5.1.1 User unknown; the sender was told", "no_mailbox"),
        (550, "No such user here", "no_mailbox"),
        (550, "The account does not exist", "no_mailbox"),
        (550, "Invalid Recipient - https://gateway.example/docs#550", "no_mailbox"),
        (554, "delivery error: This user doesn't have a mail.example account", "no_mailbox"),
        (550, "Recipient unknown", "no_mailbox"),
        (550, "unknown local part", "no_mailbox"),
        (550, "Not a valid mailbox", "no_mailbox"),
        (550, "5.7.1 Invalid recipient", "blocked_prober"),
        (550, "Invalid recipient, sender rejected", "blocked_prober"),
        (550, "Too many invalid recipients", "blocked_prober"),
        (554, "5.5.3 Too many unknown users from you", "blocked_prober"),
        (552, "Too many messages in the mailbox", "full"),
        (550, "Sender <p@x.test> is not a valid mailbox", "blocked_prober"),
        (550, "Sender <p@x.test>: mailbox unknown", "blocked_prober"),
        (550, "The envelope-from is not a valid mailbox", "blocked_prober"),
        (553, "Return-Path: invalid mailbox", "blocked_prober"),
        (550, "Invalid sender: not a valid mailbox", "blocked_prober"),
        (450, "Invalid recipient", "try_later"),
        (550, "Mailbox not found", "no_mailbox"),
        (550, "Unrouteable address", "no_mailbox"),
        (550, "unroutable mail domain", "no_mailbox"),
        (550, "Unrouteable address\nSender verify failed", "blocked_prober"),
        (450, "Unrouteable address", "try_later"),
        (550, "Requested action not taken: mailbox unavailable", "unknown"),
        (550, "5.7.1 Unrouteable address", "blocked_prober"),
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
        ("  5.7.1", "5.7.1"),
        ("5.1.10 No", "5.1.10"),
        ("5.1.1: No", "5.1.1"),
        ("5.1.1, no", "5.1.1"),
        ("#5.7.1 No", "5.7.1"),
        ("No (5.1.1)", "5.1.1"),
        ("No [#5.1.1].", "5.1.1"),
        ("5.1.1.", "5.1.1"),
        ("Access denied\n5.7.1 No", "5.7.1"),
        ("Access denied 5.7.1", "5.7.1"),
        ("They said 550 5.1.1 No", "5.1.1"),
        ("4.2.2 Full\n5.1.1 No", "5.1.1"),
        ("5.1.1 No\n5.7.1 Go away", "5.1.1"),
        ("No 5.1.1", None),
        ("Filter version 5.1.1 refused", None),
        ("5.7.1.9 is listed", None),
        ("Your address (5.7.1.9) is listed", None),
        ("1.5.7.1 is listed", None),
        ("Mailer/5.7.1 refused", None),
        ("v5.7.1 refused", None),
        ("5.7.1/24 is listed", None),
        ("5.7.2026", None),
        ("3.1.1 No", None),
        ("4.1.1 No", None),
        ("5.1", None),
        ("", None),
    ],
)
def test_enhanced_codes_stand_by_themselves(text: str, code: str | None) -> None:
    """The first code that fits 550 counts; an address or a version number is no code."""
    assert enhanced_code(550, text) == code


def test_an_enhanced_code_fits_its_reply() -> None:
    """A temporary reply is not explained by a permanent code that it quotes."""
    assert enhanced_code(450, "5.7.1 No\n4.7.1 Later") == "4.7.1"
