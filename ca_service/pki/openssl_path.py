"""A second opinion on authorities from elsewhere: that of OpenSSL, which most clients of their leaves use.

It reads extensions that nothing here reads, such as nsCertType and address blocks, and refuses a certificate in which
one of them is damaged (check_chain and x509v3_cache_extensions of OpenSSL).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cryptography import x509

_PARTIAL_CHAIN: Final = 0x80000  # the last certificate is trusted, self-signed or not
_NO_CHECK_TIME: Final = 0x200000  # whether they are valid now is judged elsewhere


def openssl_refusal(path: Sequence[x509.Certificate]) -> str:
    """Return why OpenSSL refuses these authorities, issuing one first and trusted one last; empty if it does not."""
    from OpenSSL import crypto  # here: few commands need it, and it takes as long as all others together

    first, *between, last = map(crypto.X509.from_cryptography, path)
    store = crypto.X509Store()
    store.add_cert(last)
    store.set_flags(_PARTIAL_CHAIN | _NO_CHECK_TIME)
    try:
        crypto.X509StoreContext(store, first, between).verify_certificate()
    except crypto.X509StoreContextError as error:
        return str(error)
    return ""
