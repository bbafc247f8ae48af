"""The examples in the OpenAPI description of clusters and knowledge. They match the models."""

from __future__ import annotations

from typing import Any, Final

_SERIAL: Final = "5c3f9f0d5f0c4a1e8b7a6d2c4e1f0a9b8c7d6e5f"
_OWN: Final = "https://ca.example.com/api/v1/clusters/1"
_UPLOAD: Final = f"upload/tomcat-ECDSA/{_SERIAL}"
_VERIFY: Final = f"verify/tomcat-ECDSA/{_SERIAL}"

NEW_CLUSTER: Final[dict[str, Any]] = {
    "name": "Lab",
    "nodes": [{"fqdn": "sm1.example.com", "product": "socialminer", "version": "11.5", "role": "single server"}],
}
MARK: Final[dict[str, Any]] = {"step": _UPLOAD, "done": True}
_SUMMARY: Final[dict[str, Any]] = {
    "id": 1,
    "name": "Lab",
    "created_at": "2026-11-23T18:00:00Z",
    "created_by": "anna",
    "nodes": [{"id": 1} | NEW_CLUSTER["nodes"][0]],
    "links": {
        "self": _OWN,
        "page": "https://ca.example.com/clusters/1",
        "bundle": f"{_OWN}/bundle",
        "runbook": f"{_OWN}/runbook",
    },
}
CLUSTERS: Final[dict[str, Any]] = {"clusters": [_SUMMARY], "next": None}
_STEP: Final[dict[str, Any]] = {
    "key": _UPLOAD,
    "title": "Upload the certificate to tomcat-ECDSA on sm1.example.com",
    "text": "Certificate Management, Upload Certificate/Certificate chain.",
    "nodes": ["sm1.example.com"],
    "files": ["sm1.example.com/3-sm1.example.com.tomcat-ECDSA.pem"],
    "purpose": "tomcat-ECDSA",
    "commands": [],
    "terminal": [],
    "powershell": [],
    "answer": "",
    "notes": [],
    "why": "",
    "sources": ["Cisco document 118855, Configure UCCX Solution Certificate Management"],
    "confirmed": True,
    "optional": False,
    "done_at": None,
    "done_by": None,
}
CLUSTER: Final[dict[str, Any]] = _SUMMARY | {
    "slots": [
        {
            "node": "sm1.example.com",
            "purpose": "tomcat-ECDSA",
            "state": "issued",
            "serial_number": _SERIAL,
            "not_after": "2027-12-25T17:54:59Z",
            "request_id": None,
            "covered_by": None,
            "covers": [],
            "steps_done": 2,
            "steps": 7,
            "next_step": _STEP,
            "upload_step": _UPLOAD,
            "verify_step": _VERIFY,
            "available": None,
            "past": [],
        }
    ],
    "warnings": [],
    "findings": [],
}
REMOVED_CLUSTER: Final[dict[str, Any]] = {"removed": "Lab"}
PLACEMENTS: Final[dict[str, Any]] = {
    "outcome": "signed",
    "csrs": [
        {
            "number": 0,
            "file": "sm1-tomcat-ECDSA.csr",
            "node": "sm1.example.com",
            "purpose": "tomcat-ECDSA",
            "matched": "by the common name",
            "multi_server": False,
            "new_key": None,
        }
    ],
    "serial_numbers": [_SERIAL],
    "request_ids": [],
    "findings": [],
}
RUNBOOK: Final[dict[str, Any]] = {
    "title": "Lab",
    "warnings": [],
    "accesses": [],
    "sections": [{"title": "B. Certificate", "text": "", "steps": [_STEP]}],
    "remarks": [],
}

_FACT: Final[dict[str, Any]] = {
    "text": "UCCX 11.5 presents the ECDSA certificate by itself, for Live Data on port 12015.",
    "confirmed": True,
    "sources": ["Cisco document 210528, Understand ECDSA Certificates in a UCCX Solution"],
}
_PRODUCT: Final[dict[str, Any]] = {
    "id": "uccx",
    "name": "UCCX",
    "long_name": "Unified Contact Center Express",
    "roles": ["publisher", "subscriber"],
}
_RELEASE: Final[dict[str, Any]] = {"label": "11.5", "use": "default", "uses": _FACT, "purposes": ["tomcat-ECDSA"]}
PRODUCTS: Final[dict[str, Any]] = {"products": [_PRODUCT | {"releases": [_RELEASE]}]}
PRODUCT: Final[dict[str, Any]] = _PRODUCT | {
    "trust_roles": ["publisher"],
    "trust": _FACT,
    "newest": "15.0",
    "releases": [
        _RELEASE
        | {
            "interfaces": ["GUI", "CLI"],
            "multi_server_interfaces": ["GUI"],
            "accesses": [],
            "cautions": [],
            "settles": [],
            "peers": [],
            "prepare": [],
            "switches": [],
            "restarts": [
                {
                    "title": "Restart {node}",
                    "fact": _FACT,
                    "why": "",
                    "undo": "",
                    "commands": ["utils system restart"],
                    "minutes": 30,
                    "wait": _FACT,
                    "users": "Agents are signed out.",
                    "on": "every node",
                    "purpose": "",
                    "product": "",
                    "store": "",
                    "optional": False,
                }
            ],
            "restore": [],
            "checks": [],
            "ports": [
                {
                    "number": 12015,
                    "service": "Socket.IO (Live Data)",
                    "presents": "ECDSA",
                    "purpose": "",
                    "starttls": "",
                    "fact": _FACT,
                }
            ],
            "warnings": [],
        }
    ],
    "unread": "",
}
QUESTIONS: Final[dict[str, Any]] = {
    "topics": [
        {
            "topic": "UCCX and SocialMiner 11.5",
            "questions": [{"question": "Why is there a second certificate?", "answer": _FACT}],
        }
    ]
}
TEXT: Final[dict[str, Any]] = {"text": "CSR SAN and Certificate SAN does not match"}
EXPLANATIONS: Final[dict[str, Any]] = {
    "explanations": [
        {
            "id": "san-mismatch",
            "kind": "refused",
            "title": "The names of certificate and CSR differ",
            "printed": [TEXT["text"]],
            "cause": _FACT,
            "next": [_FACT],
            "rules": ["fit.san"],
        }
    ]
}
MATRIX: Final[dict[str, Any]] = {
    "tomcat": "rsa-ca",
    "tomcat_ecdsa": "ec-ca",
    "row": {
        "experience": _FACT,
        "sights": [{"where": "Live Data gadget", "outcome": "works"}],
        "services": [{"server": "UCCX", "service": "SocketIO", "presents": "ecdsa", "note": None}],
        "footnote": None,
        "next": [],
        "cop_files": [],
    },
    "known": [],
    "holds": [_FACT],
}
