"""What may be shown, and the only place that holds what may not.

- `Vault` takes secrets in, gives labels out (equal secrets, equal labels) and takes them out of text.
- `harmless` decides, name by name, which values of variables, settings, headers and addresses are shown:
  what is not known to be harmless is a mask. `lines` does the same for lines of configuration files.
- `words` is for free text: words that anybody may know stay, all others go.
- `hashes` is the one grammar of password hashes, `forms` knows the encodings in which a known secret travels.

No I/O here, apart from the list of words that comes with the package.
"""

from runbook.redact.prose import mask_patterns
from runbook.redact.text import MASK, as_bytes, is_mask, printable, visible
from runbook.redact.vault import Vault

__all__ = ["MASK", "Vault", "as_bytes", "is_mask", "mask_patterns", "printable", "visible"]
