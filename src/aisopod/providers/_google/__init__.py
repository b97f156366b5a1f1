"""Google's credentials, for the hosts that take them: logins, default credentials, projects."""

from aisopod.providers._google.platform import gemini_platform, vertex_platform

__all__ = ["gemini_platform", "vertex_platform"]
