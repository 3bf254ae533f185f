"""A request on its way through the embedded registry."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from runbook.lab.registry.log import Fields
from runbook.lab.registry.store import Store
from runbook.lab.serving import Request

if TYPE_CHECKING:
    from runbook.lab.registry.app import App


@dataclass
class Call:
    """A request on its way through the registry."""

    app: "App"
    request: Request
    route: str
    variables: Fields
    headers: list[tuple[str, str]] = field(default_factory=list)
    """Those of the answer."""

    @property
    def name(self) -> str:
        return self.variables.get("name", "")

    @property
    def store(self) -> Store:
        return self.app.store

    def query(self, key: str) -> str:
        return parse_qs(self.request.target.partition("?")[2]).get(key, [""])[0]

    def detail(self, old: Any, new: str) -> Any:
        """The detail of an error: 2.8 shows its error as a bare object, 3.x as text."""
        return old if self.app.major == 2 else new

    def url(self, path: str) -> str:
        """An absolute address as the client should use it, guessed as the registry guesses."""
        return self.app.base_url(self.request) + path
