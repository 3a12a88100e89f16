"""A Recording in; tables, timelines, memory, trace files and pages out."""

from metal_runtime.profile.profile import Profile, load, profile

__all__ = ["Profile", "load", "profile"]
