"""What may stand in an inventory, and what is said of what may not."""

import json
from datetime import date
from pathlib import Path

import pytest

from runbook.cli import main
from runbook.collect import UsageError
from runbook.fleet import credentials
from runbook.fleet.credentials import CredentialError
from runbook.fleet.inventory import Credentials, Inventory, load, schema

GOOD = """
version: 1
defaults: {user: ci, owner: platform, labels: {country: de}, credentials: {env: FLEET_PASSWORD}}
targets:
  - {name: berlin, registry: "https://berlin.example:5000/v2/", ui: "https://ui.berlin.example"}
  - name: bonn
    registry: http://bonn.example
    owner: rhein
    credentials: {file: secrets/bonn}
    labels: {template: v3}
    cacert: certs/own.crt
    expect: [no-delete]
    waivers: [{cause: storage-outside-volume, reason: moved in June, owner: anna, expires: 2027-06-30}]
  - {name: paper, evidence: [bundles/paper]}
"""


def written(folder: Path, text: str, name: str = "all.yaml") -> Inventory:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return load(path)


def refused(folder: Path, text: str, name: str = "all.yaml") -> str:
    with pytest.raises(UsageError) as told:
        written(folder, text, name)
    return str(told.value)


def test_defaults_are_taken_and_paths_begin_at_the_inventory(tmp_path: Path) -> None:
    found = written(tmp_path, GOOD)
    berlin, bonn, paper = found.targets
    assert found.name == "all"
    assert (berlin.registry, berlin.user, berlin.owner) == ("https://berlin.example:5000", "ci", "platform")
    assert berlin.credentials == Credentials(env="FLEET_PASSWORD")
    assert (bonn.owner, bonn.labels) == ("rhein", {"country": "de", "template": "v3"})
    assert bonn.credentials == Credentials(file=str(tmp_path / "secrets/bonn"))
    assert (bonn.cacert, berlin.cacert) == (str(tmp_path / "certs/own.crt"), None)
    assert bonn.waivers[0].expires == date(2027, 6, 30)
    assert paper.evidence == (str(tmp_path / "bundles/paper"),)


def test_the_same_targets_have_the_same_digest_and_others_another(tmp_path: Path) -> None:
    one, two = written(tmp_path, GOOD), written(tmp_path, GOOD)
    assert one.digest == two.digest
    assert written(tmp_path, GOOD.replace("rhein", "main")).digest != one.digest


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("user: ci", "password: hunter2hunter2"), "never written into an inventory"),
        (("name: bonn", "name: berlin"), "another target has the same name"),
        (("name: bonn", "name: ../bonn"), "name"),
        (("{file: secrets/bonn}", "{file: a, env: B}"), "exactly one"),
        (("storage-outside-volume", "no-such-cause"), "no cause is called so"),
        (("2027-06-30", "next year"), "date"),
        (("http://bonn.example", "http://anna:hunter2hunter2@bonn.example"), "leave the login out"),
        (("[no-delete]", "[no-delte]"), "no-delte"),
        (("version: 1", "version: 2"), "version"),
        (('ui: "https://ui.berlin.example"', 'ui: "https://ui.berlin.example", expect: [no-ui]'), "expects none"),
        (("targets:", "targets: []\nothers:"), "not valid"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_secret_repeated(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    text = refused(tmp_path, GOOD.replace(*change))
    assert told in text
    assert "hunter2" not in text


def test_a_bomb_of_aliases_is_refused(tmp_path: Path) -> None:
    rows = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10) if n else 'x'}]" for n in range(9))
    assert "nodes" in refused(tmp_path, rows)


def test_csv_gives_the_same_targets_as_yaml(tmp_path: Path) -> None:
    table = (
        "name,registry,ui,evidence,user,password_env,owner,labels,expect,insecure_http\n"
        "berlin,https://berlin.example:5000,https://ui.berlin.example,,ci,FLEET_PASSWORD,platform,country=de,,\n"
        "bonn,http://bonn.example,,x;y,,,rhein,a=b;c=d,no-delete;no-push,yes\n"
    )
    berlin, bonn = written(tmp_path, table, "all.csv").targets
    assert berlin == written(tmp_path, GOOD).targets[0]
    assert bonn.insecure_http
    assert (bonn.evidence, bonn.labels) == ((str(tmp_path / "x"), str(tmp_path / "y")), {"a": "b", "c": "d"})
    assert bonn.expect == ("no-delete", "no-push")
    assert "names its columns" in refused(tmp_path, "name,password\na,hunter2hunter2\n", "other.csv")


def test_a_folder_holds_one_bundle_for_each(tmp_path: Path) -> None:
    for name in ("a b", "a-b", ".hidden", "c"):
        (tmp_path / name).mkdir()
    assert [t.name for t in load(tmp_path).targets] == ["a-b", "a-b-2", "c"]


def test_the_schema_knows_the_good_one_and_refuses_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    import yaml

    assert main(["fleet", "schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(schema()))
    check = jsonschema.Draft202012Validator(schema())
    data = json.loads(json.dumps(yaml.safe_load(GOOD), default=str))
    assert list(check.iter_errors(data)) == []
    data["targets"][0]["password"] = "x"
    assert list(check.iter_errors(data)) != []
    data = json.loads(
        json.dumps(yaml.safe_load(GOOD.replace("{file: secrets/bonn}", "{file: a, env: B}")), default=str)
    )
    assert list(check.iter_errors(data)) != []


def test_passwords_are_found_where_they_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "p").write_text("from a file\n")
    monkeypatch.setenv("FLEET_PASSWORD", "from a variable")
    assert credentials.password(Credentials(env="FLEET_PASSWORD")) == "from a variable"
    assert credentials.password(Credentials(file=str(tmp_path / "p"))) == "from a file"
    assert credentials.password(Credentials(command=("printf", "from a program\\n"))) == "from a program"
    assert credentials.password(Credentials(docker_config="x")) is None


@pytest.mark.parametrize(
    "reference",
    [
        Credentials(env="FLEET_NOT_SET"),
        Credentials(file="no-such-file"),
        Credentials(command=("sh", "-c", "echo hunter2hunter2 >&2; exit 3")),
        Credentials(command=("no-such-program",)),
        Credentials(command=("true",)),
    ],
)
def test_no_password_is_a_sentence_without_it(reference: Credentials) -> None:
    with pytest.raises(CredentialError) as told:
        credentials.password(reference)
    assert "hunter2" not in str(told.value)


def test_the_bundle_of_one_registry_is_no_fleet(tmp_path: Path) -> None:
    """Or each of its files would be a registry."""
    (tmp_path / "auth").mkdir()
    (tmp_path / "docker-compose.yml").write_text("services: {}\n")
    with pytest.raises(UsageError, match="the bundle of one registry"):
        load(tmp_path)
