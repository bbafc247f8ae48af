"""Knows the settings: what they may be, where they come from, and which source had the last word."""

from ca_service.settings.model import Settings
from ca_service.settings.sources import LoadedSettings, Setting, load

__all__ = ["LoadedSettings", "Setting", "Settings", "load"]
