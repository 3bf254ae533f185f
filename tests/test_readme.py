"""Documentation that is stale fails the build."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_of_causes_is_the_generated_one() -> None:
    from runbook.report.causes_table import markdown_table

    causes = (ROOT / ".github" / "CAUSES.md").read_text(encoding="utf-8")
    between = re.search(r"<!-- causes:begin[^>]*-->\n(.*?)<!-- causes:end -->", causes, re.DOTALL)
    assert between is not None
    assert between[1].strip() == markdown_table().strip()


@pytest.mark.parametrize("name", re.findall(r"`(notebooks/[\w./]+)`|\]\((notebooks/[\w./]+)\)", README))
def test_what_the_readme_names_exists(name: tuple[str, str]) -> None:
    assert (ROOT / (name[0] or name[1])).exists()


@pytest.mark.parametrize(
    "command",
    sorted(
        set(
            re.findall(
                r"runbook (diagnose|explain|report|demo|lab|open|serve|grade|class|check-advice|tap|doctor|fleet)\b",
                README,
            )
        )
    ),
)
def test_commands_of_the_readme_exist(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    from runbook.cli import main

    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert command in capsys.readouterr().out


def test_options_of_the_readme_exist(capsys: pytest.CaptureFixture[str]) -> None:
    from runbook.cli import main

    for command in ("diagnose", "report", "open", "tap", "grade", "fleet", "mcp", "check-advice"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
    with pytest.raises(SystemExit):
        main(["lab", "up", "--help"])
    with pytest.raises(SystemExit):
        main(["site", "build", "--help"])
    with pytest.raises(SystemExit):
        main(["class", "serve", "--help"])
    known = capsys.readouterr().out
    used = set(re.findall(r"(?:^|\s)(--[a-z][a-z-]+)", "\n".join(re.findall(r"runbook [^`]*", README))))
    assert not {o for o in used if o not in known}
