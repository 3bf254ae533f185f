"""docker's config.json, podman's auth file, daemon.json."""

import base64
import json

import pytest

from runbook.parse import ParseError
from runbook.parse.docker_config import parse_docker_config
from runbook.redact import Vault


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_logins_are_read_as_docker_reads_them() -> None:
    vault = Vault()
    text = json.dumps(
        {
            "auths": {
                "localhost:5000": {"auth": b64("anna:s3cret:with:colons")},
                "https://hub.example/v2/": {"auth": b64("anna:s3cret:with:colons\n")},
                "a.example": {"auth": "%%%"},
                "b.example": {"auth": b64("nocolon")},
                "c.example": {},
                "d.example": {"identitytoken": "tok-en-value"},
                "e.example": {"username": "eva", "password": "pw-eva"},
            },
            "credHelpers": {"c.example": "pass", "f.example": "ecr-login"},
        },
        indent=1,
    )
    config = parse_docker_config(text, "config.json", vault)
    found = {login.key: login for login in config.logins}
    first = found["localhost:5000"]
    assert (first.user, first.defect, first.place.line) == ("anna", None, 3)
    assert vault.reveal(first.password) == b"s3cret:with:colons"
    assert found["https://hub.example/v2/"].defect == "trailing newline"
    assert found["a.example"].defect == "not base64"
    assert found["b.example"].defect == "no colon"
    assert (found["c.example"].kind, found["c.example"].helper) == ("empty", "pass")
    assert found["d.example"].kind == "identity-token"
    assert found["e.example"].user == "eva"
    assert found["f.example"].helper == "ecr-login"
    assert not any(secret in repr(config) for secret in ("s3cret", "pw-eva", "tok-en-value", b64("nocolon")))


def test_the_store_is_asked_where_no_helper_is_named() -> None:
    config = parse_docker_config('{"auths": {"h:1": {}}, "credsStore": "desktop"}', "f", Vault())
    assert config.creds_store == "desktop"
    assert config.logins[0].helper == "desktop"


def test_daemon_json_and_proxies_without_their_credentials() -> None:
    text = json.dumps(
        {
            "insecure-registries": ["hub:5000", "10.0.0.0/8"],
            "proxies": {"http-proxy": "http://joe:pw@proxy:3128", "no-proxy": "localhost,.corp"},
        }
    )
    config = parse_docker_config(text, "daemon.json", Vault())
    assert config.insecure_registries == ("hub:5000", "10.0.0.0/8")
    assert config.proxies == ("HTTP_PROXY=http://proxy:3128",)
    assert config.no_proxy == "localhost,.corp"
    client = parse_docker_config('{"proxies": {"default": {"httpsProxy": "http://p:1", "noProxy": "x"}}}', "f", Vault())
    assert client.proxies == ("HTTPS_PROXY=http://p:1",)
    assert client.insecure_registries is None


def test_the_old_dockercfg() -> None:
    config = parse_docker_config(json.dumps({"h:5000": {"auth": b64("u:p"), "email": "x"}}), ".dockercfg", Vault())
    assert [login.user for login in config.logins] == ["u"]


@pytest.mark.parametrize(("text", "line"), [('{"auths":\n {,}}', 2), ("[]", 1), ("[" * 100_000, None)])
def test_broken_files_say_where(text: str, line: int | None) -> None:
    with pytest.raises(ParseError) as caught:
        parse_docker_config(text, "config.json", Vault())
    assert caught.value.line == line


def test_odd_shapes_do_no_harm() -> None:
    for text in (
        "",
        "{}",
        '{"auths": null}',
        '{"auths": {"h": 3}}',
        '{"auths": {"h": {"auth": 5}}}',
        '{"credHelpers": []}',
    ):
        assert isinstance(parse_docker_config(text, "f", Vault()).logins, tuple)
