"""Purpose, product and version on the review, and on the page of a certificate."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ca_service.authority.access.permissions import Role
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.installation import Installation
from ca_service.authority.inventory.store import CertificateQuery
from tests.support import pkcs10
from tests.support.factories import OPERATOR
from tests.support.requests import SOCIALMINER, UCCX_PUBLISHER, Request, node
from tests.web.html import read
from tests.web.visitor import Visitor, upload

CALLMANAGER = ("CallManager-ECDSA.csr", UCCX_PUBLISHER.data)


def stored(installation: Installation) -> CertificateRecord:
    """The newest certificate."""
    return installation.inventory.list_certificates(OPERATOR, CertificateQuery()).certificates[0]


def steps(visitor: Visitor, installation: Installation) -> str:
    """The text of the page of the newest certificate."""
    return visitor.page(f"/certificates/{stored(installation).serial_number}").text


def test_the_review_proposes_the_purpose_of_the_file_name(requester: Visitor, installation: Installation) -> None:
    review = read(requester.check(CALLMANAGER, upload(SOCIALMINER)).text)
    assert (review.values("purpose-0"), review.values("purpose-1")) == (["CallManager-ECDSA"], ["tomcat-ECDSA"])
    assert "The purpose is CallManager-ECDSA: the name of the file says so." in review.text
    requester.sign(review, include=["0"])
    assert stored(installation).purpose == "CallManager-ECDSA"


def test_what_is_chosen_counts(requester: Visitor, installation: Installation) -> None:
    review = read(requester.check(CALLMANAGER).text)
    requester.sign(review, **{"purpose-0": "tomcat-ECDSA", "product-0": "uccx", "version-0": "11.5"})
    assert stored(installation).purpose == "tomcat-ECDSA"
    assert "Restart uccx1.example.com" in steps(requester, installation)


def test_what_was_chosen_for_a_host_is_proposed_the_next_time(requester: Visitor) -> None:
    requester.issue(UCCX_PUBLISHER, **{"product-0": "", "version-0": ""})
    review = read(requester.check(upload(UCCX_PUBLISHER)).text)
    assert (review.values("product-0"), review.values("version-0")) == ([""], [""])
    requester.sign(review, **{"product-0": "uccx", "version-0": "15"})
    review = read(requester.check(upload(UCCX_PUBLISHER)).text)
    assert (review.values("product-0"), review.values("version-0")) == (["uccx"], ["15"])


@pytest.mark.parametrize(
    ("chosen", "rule"),
    [
        ({"product-0": "uccx", "version-0": ""}, "product.without-version"),
        ({"product-0": "", "version-0": "11.5"}, "version.without-product"),
        ({"product-0": "uccx", "version-0": "eleven"}, "version.unknown"),
        ({"product-0": "uccx", "version-0": "11.5", "purpose-0": "CallManager-ECDSA"}, "purpose.product"),
        ({"purpose-0": "TVS"}, "purpose.unsigned"),
        ({"product-0": "fax", "version-0": "1"}, "product.unknown"),
    ],
)
def test_a_choice_that_cannot_be_is_refused_and_kept(requester: Visitor, chosen: dict[str, str], rule: str) -> None:
    review = read(requester.check(upload(UCCX_PUBLISHER)).text)
    answer = requester.sign(review, **chosen)
    assert answer.status_code == 422
    page = read(answer.text)
    assert page.blocking == [rule]
    assert page.values("version-0") == [chosen.get("version-0", "")]


def test_a_csr_whose_purpose_nobody_can_tell_asks_for_it(requester: Visitor, installation: Installation) -> None:
    bits, purposes = ("digitalSignature", "dataEncipherment"), ("serverAuth", "clientAuth", "ipsecEndSystem")
    recipe = node("imp1-EC.example.com", "imp1.example.com", bits=bits, purposes=purposes)
    page = read(requester.check(("request.csr", pkcs10.pem(recipe.der()))).text)
    assert (page.blocking, page.values("purpose-0")) == (["purpose.unsure"], [""])
    review = read(requester.check(**dict(page.fields) | {"purpose-0": "cup-ECDSA"}).text)
    requester.sign(review)
    assert stored(installation).purpose == "cup-ECDSA"


def test_a_plain_server_is_asked_for_no_destination(requester: Visitor) -> None:
    review = read(requester.check(upload(UCCX_PUBLISHER), profile="server").text)
    assert review.values("purpose-0") == []
    assert requester.sign(review).status_code == 303


def test_the_page_of_a_certificate_asks_for_the_product_and_then_has_its_steps(
    requester: Visitor, installation: Installation
) -> None:
    (serial,) = requester.issue(UCCX_PUBLISHER)
    assert "Which product and version is uccx1.example.com?" in steps(requester, installation)
    answer = requester.post(f"/certificates/{serial}/product", {"product-0": "uccx", "version-0": "11.5"})
    assert (answer.status_code, answer.location) == (303, f"/certificates/{serial}#steps")
    text = steps(requester, installation)
    assert "These are the steps for UCCX 11.5" in text
    assert "Restart uccx1.example.com" in text


def test_a_product_that_does_not_exist_is_refused_on_the_page_of_the_certificate(requester: Visitor) -> None:
    (serial,) = requester.issue(UCCX_PUBLISHER)
    answer = requester.post(f"/certificates/{serial}/product", {"product-0": "fax", "version-0": "1"})
    assert (answer.status_code, read(answer.text).blocking) == (400, ["product.unknown"])


def test_those_who_may_not_change_it_are_not_asked(
    requester: Visitor, signed_in: Callable[[Role], Visitor], installation: Installation
) -> None:
    (serial,) = requester.issue(UCCX_PUBLISHER)
    auditor = signed_in(Role.AUDITOR)
    assert auditor.page(f"/certificates/{serial}").values("product-0") == []
    assert auditor.post(f"/certificates/{serial}/product", {"product-0": "uccx", "version-0": "15"}).status_code == 403
    assert installation.host_products.find(OPERATOR, ["uccx1.example.com"]) == {}


def test_a_wildcard_for_federation_can_be_signed(requester: Visitor) -> None:
    wild = Request("cup-xmpp-s2s-ECDSA", pkcs10.pem(node("imp-EC.example.com", "*.example.com").der()))
    review = read(requester.check(upload(wild)).text)
    assert (review.blocking, review.values("purpose-0")) == ([], ["cup-xmpp-s2s-ECDSA"])
