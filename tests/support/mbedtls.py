"""mbedTLS, called in its library: it verifies a chain with revocation lists."""

from __future__ import annotations

import ctypes
import ctypes.util
from pathlib import Path

from tests.support.programs import missing

_ROOM = 16384  # bytes for a structure of mbedTLS, whose size differs between versions
_REVOKED = 0x02  # MBEDTLS_X509_BADCERT_REVOKED


class MbedTLS:
    """The functions that a client calls (x509_crt.h, x509_crl.h). Without the library, the test is skipped."""

    def __init__(self) -> None:
        name = ctypes.util.find_library("mbedx509")
        self._library = ctypes.CDLL(name or missing("mbedTLS is not installed: apt-get install libmbedtls-dev"))

    def load_lists(self, *files: Path) -> object:
        """Return these lists, DER; fail the test if one cannot be loaded."""
        return self._load("crl", files)

    def is_revoked(self, path: tuple[Path, ...], root: Path, lists: object) -> bool:
        """Return whether a certificate of this path, DER, is revoked; fail the test if it has another fault."""
        certificates, anchor, flags = self._load("crt", path), self._load("crt", (root,)), ctypes.c_uint32(0)
        self._library.mbedtls_x509_crt_verify(certificates, anchor, lists, None, ctypes.byref(flags), None, None)
        assert flags.value in (0, _REVOKED), hex(flags.value)
        return flags.value == _REVOKED

    def _load(self, kind: str, files: tuple[Path, ...]) -> object:
        found = ctypes.create_string_buffer(_ROOM)
        getattr(self._library, f"mbedtls_x509_{kind}_init")(found)
        for file in files:
            data = file.read_bytes()
            code = getattr(self._library, f"mbedtls_x509_{kind}_parse_der")(found, data, ctypes.c_size_t(len(data)))
            assert code == 0, f"{file.name}: -{-code:#x}"
        return found
