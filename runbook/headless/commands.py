"""`runbook report`, `runbook demo` and `runbook open`."""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from runbook import door
from runbook.collect import Request, UsageError
from runbook.judge import Run
from runbook.redact import Vault, visible
from runbook.report import words


def add_report_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the report goes; what is diagnosed is declared by the caller."""
    _add_output(parser)
    parser.add_argument(
        "--fail-on", choices=("error", "warning", "never"), default="warning", help="as for diagnose (default warning)"
    )
    parser.add_argument(
        "--compare", metavar="FILE.json", help="an earlier report.json: say what is new and what is mended"
    )


def add_demo_arguments(parser: argparse.ArgumentParser) -> None:
    """The demo needs nothing but a place for its report."""
    _add_output(parser)


def add_open_arguments(parser: argparse.ArgumentParser) -> None:
    """JupyterLab's own address and browser."""
    _add_case(parser)
    parser.add_argument("--allow-root", action="store_true", help="let JupyterLab run as root, as in a container")
    parser.add_argument("--port", type=int, help="port of JupyterLab (its own default otherwise)")


def add_serve_arguments(parser: argparse.ArgumentParser) -> None:
    """The page's address and browser."""
    _add_case(parser)
    parser.add_argument("--port", type=int, default=8866, help="port of the page (default %(default)s)")
    parser.add_argument("--theme", choices=("light", "dark"), default="light", help="of the page (default light)")


def _add_case(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--demo", action="store_true", help="show the demo: a stack of the lab, broken on purpose")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.add_argument(
        "--folder",
        metavar="DIR",
        default="runbook-notebooks",
        help="where the notebooks are copied to, and the case is kept (default %(default)s)",
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output-dir", metavar="DIR", default="runbook-report", help="folder of the report (default runbook-report)"
    )
    parser.add_argument("--png", action="store_true", help="also the card as card.png, drawn by Chromium where it is")


def run_report(options: argparse.Namespace) -> int:
    """Diagnose, execute the notebooks, write the report; the exit code tells the verdict."""
    _needs("papermill")
    from runbook.cli.diagnose import exit_code
    from runbook.cli.target import request_from
    from runbook.headless.report import make_report, to_stderr
    from runbook.report.history import compare, earlier_report

    earlier = earlier_report(options.compare) if options.compare else None
    with _folder(options.output_dir) as folder:
        run = make_report(request_from(options), options.vault, folder, to_stderr, earlier, png=options.png)
    _tell(folder, run, options.vault)
    if earlier is not None:
        door.out("\n".join(compare(run, earlier).sentences()), options.vault)
    return exit_code(run, options.fail_on)


def run_demo(options: argparse.Namespace) -> int:
    """Break a stack in the embedded lab, diagnose it live and from its files, write the report.

    Ends with 0 when the demo found what it had broken: here the fault is the success.
    """
    _needs("papermill")
    from runbook.headless.report import make_report, to_stderr
    from runbook.lab import Lab

    vault = getattr(options, "vault", None) or Vault()
    to_stderr("starting a registry behind its UI on this machine, with the login dropped by the proxy")
    with _folder(options.output_dir) as folder, Lab.demo() as lab:
        request = Request(
            paths=(str(lab.bundle),),
            registry_url=lab.registry_url,
            ui_url=lab.ui_url,
            user=lab.user,
            password=lab.password,
            lab="demo",
        )
        run = make_report(request, vault, folder, to_stderr, png=options.png)
    causes = [f.cause for f in run.diagnosis.causes]
    _tell(folder, run, vault)
    return 0 if causes[:1] == ["authorization-stripped"] else 1


def run_open(options: argparse.Namespace) -> int:
    """Start JupyterLab on the case, which is executed already; ends when the user ends it."""
    _needs("jupyterlab")
    from runbook.headless.opened import at_ease, open_case

    folder = _prepared(options)
    open_case(folder)
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}"]
    command += ["--LabApp.default_url=/lab/tree/case.ipynb", "--LabApp.news_url=None", *at_ease(folder)]
    command += ["--no-browser"] if options.no_browser else []
    command += ["--allow-root"] if options.allow_root else []
    command += [f"--port={options.port}"] if options.port else []
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606 (no shell, and JupyterLab takes the place of this process)


def _prepared(options: argparse.Namespace) -> Path:
    """The folder with copies of the notebooks and the case, judged."""
    from runbook.case import keep
    from runbook.cli.target import request_from
    from runbook.folder import NAME, VARIABLE, CaseFolder
    from runbook.headless.places import writable_copy
    from runbook.incident import Incident
    from runbook.widgets.given import FROM

    request = request_from(options)
    try:
        folder = writable_copy(Path(options.folder).resolve())
    except FileNotFoundError as missing:
        raise UsageError(str(missing)) from None
    except OSError as error:
        raise UsageError(f"--folder {options.folder} cannot be written: {error.strerror}.") from None
    case = CaseFolder.make(folder / NAME)
    variable = options.password_env or "REGISTRY_PASSWORD"
    if options.demo:
        keep(Incident.of_lab("demo"), case, variable)
    elif request.paths or request.live or request.running is not None:
        keep(Incident.of(request), case, variable)
    if request.password is not None:
        os.environ[variable] = request.password  # for the kernels of this session; it is written nowhere
    os.environ[VARIABLE] = str(case.path)
    os.environ[FROM] = os.getcwd()
    return folder


def run_serve(options: argparse.Namespace) -> int:
    """Serve the case as a page, by Voilà; ends when the user ends it.

    It listens on loopback, and its address holds a token: whoever opens the page reads this user's files and asks in
    this user's name.
    """
    if find_spec("voila") is None:
        raise UsageError("Serving needs Voilà: pip install 'registry-runbook[serve]'. Or use `runbook open`.")
    from runbook.headless.opened import page_of_case

    notebook = page_of_case(_prepared(options))
    command = [sys.executable, "-m", "runbook.headless.page", str(notebook)]
    command += [str(options.port), "no-browser" if options.no_browser else "browser", options.theme]
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606 (no shell, and Voilà takes the place of this process)


def _needs(package: str) -> None:
    """The sentence for those who run a smaller edition than this command needs."""
    if find_spec(package) is None:
        raise UsageError(f"This command needs {package}, which is not here: pip install registry-runbook")


@contextmanager
def _folder(name: str) -> Iterator[Path]:
    """The output folder, made before any work is done; an empty one is taken away again when the work fails."""
    folder = Path(name)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--output-dir {name} is a file; a folder is needed.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"--output-dir {name} cannot be written: {error.strerror}.") from None
    try:
        yield folder
    except BaseException:
        with suppress(OSError):
            folder.rmdir()
        raise


def _tell(folder: Path, run: Run, vault: Vault) -> None:
    """The verdict, of a fault what it is and what to change, and where the report lies."""
    found = run.diagnosis
    lines = [f"{found.verdict}{f': {found.causes[0].cause}' if found.causes else ''}"]
    if found.verdict == "fault":
        lines += [found.causes[0].summary, f"fix: {found.causes[0].fix.summary}"]
    report = folder / words.file_name(run, "report.html")
    door.out(visible("\n".join([*lines, f"report: {report}"])), vault)
