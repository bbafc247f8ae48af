"""What Flask compiles for each application, compiled once in a test process.

Templates took half the time of the tests of pages, the functions that build URLs a third of the rest.
"""

from __future__ import annotations

from types import CodeType, MethodType
from typing import ClassVar, cast

from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule


class CompiledTemplates(BytecodeCache):
    """Keeps the code of each template in memory, by its name and the checksum of its source."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give the bucket the code that is kept for this source."""
        bucket.code = self._kept.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the code of the bucket."""
        self._kept[bucket.key, bucket.checksum] = bucket.code


class CompiledRule(Rule):
    """A rule of the URL map that is compiled like the first one with its text: nothing else of the map matters here."""

    _first: ClassVar[dict[tuple[object, ...], Rule]] = {}

    def compile(self) -> None:
        """Take what another rule of this text has compiled, or compile it."""
        key = (self.rule, self.subdomain, self.host, repr(self.defaults), self.merge_slashes, self.is_leaf)
        first = self._first.setdefault(key, self)
        if first is self:
            super().compile()
            return
        self._parts, self._trace, self._converters = first._parts, first._trace, first._converters
        self._build = cast(MethodType, first._build).__func__.__get__(self, None)
        self._build_unknown = cast(MethodType, first._build_unknown).__func__.__get__(self, None)
