"""`check`: findings, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.command_line import CommandLine
from tests.support import requests
from tests.support.refused_requests import REFUSALS


def test_a_good_request_can_be_signed_and_is_not(ca: CommandLine, csr: Path, here: Path) -> None:
    result = ca("check", csr)
    assert result.exit_code == 0
    assert f"{csr}: can be signed" in result.stdout
    assert "DNS:example.com, DNS:uccx1.example.com" in result.stdout
    assert "vos, 397 days" in result.stdout
    assert list(here.iterdir()) == [csr]
    assert ca.answer("sign", csr)["created"] is True


def test_the_answer_in_json_has_each_request_with_its_findings(ca: CommandLine, csr: Path) -> None:
    bad = csr.with_name("bad.csr")
    bad.write_bytes(b"hello")
    result = ca("check", csr, bad, "--json", "--days", "10")
    assert result.exit_code == 4
    answer = json.loads(result.stdout)
    good, refused = answer["checks"]
    assert answer["accepted"] is False
    assert (good["file"], good["accepted"], good["host"], good["validity_days"]) == (
        str(csr),
        True,
        "uccx1.example.com",
        10,
    )
    assert good["subject"].startswith("C=DE, ST=Hessen, ")
    assert good["subject_alternative_name"] == ["DNS:example.com", "DNS:uccx1.example.com"]
    assert (refused["accepted"], refused["subject"], refused["key"]) == (False, None, None)
    assert [found["rule"] for found in refused["findings"]] == ["csr.unreadable"]


def test_a_finding_is_told_with_the_file_that_it_is_about(ca: CommandLine, csr: Path) -> None:
    rsa = csr.with_name("tomcat.csr")
    rsa.write_bytes(next(request.data for request in REFUSALS if request.rule == "csr.key.rsa"))
    assert f"where  {rsa}, public_key\n" in ca("check", csr, rsa).stdout


def test_a_host_name_that_would_be_added_is_a_note(ca: CommandLine) -> None:
    result = ca("check", "-", "--add-host-name", data=requests.BLANK_PARENT_DOMAIN.data)
    assert result.exit_code == 0
    assert "note: The CSR has no names. fin1.example.com is added" in result.stdout


def test_an_unknown_profile_is_a_usage_error(ca: CommandLine, csr: Path) -> None:
    assert ca.rule("check", csr, "--profile", "nope", code=2) == "profile.unknown"


def test_it_needs_no_authority(new_ca: CommandLine, csr: Path) -> None:
    new_ca("db", "upgrade")
    assert new_ca("check", csr).exit_code == 0
