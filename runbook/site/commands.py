"""`runbook site build DIR`."""

import argparse
from pathlib import Path

from runbook import door
from runbook.collect import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`build` and where to."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    build = actions.add_parser("build", help="write the site into a folder")
    build.add_argument("folder", metavar="DIR", help="a folder that is new, empty, or an earlier site")
    build.add_argument("--cases", metavar="DIR", help="cases of a checkout (tests/cases): pages show a worked example")
    build.add_argument(
        "--gallery", action="store_true", help="with --cases: adds a dozen incidents with their notebooks"
    )
    build.add_argument(
        "--pyodide",
        metavar="DIR",
        help="the npm package pyodide, unpacked: adds the pages that diagnose and practise in the browser",
    )
    build.add_argument(
        "--jupyterlite",
        metavar="DIR",
        help="with --pyodide: an environment with JupyterLite; adds the notebooks, to run in the browser",
    )


def run(options: argparse.Namespace) -> int:
    """Write all pages; say how many, and what is left out."""
    from runbook.site import browser, lite, pages

    folder = Path(options.folder)
    if folder.is_dir() and any(folder.iterdir()) and not (folder / pages.MARK).is_file():
        raise UsageError(f"{folder} holds other things than a site of runbook; name a new folder.")
    cases = Path(options.cases) if options.cases else None
    if cases is not None and not cases.is_dir():
        raise UsageError(f"There is no folder {cases} with cases.")
    if options.gallery and cases is None:
        raise UsageError("--gallery needs the cases of a checkout: --cases tests/cases.")
    source = Path(options.pyodide) if options.pyodide else None
    if source is not None:
        browser.check(source)
    notebooks = Path(options.jupyterlite) if options.jupyterlite else None
    if notebooks is not None:
        if source is None:
            raise UsageError("--jupyterlite needs --pyodide, whose core its kernel is.")
        lite.check(notebooks)
    try:
        number = pages.build(folder, cases, with_browser=source is not None, with_gallery=options.gallery)
        if options.gallery and cases is not None:
            from runbook.site import gallery

            number += gallery.build(folder, cases, lambda line: door.say(line))
            pages.readable(folder)
        if source is not None:
            browser.build(folder, source)
        if notebooks is not None:
            lite.build(folder, notebooks)
            pages.readable(folder)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}.") from None
    door.say(f"{number} pages written to {folder}; begin with {folder / 'index.html'}.")
    if source is None:
        door.say(
            f"The page that diagnoses in the browser is left out: npm install pyodide@{browser.VERSION}, then"
            " --pyodide node_modules/pyodide adds it."
        )
    return 0
