"""The incident's subject in a line, for the first lines of every view."""

from runbook.rules.base import Facts

_MOST = 3


def about(facts: Facts) -> str:
    """ "about registry.example:5000 as testuser; the folder also speaks of 3 other registries"; "" when nothing tells."""
    focus = facts.focus
    names = list(dict.fromkeys(str(a) for a in (focus.used or focus.addresses)))
    parts = []
    if names:
        more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
        parts.append(f"about {', '.join(names[:_MOST])}{more}")
    if focus.users:
        parts.append(f"as {', '.join(focus.users[:_MOST])}")
    line = " ".join(parts)
    if focus.others:
        count = len(focus.others)
        also = f"{count} other registries" if count > 1 else f"another registry ({focus.others[0]})"
        line = f"{line}; also there: {also}" if line else f"also there: {also}"
    return line
