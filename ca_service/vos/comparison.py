"""The difference between a new CSR of a node and the previous one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from ca_service.pki import keys, names
from ca_service.pki.contents import extended_key_usage_names, key_usage_names
from ca_service.pki.csr import CertificationRequest


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference between two CSRs. Names such as DNS:uccx1.example.com; all empty where nothing is."""

    names_gained: tuple[str, ...] = ()
    names_lost: tuple[str, ...] = ()
    is_key_new: bool = False
    key_old: str = ""
    key_new: str = ""
    subject_old: str = ""
    subject_new: str = ""
    key_usage_gained: tuple[str, ...] = ()
    key_usage_lost: tuple[str, ...] = ()
    extended_key_usage_gained: tuple[str, ...] = ()
    extended_key_usage_lost: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the two ask for the same with the same key."""
        return not any(getattr(self, field.name) for field in fields(self))


def compare(old: CertificationRequest, new: CertificationRequest) -> Difference:
    """Return what the new CSR changes. Kinds of keys and subjects are given only where they differ."""
    is_key_new = old.subject_public_key_info != new.subject_public_key_info
    subjects = (names.name_text(old.subject), names.name_text(new.subject)) if old.subject != new.subject else ("", "")
    (before, after), (usages_before, usages_after), (purposes_before, purposes_after) = (
        (_names(old), _names(new)),
        (key_usage_names(old.key_usage), key_usage_names(new.key_usage)),
        (
            extended_key_usage_names(old.extended_key_usage),
            extended_key_usage_names(new.extended_key_usage),
        ),
    )
    return Difference(
        names_gained=_only(after, before),
        names_lost=_only(before, after),
        is_key_new=is_key_new,
        key_old=keys.kind_name(old.public_key) if is_key_new else "",
        key_new=keys.kind_name(new.public_key) if is_key_new else "",
        subject_old=subjects[0],
        subject_new=subjects[1],
        key_usage_gained=_only(usages_after, usages_before),
        key_usage_lost=_only(usages_before, usages_after),
        extended_key_usage_gained=_only(purposes_after, purposes_before),
        extended_key_usage_lost=_only(purposes_before, purposes_after),
    )


def _names(request: CertificationRequest) -> tuple[str, ...]:
    return names.general_names_text(request.subject_alternative_name or ())


def _only(these: Sequence[str], without: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in these if name not in without)
