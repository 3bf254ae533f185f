"""Secrets are masked in every form they travel in; harmless text stays."""

import base64
import json
import pickle
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.cli import main
from runbook.collect import Request, collect
from runbook.redact import MASK, Vault, mask_patterns, visible
from runbook.redact.words import only_known

HASH = "$2y$05$x7Zv2fK.hPWt9aRuYUmhYunMVW.XN.udsubPZBAi16aNXa.s/f94G"


def test_equal_secrets_have_equal_labels() -> None:
    vault = Vault()
    assert vault.password("tango") == vault.password(b"tango") != vault.password("other")
    assert vault.reveal(vault.password("tango")) == b"tango"
    assert "tango" not in repr(vault)


def test_a_vault_is_not_pickled() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Vault())


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs")), min_size=6, max_size=40))
def test_known_secrets_are_masked_in_every_form(password: str) -> None:
    vault = Vault()
    vault.password(password, "anna")
    pair = base64.b64encode(f"anna:{password}".encode()).decode()
    for form in (password, pair, quote(password, safe="")):
        assert form not in vault.mask(f"before {form} after")


@pytest.mark.parametrize(
    ("text", "kept", "gone"),
    [
        (f"anna:{HASH}", "anna:$2y$05$", "x7Zv2fK"),
        ("Authorization: Basic YW5uYTpzZWNyZXQ=", "Basic", "YW5uYTpzZWNyZXQ"),
        ("authorization: bearer eyJhbGciOi.J9.x", "bearer", "eyJhbGci"),
        ('proxy_set_header Authorization "Basic YW5uYTpzZWNyZXQ=";', "Basic", "YW5uYTpz"),
        ("curl -v -u anna:s3cret! http://x/v2/", "anna", "s3cret"),
        ("curl -u 'anna:two words' http://x", "anna", "two words"),
        ("http://anna:s3cret@host/v2/", "anna", "s3cret"),
        ('"password": "s3cret"', "password", "s3cret"),
        ("provisioning with default user user=docker password=Zm9vYmFy", "docker", "Zm9vYmFy"),
        ("docker login -u anna -p s3cret host", "anna", "s3cret"),
        ("htpasswd -Bbn anna s3cret > auth/htpasswd", "anna", "s3cret"),
        ('{"auth": "YW5uYTpzZWNyZXQ="}', "auth", "YW5uYTpz"),
        ("login/pw: /Abend.rot7", "login", "Abend"),
        ("hub/pw:/Abend.rot7", "hub", "Abend"),
        ("x:$apr1$abc$defghijklmnop", "$apr1$", "defghij"),
        ("x:{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "{SHA}", "2jmj7l5r"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, kept: str, gone: str) -> None:
    masked = mask_patterns(text)
    assert gone not in masked
    assert kept in masked
    assert MASK in masked


def test_what_a_program_names_openly_is_shown(tmp_path: Path) -> None:
    """The code of an OpenSSL error, and the images in a catalog; what looks drawn by chance is no image's name."""
    text = "SSL: error:0A00010B:SSL routines::wrong version number"
    assert only_known(text) == text
    body = '{"repositories":["zq/krn","9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"]}'
    (tmp_path / "curl.txt").write_text(f"$ curl -i http://hub.example/v2/_catalog\nHTTP/1.1 200 OK\n\n{body}\n")
    shown = collect(Request(paths=(str(tmp_path),)), Vault()).exchanges[0].body
    assert "zq/krn" in shown
    assert "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b" not in shown


@pytest.mark.parametrize(
    "text",
    [
        'Www-Authenticate: Basic realm="Registry Realm"',
        "POSTGRES_PASSWORD: ${PG_PW}",
        "REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd",
        'msg="error authorizing context: basic authentication challenge for realm \\"CI\\": authentication failure"',
        "curl -i -u anna http://x/v2/",
        "docker run -p 5000:5000 nginx",
        "volumes: ['./pw:/pw:ro', './d:/var/lib/registry']",
        "docker run -v /srv/secret:/run/secret registry:2",
    ],
)
def test_harmless_text_stays(text: str) -> None:
    assert mask_patterns(text) == text


def test_text_from_outside_is_made_harmless_and_bounded() -> None:
    assert visible("\x1b[31mred\x1b[0m \x1b]0;title\x07ok") == "red ok"
    assert "\u202e" not in visible("a\u202eb")
    assert len(visible("x" * 10_000_000, 100)) == 100


@pytest.mark.parametrize("password", ["x", "registry", "fault", "table", "cause", "direct", "class", "div", "verdict"])
def test_a_password_that_is_a_word_of_ours_leaves_our_words_alone(password: str) -> None:
    """What came from outside is masked before it is in a document; the document says what it says."""
    vault = Vault()
    vault.password(password)
    document = json.dumps(
        {"verdict": "fault", "causes": [{"cause": "registry-unreachable", "summary": f"the {password} is at fault"}],
         "also": "x-forwarded-proto-missing", "route": "direct", "html": '<table class="rb"><div>'}
    )  # fmt: skip
    published = vault.publish(document, ["registry-unreachable", "x-forwarded-proto-missing"])
    assert json.loads(published)["verdict"] == "fault"
    assert published == document
    assert vault.scrub(f"sent {password} to it") == f"sent {MASK} to it"


def test_a_sentence_of_ours_is_never_eaten(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["diagnose", str(tmp_path), "--user", "a:b"]) == 2
    assert "Basic authentication cuts name and password" in capsys.readouterr().err


def test_what_is_published_holds_no_secret_outside_its_skeleton() -> None:
    vault = Vault()
    vault.password("hunter2-hunter2", "anna")
    for text in (
        "<hunter2-hunter2>",
        'class="hunter2-hunter2!"',
        '"what": "hunter2-hunter2"',
        "YW5uYTpodW50ZXIyLWh1bnRlcjI=",
    ):
        assert "hunter2" not in vault.publish(text, ["a"])
        assert "YW5u" not in vault.publish(text, ["a"])


@pytest.mark.parametrize(
    "sentence",
    [
        "Seit heute Morgen bekommen wir beim docker login immer 401, obwohl das Passwort stimmt.",
        "Depuis ce matin le docker login échoue avec 401 alors que le mot de passe est correct.",
        "Desde ayer el docker login devuelve 401 aunque la contraseña es correcta.",
        "Senha incorreta, acesso negado. Nome utente o password non corretta.",
        "Inloggen mislukt: ongeldige gebruikersnaam of wachtwoord",
        "Błąd: nieprawidłowe hasło. Ошибка входа: неверный пароль",
        'Get "https://registry.müller.example/v2/": unauthorized',
        'Head "https://hub.example:5000/v2/app/blobs/sha256:bb9cdec9c7f337940f7d872274353b66e118412cbfd4": x509: unknown authority',
        "app@sha256:bb9cdec9c7f337940f7d872274353b66e118412cbfd4 at [::1]:5000, fe80::1 and 10.0.0.7:443",
    ],
)
def test_sentences_of_other_languages_stay(sentence: str) -> None:
    assert only_known(mask_patterns(sentence)) == sentence


@pytest.mark.parametrize(
    "said",
    [
        "Das Passwort ist Quaste7", "le mot de passe est Tramontane", "la contraseña es Girasol!9", "Passwort: falsch",
        "пароль Ёжик", "wachtwoord is Pannenkoek", "das Kennwort lautet Übermut", "üErrorTest", "token deadbeefcafe1234", "https://hub.example/v2/app/Kanarie77/tags", "neues.Passwort-Ülker",
    ],
)  # fmt: skip
def test_secrets_in_them_go(said: str) -> None:
    shown = only_known(mask_patterns(said))
    assert MASK in shown
    assert said.split()[-1].strip("!") not in shown
    assert "Kanarie" not in shown


def test_what_was_shown_is_shown_no_more_once_it_is_known_to_be_secret() -> None:
    vault = Vault()
    assert vault.answer("kestrel-4711-amber") == "kestrel-4711-amber"
    vault.password("kestrel-4711-amber", "anna")
    assert "kestrel" not in vault.answer("kestrel-4711-amber")
    text = "anna:$2y$05$yvHVXtBtNZ12TpHmDNjWeO"
    vault.answer(text)
    vault.hash("yvHVXtBtNZ12TpHmDNjWeO")
    assert "yvHV" not in vault.answer(text)


PATHS = """/etc/nginx/conf.d/default.conf:24 /etc/apache2/sites-enabled/000-default.conf /usr/local/apache2/conf/httpd.conf
/etc/docker/certs.d/hub.example:5000/ca.crt /etc/rancher/k3s/registries.yaml /etc/containerd/certs.d/_default/hosts.toml
/docker-entrypoint.d/90-docker-registry-ui.sh /etc/containers/registries.conf.d/50.conf /etc/haproxy/haproxy.cfg
/etc/systemd/system/docker.service.d/http-proxy.conf /etc/letsencrypt/live/hub.example/fullchain.pem"""


@pytest.mark.parametrize("path", PATHS.split())
def test_the_places_of_configuration_are_shown(path: str) -> None:
    assert only_known(f"host not found in upstream in {path}") == f"host not found in upstream in {path}"
