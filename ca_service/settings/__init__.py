"""The settings: their values, their sources, and which source set each of them."""

from ca_service.settings.model import Settings
from ca_service.settings.sources import LoadedSettings, Setting, load

__all__ = ["LoadedSettings", "Setting", "Settings", "load"]
