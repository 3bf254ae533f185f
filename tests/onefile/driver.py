"""Run by a Python of its own: every case in every format, and a digest of what was printed.

`python driver.py CASES.json [FORMAT,…]` where CASES.json lists [name, folder, arguments, environment]. Standard library only: it
runs under a bare Python with runbook.pyz on its path as well as in the developers' environment.
"""

import contextlib
import hashlib
import io
import json
import os
import re
import sys
import tempfile
from pathlib import Path

FORMATS = sys.argv[2].split(",") if sys.argv[2:] else ("text", "json", "markdown", "junit", "sarif")
_WHEN = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC|time(?:stamp)?=\"[^\"]*\"")


def main() -> None:
    """Print one object: name of the case → digests by format."""
    from runbook.cli import main as command

    print(json.dumps({name: answers(command, *rest) for name, *rest in json.loads(Path(sys.argv[1]).read_text())}))


def answers(command, folder, arguments, environment):
    """Exit code and digest of each format and of the report."""
    os.chdir(folder)
    os.environ.update(environment)
    found = {}
    with tempfile.TemporaryDirectory() as name:
        report = Path(name, "r.html")
        for format_ in FORMATS:
            words = ["diagnose", "bundle", "--format", format_, *arguments]
            words += ["--report", str(report)] if format_ == "text" else []
            said = io.StringIO()
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
                code = command(words)
            found[format_] = [code, digest(said.getvalue())]
        found["report"] = digest(report.read_text(encoding="utf-8")) if report.exists() else ""
    return found


def digest(text):
    """The text without the time of the run."""
    return hashlib.sha256(_WHEN.sub("", text).encode()).hexdigest()


if __name__ == "__main__":
    main()
