"""Sealing of the audit log by the web service: after a number of changes, without waiting for the job.

It runs after the response is sent, so that no client waits for it.
"""

from __future__ import annotations

import logging
from functools import partial
from itertools import count
from typing import Final

from flask import Flask, Response, request

from ca_service.authority.audit.seals import Sealing
from ca_service.errors import CAServiceError
from ca_service.web.context import installation

EVERY: Final = 64  # POST requests answered by this process
_log = logging.getLogger("ca_service.web")


def install(app: Flask) -> None:
    """Count POST requests and seal the audit log after every 64th."""
    changes = count(1)

    def _after(response: Response) -> Response:
        if request.method == "POST" and next(changes) % EVERY == 0:
            response.call_on_close(partial(_seal, installation().sealing))
        return response

    app.after_request(_after)


def _seal(sealing: Sealing) -> None:
    try:
        sealing.seal_pending()
    except CAServiceError as error:  # the response is sent already; the next sealing reports the problem
        _log.error("the audit log could not be sealed: %s", error)
