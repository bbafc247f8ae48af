"""The examples in the OpenAPI description of nodes and probes. They match the models."""

from __future__ import annotations

from typing import Any, Final

_FINGERPRINT: Final = "4f" * 32
_ROOT: Final = "5a" * 32
_SERIAL: Final = "5c3f9f0d5f0c4a1e8b7a6d2c4e1f0a9b8c7d6e5f"

CONTACTED: Final[dict[str, Any]] = {"fingerprint": _FINGERPRINT}
PLANNED: Final[dict[str, Any]] = CONTACTED | {"user": "administrator", "password": "the password"}
CONFIRMED: Final[dict[str, Any]] = PLANNED | {"confirmed": ["csr", "sign", f"trust:{_ROOT}", "identity"]}
CONTACT: Final[dict[str, Any]] = {
    "host": "cucm1.example.com",
    "address": "192.0.2.7",
    "port": 443,
    "fingerprint": _FINGERPRINT,
    "subject": "O=Example, CN=cucm1-EC.example.com",
    "not_after": "2031-11-27T15:28:43Z",
    "unit": "tomcat-ECDSA",
    "believed": "pinned",
}
LINES: Final[dict[str, Any]] = {
    "host": "cucm1.example.com",
    "steps": [
        {
            "title": "Generate the CSR for tomcat-ECDSA on cucm1.example.com",
            "text": "Save what is printed from BEGIN to END as a file, and have it signed.",
            "files": [],
            "purpose": "",
            "commands": ["set csr gen tomcat-ECDSA", "show csr own tomcat-ECDSA/tomcat-ECDSA.csr"],
            "terminal": ["ca-service sign tomcat-ECDSA.csr --purpose tomcat-ECDSA --product cucm --version-of 12.5"],
            "notes": [],
            "is_confirmed": False,
        }
    ],
}
_CHANGES: Final[list[dict[str, Any]]] = [
    {
        "kind": "csr",
        "key": "csr",
        "text": "Generate a CSR for tomcat-ECDSA on the node: cucm1-EC.example.com, EC key on P-384.",
        "fingerprint": None,
        "is_confirmed": False,
    },
    {
        "kind": "trust",
        "key": f"trust:{_ROOT}",
        "text": "Upload “Example Lab EC Root CA G1” to tomcat-trust.",
        "fingerprint": _ROOT,
        "is_confirmed": True,
    },
]
PLAN: Final[dict[str, Any]] = {
    "contact": CONTACT,
    "purpose": "tomcat-ECDSA",
    "stage": "no CSR",
    "present": _FINGERPRINT,
    "present_name": "cucm1-EC.example.com",
    "present_not_after": "2031-11-27T15:28:43Z",
    "csr": None,
    "serial_number": None,
    "steps": [],
    "changes": _CHANGES,
    "findings": [],
}
PROBED: Final[dict[str, Any]] = {"hosts": ["sm1.example.com:7443"]}
PROBE: Final[dict[str, Any]] = {
    "works": True,
    "summary": "Every EC certificate that is presented is the one from here.",
    "experience": "",
    "not_restarted": [],
    "ports": [
        {
            "host": "sm1.example.com",
            "port": 7443,
            "service": "Openfire (chat)",
            "verdict": "issued",
            "remarks": [],
            "works": True,
            "sentences": ["It presents the certificate that was issued here."],
            "serial_number": _SERIAL,
            "fingerprint": "0" * 64,
            "not_after": "2027-12-25T17:54:59Z",
            "handshakes": [
                {"offer": "ECDSA, TLS 1.2", "ending": "served", "detail": ""},
                {"offer": "ECDSA, TLS 1.3", "ending": "declined", "detail": "tlsv1 alert protocol version"},
                {"offer": "RSA, TLS 1.2", "ending": "served", "detail": ""},
                {"offer": "RSA, TLS 1.3", "ending": "declined", "detail": "tlsv1 alert protocol version"},
            ],
        }
    ],
}
APPLIED: Final[dict[str, Any]] = {
    "made": _CHANGES,
    "plan": PLAN | {"stage": "installed", "serial_number": _SERIAL, "changes": []},
    "waiting": [],
    "steps": [
        {
            "title": "Restart on cucm1.example.com",
            "text": "Restart Cisco Tomcat, publisher first.",
            "files": [],
            "purpose": "",
            "commands": ["utils service restart Cisco Tomcat"],
            "terminal": [],
            "notes": [["Takes", "about 10 minutes"]],
            "is_confirmed": True,
        }
    ],
    "probe": PROBE,
}
