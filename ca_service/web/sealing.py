"""Sees to it that a busy service does not wait for a job to seal its record: after some changes it seals by itself.

It does so after the answer has left, so that nobody waits for it.
"""

from __future__ import annotations

import logging
from functools import partial
from itertools import count
from typing import Final

from flask import Flask, Response, request

from ca_service.authority.audit.sealing import Sealing
from ca_service.errors import CAServiceError
from ca_service.web.context import installation

EVERY: Final = 64  # changes that this process has answered
_log = logging.getLogger("ca_service.web")


def install(app: Flask) -> None:
    """Count the changes of this application."""
    changes = count(1)

    def _after(response: Response) -> Response:
        if request.method == "POST" and next(changes) % EVERY == 0:
            response.call_on_close(partial(_seal, installation().sealing))
        return response

    app.after_request(_after)


def _seal(sealing: Sealing) -> None:
    try:
        sealing.seal_pending()
    except CAServiceError as error:  # the answer is gone already: the next seal tells whoever asks for it
        _log.error("the record could not be sealed: %s", error)
