"""The DNS server, asked with dnspython over UDP and TCP."""

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import pytest

from providers.sandbox.server import Sandbox


async def ask(sandbox: Sandbox, name: str, kind: str) -> tuple[str, list[str]]:
    """Return the code and the records, sorted: a name server sends them in any order."""
    host, port = sandbox.dns_address
    answer = await dns.asyncquery.udp(dns.message.make_query(name, kind), host, 5, port)
    records = sorted(record.to_text() for rrset in answer.answer for record in rrset)
    return dns.rcode.to_text(answer.rcode()), records


@pytest.mark.parametrize(
    ("name", "kind", "rcode", "records"),
    [
        ("brightwater.leadfall", "MX", "NOERROR", ["10 mx1.brightwater.leadfall."]),
        (
            "HarborLine.leadfall",
            "MX",
            "NOERROR",
            ["10 mx0a-00431701.pphosted.com.", "20 mx0b-00431701.pphosted.com."],
        ),
        (
            "harborline.leadfall",
            "TXT",
            "NOERROR",
            ['"v=spf1 include:spf.protection.outlook.com -all"'],
        ),
        ("mx1.brightwater.leadfall", "A", "NOERROR", ["127.0.0.1"]),
        ("mx0a-00431701.pphosted.com", "A", "NOERROR", ["127.0.0.1"]),
        ("aspmx.l.google.com", "AAAA", "NOERROR", []),
        ("oldbarn.leadfall", "MX", "NOERROR", []),
        ("oldbarn.leadfall", "A", "NOERROR", ["127.0.0.1"]),
        ("nomail.leadfall", "MX", "NOERROR", ["0 ."]),
        ("nowhere.leadfall", "MX", "NXDOMAIN", []),
        ("darkdns.leadfall", "MX", "SERVFAIL", []),
        ("example.com", "MX", "NXDOMAIN", []),
        ("any-other-company.leadfall", "MX", "NOERROR", ["10 mx1.any-other-company.leadfall."]),
        ("mx2.brightwater.leadfall", "A", "NXDOMAIN", []),
    ],
)
async def test_a_name_has_the_records_of_the_table(
    sandbox: Sandbox, name: str, kind: str, rcode: str, records: list[str]
) -> None:
    assert (rcode, records) == await ask(sandbox, name, kind)


async def test_a_silent_domain_is_never_answered(sandbox: Sandbox) -> None:
    host, port = sandbox.dns_address
    query = dns.message.make_query("deafdns.leadfall", "MX")

    with pytest.raises(dns.exception.Timeout):
        await dns.asyncquery.udp(query, host, 0.2, port)


async def test_several_questions_are_answered_over_one_tcp_connection(sandbox: Sandbox) -> None:
    host, port = sandbox.dns_address
    query = dns.message.make_query("nomail.leadfall", "MX")

    answer = await dns.asyncquery.tcp(query, host, 5, port)

    assert answer.answer[0][0].to_text() == "0 ."
