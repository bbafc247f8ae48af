"""What Cisco's products do: the data keeps to its schema, names its sources, and says what it said when it was read."""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest

import ca_service.vos
from ca_service.errors import InvalidInput
from ca_service.vos.knowledge import sources, table
from ca_service.vos.products import EVERY_NODE, Action, Product, Release, Use, get_product, products, version
from ca_service.vos.purposes import PURPOSES

VOS: Final = Path(ca_service.vos.__file__).parent
EXPECTED: Final = [
    "uccx", "socialminer", "cucm", "imp", "cuc", "cer", "finesse", "cuic", "mediasense", "vvb", "ids", "cloudconnect",
]  # fmt: skip
RELEASES: Final = [(product, release) for product in products().values() for release in product.releases]
_FACT: Final = {"text", "sources", "inferred"}
_RANGE: Final = {"from", "before"}
_ACTION: Final = _FACT | _RANGE | {
    "title", "why", "undo", "commands", "effect", "on", "purpose", "product", "store", "optional", "each_time",
}  # fmt: skip
_ACTIONS: Final = ("caution", "settle", "peer", "prepare", "switch", "restart", "restore", "check")
_PORT: Final = _FACT | _RANGE | {"number", "service", "presents", "purpose", "starttls"}
_RELEASE: Final = {
    "from",
    "before",
    "label",
    "purposes",
    "interfaces",
    "multi_server_interfaces",
    "asks_ou",
    "use",
    "uses",
}
_PRODUCT: Final = {"id", "name", "long_name", "roles", "trust_roles", "newest", "trust", "release"}
_COMMAND: Final = re.compile(r"(set|show|utils) [A-Za-z0-9_ .-]+")
#: The first word of a step: what is done. A step that does two things is two steps.
VERBS: Final = {
    "Answer", "Call", "Check", "Exchange", "Generate", "Install", "Leave", "Open", "Play", "Provide", "Reactivate",
    "Reset", "Restart", "Send", "Set", "Sign", "Switch", "Take", "Update", "Upload", "Watch",
}  # fmt: skip


def named(release: Any) -> str:
    return f"{release[0].id} {release[1].label}"


def facts(row: Any) -> list[dict[str, Any]]:
    """Every row of the data that says something, however deep."""
    if isinstance(row, list):
        return [found for each in row for found in facts(each)]
    if not isinstance(row, dict):
        return []
    own = [row] if "text" in row else []
    return own + [found for each in row.values() for found in facts(each)]


def tags_in_data() -> set[str]:
    names = [path.stem for path in (VOS / "data").glob("*.toml") if path.stem != "sources"]
    found = re.compile(r"sources = \[([^\]]*)\]")
    texts = [(VOS / "data" / f"{name}.toml").read_text("utf-8") for name in names]
    return {tag for text in texts for listed in found.findall(text) for tag in re.findall(r'"([^"]+)"', listed)}


def tags_in_code() -> set[str]:
    """The strings that stand in a keyword `sources` of the code."""
    found = set[str]()
    for path in VOS.glob("*.py"):
        for each in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(each, ast.keyword) and each.arg == "sources":
                found |= {
                    part.value
                    for part in ast.walk(each.value)
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                }
    return found


def test_all_products_are_there() -> None:
    assert list(products()) == EXPECTED


def test_every_row_has_known_fields_only() -> None:
    for product in table("products")["product"]:
        assert set(product) <= _PRODUCT | {"port", "warning", "access", *_ACTIONS}
        assert all(set(release) <= _RELEASE for release in product["release"])
        for kind in _ACTIONS:
            assert all(set(row) <= _ACTION for row in product.get(kind, ()))
        assert all(set(row) <= _PORT for row in product.get("port", ()))
        assert all(set(row) <= _FACT | _RANGE for kind in ("warning", "access") for row in product.get(kind, ()))
    for effect in table("effects")["effect"]:
        assert set(effect) == {"id", "minutes", "wait", "users", "sources", "inferred"}


def test_a_row_for_some_versions_begins_and_ends_where_a_release_does() -> None:
    for product in table("products")["product"]:
        starts = {version(row["from"]) for row in product["release"]}
        ends = {version(row["before"]) for row in product["release"]}
        for row in (row for kind in ("port", "warning", "access", *_ACTIONS) for row in product.get(kind, ())):
            first, end = (version(row[key]) if key in row else None for key in ("from", "before"))
            assert first is None or first in starts, row
            assert end is None or end in ends | starts, row


def test_every_sentence_is_one_and_has_a_source() -> None:
    accesses = [row for product in table("products")["product"] for row in product.get("access", ())]
    faults = [
        row["text"]
        for row in facts(table("products"))
        if (not row["text"].endswith(".") and row not in accesses)
        or set("{}") & set(row["text"])
        or not row["sources"]
        or row.get("inferred", False) not in (True, False)
    ]
    assert faults == []


def test_every_source_is_listed_and_none_is_unused() -> None:
    assert tags_in_data() | tags_in_code() == set(sources())


def test_every_source_has_a_title() -> None:
    assert all(source.title and source.tag == tag for tag, source in sources().items())


def test_versions_are_in_order_and_do_not_overlap() -> None:
    faults = [named((product, each)) for product, each in RELEASES if each.first >= each.end]
    faults += [
        f"{named((product, before))}, {named((product, after))}"
        for product in products().values()
        for before, after in pairwise(product.releases)
        if before.end > after.first
    ]
    assert faults == []


def test_the_authorities_are_uploaded_on_roles_that_there_are() -> None:
    faults = [
        product.id
        for product in products().values()
        if not product.trust_roles or not set(product.trust_roles) <= set(product.roles)
    ]
    assert faults == []


def test_what_is_done_is_done_on_roles_for_purposes_and_products_that_there_are() -> None:
    assert [fault for product, release in RELEASES for fault in wrong_actions(product, release)] == []


def wrong_actions(product: Product, release: Release) -> list[str]:
    """The actions of a release that name a role, a purpose, a product or a command that there is not."""
    wrong = [
        action
        for action in actions_of(release)
        if action.on not in (EVERY_NODE, *product.roles)
        or action.purpose not in ("", *(purpose.service for purpose in release.purposes))
        or action.product not in ("", *products())
        or (bool(action.store) and not action.product and action not in release.settles)
        or not is_one_step(action.title)
        or ("{node}" in action.title) != (action in (*release.settles, *release.switches, *release.restarts))
        or not all(map(_COMMAND.fullmatch, action.commands))
    ]
    return [f"{named((product, release))}: {action}" for action in wrong]


def is_one_step(title: str) -> bool:
    """Whether a title begins with a verb, and has no second one."""
    first, *rest = title.split()
    return first in VERBS and not any(f"and {verb.lower()} " in " ".join(rest) for verb in VERBS)


def actions_of(release: Release) -> tuple[Action, ...]:
    """Everything that is done, in the order of the phases."""
    return (
        *release.settles,
        *release.peers,
        *release.prepare,
        *release.switches,
        *release.restarts,
        *release.restore,
        *release.checks,
    )


def test_every_restart_says_how_to_see_that_it_is_over_and_what_users_notice() -> None:
    for product, release in RELEASES:
        for action in (*release.settles, *release.restarts):
            assert action.effect, (product.id, action.title)
            assert action.effect.wait.text.endswith(".")
            assert action.effect.users.endswith(".")
            assert 0 < action.effect.minutes <= 60
            assert not action.effect.wait.is_confirmed


def test_a_restart_without_a_command_names_in_its_title_where_it_is_done() -> None:
    without = {action.title for _, release in RELEASES for action in release.restarts if not action.commands}

    assert without
    assert [title for title in without if "Serviceability" not in title] == []


def test_every_setting_has_a_way_back() -> None:
    assert all(action.undo or action.is_each_time for _, release in RELEASES for action in release.switches)


def test_every_purpose_of_a_release_has_restarts_and_a_check_of_its_own() -> None:
    for product, release in RELEASES:
        for purpose in release.purposes:
            for actions in (release.restarts, release.checks):
                found = [each for each in actions if each.purpose in ("", purpose.service)]
                assert found or release.use is Use.NEVER, (product.id, release.label, purpose.service)


def test_a_release_says_whether_and_how_its_certificate_is_used() -> None:
    assert [named(each) for each in RELEASES if not is_used_as_it_says(each[1])] == []


def is_used_as_it_says(release: Release) -> bool:
    """Whether purposes, interfaces, switches and ports of a release agree with one another."""
    offering = release.purposes if release.use in (Use.DEFAULT, Use.SWITCH) else ()
    offered = [port for port in release.ports if port.presents != "RSA"]
    return (
        bool(release.purposes)
        and set(release.purposes) <= set(PURPOSES.values())
        and {"GUI"} <= set(release.multi_server_interfaces) <= set(release.interfaces) <= {"GUI", "CLI", "API"}
        and (release.use is Use.SWITCH) == bool(release.switches)
        and {port.presents for port in release.ports} <= {"ECDSA", "RSA", "as switched", "both"}
        and all(any(port.purpose in ("", purpose.service) for port in offered) for purpose in offering)
        and len({(port.number, port.purpose) for port in release.ports}) == len(release.ports)
    )


#: product, version -> use, number of restarts, ports that may show it, interfaces
KNOWN: Final = [
    ("uccx", "11.5", "default", 1, [12015], "GUI CLI"),
    ("uccx", "11.5(1)SU1", "default", 1, [12015], "GUI CLI"),
    ("uccx", "11.6", "never", 0, [], "GUI CLI"),
    ("uccx", "12.5(1)SU3", "never", 0, [], "GUI CLI"),
    ("uccx", "15", "switch", 1, [8443, 8445, 12015, 7443, 8444, 8447, 5223, 8553, 9443], "GUI CLI"),
    ("socialminer", "11.5", "default", 1, [7443, 5223], "GUI CLI"),
    ("socialminer", "12.5", "never", 0, [], "GUI CLI"),
    ("socialminer", "15", "unknown", 1, [], "GUI CLI"),
    ("cucm", "12.5(1)SU6", "switch", 5, [8443, 6972, 5061, 2749, 2443, 6971], "GUI CLI"),
    ("cucm", "14", "switch", 7, [8443, 6972, 5061, 5090, 5091, 2749, 2443, 9443, 6971], "GUI CLI API"),
    ("cucm", "14SU1", "switch", 7, [8443, 6972, 5061, 5090, 5091, 2749, 2443, 9443, 6971], "GUI CLI API"),
    ("cucm", "15", "switch", 7, [8443, 6972, 5061, 5090, 5091, 2749, 2443, 9443, 6971, 4040], "GUI CLI API"),
    ("cucm", "15SU4", "switch", 7, [8443, 6972, 5061, 5090, 5091, 2749, 2443, 9443, 6971, 4040], "GUI CLI API"),
    ("imp", "12.5", "switch", 4, [8443, 5061, 5062, 8083, 5222, 5280, 7400, 7336, 5269], "GUI CLI"),
    ("imp", "14", "switch", 4, [8443, 5061, 5062, 8083, 5222, 5280, 7400, 7336, 5269], "GUI CLI API"),
    ("imp", "15SU3", "switch", 4, [8443, 5061, 5062, 8083, 5222, 5280, 7400, 7336, 5269], "GUI CLI API"),
    ("cuc", "12.5", "switch", 3, [8443], "GUI CLI"),
    ("cuc", "14SU3", "switch", 3, [8443], "GUI CLI API"),
    ("cuc", "15", "switch", 3, [8443], "GUI CLI API"),
    ("cer", "14", "unknown", 1, [8443], "GUI CLI API"),
    ("cer", "14SU2", "unknown", 1, [8443, 4040], "GUI CLI API"),
    ("finesse", "12.5", "never", 0, [], "GUI CLI"),
    ("finesse", "12.6(2)", "switch", 1, [8445, 7443, 5223], "GUI CLI"),
    ("cuic", "12.0", "never", 0, [], "GUI CLI"),
    ("cuic", "15.0(1)", "switch", 1, [8444, 8447], "GUI CLI"),
    ("mediasense", "11.5", "unknown", 1, [], "GUI CLI"),
    ("vvb", "12.6", "switch", 1, [8443], "GUI CLI"),
    ("ids", "12.6", "switch", 1, [8553], "GUI CLI"),
    ("cloudconnect", "15", "switch", 1, [8443], "GUI CLI"),
]


@pytest.mark.parametrize(("product", "at", "use", "restarts", "ports", "interfaces"), KNOWN)
def test_what_holds_for_a_version(
    product: str, at: str, use: str, restarts: int, ports: list[int], interfaces: str
) -> None:
    found = get_product(product).find_release(version(at))

    assert found is not None
    assert (found.use.value, len(found.restarts), " ".join(found.interfaces)) == (use, restarts, interfaces)
    assert [port.number for port in found.ports if port.presents != "RSA"] == ports


def test_every_release_has_a_row_in_this_test() -> None:
    seen = {(product, get_product(product).find_release(version(at))) for product, at, *_ in KNOWN}

    assert seen == {(product.id, release) for product, release in RELEASES}


@pytest.mark.parametrize(
    ("product", "at"),
    [("uccx", "11.0"), ("uccx", "14"), ("cucm", "10.5"), ("finesse", "11.5"), ("cer", "12.5"), ("socialminer", "14")],
)
def test_a_version_that_no_source_tells_of_is_not_known(product: str, at: str) -> None:
    assert get_product(product).find_release(version(at)) is None
    assert not get_product(product).is_newer(version(at))


@pytest.mark.parametrize(
    ("product", "at"),
    [
        ("uccx", "15.1"),
        ("cucm", "15SU5"),
        ("imp", "15SU5"),
        ("cuc", "16"),
        ("cer", "15"),
        ("finesse", "15.5"),
        ("vvb", "16"),
    ],
)
def test_a_version_beyond_the_newest_that_was_read_has_no_facts(product: str, at: str) -> None:
    assert get_product(product).find_release(version(at)) is None
    assert get_product(product).is_newer(version(at))


def test_the_newest_version_of_a_product_is_in_its_last_release() -> None:
    for product in products().values():
        assert product.find_release(version(product.newest)) is product.releases[-1]


#: Every port on which Cisco's documents have a certificate of these purposes.
PORTS: Final = {
    443, 8443, 12015, 7443, 5223, 8445, 8444, 8447, 8553, 9443, 6971, 6972, 5061, 5090, 5091, 2443, 2749, 4040,
    5062, 8083, 5222, 5280, 7400, 7336, 5269,
}  # fmt: skip


def test_every_port_that_shows_a_certificate_is_there() -> None:
    assert {port.number for _, release in RELEASES for port in release.ports} == PORTS


def test_only_nodes_of_cucm_are_told_to_restart_the_web_services_of_cucm() -> None:
    for product, release in RELEASES:
        for action in release.restarts:
            if "utils service restart Cisco UDS Tomcat" in action.commands:
                assert product.id == "cucm"
                assert "IM and Presence only Cisco Tomcat" in action.fact.text


@pytest.mark.parametrize("product", ["cucm", "imp"])
@pytest.mark.parametrize(("at", "overrides"), [("12.5", True), ("14", True), ("15SU1", True), ("15SU2", False)])
def test_the_step_of_the_parameter_for_ciphers_names_the_page_that_overrides_it(
    product: str, at: str, overrides: bool
) -> None:
    found = get_product(product).find_release(version(at))

    assert found is not None
    [ciphers] = [each for each in found.switches if "HTTPS Ciphers" in each.title]
    assert ("Cipher Management" in ciphers.fact.text and "CIPH" in ciphers.fact.sources) is overrides


def test_from_15su2_on_the_parameter_alone_decides_and_both_certificates_are_offered_on_sip() -> None:
    found = get_product("cucm").find_release(version("15SU2"))

    assert found is not None
    [ciphers] = [each for each in found.switches if "HTTPS Ciphers" in each.title]
    assert "this parameter alone decides" in ciphers.why
    assert [port.presents for port in found.ports if port.number == 5061] == ["both"]
    assert any("TLS 1.3 Certificate Preference Order" in fact.text for fact in found.warnings)


@pytest.mark.parametrize("at", ["14", "14SU1", "14SU3", "15SU3"])
def test_tftp_is_restarted_from_14_on_and_not_as_an_option(at: str) -> None:
    found = get_product("cucm").find_release(version(at))

    assert found is not None
    [tftp] = [each for each in found.restarts if "TFTP" in each.title]
    assert not tftp.is_optional
    assert tftp.fact.is_confirmed


@pytest.mark.parametrize(
    ("purpose", "services"),
    [
        ("cup-ECDSA", ["Cisco SIP Proxy", "Cisco Presence Engine"]),
        ("cup-xmpp-ECDSA", ["Cisco XCP Router"]),
        ("cup-xmpp-s2s-ECDSA", ["Cisco XCP XMPP Federation Connection Manager"]),
    ],
)
def test_each_certificate_of_im_and_presence_has_its_own_services(purpose: str, services: list[str]) -> None:
    for release in get_product("imp").releases:
        [restart] = [each for each in release.restarts if each.purpose == purpose]
        assert [line.removeprefix("utils service restart ") for line in restart.commands] == services


def test_what_is_read_in_a_guide_of_another_version_is_not_taken_for_confirmed() -> None:
    for at in ("14", "14SU2", "15SU2"):
        found = get_product("cucm").find_release(version(at))
        assert found is not None
        facts_ = [*(each.fact for each in found.ports), *(each.fact for each in found.restarts)]
        assert not any(fact.is_confirmed for fact in facts_ if set(fact.sources) <= {"SEC125", "SEC125-EC"})


def test_nothing_is_restarted_for_a_certificate_that_no_service_presents() -> None:
    never = [release for _, release in RELEASES if release.use is Use.NEVER]

    assert len(never) == 4
    assert [each.title for release in never for each in (*release.switches, *release.restarts)] == []


@pytest.mark.parametrize("product", ["cucm", "imp", "cuc"])
@pytest.mark.parametrize("at", ["14SU2", "15"])
def test_only_the_web_page_takes_multi_server_certificates_from_14su2_on(product: str, at: str) -> None:
    found = get_product(product).find_release(version(at))

    assert found is not None
    assert found.multi_server_interfaces == ("GUI",)


def test_what_cisco_removed_is_said_in_so_many_words() -> None:
    found = get_product("uccx").find_release(version("12.5"))

    assert found is not None
    assert found.uses.text.startswith("This leaf will not be used on UCCX 11.6 to 12.5: Cisco removed ECDSA")
    assert found.uses.is_confirmed


@pytest.mark.parametrize(("product", "at"), [("uccx", "11.6"), ("uccx", "12.5"), ("socialminer", "12.5")])
def test_every_port_of_a_version_without_ecdsa_presents_rsa(product: str, at: str) -> None:
    before, found = (get_product(product).find_release(version(each)) for each in ("11.5", at))

    assert before is not None
    assert found is not None
    assert {port.presents for port in found.ports} == {"RSA"}
    assert {port.number for port in found.ports} == {port.number for port in before.ports}


def test_every_version_of_cucm_says_which_upgrade_leaves_expired_trust_certificates_out() -> None:
    for release in get_product("cucm").releases:
        assert any("an upgrade to" in fact.text and "14SU2" in fact.text for fact in release.warnings), release.label


def test_cucm_before_14su2_takes_multi_server_certificates_on_every_interface() -> None:
    before = get_product("cucm").find_release(version("14SU1"))

    assert before is not None
    assert before.multi_server_interfaces == before.interfaces


def test_a_product_that_is_none_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InvalidInput, match="Use one of: uccx, socialminer, cucm") as caught:
        get_product("pbx")
    assert caught.value.rule == "product.unknown"


def test_a_restart_of_a_product_with_one_server_speaks_of_no_other_node() -> None:
    single = [(product, release) for product, release in RELEASES if product.roles == ("single server",)]
    found = [action for _, release in single for action in (*release.switches, *release.restarts) if action.effect]
    assert found
    assert not [action.title for action in found if action.effect and "other node" in action.effect.users]
