"""Numbers as others write them: Python refuses to read very long ones, and nobody means them."""

_DIGITS = 15


def whole_number(text: str) -> int | None:
    """A whole number in digits 0 to 9; None for anything else, and for more than 15 digits."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else None
