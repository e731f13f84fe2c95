"""Data that the rest is built from: settings, presets and limits. No behaviour, no clients."""

from config.limits import Limits
from config.presets import CLIP_LADDERS, LADDERS, ClipLadder, ClipPreset, PhotoPreset
from config.settings import MisconfiguredError, Settings

__all__ = [
    "CLIP_LADDERS",
    "LADDERS",
    "ClipLadder",
    "ClipPreset",
    "Limits",
    "MisconfiguredError",
    "PhotoPreset",
    "Settings",
]
