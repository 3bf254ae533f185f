"""How a notebook begins a round: by step and seed, by a shared link, by one's path, or at the trainer's."""

import os
from collections.abc import Callable

from runbook.lab import LabError
from runbook.report.block import Block, para
from runbook.training.assessed import Assessed
from runbook.training.catalogue import CATALOGUE
from runbook.training.draw import draw, parse_link
from runbook.training.path import Course, course
from runbook.training.practice import Practice

TOKEN = "RUNBOOK_CLASS_TOKEN"  # noqa: S105 the name of a variable
"""Where a learner's token is looked for."""


class Guided(Practice):
    """A round that counts on its learner's path when it is over."""

    def __init__(
        self, course: Course, name: str, seed: int, learner: str = "", catalogue: int = CATALOGUE, proxy: str = ""
    ) -> None:
        super().__init__(name, seed, learner=learner, catalogue=catalogue, proxy=proxy)
        self._course = course

    def check(self) -> Block:
        """How the answer stands; a solved round counts."""
        shown = super().check()
        if self.verdict().reply == "correct":
            self._count()
        return shown

    def give_up(self) -> Block:
        """See the solution; the round counts as not solved."""
        shown = super().give_up()
        self._count()
        return shown

    def next(self) -> Block:
        """Begin the next round of the path, in place of this one."""
        if not self.over():
            return super().next()
        drawn = self._drawn
        self.close()
        seed = self._course.next_seed(drawn.name, drawn.proxy)
        Guided.__init__(self, self._course, drawn.name, seed, self._log.learner, proxy=drawn.proxy)
        return self.story()

    def path(self) -> Block:
        """How far you have come."""
        return self._course.shown()

    def _count(self) -> None:
        drawn, answer = self._drawn, self._answer
        clean = not answer.gave_up and not answer.wrong
        self._course.count(drawn.link, drawn.faults, set(drawn.truth) if clean else set(), self.verdict().points)


class NotBegun(Block):
    """In place of a round that could not begin: whatever is asked of it, it says why. A notebook runs to its end."""

    def __getattr__(self, name: str) -> Callable[..., Block]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *given, **named: self


def begin(
    step: str = "final",
    seed: int = 0,
    *,
    link: str = "",
    learner: str = "",
    progress: str = "",
    server: str = "",
    proxy: str = "",
) -> Guided | Assessed | NotBegun:
    """A round. Seed 0 is the next one of the path that `progress` keeps. With `server` it is assessed: the token of the
    learner comes from the environment. What is wrong in the asking is a sentence."""
    if server:
        token = os.environ.get(TOKEN, "")
        return Assessed(server, token) if token else _not(f"Put your token into the environment as {TOKEN} first.")
    try:
        path = course(progress)
        if link:
            name, number, catalogue, proxy = parse_link(link)
            return Guided(path, name, number, learner, catalogue, proxy)
        draw(step, 1, 0, proxy=proxy)
        return Guided(path, step, seed or path.next_seed(step, proxy), learner, proxy=proxy)
    except LabError as error:
        return _not(str(error))


def _not(why: str) -> NotBegun:
    return NotBegun(para(why), why)


__all__ = ["Guided", "begin"]
