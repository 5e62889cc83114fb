"""The verifier with its edges, as the service wires it, pointed at a small world."""

import socket

from service.domain.verdict import EmailVerdict
from service.edges.dial_guard import EgressPolicy
from service.edges.dns import Resolver
from service.edges.host_leases import HostLeases
from service.edges.mail_exchanger import Courtesy
from service.edges.mail_port import OpenSocket
from service.edges.smtp import SmtpProber
from service.flows.controls import ControlReplies, Controls
from service.flows.verify_address import verify_address
from tests.flows.mail_world import MailWorld

HURRIED = Courtesy(interval_s=0.0)
SENDER = "probe@leadfall.test"


class Verifier:
    """The verifier with its edges, as the service wires it, pointed at a small world."""

    def __init__(
        self,
        world: MailWorld,
        *,
        courtesy: Courtesy = HURRIED,
        smtp_port: int = 0,
        step_timeout_s: float = 0.3,
        dial_timeout_s: float = 0.3,
        open_socket: OpenSocket = socket.socket,
        key: bytes | None = None,
        replies: ControlReplies | None = None,
        leases: HostLeases | None = None,
    ) -> None:
        self.resolver = Resolver([world.dns_server], timeout_s=0.3)
        self.prober = SmtpProber(
            resolver=self.resolver,
            policy=EgressPolicy.parse(["127.0.0.0/8"]),
            helo="leadfall.test",
            sender=SENDER,
            port=smtp_port or world.smtp_port,
            step_timeout_s=step_timeout_s,
            dial_timeout_s=dial_timeout_s,
            courtesy=courtesy,
            open_socket=open_socket,
            leases=leases,
        )
        self.controls = Controls(key=key, replies=replies)

    async def __call__(self, address: str) -> EmailVerdict:
        return await verify_address(
            address,
            resolver=self.resolver,
            prober=self.prober,
            controls=self.controls,
            deadline_s=5.0,
        )
