"""The examples in the OpenAPI description. They match the models, and the CSR is a valid one."""

from __future__ import annotations

from typing import Any, Final

#: The CSR of a SocialMiner whose key was deleted.
CSR: Final = """\
-----BEGIN CERTIFICATE REQUEST-----
MIIBvDCCAWICAQAwgYwxCzAJBgNVBAYTAkRFMQ8wDQYDVQQIDAZIZXNzZW4xGjAY
BgNVBAcMEUZyYW5rZnVydCBhbSBNYWluMRowGAYDVQQKDBFCZWlzcGllbCAmIFPD
tmhuZTEXMBUGA1UECxMOQ29udGFjdCBDZW50cmUxGzAZBgNVBAMTEnNtMS1FQy5l
eGFtcGxlLmNvbTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPQB7FupxdDkTb4i
NH6LS3mnLkKBk9DmYI+Vp7kZsu2H4sIWJ4hHsNVChGXEBPdbY1v3HfZdg42HL0FN
NJjYUjOgczBxBgkqhkiG9w0BCQ4xZDBiMCcGA1UdJQQgMB4GCCsGAQUFBwMBBggr
BgEFBQcDAgYIKwYBBQUHAwUwDgYDVR0PAQH/BAQDAgO4MCcGA1UdEQQgMB6CC2V4
YW1wbGUuY29tgg9zbTEuZXhhbXBsZS5jb20wCgYIKoZIzj0EAwIDSAAwRQIhAMo4
HekaV1CPhUKG2MOrWvykE7H2aNokuKs/4CBGkCmsAiBsOtKEWsj8m9zk/IWQZph6
u5xuugTVBgTDeFiox79D0Q==
-----END CERTIFICATE REQUEST-----
"""
#: The certificate of an authority whose key was deleted as well; and that authority.
CERTIFICATE: Final = """\
-----BEGIN CERTIFICATE-----
MIICITCCAcegAwIBAgIUGALm6mkzeXyWeE1OLbwLnFW0OKowCgYIKoZIzj0EAwIw
IDEeMBwGA1UEAwwVRXhhbXBsZSBFQyBSb290IENBIEcxMB4XDTI2MTEyMzE4MDAw
MFoXDTI3MTIyNTE4MDAwMFowgYwxCzAJBgNVBAYTAkRFMQ8wDQYDVQQIDAZIZXNz
ZW4xGjAYBgNVBAcMEUZyYW5rZnVydCBhbSBNYWluMRowGAYDVQQKDBFCZWlzcGll
bCAmIFPDtmhuZTEXMBUGA1UECxMOQ29udGFjdCBDZW50cmUxGzAZBgNVBAMTEnNt
MS1FQy5leGFtcGxlLmNvbTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPQB7Fup
xdDkTb4iNH6LS3mnLkKBk9DmYI+Vp7kZsu2H4sIWJ4hHsNVChGXEBPdbY1v3HfZd
g42HL0FNNJjYUjOjcjBwMAwGA1UdEwEB/wQCMAAwJwYDVR0lBCAwHgYIKwYBBQUH
AwEGCCsGAQUFBwMCBggrBgEFBQcDBTAOBgNVHQ8BAf8EBAMCA7gwJwYDVR0RBCAw
HoILZXhhbXBsZS5jb22CD3NtMS5leGFtcGxlLmNvbTAKBggqhkjOPQQDAgNIADBF
AiBTu9RG0arBXwZ7owM5N8FkWU051Ev5phoVNKu9dzZsdwIhANx4P7m0CROrXcfj
roVP+rTxq3D0RtkiGc2Xo8uzS2Ah
-----END CERTIFICATE-----
"""
ROOT: Final = """\
-----BEGIN CERTIFICATE-----
MIIBZTCCAQugAwIBAgIUa9Vx3bcr4ELq1Xs3Bsxhrn1qUvswCgYIKoZIzj0EAwIw
IDEeMBwGA1UEAwwVRXhhbXBsZSBFQyBSb290IENBIEcxMB4XDTI2MTEyMzE4MDAw
MFoXDTM2MTEyMDE4MDAwMFowIDEeMBwGA1UEAwwVRXhhbXBsZSBFQyBSb290IENB
IEcxMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEHagyUNCYFBW7NPPG11axFw06
kaStTZWZQgVaHmB36a00lP/9/UBQCxFLNZb702DKbkevMOiizuHoOxgBsvUjHaMj
MCEwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAQYwCgYIKoZIzj0EAwID
SAAwRQIhAM/1sOpRynPd0/mSyJ0Re3AWJ+Hq7J2tN2bZt114LDfjAiA/k8wHe7mH
sCzOfTXbJOFWqU+gzUGoa8JncnMwDTHMjw==
-----END CERTIFICATE-----
"""
_SERIAL: Final = "5c3f9f0d5f0c4a1e8b7a6d2c4e1f0a9b8c7d6e5f"
_PEM: Final = "-----BEGIN CERTIFICATE-----\n(base64)\n-----END CERTIFICATE-----\n"
_OWN: Final = f"https://ca.example.com/api/v1/certificates/{_SERIAL}"
_AUTHORITY: Final = "https://ca.example.com/api/v1/authority"

_SUMMARY: Final[dict[str, Any]] = {
    "serial_number": _SERIAL,
    "status": "active",
    "revocation": None,
    "profile": "vos",
    "purpose": "tomcat-ECDSA",
    "host": "sm1.example.com",
    "subject": "C=DE, O=Example, CN=sm1-EC.example.com",
    "subject_alternative_name": ["DNS:example.com", "DNS:sm1.example.com"],
    "issuer_id": "intermediate-g1",
    "not_before": "2026-11-23T17:55:00Z",
    "not_after": "2027-12-25T17:54:59Z",
    "issued_at": "2026-11-23T18:00:00Z",
    "issued_by": "renewal",
    "fingerprint": "0" * 64,
    "links": {
        "self": _OWN,
        "zip": f"{_OWN}?format=zip",
        "pem": f"{_OWN}?format=pem",
        "der": f"{_OWN}?format=der",
        "p7b": f"{_OWN}?format=p7b",
    },
}
_DECODED: Final[dict[str, Any]] = {
    "issuer": "O=Example Lab, CN=Example Lab EC Intermediate CA G1",
    "key": "EC P-384",
    "key_usage": ["digitalSignature", "keyAgreement"],
    "extended_key_usage": ["serverAuth", "clientAuth"],
    "pem": _PEM,
    "chain": [_PEM, _PEM],
}
CERTIFICATES: Final[dict[str, Any]] = {"certificates": [_SUMMARY | _DECODED], "findings": []}
CERTIFICATE_LIST: Final[dict[str, Any]] = {"certificates": [_SUMMARY], "next": None}
BATCH: Final[dict[str, Any]] = {
    "verdicts": [
        {
            "number": 0,
            "name": "uccx1.csr",
            "outcome": "issued",
            "certificate": _SUMMARY | _DECODED,
            "request": None,
            "findings": [],
        }
    ],
    "counts": {"issued": 1, "issued_before": 0, "waiting": 0, "refused": 0},
}
EVENTS: Final[dict[str, Any]] = {
    "events": [
        {
            "id": 17,
            "at": "2026-11-23T18:00:00Z",
            "event": "certificate.issued",
            "category": "certificates",
            "text": "A certificate for sm1.example.com was issued.",
            "actor": "renewal",
            "origin": "192.0.2.7",
            "subject": _SERIAL,
            "details": {"host": "sm1.example.com", "profile": "vos"},
            "seal": 3,
        }
    ],
    "next": None,
}
REQUEST: Final[dict[str, Any]] = {
    "id": 12,
    "state": "refused",
    "profile": "vos",
    "purpose": "tomcat-ECDSA",
    "validity_days": None,
    "host": "sm1.example.com",
    "subject": "C=DE, O=Example, CN=sm1-EC.example.com",
    "subject_alternative_name": ["DNS:example.com", "DNS:sm1.example.com"],
    "csr": CSR,
    "findings": [],
    "submitted_at": "2026-11-23T18:00:00Z",
    "submitted_by": "anna",
    "decided_at": "2026-11-23T18:05:00Z",
    "decided_by": "carol",
    "rule": None,
    "reasons": [],
    "note": "The parent domain is wrong.",
    "failure": [],
    "serial_number": None,
    "links": {
        "self": "https://ca.example.com/api/v1/requests/12",
        "page": "https://ca.example.com/requests/12",
        "certificate": None,
    },
}
#: What each decision answers: a refused request is REQUEST itself.
DECIDED: Final[dict[str, dict[str, Any]]] = {
    "approveRequest": REQUEST
    | {
        "state": "issued",
        "note": "as agreed",
        "serial_number": _SERIAL,
        "links": REQUEST["links"] | {"certificate": _OWN},
    },
    "refuseRequest": REQUEST,
    "withdrawRequest": REQUEST | {"state": "withdrawn", "decided_by": "anna", "note": "not needed"},
}
_WAITS: Final[dict[str, Any]] = {"state": "submitted", "decided_at": None, "decided_by": None, "note": None}
REQUESTS: Final[dict[str, Any]] = {"requests": [REQUEST | _WAITS], "findings": [], "next": None}
CHECKS: Final[dict[str, Any]] = {
    "accepted": False,
    "checks": [
        {
            "file": None,
            "accepted": False,
            "host": "uccx1.example.com",
            "profile": "vos",
            "purpose": "",
            "validity_days": 397,
            "subject": "C=DE, O=Example, CN=uccx1.example.com",
            "subject_alternative_name": ["DNS:example.com", "DNS:uccx1.example.com"],
            "key": "RSA 2048",
            "signature": "SHA-256",
            "key_usage": ["digitalSignature", "keyEncipherment", "dataEncipherment"],
            "extended_key_usage": ["serverAuth", "clientAuth"],
            "findings": [
                {
                    "pointer": "/csr/0/public_key",
                    "rule": "csr.key.rsa",
                    "severity": "error",
                    "detail": "This CSR has an RSA key (2048 bit). This authority is EC from root to leaf.",
                    "remedy": "If it is from a Cisco node, download the CSR whose purpose ends in -ECDSA instead, such "
                    "as tomcat-ECDSA. Have your RSA authority sign this one.",
                }
            ],
        }
    ],
}
FIT_FILES: Final[dict[str, Any]] = {"csr": CSR, "certificate": CERTIFICATE, "chain": [ROOT]}
FIT: Final[dict[str, Any]] = {
    "taken": False,
    "works": False,
    "verdict": "The node would not take it.",
    "checks": [
        {
            "topic": "public key",
            "stage": "upload",
            "result": "failed",
            "message": "CSR Public Key and Certificate Public Key Do Not Match",
            "finding": {
                "pointer": "/certificate",
                "rule": "fit.key",
                "severity": "error",
                "detail": "The certificate has another public key than the CSR.",
                "remedy": "It belongs to another node or to an older CSR: a new CSR replaces the one before, with "
                "its key. Have the newest CSR of this node signed.",
            },
        },
        {"topic": "end of validity", "stage": "upload", "result": "passed", "message": "", "finding": None},
    ],
}
REVOKED: Final[dict[str, Any]] = {"serial_numbers": [_SERIAL], "reason": "superseded", "preview": True}
RELEASED: Final[dict[str, Any]] = {"serial_numbers": [_SERIAL]}
REVOCATION: Final[dict[str, Any]] = {
    "done": False,
    "changed": 1,
    "certificates": [
        {
            "serial_number": _SERIAL,
            "host": "sm1.example.com",
            "effect": "revoke",
            "state": "revoked",
            "reason": "superseded",
            "revoked_at": "2026-11-25T14:00:00Z",
        }
    ],
    "findings": [
        {
            "pointer": "",
            "rule": "revocation.cannot-be-undone",
            "severity": "warning",
            "detail": "This cannot be undone.",
            "remedy": "Choose certificateHold if you are not sure: a hold can be released.",
        }
    ],
}
RELEASE: Final[dict[str, Any]] = {
    "done": True,
    "changed": 1,
    "certificates": [
        REVOCATION["certificates"][0]
        | {"effect": "release", "state": "released", "reason": "removeFromCRL", "revoked_at": None}
    ],
    "findings": [],
}
AUTHORITY: Final[dict[str, Any]] = {
    "name": "Example Lab",
    "certificates": [
        {
            "role": role,
            "subject": f"O=Example Lab, CN=Example Lab EC {role.title()} CA G1",
            "serial_number": _SERIAL,
            "key": "EC P-384",
            "not_before": "2026-11-23T17:55:00Z",
            "not_after": "2036-11-20T17:54:59Z",
            "fingerprint": "0" * 64,
            "pem": _PEM,
        }
        for role in ("intermediate", "root")
    ],
    "links": {"self": _AUTHORITY, "pem": f"{_AUTHORITY}?format=pem", "p7b": f"{_AUTHORITY}?format=p7b"},
}
PROBLEM: Final[dict[str, Any]] = {
    "type": "/rules/csr.key.rsa",
    "title": "The request was refused",
    "detail": CHECKS["checks"][0]["findings"][0]["detail"],
    "code": "refused",
    "status": 422,
    "errors": CHECKS["checks"][0]["findings"],
}

TOKEN: Final[dict[str, Any]] = {
    "id": 3,
    "account": "anna",
    "role": "requester",
    "label": "renewal script",
    "prefix": "ca_Zk3vQ9x",
    "scopes": ["check", "submit"],
    "names": ["*.uc.example.com"],
    "profiles": ["vos"],
    "networks": ["10.0.0.0/8"],
    "created_at": "2026-11-24T09:00:00Z",
    "expires_at": "2027-02-22T09:00:00Z",
    "last_used_at": "2026-11-25T06:00:00Z",
    "revoked_at": None,
}
