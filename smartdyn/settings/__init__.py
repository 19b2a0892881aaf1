"""The service's settings: typed, with the keys that Foreman's installer writes."""

from smartdyn.settings.load import load_settings
from smartdyn.settings.schema import Settings

__all__ = ["Settings", "load_settings"]
