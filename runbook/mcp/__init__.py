"""The Model Context Protocol on standard input and output, for assistants: read-only, redacted, nothing to install."""
