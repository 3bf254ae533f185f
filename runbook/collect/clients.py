"""Files of the client's side and of other ways to run: pullers, quadlets, pipelines, texts that hold settings."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from typing import TYPE_CHECKING

from runbook.lazy import re
from runbook.model import Compose, Place, Platform, Problem, Service

if TYPE_CHECKING:
    from runbook.collect.harvest import Harvest

_SETTING = re.compile(r"\b(?:REGISTRY_(?:AUTH|HTTP|STORAGE|LOG|PROXY)[A-Z0-9_]{0,80}|NGINX_PROXY_[A-Z_]{1,60})\b")
_MOST_NAMED = 12


def add_puller(to: Harvest, name: str, text: str) -> None:
    """containerd, k3s, podman, BuildKit."""
    from runbook.parse.pullers import parse_puller

    to.pullers.append(parse_puller(text, name, to.vault))


def add_quadlet(to: Harvest, name: str, text: str) -> None:
    """A unit of podman; those that run no container say nothing."""
    from runbook.parse.quadlet import parse_quadlet

    if name.endswith(".container") and (made := parse_quadlet(text, name, to.vault, to.dotenv_texts)) is not None:
        to.units[made.name] = made


def add_pipeline(to: Harvest, name: str, text: str) -> None:
    """A pipeline's file."""
    from runbook.parse.ci import parse_ci

    to.jobs.extend(parse_ci(text, name, to.vault))


def add_settings(to: Harvest, name: str, text: str) -> None:
    """Terraform, Ansible and the like make files by rules of their own: what they set is named, not judged."""
    found = list(dict.fromkeys(_SETTING.findall(text)))
    if found:
        named = ", ".join(found[:_MOST_NAMED]) + (", …" if len(found) > _MOST_NAMED else "")
        message = (
            f"Read in part: it sets {named}. Hand over what it makes (docker inspect, the rendered files) as well."
        )
        to.problems.append(Problem(place=Place(name), message=message))


def finish(to: Harvest) -> None:
    """Add the units to the project, each with the manager that runs it."""
    managed = {unit for log in to.logs for unit in log.system_units}
    units = tuple(replace(u, of_system=_is_of_system(u.place.file, managed)) for u in to.units.values())
    if units:
        to.compose = with_services(to.compose, units, tuple(dict.fromkeys(u.place.file for u in units)), "podman")


def _is_of_system(file: str, managed: set[str]) -> bool:
    """Whether root's systemd runs a quadlet: the journal says so, or the folder that it lies in."""
    folder, base = posixpath.split(f"/{file}")
    return base.removesuffix(".container") in managed or folder.endswith("/etc/containers/systemd")


def with_services(
    known: Compose | None, services: tuple[Service, ...], files: tuple[str, ...], platform: Platform
) -> Compose:
    """The project with more services; it is of that platform where the registry is among them."""
    if known is None:
        return Compose(files=files, services=services, platform=platform)
    theirs = not any(s.role == "registry" for s in known.services) and any(s.role == "registry" for s in services)
    return replace(
        known,
        files=(*known.files, *files),
        services=(*known.services, *services),
        platform=platform if theirs or not known.services else known.platform,
    )
