"""Advice against the experiments: no wrong judgement, and most claims found."""

import io
import json
from pathlib import Path

import pytest
import yaml

from runbook.advice import CLAIMS, advice, check
from runbook.advice.check import LARGEST
from runbook.cli import main
from runbook.experiments import EXPERIMENTS

TEXTS = yaml.safe_load((Path(__file__).parent / "texts.yaml").read_text(encoding="utf-8"))
SENTENCES = yaml.safe_load((Path(__file__).parent / "sentences.yaml").read_text(encoding="utf-8"))
ELEVEN = {
    "realm", "realm-default", "host", "stripping", "uid", "newline", "verify-command", "storage-root", "cors-container",
    "ui-variables", "scopes",
}  # fmt: skip


def judged(text: str) -> dict[str, str]:
    return {j.claim.id: j.verdict for j in check(text)}


@pytest.mark.parametrize("given", TEXTS, ids=lambda t: t["name"])
def test_no_judgement_is_wrong(given) -> None:
    found = judged(given["text"])
    assert {c: v for c, v in found.items() if given["expect"].get(c) != v} == {}


def test_four_of_five_claims_are_found() -> None:
    wanted = [(t["name"], c) for t in TEXTS for c in t["expect"]]
    found = {(t["name"], c) for t in TEXTS for c in judged(t["text"])}
    missed = [row for row in wanted if row not in found]
    print(f"{len(TEXTS)} texts, {len(wanted) - len(missed)} of {len(wanted)} claims found; missed: {missed}")
    assert len(TEXTS) >= 30
    assert len(missed) <= len(wanted) / 5


@pytest.mark.parametrize("sentence", SENTENCES["right"])
def test_no_right_sentence_is_called_wrong(sentence: str) -> None:
    assert "wrong" not in judged(sentence).values()


def test_wrong_sentences_are_found_and_never_called_true() -> None:
    verdicts = [set(judged(sentence).values()) for sentence in SENTENCES["wrong"]]
    assert not [v for v in verdicts if "true" in v]
    assert sum(bool(v) for v in verdicts) >= len(verdicts) * 4 / 5


def test_the_eleven_wrong_claims_of_the_post_are_named() -> None:
    found = judged(TEXTS[0]["text"])
    assert {c for c in ELEVEN if found.get(c) == "wrong"} == ELEVEN


def test_every_claim_has_its_experiment_and_its_source() -> None:
    assert {c.experiment for c in CLAIMS} <= set(EXPERIMENTS)
    assert all(c.truth and c.source and c.claim for c in CLAIMS)
    assert len({c.id for c in CLAIMS}) == len(CLAIMS)


def run(capsys, monkeypatch, text: str, *more: str) -> tuple[int, str]:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    code = main(["check-advice", "-", *more])
    return code, capsys.readouterr().out


def test_the_exit_code_tells_the_worst(capsys, monkeypatch) -> None:
    assert run(capsys, monkeypatch, "Authorization is a hop-by-hop header.")[0] == 3
    assert run(capsys, monkeypatch, "Restart the registry after changing the htpasswd file.")[0] == 4
    assert run(capsys, monkeypatch, "The registry understands only bcrypt.")[0] == 0
    assert run(capsys, monkeypatch, "Bread needs salt.")[0] == 5


def test_json_names_claim_line_and_experiment(capsys, monkeypatch) -> None:
    code, out = run(capsys, monkeypatch, "Hello.\n\nThe htpasswd file must belong to UID 1000.\n", "--format", "json")
    (claim,) = json.loads(out)["claims"]
    assert (code, claim["claim"], claim["verdict"], claim["line"], claim["experiment"]) == (3, "uid", "wrong", 3, "uid")


def test_a_saved_web_page_is_read_as_what_it_shows(capsys, tmp_path) -> None:
    page = tmp_path / "post.html"
    page.write_text(
        "<!doctype html><html><body><script>x</script><p>The file must belong to <b>UID 1000</b> in htpasswd.</p></body></html>"
    )
    assert main(["check-advice", str(page)]) == 3
    assert "[uid]" in capsys.readouterr().out


def test_an_experiment_can_be_run_from_here(capsys) -> None:
    assert main(["check-advice", "--run", "three-answers"]) == 0
    assert "401" in capsys.readouterr().out
    assert main(["check-advice", "--run", "nonsense"]) == 2


def test_what_cannot_be_read_is_a_sentence(capsys, tmp_path) -> None:
    (tmp_path / "x").write_bytes(b"\0\1\2" * 100)
    assert main(["check-advice", str(tmp_path / "x")]) == 2
    assert main(["check-advice", str(tmp_path)]) == 2
    assert main(["check-advice", str(tmp_path / "none")]) == 2
    assert main(["check-advice"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_secrets_of_the_text_are_not_repeated(capsys, monkeypatch) -> None:
    text = "Add proxy_set_header Authorization 'Basic YWxpY2U6UG9sbGVyLXRyb3NzZTE=' since the ui must forward the authorization header, curl -u alice:Poller-trosse1 http://h/v2/"
    _, out = run(capsys, monkeypatch, text)
    assert "YWxpY2U6" not in out
    assert "Poller" not in out


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece",
    [
        "a ",
        "realm ",
        "- ",
        "htpasswd -v ",
        "`",
        "# \n",
        "\n",
        "REGISTRY_USER: ",
        ": ",
        "the registry checks ",
        "://" * 40,
    ],
)
def test_hostile_texts_take_bounded_time(piece: str) -> None:
    check(piece * (LARGEST // len(piece)))


def test_markup_is_shown_as_text() -> None:
    shown = advice("The realm must match <script>alert(1)</script> everywhere.")
    assert "<script>" not in shown.html
    assert "wrong" in repr(shown)
    assert "Nothing to check" in repr(advice(""))
