"""A walk through every use case of an installation, for a process whose clock a test has set.

    python -m tests.support.walk FOLDER TAG

Prints what came of each step, as JSON: `ok`, or the rule of a refusal. The first walk, `before`, makes the
installation. Each tag names things of its own, and revokes, renews and reads what `before` has issued for it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from cryptography import x509

from ca_service import settings as settings_module
from ca_service.app import open_installation
from ca_service.authority.access.permissions import Role
from ca_service.authority.audit.entries import EVERYTHING
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.fleet.node_plan import Order
from ca_service.authority.fleet.placement import Placement
from ca_service.authority.fleet.renewal import RenewalOptions
from ca_service.authority.installation import Installation
from ca_service.authority.inventory.store import CertificateQuery
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.records import State
from ca_service.authority.jobs import Outcome
from ca_service.authority.notices.records import MessageQuery
from ca_service.authority.people.records import AccountRecord, Visit
from ca_service.authority.revocation.records import Selection
from ca_service.errors import CAServiceError
from ca_service.pki import encodings
from ca_service.pki.reasons import Reason
from ca_service.vos.fit import Files
from tests.support import requests
from tests.support.factories import OPERATOR, PASSWORD, PLAN, cheap_hasher
from tests.support.fleet import PUBLISHER
from tests.support.ocsp import question, told
from tests.support.people import PARTY, code_of, proof

TAGS: Final = ("before", "ahead", "back", "confirmed")
ISSUER: Final = "intermediate-g1"
HERE: Final = Visit("192.0.2.1", "Browser/1")
COPY_PASSPHRASE: Final = b"a long passphrase of a copy"
Step = Callable[["Walk"], object]


@dataclass(frozen=True)
class Walk:
    """One walk: the installation, what its things are called after, and a note that it leaves for the next."""

    installation: Installation
    folder: Path
    tag: str

    @cached_property
    def leaf(self) -> CertificateRecord:
        """The certificate that was issued for this walk before."""
        query = CertificateQuery(text=f"host:spare-{self.tag}.example.com")
        return self.installation.inventory.list_certificates(OPERATOR, query).certificates[0]

    @property
    def account(self) -> AccountRecord:
        """A requester with an authenticator app."""
        return self.installation.accounts.get(self.tag)

    def note(self, name: str) -> Path:
        """A file for the walks that follow."""
        return self.folder / f"{name}.note"


def csr(host: str) -> bytes:
    """A CSR with a key of its own."""
    return requests.node(f"{host}-EC.example.com", "example.com", f"{host}.example.com").der()


def require(*is_so: object) -> None:
    """Fail the step unless all of it is so."""
    if not all(is_so):
        raise AssertionError(is_so)


def prepare(walk: Walk) -> None:
    """Make the installation, and for each walk an account with an app and a certificate."""
    made = walk.installation
    made.schema.upgrade()
    made.creation.initialise(OPERATOR, PLAN)
    made.identity.settle()
    for name in TAGS:
        account = made.accounts.create(OPERATOR, name, Role.REQUESTER, PASSWORD)
        secret = made.second_factors.offer_app(account.actor).secret
        made.second_factors.confirm_app(account.actor, code_of(secret, made.clock()))
        walk.note(f"app-{name}").write_text(secret)
    made.issuance.issue(OPERATOR, [csr(f"spare-{tag}") for tag in TAGS], Options())


def issue(walk: Walk) -> object:
    """Issue a certificate."""
    return walk.installation.issuance.issue(OPERATOR, [csr(f"new-{walk.tag}")], Options()).certificates[0]


def issue_batch(walk: Walk) -> object:
    """Issue what can be issued of a batch."""
    return walk.installation.issuance.issue_possible(OPERATOR, [csr(f"batch-{walk.tag}")], Options()).certificates[0]


def approve(walk: Walk) -> None:
    """Let a request wait, and approve it."""
    made = walk.installation
    [waiting] = made.issuance.issue(walk.account.actor, [csr(f"waiting-{walk.tag}")], Options()).waiting
    decided = made.requests.approve(OPERATOR, waiting.id)
    if decided.state is not State.ISSUED:
        raise CAServiceError(*decided.failure)
    made.completion.issue_approved()


def renew(walk: Walk) -> object:
    """Renew a certificate."""
    chosen = RenewalOptions(new=True, never_uploaded=True)
    return walk.installation.renewal.renew(OPERATOR, walk.leaf.serial_number, chosen).certificates[0]


def sign_in_cluster(walk: Walk) -> None:
    """Sign a CSR in a slot of a new cluster, and hand it over."""
    made = walk.installation
    cluster = made.fleet.create(OPERATOR, f"Cluster {walk.tag}", [PUBLISHER])
    again = requests.node("uccx1-EC.example.com", "example.com", "uccx1.example.com").der()
    made.fleet.sign(OPERATOR, cluster.id, [Placement(again, cluster.nodes[0].id, "tomcat-ECDSA", False)], Options())
    require(made.handover.bundle(OPERATOR, cluster.id))


def change_cluster(walk: Walk) -> None:
    """Change a cluster and remove it."""
    fleet = walk.installation.fleet
    cluster = fleet.create(OPERATOR, f"Short-lived {walk.tag}", [PUBLISHER])
    fleet.rename(OPERATOR, cluster.id, f"Renamed {walk.tag}")
    walk.installation.handover.board(OPERATOR, cluster.id)
    fleet.remove(OPERATOR, cluster.id)


def look_at_nodes(walk: Walk) -> None:
    """Remember the product of a host, which has no API; see what its ports have presented, and how a client arrives."""
    made, host = walk.installation, "uccx1.example.com"
    made.host_products.assign(OPERATOR, host, "uccx", "11.5")
    made.probes.list_served(OPERATOR, host)
    require(made.node_commands.lines(OPERATOR, host, Order()))
    try:
        made.node_driver.contact(OPERATOR, host)
    except CAServiceError as error:
        require(error.rule == "node.no-api")
    require(not made.arrival.examine(OPERATOR), made.trusted.chain())


def check(walk: Walk) -> None:
    """Check a CSR, and whether a certificate fits."""
    walk.installation.issuance.check(OPERATOR, [csr(f"new-{walk.tag}")], Options())
    walk.installation.fit_checks.check(OPERATOR, Files(walk.leaf.csr_der, walk.leaf.der))


def revoke(walk: Walk) -> None:
    """Put a certificate on hold, release it, and revoke it: OCSP and the CRL follow."""
    made, chosen, ask = walk.installation, Selection((walk.leaf.serial_number,)), question(walk.installation, walk.leaf)
    require(told(made.ocsp_responder.answer(ask)) == "good")
    made.revocation.revoke(OPERATOR, chosen, Reason.CERTIFICATE_HOLD)
    made.revocation.release(OPERATOR, chosen)
    made.revocation.revoke(OPERATOR, chosen, Reason.SUPERSEDED)
    require(told(made.ocsp_responder.answer(ask)) == "superseded")
    require(*(_is_current(made, record.id) for record in made.hierarchy.list_issuers()))
    entries = x509.load_der_x509_crl(made.crl_publisher.current(ISSUER).data.full)
    require(entries.get_revoked_certificate_by_serial_number(int(walk.leaf.serial_number, 16)))
    made.authority_revocation.preview(OPERATOR, ISSUER, Reason.SUPERSEDED)


def _is_current(made: Installation, issuer_id: str) -> bool:
    found = x509.load_der_x509_crl(made.crl_publisher.current(issuer_id).data.full)
    return found.next_update_utc is not None and found.last_update_utc <= made.clock() < found.next_update_utc


def publish(walk: Walk) -> None:
    """Publish a CRL though none is due; one whose key is here is not imported."""
    made = walk.installation
    published = made.crl_publisher.publish(OPERATOR, "root-g1")
    try:
        made.crl_importer.import_crl(OPERATOR, published.data.full)
    except CAServiceError as error:
        require(error.rule == "crl.key-here")
    made.responders.renew_due()


def sign_in(walk: Walk) -> None:
    """Mistype the password, then sign in with password and app; ahead also to the account that signs in afterwards."""
    made = walk.installation
    for name in (walk.tag, "back") if walk.tag == "ahead" else (walk.tag,):
        try:
            made.signing_in.with_password(name, "wrong", HERE)
        except CAServiceError as error:
            require(error.rule.startswith("sign-in"))
        entered = made.signing_in.with_password(name, PASSWORD, HERE)
        later = made.clock() + timedelta(seconds=30)  # the code of now may have confirmed the app
        code = code_of(walk.note(f"app-{name}").read_text(), later)
        secret = made.signing_in.second_step(entered.secret, proof(code=code), HERE).secret
        require(made.sessions.find(secret))
        walk.note(f"session-{walk.tag}").write_text(secret)
        made.rescue.unlock(OPERATOR, name)
    require(made.second_factors.new_codes(walk.account.actor))
    made.passkeys.options_to_enrol(walk.account.actor, PARTY)


def change_accounts(walk: Walk) -> None:
    """Create, invite and change accounts."""
    made, name = walk.installation, f"user-{walk.tag}"
    made.links.use(made.links.invite(OPERATOR, name, Role.AUDITOR).secret, PASSWORD, "")
    made.accounts.set_role(OPERATOR, name, Role.APPROVER)
    made.accounts.set_disabled(OPERATOR, name, disabled=True)


def use_token(walk: Walk) -> None:
    """Create a token, use and revoke it; the same with a calendar link."""
    made, account = walk.installation, walk.account
    token = made.tokens.create(account.actor, account.name, "for scripts", 30)
    require(made.tokens.authenticate(token.secret).name == account.name)
    made.tokens.revoke_all(account.actor, account.name)
    made.calendars.read(made.calendars.make(account.actor))
    made.calendars.revoke(account.actor)


def read_lists(walk: Walk) -> None:
    """Read what people read."""
    made = walk.installation
    made.inventory.board(OPERATOR)
    made.notices.list_coming(OPERATOR)
    made.deliveries.list_messages(OPERATOR, MessageQuery())


def run_jobs(walk: Walk) -> None:
    """Run every job that is due: a few minutes after the walk before, all of them, whatever its clock said."""
    runs = walk.installation.jobs.run_due()
    require(all(run.outcome is Outcome.DONE for run in runs))
    is_due_again = walk.tag != "confirmed"  # the walk before was a few seconds ago, with the same clock
    require(len(runs) == len(walk.installation.jobs.states()) or not is_due_again)


def verify_log(walk: Walk) -> None:
    """Seal, export and verify the audit log, and compare it with the tables."""
    made = walk.installation
    made.sealing.seal_pending()
    require(list(made.audit_log.export(OPERATOR, EVERYTHING)), made.audit_log.verify(OPERATOR))
    made.agreement.require_agreement(OPERATOR)
    require(made.receipts.attached([made.issuance.delivery(walk.leaf)]))


def keep_root(walk: Walk) -> None:
    """Export the key of the root, preview the next intermediate, and find that there is an authority already."""
    made = walk.installation
    made.root_key.verify(made.root_key.export(OPERATOR, COPY_PASSPHRASE), COPY_PASSPHRASE)
    require(made.creation.initialise(OPERATOR, PLAN) == ())
    require(made.rollover.preview(OPERATOR, PLAN).before.id == ISSUER)
    try:
        made.external.request_intermediate(OPERATOR, "", "P-256")
    except CAServiceError as error:
        require(error.rule == "authority.exists")


def find_ready(walk: Walk) -> None:
    """Look at all cheap checks and those of doctor. Raises the errors of those that fail."""
    made = walk.installation
    made.require_ready()
    found = [*made.readiness.results(), *made.doctor.examine(OPERATOR)]
    if wrong := [finding for result in found if not result.is_well for finding in result.findings]:
        raise CAServiceError(*wrong)


#: The key of the cookies, which no server has made here.
_SETTINGS: Final = {"CA_SERVICE_POLICY__RULES": "[]", "CA_SERVICE_WEB__SECRET_KEY": "k" * 40}
STEPS: Final[dict[str, Step]] = {
    step.__name__: step
    for step in (
        *(
            check,
            issue,
            issue_batch,
            approve,
            renew,
            sign_in_cluster,
            change_cluster,
            revoke,
            publish,
            sign_in,
            look_at_nodes,
        ),
        *(change_accounts, use_token, read_lists, keep_root, run_jobs, verify_log, find_ready),
    )
}


class Seen:
    """Stands before a use case, and notes that it was used."""

    def __init__(self, part: Any, name: str, used: set[str]) -> None:
        self._part, self._name, self._used = part, name, used

    def __getattr__(self, name: str) -> Any:
        """Return its attribute."""
        self._used.add(self._name)
        return getattr(self._part, name)


def watched(made: Installation, used: set[str]) -> Installation:
    """The installation, which notes in `used` the names of its parts that are used."""
    parts = {each.name: getattr(made, each.name) for each in fields(Installation)}
    plain = ("clock", "close", "plan", "single_sign_on")
    seen: dict[str, Any] = {name: part if name in plain else Seen(part, name, used) for name, part in parts.items()}
    return Installation(**seen)


def result_of(walk: Walk, step: Step) -> str:
    """Return what comes of a step."""
    try:
        step(walk)
    except CAServiceError as error:
        return error.rule
    return "ok"


def main() -> None:
    """Walk, and print the results."""
    folder, tag = Path(sys.argv[1]), sys.argv[2]
    settings = settings_module.load(_SETTINGS, folder / "instance").settings
    used = set[str]()
    walk = Walk(watched(open_installation(settings, cheap_hasher()), used), folder, tag)
    if tag == "before":
        prepare(walk)
    if tag == "confirmed":
        walk.installation.clock_check.confirm(OPERATOR)
    results = {name: result_of(walk, step) for name, step in STEPS.items()}
    known = [each.name.removeprefix("session-").removesuffix(".note") for each in _open_sessions(walk)]
    now = encodings.time_text(walk.installation.clock())
    walk.installation.close()
    json.dump({"now": now, "results": results, "used": sorted(used), "sessions": known}, sys.stdout)


def _open_sessions(walk: Walk) -> list[Path]:
    """Return the notes of the sessions that are still open, of all walks so far."""
    notes = sorted(walk.folder.glob("session-*.note"))
    return [each for each in notes if walk.installation.sessions.find(each.read_text())]


if __name__ == "__main__":
    main()
