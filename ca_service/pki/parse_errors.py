"""The exceptions that the X.509 parser raises for bytes from outside; in one place, so that no reader forgets one.

The library parses late: the version when it loads, a key, an extension or a time when it is first asked for. None of
`InvalidVersion`, `DuplicateExtension` and `UnsupportedGeneralNameType` is a ValueError.
"""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

PARSE_ERRORS: Final = (
    ValueError,  # damaged DER, DER that spells a default out, times with fractions
    TypeError,  # a key that is not of the kind its algorithm says
    UnsupportedAlgorithm,  # an unknown kind of key, curve or hash
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
