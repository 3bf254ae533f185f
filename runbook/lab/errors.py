"""What goes wrong with the lab itself, as a sentence."""


class LabError(Exception):
    """The lab cannot do what was asked; the message says why and what would work."""
