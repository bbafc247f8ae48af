"""HTTP requests as relying parties make them: no redirects, limited time and size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from ca_service.errors import Rule, Unreachable

PROBE_UNREACHABLE: Final = Rule(
    "probe.unreachable",
    "{url} cannot be fetched: {reason}.",
    "Check that the service is running, that the host name resolves to it, and that plain HTTP is not redirected.",
)

_SECONDS: Final = 5.0  # to connect, and between two parts of the response
_WHOLE_SECONDS: Final = 60.0  # for the response: who waits for it keeps others from asking
_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_MAX_BYTES: Final = 64 * 1024 * 1024  # a CRL with a million entries has about 40 MB


class HTTPFetcher:
    """An HTTP client. It uses the proxies of the environment, as other programs on this machine do."""

    def __init__(self, stopwatch: Callable[[], float], seconds: float = _WHOLE_SECONDS) -> None:
        self._stopwatch = stopwatch
        self._seconds = seconds

    def get(self, url: str, headers: Mapping[str, str] = _NONE) -> bytes:
        """Return the content at this URL. Raises Unreachable."""
        return self._ask("GET", url, None, headers)

    def post(self, url: str, body: bytes, content_type: str) -> bytes:
        """Send the body and return the response. Raises Unreachable."""
        return self._ask("POST", url, body, {"Content-Type": content_type})

    def _ask(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> bytes:
        import requests  # here, because it takes longer than most commands
        from urllib3.exceptions import HTTPError

        ends = self._stopwatch() + self._seconds
        try:
            with requests.request(
                method, url, data=body, headers=dict(headers), timeout=_SECONDS, allow_redirects=False, stream=True
            ) as answer:
                if answer.status_code != 200:
                    raise Unreachable.because(PROBE_UNREACHABLE, url=url, reason=f"the status is {answer.status_code}")
                found = bytearray()
                while part := answer.raw.read1(64 * 1024, decode_content=True):  # what is there, however little
                    found += part
                    if self._stopwatch() > ends:
                        raise Unreachable.because(PROBE_UNREACHABLE, url=url, reason="the response takes too long")
                    if len(found) > _MAX_BYTES:
                        raise Unreachable.because(PROBE_UNREACHABLE, url=url, reason="the response is too large")
                return bytes(found)
        except (requests.RequestException, HTTPError) as error:
            raise Unreachable.because(PROBE_UNREACHABLE, url=url, reason=type(error).__name__) from error
