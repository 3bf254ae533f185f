"""What runs first in runbook.pyz.

Python keeps no bytecode of what it imports from a zip, so the modules are unpacked once into the user's cache, in a
folder named by their content. Where that cannot be, they are imported from the file itself, which starts more slowly.
"""

import os
import sys

BUILD = "@BUILD@"


def cache():
    """The folder of this build, filled; None where there is no place that only this user may write."""
    base = os.environ.get("RUNBOOK_CACHE")
    if not base and os.name == "nt":
        base = os.path.join(os.environ.get("LOCALAPPDATA") or os.path.expanduser("~"), "registry-runbook")
    elif not base:
        below = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        base = os.path.join(below, "registry-runbook")
    folder = os.path.join(base, BUILD)
    try:
        if not os.path.isdir(folder):
            unpack(base, folder)
        return folder if private(base) and private(folder) else None
    except (OSError, ValueError):
        return None


def private(folder):
    """Whether nobody else may put code there."""
    if os.name == "nt":
        return True
    status = os.lstat(folder)
    mine = status.st_uid in (os.getuid(), 0)
    return mine and not status.st_mode & 0o022 and os.path.isdir(folder) and not os.path.islink(folder)


def unpack(base, folder):
    """All parts beside it first, then put in place at once: another start sees the whole or nothing."""
    import shutil
    import tempfile
    import zipfile

    os.makedirs(base, mode=0o700, exist_ok=True)
    beside = tempfile.mkdtemp(dir=base)
    try:
        with zipfile.ZipFile(sys.path[0]) as archive:
            archive.extractall(beside)
        os.rename(beside, folder)
    except OSError:
        shutil.rmtree(beside, ignore_errors=True)
        if not os.path.isdir(folder):
            raise


def main():
    """The command line, from the unpacked modules where they could be unpacked."""
    if sys.version_info < (3, 11):  # noqa: UP036 (it is read by those, too)
        sys.stderr.write("runbook: Python 3.11 or later is needed; this is {}.{}.\n".format(*sys.version_info[:2]))
        return 2
    folder = cache()
    if folder:
        sys.path[0] = folder
    from runbook.cli import main as command

    return command()


if __name__ == "__main__":
    sys.exit(main())
