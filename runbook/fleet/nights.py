"""A run of a fleet as tables and plots, for the weekly report: what `notebooks/fleet.ipynb` shows."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from runbook.collect.read import whole
from runbook.collect.request import UsageError
from runbook.report.block import Block, part

if TYPE_CHECKING:
    import pandas as pd

_LIMIT = 256 << 20
_BAR, _HIGH = 9, 46


class Nights:
    """The last run of a fleet, and the runs before it as far as they are known. Make one with `Nights.open`."""

    def __init__(self, data: dict[str, Any], owner: str = "") -> None:
        self._data, self._owner = data, owner

    @classmethod
    def open(cls, folder: str, owner: str = "") -> Self:
        """Read what `runbook fleet --output-dir FOLDER` left; with an owner only what is theirs is listed."""
        try:
            data = json.loads(whole(Path(folder) / "fleet.json", _LIMIT).decode("utf-8"))
        except OSError:
            raise UsageError(
                f"There is no run in {folder} yet: `runbook fleet INVENTORY --output-dir {folder}`."
            ) from None
        except ValueError:
            raise UsageError(f"{folder}/fleet.json is no run of a fleet.") from None
        if not isinstance(data, dict) or data.get("schema") != 1 or "targets" not in data:
            raise UsageError(f"{folder}/fleet.json is no run of a fleet.")
        return cls(data, owner)

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {state}" for state, count in self._data["counts"].items() if count)
        return f"{self._data['fleet']}, {self._data['started']}: {counts}"

    def _repr_html_(self) -> str:
        return Block.of(repr(self))._repr_html_()

    def registries(self) -> "pd.DataFrame":
        """Every registry that is not well, a row each."""
        import pandas as pd

        rows = [
            {
                "registry": row["target"],
                "state": row["state"] + (", flapping" if row["flapping"] else ""),
                "causes": ", ".join(c["cause"] for c in row["causes"]),
                "since": row["since"] or "",
                "owner": row["owner"],
                "new": ", ".join(row["change"]["new"]),
                "where": row["causes"][0]["where"] if row["causes"] else "",
                "next": row["next"] or row["problem"] or "",
            }
            for row in self._mine()
            if row["state"] != "healthy"
        ]
        columns = ("registry", "state", "causes", "since", "owner", "new", "where", "next")
        return pd.DataFrame(rows, columns=columns).set_index("registry")

    def causes(self) -> "pd.DataFrame":
        """How many have each cause, how many of them are new, and what they share."""
        import pandas as pd

        rows = [
            {"cause": c["cause"], "registries": c["count"], "new": c["new"], "they share": "; ".join(c["shared"]), "fix": c["fix"]}
            for c in self._data["causes"]
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=("cause", "registries", "new", "they share", "fix")).set_index("cause")

    def owners(self) -> "pd.DataFrame":
        """Who has how many registries in which state."""
        import pandas as pd

        rows = [(row["owner"] or "nobody", row["state"]) for row in self._data["targets"]]
        frame = pd.DataFrame(rows, columns=("owner", "state"))
        return pd.crosstab(frame["owner"], frame["state"])

    def trend(self) -> "pd.DataFrame":
        """How many registries had each cause, run by run."""
        import pandas as pd

        table = {c["cause"]: c["trend"] for c in self._data["causes"]}
        return pd.DataFrame(table, index=pd.Index(self._data["runs"], name="run"))

    def plot(self) -> Block:
        """The trend as small multiples on one scale."""
        frame = self.trend()
        top = max(1, int(frame.to_numpy().max())) if len(frame.columns) else 1
        rows = [(str(cause), [int(v) for v in frame[cause]][-60:]) for cause in frame]
        if not rows:
            return Block.of("No fault was found.")
        told = "\n".join(f"{cause}: {', '.join(map(str, frame[cause]))}" for cause in frame)
        return Block(part("bars", rows, top, _BAR, _HIGH), told)

    def changes(self) -> "pd.DataFrame":
        """What is new, what is mended, and what is no longer shown without being shown to be mended."""
        import pandas as pd

        mine = {row["target"] for row in self._mine()}
        rows = [
            (change, row["target"], row["cause"])
            for change in ("new", "mended", "unclear")
            for row in self._data["changes"][change]
            if row["target"] in mine
        ]
        return pd.DataFrame(rows, columns=("change", "registry", "cause")).set_index("change")

    def _mine(self) -> list[dict[str, Any]]:
        return [row for row in self._data["targets"] if self._owner in ("", row["owner"])]
