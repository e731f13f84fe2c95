"""Data that the rest is built from: settings, presets and limits. No behaviour, no clients."""

from config.limits import Limits
from config.presets import LADDERS, PhotoPreset
from config.settings import MisconfiguredError, Settings

__all__ = ["LADDERS", "Limits", "MisconfiguredError", "PhotoPreset", "Settings"]
