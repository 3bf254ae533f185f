"""Which values are shown, by the name that they stand under. What no table knows is a mask.

Each `shown_…` gives back the value, a part of it, or the mask; the same again for a value that went through.
"""

from runbook.redact.harmless.base import host_only, is_odd, is_reference, is_secret_name, plain, shown_realm
from runbook.redact.harmless.headers import shown_header
from runbook.redact.harmless.labels import shown_label, shown_users, shown_word
from runbook.redact.harmless.settings import shown_setting
from runbook.redact.harmless.variables import shown_variable

__all__ = [
    "host_only",
    "is_odd",
    "is_reference",
    "is_secret_name",
    "plain",
    "shown_header",
    "shown_label",
    "shown_realm",
    "shown_setting",
    "shown_users",
    "shown_variable",
    "shown_word",
]
