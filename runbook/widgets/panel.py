"""The form, the run button, the four steps as bricks, and the answer below."""

import base64
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from functools import partial
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

import ipywidgets

from runbook.case import keep
from runbook.door import LeaveError
from runbook.folder import CaseFolder
from runbook.incident import Incident
from runbook.model import STEPS
from runbook.report import words
from runbook.report.block import Block, commands, para, part
from runbook.report.steps import ICONS, State, bricks
from runbook.widgets.box import drops
from runbook.widgets.diary import Diary
from runbook.widgets.form import Form
from runbook.widgets.job import Job, sentence
from runbook.wire import aside

_STYLE = """<style>
.rb-console { --rb-ok: #146c43; --rb-failed: #b3261e; --rb-warning: #8a5300; --rb-idle: #5f6873; }
[data-jp-theme-light="false"] .rb-console { --rb-ok: #7fdcae; --rb-failed: #ff9d94; --rb-warning: #f2c078; --rb-idle: #aab3be; }
.rb-console button.rb-brick { white-space: normal; height: auto; min-height: 3.4em; line-height: 1.35; padding: .45em .8em;
  text-align: left; border: 2px solid var(--rb-idle); border-radius: 10px; background: transparent; color: var(--rb-idle); opacity: 1; }
.rb-console button.rb-not-run, .rb-console button.rb-skipped { border-style: dashed; }
.rb-console button.rb-ok { border-color: var(--rb-ok); color: var(--rb-ok); }
.rb-console button.rb-failed { border-color: var(--rb-failed); color: var(--rb-failed); font-weight: 600; }
.rb-console button.rb-warning { border-color: var(--rb-warning); color: var(--rb-warning); }
.rb-console button.rb-shown { text-decoration: underline; text-underline-offset: .25em; box-shadow: inset 0 -5px 0 currentColor; }
.rb-console button:focus-visible { outline: 3px solid #1976d2; outline-offset: 2px; }
.rb-console .widget-html, .rb-console .widget-html-content { min-width: 0; max-width: 100%; box-sizing: border-box; }
.rb-console .rb-unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.rb-console .rb-given { overflow-wrap: anywhere; }
.rb-console .rb-drop-hint { display: none; color: var(--rb-idle); padding: 0 .4rem; }
.rb-console.rb-drops .rb-drop-hint { display: inline; }
.rb-console.rb-over { outline: 3px dashed #1976d2; outline-offset: 2px; }
.rb-console .widget-checkbox, .rb-console .widget-checkbox label { height: auto; white-space: normal; }
@media (max-width: 600px) {
  .rb-console .widget-text, .rb-console .widget-textarea, .rb-console .widget-password { flex-flow: row wrap; height: auto; }
  .rb-console :is(.widget-text, .widget-textarea, .widget-password) > :is(label, input, textarea) { flex: 1 1 100%; text-align: left; }
  .rb-console .widget-checkbox > .widget-label { display: none; }
  .rb-console .widget-checkbox label, .rb-console .rb-given { line-height: 1.4; }
}
.rb-console .widget-radio-box label { line-height: 1.6; }
</style>"""
_STATES = ("not-run", "ok", "warning", "failed", "skipped")
_FIRST = "Choose what to look at, then press Run. Nothing on your stack is changed: it is only asked."


class Console:
    """Runs an incident in the background and shows each step's answer when its brick is pressed."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.incident: Incident | None = None
        """The last one that was run: other cells can go on with it."""
        self.button = ipywidgets.Button(
            description="Run", icon="play", button_style="primary", tooltip="collect and judge"
        )
        self.button.on_click(self._pressed)
        self.cancel = ipywidgets.Button(
            description="Cancel", icon="stop", tooltip="end it after the step under way", disabled=True
        )
        self.cancel.on_click(self._cancelled)
        self.saved = ipywidgets.Button(
            description="Save log",
            icon="save",
            tooltip="what was done and when, as Markdown for the ticket",
            disabled=True,
        )
        self.saved.on_click(self._save)
        self._stop = Event()
        """Of the run that is under way: each has its own, so that a cancelled one that still hangs disturbs no other."""
        self._began = 0.0
        self._doing = ""
        """What is under way, as a sentence; empty when nothing is."""
        self._lock = Lock()
        self.diary = Diary()
        self.status = ipywidgets.HTML()
        self.answer = ipywidgets.HTML(layout=ipywidgets.Layout(width="auto"))
        self.bricks = [self._brick() for _ in bricks(None)]
        self.verdict = self._brick()
        self.verdict.description = "Verdict"
        self._choices = (self.verdict, *self.bricks)
        self._views: tuple[Callable[[], Block], ...] = ()
        """What each of the choices shows; none before a run."""
        self._kept = False
        """Whether the last run is the current case of all notebooks."""
        self._thread: Thread | None = None
        row = ipywidgets.Layout(display="flex", flex_flow="row wrap", width="100%")
        self.box = ipywidgets.VBox(
            [
                ipywidgets.HTML(_STYLE),
                form.box,
                ipywidgets.HBox([self.button, self.cancel, self.saved, self.status], layout=row),
                ipywidgets.HBox(self._choices, layout=row),
                self.answer,
                drops(),
            ]
        )
        self.box.add_class("rb-console")
        self._forget()
        self._say(_FIRST)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.box._repr_mimebundle_(**options)

    def __repr__(self) -> str:
        return f"Console({self.incident!r})"

    def wait(self, seconds: float | None = None) -> None:
        """Until the run that is under way has ended."""
        if self._thread:
            self._thread.join(seconds)

    # running

    def _pressed(self, _button: object) -> None:
        self.button.disabled = True
        self.cancel.disabled = False
        self._stop, self._began, self._doing = Event(), time.monotonic(), "Working…"
        self._forget()
        self._say(self._doing)
        self._thread = aside(self._run, self.form.job(), self._stop)
        if self._thread:
            aside(self._tick, self._thread, self._stop)

    def _run(self, job: Job, stop: Event) -> None:
        try:
            self.diary.note(f"Run: {job.about()}")
            found = job.run(partial(self._step, stop=stop))
            if stop.is_set():
                return  # what a cancelled run found is nobody's any more
            self._ended()
            self.incident = found
            self._kept = self._keep(found)
        except CancelledError:
            return
        except Exception as error:
            # Nobody else hears an exception of a thread; the person at the form is told.
            if not stop.is_set():
                self._ended()
                self._say(f"✗ {sentence(error, job)}")
                self.diary.note(f"Failed: {sentence(error, job)}")
        else:
            self._show_run(self.incident, job, time.monotonic() - self._began)
        finally:
            if not stop.is_set():
                self._free()

    def _ended(self) -> None:
        with self._lock:
            self._doing = ""

    def _free(self) -> None:
        self.button.disabled = False
        self.cancel.disabled = True
        self.saved.disabled = False

    def _tick(self, thread: Thread, stop: Event) -> None:
        """Say each second for how long it has been at it: a listener that hangs is then seen to hang."""
        while not stop.wait(1.0) and thread.is_alive():
            with self._lock:
                if self._doing:
                    self._say(f"{self._doing} ({time.monotonic() - self._began:.0f} s)")

    def _keep(self, incident: Incident) -> bool:
        """Make it the current case, so that the other notebooks show the same."""
        folder = CaseFolder.current()
        if folder is not None:
            keep(incident, folder, self.form.password_env)
        return folder is not None

    def _step(self, text: str, stop: Event) -> None:
        """Told before each piece of work: here it can be ended."""
        if stop.is_set():
            raise CancelledError
        self.diary.note(text)
        self._doing = f"Working: {text}…"
        self._say(self._doing)

    def _cancelled(self, _button: object) -> None:
        """The form is free at once; a request that hangs runs out by itself, and what it brings is dropped."""
        self._stop.set()
        self._ended()
        self._free()
        self._say(f"Cancelled after {time.monotonic() - self._began:.1f} s. Nothing was changed.")
        self.diary.note("Cancelled.")

    def _save(self, _button: object) -> None:
        try:
            path = self.diary.save(Path.cwd(), self.incident)
        except (OSError, LeaveError) as error:
            self._say(f"✗ The log could not be written: {getattr(error, 'strerror', None) or error}.")
        else:
            text = f"✓ The log is in {path.name}, beside this notebook."
            data = base64.b64encode(path.read_bytes()).decode()
            self.status.value = Block(part("saved", text, path.name, data))._repr_html_()

    def _show_run(self, incident: Incident, job: Job, seconds: float) -> None:
        self._say(f"✓ Done in {max(seconds, 0.1):.1f} s. Press a step to see what it showed.")
        causes = [f.cause for f in incident.run.diagnosis.causes]
        self.diary.note(f"Done in {seconds:.1f} s: {incident.run.diagnosis.verdict} {', '.join(causes)}".strip())
        for button, brick in zip(self.bricks, bricks(incident.run), strict=True):
            self._dress(button, brick.title, brick.state, brick.reason)
        whole = partial(_whole, incident, job, self._kept)
        self._views = (whole, *(partial(incident.step, name) for name in STEPS))
        self.verdict.disabled = False
        self._show(self.verdict)

    # showing

    def _brick(self) -> Any:
        button = ipywidgets.Button(layout=ipywidgets.Layout(width="auto", flex="1 1 9rem"))
        button.add_class("rb-brick")
        button.on_click(self._show)
        return button

    def _forget(self) -> None:
        """As before the first run: nothing of an earlier one may be taken for the new one's."""
        self.incident = None
        self._views = ()
        self.answer.value = ""
        self.verdict.disabled = True
        for button, brick in zip(self.bricks, bricks(None), strict=True):
            self._dress(button, brick.title, brick.state, brick.reason)
        for button in self._choices:
            button.remove_class("rb-shown")

    def _dress(self, button: Any, title: str, state: State, reason: str) -> None:
        button.description = f"{ICONS[state]} {title}: {state}"
        for name in _STATES:
            button.remove_class(f"rb-{name}")
        button.add_class(f"rb-{state.replace(' ', '-')}")
        button.tooltip = reason
        button.disabled = state == "not run"

    def _show(self, pressed: Any) -> None:
        if not self._views:
            return
        for button in self._choices:
            button.remove_class("rb-shown")
        pressed.add_class("rb-shown")
        self.answer.value = self._views[self._choices.index(pressed)]()._repr_html_()

    def _say(self, text: str) -> None:
        self.status.value = Block(part("status", text, "0 .8rem"))._repr_html_()


def _whole(incident: Incident, job: Job, kept: bool) -> Block:
    """The verdict, its cause and fix, and how the other notebooks come to the same incident."""
    lines = "" if kept else job.parameters()
    on = para("To go on with this incident in the other notebooks, put this into their second cell:")
    same = para(
        "The other notebooks show this incident as well, while their parameters are empty."
        if kept
        else "The other notebooks do not know this incident: `runbook open` makes a case folder that they share."
    )
    return (
        incident.verdict()
        + incident.cause()
        + _titled("Fix", incident.fix())
        + _titled(words.WARNINGS, incident.warnings())
        + _titled(words.NEXT_STEP, incident.next_step())
        + _titled("Not tested", incident.not_tested())
        + Block(part("titled", "The other notebooks", on + commands([lines]) if lines else same))
    )


def _titled(title: str, block: Block) -> Block:
    return Block(part("titled", title, block), f"{title}\n{block.text}")
