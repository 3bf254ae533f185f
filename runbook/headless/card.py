"""The card as PNG, drawn by a Chromium without a window, where there is one."""

import os
import subprocess
import tempfile
from pathlib import Path
from shutil import which

from runbook import door
from runbook.lazy import re
from runbook.leftovers import named, sweep
from runbook.redact import Vault

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
MISSING = "card.png needs Chromium, Chrome or Edge, which is not here; card.svg is the same picture."
FAILED = "card.png could not be drawn by {}; card.svg is the same picture."
_SIZE = re.compile(r'width="(\d+)" height="(\d+)"')
_SECONDS = 60
_PREFIX = "runbook-card-"


def draw(svg: str, target: Path, vault: Vault) -> str:
    """Write the card as PNG; "" when that is done, else a sentence why not. The browser gets a profile of its own and no network."""
    browser = next(filter(None, map(which, BROWSERS)), None)
    size = _SIZE.search(svg)
    if browser is None or size is None:
        return MISSING
    sweep(Path(tempfile.gettempdir()), _PREFIX)
    with tempfile.TemporaryDirectory(prefix=named(_PREFIX)) as name:
        home = Path(name)
        page = f'<!doctype html><meta charset="utf-8"><style>body{{margin:0}}svg{{display:block}}</style>{svg}'
        door.write(home / "card.html", page, vault)
        made = home / "card.png"
        words = [browser, "--headless", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=2"]
        words += [f"--window-size={size[1]},{size[2]}", f"--user-data-dir={home / 'profile'}", f"--screenshot={made}"]
        words += ["--host-resolver-rules=MAP * ~NOTFOUND", "--no-first-run", "--disable-extensions"]
        words += ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        words.append((home / "card.html").as_uri())
        try:
            subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False)
            picture = made.read_bytes()
        except (OSError, subprocess.TimeoutExpired):
            return FAILED.format(Path(browser).name)
    with open(target, "wb", opener=_private) as stream:
        stream.write(picture)
    return ""


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
