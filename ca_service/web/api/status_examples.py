"""The examples in the OpenAPI description of the state of the service. They match the models."""

from __future__ import annotations

from typing import Any, Final

from ca_service.web.api.examples import AUTHORITY

NEWEST_SEAL: Final[dict[str, Any]] = {
    "head": {
        "number": 3,
        "hash": "7c" * 32,
        "sealed_at": "2026-11-28T18:00:00Z",
        "last_event": 17,
        "key": "4f" * 32,
    },
    "has_unsealed": False,
}
HEALTH: Final[dict[str, Any]] = {
    "is_well": True,
    "checks": [
        {"id": "database-tables", "name": "tables of the database", "is_well": True, "findings": []},
        {
            "id": "root-key",
            "name": "key of the root",
            "is_well": True,
            "findings": [
                {
                    "pointer": "",
                    "rule": "doctor.root-key",
                    "severity": "note",
                    "detail": "The key of the root is on this machine.",
                    "remedy": "Except in a lab, take it offline with `ca-service ca root-key`: export, verify, remove.",
                }
            ],
        },
    ],
}
JOBS: Final[dict[str, Any]] = {
    "jobs": [
        {
            "name": "notices",
            "outcome": "done",
            "count": 2,
            "started_at": "2026-11-28T18:00:00Z",
            "ended_at": "2026-11-28T18:00:01Z",
            "milliseconds": 40,
            "detail": "",
            "what": "write due notices",
            "every_seconds": 3600,
            "is_running": False,
            "due_at": "2026-11-28T19:00:00Z",
            "succeeded_at": "2026-11-28T18:00:01Z",
        }
    ]
}
NOTICES: Final[dict[str, Any]] = {
    "coming": [
        {
            "kind": "certificate",
            "id": "5c3f9f0d5f0c4a1e8b7a6d2c4e1f0a9b8c7d6e5f",
            "name": "uccx1.example.com",
            "not_after": "2026-12-28T18:00:00Z",
            "next_notice_at": "2026-12-14T18:00:00Z",
            "next_step": "Generate a new CSR on the node.",
            "path": "/certificates/5c3f9f0d5f0c4a1e8b7a6d2c4e1f0a9b8c7d6e5f",
        }
    ]
}
MESSAGES: Final[dict[str, Any]] = {
    "messages": [
        {
            "id": 17,
            "message_id": "<17@ca.example.com>",
            "channel": "mail",
            "recipient": "voice@example.com",
            "subject": "uccx1.example.com expires in 30 days",
            "state": "waiting",
            "attempts": 1,
            "created_at": "2026-11-28T18:00:00Z",
            "next_try_at": "2026-11-28T18:05:00Z",
            "sent_at": None,
            "last_error": "The mail server does not answer.",
        }
    ]
}
AUTHORITIES: Final[dict[str, Any]] = {
    "authorities": [
        {
            "id": f"{certificate['role']}-g1",
            "role": certificate["role"],
            "name": "Example Lab",
            "is_issuing": certificate["role"] == "intermediate",
            "is_pending": False,
            "is_revoked": False,
            "has_key": True,
            "certificate": certificate,
        }
        for certificate in AUTHORITY["certificates"][::-1]
    ],
    "state": "ready",
}
CRLS: Final[dict[str, Any]] = {
    "lists": [
        {
            "issuer": "intermediate-g1",
            "name": "Example Lab",
            "has_key": True,
            "number": "6923a1c0",
            "this_update": "2026-11-28T18:00:00Z",
            "next_update": "2026-12-05T18:00:00Z",
            "entries": 3,
        }
    ]
}
