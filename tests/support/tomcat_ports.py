"""The ports of a Tomcat, each a node of its own: one for each row of Cisco's table, each verdict and each remark."""

from __future__ import annotations

from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.vos.experience import Row, Signing, rows
from tests.support.identities import Authority, Files, Identities, authority, chain_of, node_key, rsa_key
from tests.support.tls_servers import Key
from tests.support.tomcat import Connector


@cache
def rsa_authority() -> Authority:
    """The authority of tomcat, which signs with RSA."""
    return authority("rsa.example.com", rsa_key("authority"))


@cache
def ec_authority() -> Authority:
    """Another EC authority."""
    return authority("ec.example.com", ec.generate_private_key(ec.SECP256R1()))


def host(name: str) -> str:
    """The host name of the node with this port."""
    return f"{name}.localhost"


def name_of(row: Row) -> str:
    """The port with both certificates as in a row of the table."""
    return f"{row.tomcat}-{row.tomcat_ecdsa}"


def connectors(identities: Identities) -> dict[str, Connector]:
    """All ports by name."""
    return {**_of_rows(identities), **_of_verdicts(identities), **_of_remarks(identities)}


def _of_rows(identities: Identities) -> dict[str, Connector]:
    return {
        name: Connector(
            ec=_signed(identities, name, node_key(host(name)), row.tomcat_ecdsa),
            rsa=_signed(identities, name, rsa_key("tomcat"), row.tomcat),
        )
        for name, row in {name_of(row): row for row in rows()}.items()
    }


def _of_verdicts(identities: Identities) -> dict[str, Connector]:
    """Ports with one certificate, or with none: each is called after its verdict."""
    older, _ = identities.issued(host("older")), identities.issued(host("older"))
    return {
        "issued": Connector(ec=identities.issued(host("issued"))),
        "older": Connector(ec=older),
        "foreign": Connector(ec=identities.foreign(host("foreign"), node_key(host("foreign")), ec_authority())),
        "no-ecdsa": Connector(rsa=_signed(identities, "no-ecdsa", rsa_key("tomcat"), Signing.RSA_CA)),
        "not-tls": Connector(),
    }


def _of_remarks(identities: Identities) -> dict[str, Connector]:
    """Ports with something that is remarkable beside the verdict: each is called after its remark."""
    leaf = chain_of(identities.issued(host("incomplete-chain")))[0]
    alone = identities.write(node_key(host("incomplete-chain")), leaf)
    other = chain_of(identities.issued(host("wrong-chain")))[0]
    wrong = identities.write(node_key(host("wrong-chain")), other, ec_authority().root)
    expired = identities.foreign(host("expired"), node_key(host("expired")), rsa_authority(), days=5)
    return {
        "incomplete-chain": Connector(ec=alone),
        "wrong-chain": Connector(ec=wrong),
        "name-mismatch": Connector(ec=identities.issued("another.localhost")),
        "expired": Connector(ec=expired),
        "revoked": Connector(ec=identities.revoked(host("revoked"))),
        "ending": Connector(ec=identities.issued(host("ending"), days=20)),
        "no-client-auth": Connector(ec=identities.issued(host("no-client-auth"), purposes=("serverAuth",))),
        "only-tls-1.3": Connector(ec=identities.issued(host("only-tls-1.3")), protocols="TLSv1.3"),
        "asks-client-certificate": Connector(ec=identities.issued(host("asks-client-certificate")), clients="required"),
    }


def _signed(identities: Identities, name: str, key: Key, signing: Signing) -> Files:
    """Chain and key of a node, signed so; the EC authority is ours."""
    if signing is Signing.SELF_SIGNED:
        return identities.self_signed(host(name), key)
    if signing is Signing.RSA_CA:
        return identities.foreign(host(name), key, rsa_authority())
    return identities.issued(host(name))
