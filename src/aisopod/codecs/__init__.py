"""Codecs: frames to types and back, one folder per wire dialect, pure."""
