"""Ports that every room receives: the time and serial numbers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

Clock = Callable[[], datetime]
SerialNumbers = Callable[[], int]
