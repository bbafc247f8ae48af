"""Revoking on the pages: a reason, what follows, and the word that confirms it."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from ca_service.authority.access.permissions import Role
from tests.support.requests import SOCIALMINER, UCCX_PUBLISHER
from tests.web.html import read
from tests.web.visitor import Visitor

HOST = "uccx1.example.com"


@pytest.fixture
def approver(signed_in: Callable[[Role], Visitor]) -> Visitor:
    """Return a visitor who may revoke."""
    return signed_in(Role.APPROVER)


@pytest.fixture
def serial(approver: Visitor) -> str:
    """The serial number of a certificate."""
    return approver.issue(UCCX_PUBLISHER)[0]


def revoke(visitor: Visitor, serial: str, reason: str = "superseded", confirmation: str = HOST) -> int:
    form = {"serial": serial, "reason": reason, "confirmation": confirmation, "note": "moved"}
    return visitor.post("/revoke", form).status_code


def test_the_page_of_a_certificate_leads_to_its_revocation(approver: Visitor, requester: Visitor, serial: str) -> None:
    assert f"/revoke?serial={serial}" in approver.page(f"/certificates/{serial}").links
    assert f"/revoke?serial={serial}" not in requester.page(f"/certificates/{serial}").links


def test_without_a_reason_the_page_asks_for_one(approver: Visitor, serial: str) -> None:
    text = approver.get(f"/revoke?serial={serial}").text
    assert "Preview the effect" in text
    assert HOST in text
    assert "Revoke permanently" not in text


def test_a_certificate_is_active_there_as_in_the_list(approver: Visitor, serial: str) -> None:
    assert '<span class="state good">active</span>' in approver.get(f"/revoke?serial={serial}").text


def test_what_follows_is_told_before_it_is_confirmed(approver: Visitor, serial: str) -> None:
    text = approver.get(f"/revoke?serial={serial}&reason=keyCompromise").text
    assert "This cannot be undone." in text
    assert "Revoke permanently" in text
    assert "Put on hold" in approver.get(f"/revoke?serial={serial}&reason=certificateHold").text


def test_who_types_the_name_of_the_host_revokes(approver: Visitor, serial: str) -> None:
    assert revoke(approver, serial) == 303
    text = approver.get(f"/certificates/{serial}").text
    assert "Clients that check revocation reject it" in text
    assert "moved" in text
    assert "Revoke …" not in text
    assert "revoked" in approver.get("/certificates").text


@pytest.mark.parametrize("typed", ["", "uccx1", "sm1.example.com", "1", "yes"])
def test_another_word_confirms_nothing(approver: Visitor, serial: str, typed: str) -> None:
    answer = approver.post("/revoke", {"serial": serial, "reason": "superseded", "confirmation": typed})
    assert answer.status_code == 400
    assert read(answer.text).blocking == ["confirmation.wrong"]
    assert "Clients that check revocation reject it" not in approver.get(f"/certificates/{serial}").text


def test_a_wrong_time_keeps_what_was_typed(approver: Visitor, serial: str) -> None:
    form = {"serial": serial, "reason": "keyCompromise", "invalid_since": "2999-01-01T10:00", "note": "laptop stolen"}
    for answer in (
        approver.get(f"/revoke?{urlencode(form)}"),
        approver.post("/revoke", form | {"confirmation": HOST}),
    ):
        assert (answer.status_code, read(answer.text).blocking) == (400, ["revocation.invalid-since-future"])
        assert 'value="laptop stolen"' in answer.text
        assert "Preview the effect" in answer.text
        assert "Revoke permanently" not in answer.text


def test_a_second_click_shows_that_it_is_revoked(approver: Visitor, serial: str) -> None:
    revoke(approver, serial)
    form = {"serial": serial, "reason": "superseded", "confirmation": HOST}
    answer = approver.post("/revoke", form)
    assert (answer.status_code, read(answer.text).blocking) == (200, [])
    assert "it is left unchanged" in answer.text


def test_several_hosts_are_confirmed_by_their_number(approver: Visitor, serial: str) -> None:
    other = approver.issue(SOCIALMINER)[0]
    form = {"serial": [serial, other], "reason": "superseded", "confirmation": HOST}
    assert approver.post("/revoke", form).status_code == 400
    assert approver.post("/revoke", form | {"confirmation": "2"}).status_code == 303


def test_a_hold_is_shown_and_released(approver: Visitor, serial: str) -> None:
    revoke(approver, serial, "certificateHold")
    assert f"/release?serial={serial}" in approver.page(f"/certificates/{serial}").links
    assert "valid again" in approver.get(f"/release?serial={serial}").text
    assert approver.post("/release", {"serial": serial, "confirmation": "no"}).status_code == 400
    assert approver.post("/release", {"serial": serial, "confirmation": HOST}).status_code == 303
    assert "On hold" not in approver.get(f"/certificates/{serial}").text


def test_what_is_revoked_is_not_recommended_for_upload_but_replaced(approver: Visitor, serial: str) -> None:
    path = f"/certificates/{serial}"
    assert "Will the node accept it?" in approver.get(path).text

    revoke(approver, serial)

    page = approver.get(path).text
    assert "Will the node accept it?" not in page
    assert "Next steps" not in page
    assert "To replace it, create a new CSR" in page


def test_what_is_revoked_is_not_released(approver: Visitor, serial: str) -> None:
    revoke(approver, serial)
    answer = approver.post("/release", {"serial": serial, "confirmation": HOST})
    assert answer.status_code == 409
    assert read(answer.text).blocking == ["revocation.final"]


@pytest.mark.parametrize(
    ("address", "status", "rule"),
    [
        ("/revoke", 400, "revocation.nothing"),
        ("/revoke?serial=xyz", 400, "revocation.serial-number"),
        ("/revoke?serial=ab", 404, "certificate.unknown"),
        ("/revoke?host=nobody", 404, "revocation.none-found"),
        ("/revoke?cluster=77", 404, "cluster.unknown"),
        ("/revoke?serial=ab&reason=whim", 400, "revocation.reason"),
        ("/revoke?host=x&reason=superseded&invalid_since=soon", 400, "revocation.invalid-since"),
        ("/release", 400, "revocation.nothing"),
    ],
)
def test_an_address_that_means_nothing_is_told_so(approver: Visitor, address: str, status: int, rule: str) -> None:
    answer = approver.get(address)
    assert (answer.status_code, read(answer.text).blocking) == (status, [rule])


@pytest.mark.parametrize("role", [Role.REQUESTER, Role.AUDITOR])
def test_who_may_not_revoke_is_kept_out(signed_in: Callable[[Role], Visitor], serial: str, role: Role) -> None:
    visitor = signed_in(role)
    assert visitor.get(f"/revoke?serial={serial}").status_code == 403
    assert revoke(visitor, serial) == 403
