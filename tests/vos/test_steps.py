"""The steps: what an administrator does next, in order, on a page of 100 columns."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from ca_service.vos.bundle import Delivery, node_bundle
from ca_service.vos.general_steps import general_runbook
from ca_service.vos.products import products
from ca_service.vos.purposes import PURPOSES, Purpose
from ca_service.vos.runbook import WIDTH, as_text
from ca_service.vos.steps import Step
from tests.support.requests import CUCM_MULTI, JUNK_COUNTRY, UCCX_PUBLISHER
from tests.vos.test_bundle import delivery, named

LONG_HOST = ".".join(["x" * 60] * 4)


def upload_text(given: Delivery) -> str:
    """The text file of a bundle."""
    (file,) = (file for file in node_bundle(given).extras if file.path == "UPLOAD.txt")
    return file.data.decode()


def test_the_steps_of_an_unknown_product_are_its_uploads_in_order_and_a_question() -> None:
    assert [step.title for step in node_bundle(delivery()).steps] == [
        "Choose the product",
        "Upload 1-root.tomcat-trust.pem",
        "Upload 2-intermediate.tomcat-trust.pem",
        "Upload 3-uccx1.example.com.tomcat-ECDSA.pem",
    ]


def test_every_upload_is_a_step_with_its_file_and_purpose() -> None:
    bundle = node_bundle(delivery())
    steps = [(step.files, step.purpose) for step in bundle.steps if step.files]
    assert steps == [((file.path,), file.purpose) for file in bundle.uploads]


def test_the_steps_warn_of_the_other_certificate_and_of_the_used_up_request() -> None:
    text = " ".join(upload_text(delivery()).split())
    assert "purpose tomcat-ECDSA (not tomcat)" in text
    assert "another certificate needs a new CSR" in text
    assert text.index("Choose the product") < text.index("1. Upload")


@pytest.mark.parametrize("purpose", PURPOSES.values(), ids=PURPOSES)
def test_the_text_for_an_unknown_product_asks_for_it_and_fits_on_a_page(purpose: Purpose) -> None:
    text = upload_text(delivery(UCCX_PUBLISHER, purpose=purpose))
    assert len(text.splitlines()) <= 40
    for place in ("page of the certificate", "--product", "API: product"):
        assert text.count(place) == 1
    assert not [product.name for product in products().values() if product.name in text]
    assert text.count(purpose.service) >= 2
    assert text.count(purpose.trust) >= 2
    assert f"(not {purpose.service.removesuffix('-ECDSA')})" in " ".join(text.split())


def test_the_text_tells_what_was_signed() -> None:
    given = delivery(UCCX_PUBLISHER)
    text = upload_text(given)
    assert text.startswith("Certificate for uccx1.example.com\n=================================\n")
    for part in (given.serial_number, "O=Beispiel & Söhne", "DNS:uccx1.example.com", "in no order"):
        assert part in text


@pytest.mark.parametrize(
    "given",
    [
        delivery(),
        delivery(CUCM_MULTI),
        delivery(JUNK_COUNTRY),
        delivery(purpose=None),
        named(*(f"node{number}.example.com" for number in range(100))),
        named("a.example.com", host="2001:db8::1"),
        named("*.example.com", purpose=None),
        named(LONG_HOST),
        named(LONG_HOST, purpose=None),
    ],
    ids=["node", "cluster", "junk", "server", "hundred names", "IPv6", "wildcard", "long", "long server"],
)
def test_no_line_is_wider_than_the_page_unless_it_is_one_word(given: Delivery) -> None:
    wide = [line for line in upload_text(given).splitlines() if len(line) > WIDTH]
    assert all(len(line.removesuffix(" \\").split()) <= 3 and LONG_HOST in line for line in wide)
    assert given.host == LONG_HOST or not wide


def test_the_text_has_lf_one_final_newline_and_no_blanks_at_line_ends() -> None:
    text = upload_text(delivery())
    assert "\r" not in text
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert all(line == line.rstrip() for line in text.splitlines())


def test_the_command_can_be_copied_out_of_the_text() -> None:
    given = named(LONG_HOST, purpose=None)
    (step,) = (step for step in node_bundle(given).steps if step.terminal)
    text = upload_text(given)
    copied = text[text.index("openssl s_client") :].split("\n\n")[0].strip()
    assert copied.replace("\\\n", " ").split() == step.terminal[0].split()
    assert subprocess.run(["sh", "-n", "-c", copied], check=False).returncode == 0


def test_a_server_is_told_to_install_the_full_chain_and_its_clients_the_root() -> None:
    steps = node_bundle(delivery(purpose=None)).steps
    assert [step.files for step in steps] == [("fullchain.pem",), ("3-uccx1.example.com.pem",), ("1-root.pem",), ()]
    assert shlex.split(steps[-1].terminal[0])[-2:] == ["1-root.pem", "</dev/null"]


def test_a_step_is_written_with_its_number_text_purpose_and_command() -> None:
    step = Step("Do it", "With care.", purpose="tomcat-trust", terminal=("true",))
    assert as_text(general_runbook("Title", [step]), [("Fact", "known")]) == (
        "Title\n=====\nFact:          known\n\n1. Do it\n   With care.\n   Purpose: tomcat-trust\n"
        "\n   On your own computer:\n      true\n"
    )
