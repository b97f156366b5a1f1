"""Text from elsewhere, made fit for a terminal."""

__all__ = ["visible"]

# C0 and C1 controls, and DEL: a model, or who wrote what it read, could otherwise move the
# cursor, set the clipboard (OSC 52) or forge what the terminal shows. Line ends and tabs stay.
_CONTROLS = {
    code: "�" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"
} | {ord("\r"): None}


def visible(text: str) -> str:
    """The text without the characters that steer a terminal."""
    return text if text.isprintable() else text.translate(_CONTROLS)
