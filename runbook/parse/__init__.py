"""Text to data: one module per kind of file. No I/O here; secrets go into the vault."""


class ParseError(ValueError):
    """A file that cannot be understood: which one, where, and what is wrong, in a sentence."""

    def __init__(self, file: str, line: int | None, message: str) -> None:
        self.file, self.line, self.message = file, line, message
        super().__init__(f"{file}:{line}: {message}" if line else f"{file}: {message}")
