"""Through how many files of ours one issuance runs; `python -m tests.benchmarks.files_of_one_issuance`.

A profile hook notes the file of every function of ours that is called. `files` are those that were entered, `changes`
how often a call came from another file than the one before; both for everything of ours, and for the core alone
(pki, vos, authority, errors). `parsed` is how often a CSR was parsed. What comes before (an installation, an account,
a page with its form) is not counted, and each is done once before, so that nothing is counted that happens once.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any, Final

from werkzeug.datastructures import MultiDict

from ca_service import settings as settings_module
from ca_service.app import create_app, open_installation
from ca_service.authority.access.permissions import SCOPES, Role
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from ca_service.authority.people.tokens import TokenLimits
from ca_service.authority.revocation.records import Selection
from ca_service.cli.interfaces import Program
from ca_service.pki.reasons import Reason
from tests.cli.command_line import run
from tests.support import pkcs10, requests
from tests.support.factories import OPERATOR, PASSWORD, PLAN, actor, cheap_hasher
from tests.support.request_records import NOBODY_WAITS
from tests.web.html import read
from tests.web.visitor import sign_in

OURS: Final = str(Path(settings_module.__file__).parent.parent) + "/"
CORE: Final = tuple(OURS + part for part in ("pki/", "vos/", "authority/", "errors.py"))
_PARSERS: Final = ("load_der_x509_csr", "load_pem_x509_csr")


@dataclass(slots=True)
class Count:
    """The calls that the hook has seen."""

    calls: list[str] = field(default_factory=list)
    parsed: int = 0

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        """Note one event, as `sys.setprofile` reports it."""
        if event == "call" and frame.f_code.co_filename.startswith(OURS):
            self.calls.append(frame.f_code.co_filename)
        elif event == "c_call" and getattr(argument, "__name__", "") in _PARSERS:
            self.parsed += 1

    def of(self, *folders: str) -> tuple[int, int]:
        """Files and changes of file below these folders."""
        calls = [call for call in self.calls if call.startswith(folders)]
        return len(set(calls)), sum(one != other for one, other in pairwise(calls))

    @property
    def files(self) -> list[str]:
        """The files of the core, in the order in which they were first entered."""
        return [call.removeprefix(OURS) for call in dict.fromkeys(self.calls) if call.startswith(CORE)]


@contextmanager
def counted() -> Iterator[Count]:
    """Count what is called meanwhile."""
    count = Count()
    sys.setprofile(count)
    try:
        yield count
    finally:
        sys.setprofile(None)


@dataclass(slots=True)
class House:
    """An installation with its interfaces, and new CSRs for it."""

    folder: Path
    installation: Installation
    number: int = 0

    def csr(self) -> bytes:
        """The CSR of a new node."""
        self.number += 1
        name = f"node{self.number}"
        return pkcs10.pem(requests.node(f"{name}-EC.example.com", "example.com", f"{name}.example.com").der())


def open_house(folder: Path) -> House:
    """A new installation that can sign."""
    settings = settings_module.load(NOBODY_WAITS, folder).settings
    installation = open_installation(settings, cheap_hasher())
    installation.schema.upgrade()
    installation.creation.initialise(OPERATOR, PLAN)
    installation.accounts.create(OPERATOR, Role.REQUESTER.value, Role.REQUESTER, PASSWORD)
    return House(folder, installation)


def core(house: House) -> Count:
    """One issuance, as every interface asks for it."""
    data = house.csr()
    with counted() as count:
        house.installation.issuance.issue(actor(Role.ADMINISTRATOR), [data], Options())
    return count


def page(house: House) -> Count:
    """The button below a review on the page."""
    app = create_app(settings_module.load(NOBODY_WAITS, house.folder).settings, house.installation)
    visitor = sign_in(app)
    review = read(visitor.check(("node.csr", house.csr())).text)
    fields = MultiDict(review.fields)
    fields.poplist("csr")
    fields["csrf_token"] = visitor.csrf_token()
    with counted() as count:
        answer = visitor.client.post("/sign", data=fields, base_url=visitor.base_url, buffered=True)
    assert answer.status_code == 303, answer.text
    return count


def api(house: House) -> Count:
    """POST /api/v1/certificates."""
    app = create_app(settings_module.load(NOBODY_WAITS, house.folder).settings, house.installation)
    token = house.installation.tokens.create(OPERATOR, "requester", f"t{house.number}", 1, TokenLimits(tuple(SCOPES)))
    client, data = app.test_client(), house.csr()
    headers = {"Authorization": f"Bearer {token.secret}"}
    client.post("/api/v1/certificates", data=house.csr(), headers=headers)
    with counted() as count:
        answer = client.post("/api/v1/certificates", data=data, headers=headers)
    assert answer.status_code == 201, answer.text
    return count


def cli(house: House) -> Count:
    """`ca-service sign`."""
    program, data = Program(lambda _: house.installation, _unused, _unused, _unused), house.csr()
    with counted() as count:
        result = run(program, "sign", "-", "--format", "json", data=data)
    assert result.exit_code == 0, result.output
    return count


def _unused(*_: object) -> Any:
    raise AssertionError("signing needs the installation alone")


def revocation(house: House) -> Count:
    """One revocation."""
    (record,) = house.installation.issuance.issue(actor(Role.ADMINISTRATOR), [house.csr()], Options()).certificates
    with counted() as count:
        house.installation.revocation.revoke(OPERATOR, Selection((record.serial_number,)), Reason.SUPERSEDED)
    return count


def bundle(house: House) -> Count:
    """The bundle of one leaf, down to the ZIP."""
    records = house.installation.issuance.issue(actor(Role.ADMINISTRATOR), [house.csr()], Options()).certificates
    with counted() as count:
        house.installation.issuance.bundle(records).to_zip()
    return count


def download(house: House) -> Count:
    """The bundle of one leaf, as the API hands it out."""
    app = create_app(settings_module.load(NOBODY_WAITS, house.folder).settings, house.installation)
    token = house.installation.tokens.create(OPERATOR, "requester", f"d{house.number}", 1, TokenLimits(tuple(SCOPES)))
    (record,) = house.installation.issuance.issue(actor(Role.ADMINISTRATOR), [house.csr()], Options()).certificates
    client, path = app.test_client(), f"/api/v1/certificates/{record.serial_number}?format=zip"
    headers = {"Authorization": f"Bearer {token.secret}"}
    client.get(path, headers=headers)
    with counted() as count:
        answer = client.get(path, headers=headers)
    assert answer.data.startswith(b"PK"), answer.text
    return count


MEASURED: Final[dict[str, Callable[[House], Count]]] = {
    "core": core,
    "page": page,
    "API": api,
    "CLI": cli,
    "revocation": revocation,
    "bundle": bundle,
    "bundle, API": download,
}


def measure(names: tuple[str, ...] = tuple(MEASURED)) -> dict[str, Count]:
    """Each of these, the second time that it is done."""
    with tempfile.TemporaryDirectory() as folder:
        house = open_house(Path(folder) / "instance")
        try:
            found = {}
            for name in names:
                MEASURED[name](house)
                found[name] = MEASURED[name](house)
            return found
        finally:
            house.installation.close()


def main() -> None:
    """Print a table, and the files of the core with `--files`."""
    write = sys.stdout.write
    write(f"{'':11} {'files':>6} {'changes':>8} {'core files':>11} {'core changes':>13} {'CSR parsed':>11}\n")
    for name, count in measure().items():
        (files, changes), (core_files, core_changes) = count.of(OURS), count.of(*CORE)
        write(f"{name:11} {files:6} {changes:8} {core_files:11} {core_changes:13} {count.parsed:11}\n")
        if "--files" in sys.argv:
            write("".join(f"    {file}\n" for file in count.files))


if __name__ == "__main__":
    main()
