"""What agents see: the four rows of Cisco's table as it is printed, and honesty about everything else."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Final

import pytest

from ca_service.errors import InvalidInput
from ca_service.vos import experience
from ca_service.vos.experience import Outcome, Presented, Row, Signing, find_row, known_of, signing
from ca_service.vos.knowledge import Fact, sources

SELF, RSA, EC = Signing.SELF_SIGNED, Signing.RSA_CA, Signing.EC_CA
#: tomcat, tomcat-ECDSA, then what the five services present, in the order of the table.
TABLE: Final = (
    (SELF, SELF, "self-signed self-signed self-signed self-signed self-signed"),
    (RSA, RSA, "rsa rsa rsa rsa rsa"),
    (RSA, EC, "rsa rsa ecdsa rsa ecdsa"),
    (RSA, SELF, "rsa rsa self-signed rsa self-signed"),
)
LISTED: Final = {(tomcat, tomcat_ecdsa) for tomcat, tomcat_ecdsa, _ in TABLE}
NOT_LISTED: Final = [pair for pair in product(Signing, Signing) if pair not in LISTED]


def row_of(tomcat: Signing, tomcat_ecdsa: Signing) -> Row:
    """A row that has to be there."""
    row = find_row(tomcat, tomcat_ecdsa)
    assert row
    return row


def seen(row: Row) -> dict[str, Outcome]:
    """What an agent meets where."""
    return {sight.where: sight.outcome for sight in row.sights}


@pytest.mark.parametrize(("tomcat", "tomcat_ecdsa", "presented"), TABLE)
def test_each_service_presents_what_the_table_prints(tomcat: Signing, tomcat_ecdsa: Signing, presented: str) -> None:
    cells = row_of(tomcat, tomcat_ecdsa).cells

    assert " ".join(cell.presented for cell in cells) == presented
    assert [f"{cell.service.server} {cell.service.name}" for cell in cells] == [
        "UCCX Tomcat", "UCCX Openfire", "UCCX SocketIO", "SocialMiner Tomcat", "SocialMiner Openfire",
    ]  # fmt: skip


def test_the_table_has_four_rows() -> None:
    assert {(row.tomcat, row.tomcat_ecdsa) for row in experience.rows()} == LISTED
    assert len(experience.rows()) == 4


def test_agents_are_asked_in_both_gadgets_where_everything_is_self_signed() -> None:
    assert seen(row_of(SELF, SELF)) == {"Live Data gadget": Outcome.ASKED, "Chat and e-mail gadget": Outcome.ASKED}


def test_an_rsa_authority_breaks_chat_and_the_page_of_socialminer() -> None:
    row = row_of(RSA, RSA)

    assert [where for where, outcome in seen(row).items() if outcome is Outcome.FAILS] == [
        "Chat and e-mail gadget", "SocialMiner web page",
    ]  # fmt: skip
    assert [(cell.service.id, cell.note.text) for cell in row.cells if cell.note] == [
        ("socialminer-openfire", "Needs the COP file: defect CSCvb58580.")
    ]


def test_an_ec_authority_makes_everything_work() -> None:
    row = row_of(RSA, EC)

    assert set(seen(row).values()) == {Outcome.WORKS}
    assert row.cops == ()


def test_a_self_signed_certificate_beside_a_signed_one_cannot_be_accepted_in_live_data() -> None:
    row = row_of(RSA, SELF)

    assert seen(row) == {"Live Data gadget": Outcome.FAILS, "Chat and e-mail gadget": Outcome.ASKED}
    noted = [cell for cell in row.cells if cell.note]
    assert [cell.service.id for cell in noted] == ["uccx-socketio"]
    assert noted[0].note
    assert "Cannot be accepted" in noted[0].note.text


@pytest.mark.parametrize(
    ("tomcat", "tomcat_ecdsa", "cops"),
    [(SELF, SELF, "uccx socialminer"), (RSA, RSA, "socialminer"), (RSA, EC, ""), (RSA, SELF, "uccx socialminer")],
)
def test_each_row_says_which_cop_files_come_into_question(tomcat: Signing, tomcat_ecdsa: Signing, cops: str) -> None:
    assert " ".join(row_of(tomcat, tomcat_ecdsa).cops) == cops


def test_the_star_of_three_rows_is_told_as_what_was_not_found() -> None:
    stars = [row.footnote for row in experience.rows()]

    assert stars[0] is None
    for footnote in stars[1:]:
        assert footnote
        assert footnote.text == "Cisco\u2019s table marks this with a star. The text of its footnote was not found."


@pytest.mark.parametrize(("tomcat", "tomcat_ecdsa"), NOT_LISTED)
def test_a_combination_that_the_table_leaves_out_has_no_row_but_what_is_known(
    tomcat: Signing, tomcat_ecdsa: Signing
) -> None:
    assert find_row(tomcat, tomcat_ecdsa) is None
    *known, advice = known_of(tomcat, tomcat_ecdsa)
    assert len(known) == 2  # one of each certificate
    assert advice.text.startswith("The table knows one combination in which everything works")


def test_what_is_known_is_of_the_certificates_that_were_chosen() -> None:
    tomcat, tomcat_ecdsa, _ = known_of(EC, RSA)

    assert "no row in which an EC authority signed tomcat" in tomcat.text
    assert "is not presented to those who connect" in tomcat_ecdsa.text
    assert tomcat_ecdsa.is_confirmed


def test_what_the_table_says_of_other_combinations_is_told_as_inferred() -> None:
    assert [fact.is_confirmed for fact in known_of(EC, EC)] == [True, False, True]
    assert [fact.is_confirmed for fact in known_of(EC, SELF)] == [True, False, True]


def test_the_table_says_for_which_versions_it_holds() -> None:
    text = " ".join(fact.text for fact in experience.holds())

    assert "11.5 without a COP file" in text
    assert "From 11.6 on Cisco has removed ECDSA" in text


def test_the_cop_file_of_socialminer_has_one_reason_more() -> None:
    uccx, socialminer = experience.cop().files

    assert socialminer.when[:2] == uccx.when
    assert [fact.text for fact in socialminer.when[2:]] == [
        "The authority can sign ECDSA certificates, but with RSA only."
    ]


def test_the_cop_files_that_rows_name_are_there() -> None:
    assert {cop for row in experience.rows() for cop in row.cops} == {file.id for file in experience.cop().files}


def test_a_cop_file_can_be_taken_back() -> None:
    (rollback,) = experience.cop().rollback

    assert "rollback COP file" in rollback.text


def all_facts() -> Iterator[Fact]:
    """Everything that is said."""
    yield from experience.holds()
    yield from (service.fact for service in experience.services())
    for row in experience.rows():
        yield from (row.experience, *row.next, *(cell.note for cell in row.cells if cell.note))
        if row.footnote:
            yield row.footnote
    for tomcat, tomcat_ecdsa in NOT_LISTED:
        yield from known_of(tomcat, tomcat_ecdsa)
    cop = experience.cop()
    yield from (cop.what, *cop.not_when, *cop.rollback, *(fact for file in cop.files for fact in file.when))


def test_every_sentence_has_sources_that_are_listed() -> None:
    for fact in all_facts():
        assert fact.sources, fact.text
        assert set(fact.sources) <= set(sources()), fact.text


@pytest.mark.parametrize("text", ["self-signed", "rsa-ca", "ec-ca"])
def test_an_address_names_who_signed(text: str) -> None:
    assert signing(text, "/tomcat").value == text


@pytest.mark.parametrize("text", ["", "RSA", "rsa-ca ", "x" * 5000])
def test_an_address_that_names_nobody_is_refused_with_what_may_stand_there(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        signing(text, "/tomcat-ecdsa")

    (finding,) = caught.value.findings
    assert (finding.rule, finding.pointer) == ("signing.unknown", "/tomcat-ecdsa")
    assert finding.remedy == "Use one of: self-signed, rsa-ca, ec-ca."
    assert len(finding.detail) < 120


def test_presented_and_signing_share_no_more_than_self_signed() -> None:
    assert set(Presented) & set(Signing) == {"self-signed"}
