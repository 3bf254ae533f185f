"""Files inside what lists, writes or exports them, and what only looks like that."""

import base64
import json

import pytest

from runbook.collect.carriers import carried
from runbook.collect.kinds import recognise
from runbook.collect.unpack.page import is_page, page_text
from runbook.collect.unpack.rows import Rows
from runbook.collect.unpack.texts import files_in, undressed
from runbook.parse.clients import canonical
from runbook.parse.curl import parse_curl
from runbook.redact import Vault

COMPOSE = "services:\n  hub:\n    image: registry:2\n    ports: ['5000:5000']\n"


def shown(text: str) -> list[tuple[str | None, str]]:
    return [(file.path, file.text) for file in files_in(text)]


@pytest.mark.parametrize(
    "text",
    [
        f"cat > docker-compose.yml <<'EOF'\n{COMPOSE}EOF\ndocker compose up -d\n",
        f"sudo tee docker-compose.yml >/dev/null <<\"END\"\n{COMPOSE}END\n",
        f"cat <<EOF | tee docker-compose.yml\n{COMPOSE}EOF\n",
        f'<files>\n<file path="docker-compose.yml">\n{COMPOSE}</file>\n</files>\n',
        "write_files:\n- path: docker-compose.yml\n  content: |\n" + "".join(f"    {r}\n" for r in COMPOSE.splitlines()),
        "write_files:\n- content: |\n" + "".join(f"    {r}\n" for r in COMPOSE.splitlines()) + "  path: docker-compose.yml\n",
        "".join(f"docker-compose.yml:{n}:{row}\n" for n, row in enumerate(COMPOSE.splitlines(), 1)),
        f"::::::::::::::\ndocker-compose.yml\n::::::::::::::\n{COMPOSE}",
    ],
)  # fmt: skip
def test_a_file_is_found_as_it_was_written(text: str) -> None:
    assert shown(text) == [("docker-compose.yml", COMPOSE)]


@pytest.mark.parametrize(
    "text",
    [
        "cat > htpasswd <<EOF\nkai:$2y$05$abc\nEOF\n",  # the shell puts nothing in the place of $2y
        "- copy:\n    dest: docker-compose.yml\n    content: |\n      services:\n        hub: {image: '{{ image }}'}\n",
        "docker-compose.yml:3:    image: registry:2\ndocker-compose.yml:9:    image: joxit/docker-registry-ui\n",
        "cat > docker-compose.yml <<'EOF'\nservices: {}\n",
        "content: |\n  services:\n    hub: {}\n",
    ],
)
def test_what_is_not_all_there_is_no_file_of_that_name(text: str) -> None:
    assert "docker-compose.yml" not in [path for path, _ in shown(text)]
    assert "htpasswd" not in [path for path, _ in shown(text)]


def test_a_ticket_in_json_is_no_log() -> None:
    body = f"since today it fails\n\n`docker-compose.yml`:\n\n```\n{COMPOSE}```\n"
    for ticket in ({"number": 17, "title": "x", "body": body}, [{"user": {"login": "anna"}, "body": body}]):
        text = json.dumps(ticket)
        made = carried("issue.json", recognise("issue.json", text), text)
        assert [(f.kind, f.path) for f in made.paste.files] == [("compose", "docker-compose.yml")]
    log = json.dumps({"body": 'level=info msg="listening on [::]:5000"', "user": "anna", "severity": "INFO"}) + "\n"
    assert carried("x.json", "unknown", log).kind == "log"


def test_a_page_of_confluence_shows_its_code() -> None:
    text = (
        '<p>Hello</p><ac:structured-macro ac:name="code"><ac:parameter ac:name="title">.env</ac:parameter>'
        "<ac:plain-text-body><![CDATA[A=<b>\nB=2\n]]></ac:plain-text-body></ac:structured-macro>"
    )
    assert is_page("page.txt", text)
    rows = page_text(text)
    assert rows.rows == ["Hello", ".env", "```", "A=<b>", "B=2", "```"]


def test_an_unfinished_page_of_confluence_ends() -> None:
    page_text("<ac:structured-macro>" + "<ac:plain-text-body><![CDATA[" * 20_000)


def test_a_paragraph_of_blanks_is_no_code() -> None:
    assert shown("Hello there,\n\n    \nnothing more\n") == []


def test_the_time_before_curls_marks_is_taken_off() -> None:
    rows = undressed(Rows.of("08:11:00.123456 > GET /v2/ HTTP/1.1\n08:11:00.123456 nothing\n")).rows
    assert rows[:2] == ["> GET /v2/ HTTP/1.1", "08:11:00.123456 nothing"]


def item(request: str, response: str, url: str = "https://hub.example/v2/") -> str:
    encoded = [base64.b64encode(text.encode()).decode() for text in (request, response)]
    return (
        f'<items burpVersion="1">\n<item>\n<url><![CDATA[{url}]]></url>\n<request base64="true"><![CDATA[{encoded[0]}]]></request>\n'
        f'<response base64="true"><![CDATA[{encoded[1]}]]></response>\n</item>\n</items>\n'
    )


def test_a_password_that_a_proxy_saved_is_masked() -> None:
    secret = "Winter-77x-Winter"
    login = base64.b64encode(f"anna:{secret}".encode()).decode()
    head = f"GET /v2/ HTTP/1.1\r\nHost: hub.example\r\nAuthorization: Basic {login}\r\n\r\n"
    vault = Vault()
    text = item(head, "HTTP/1.1 401 Unauthorized\r\nServer: nginx\r\n\r\nno")
    (exchange,) = parse_curl(text, "burp.xml", vault)
    assert (exchange.url, exchange.status, exchange.body) == ("https://hub.example/v2/", 401, "no")
    assert exchange.credential is not None
    assert exchange.credential.user == "anna"
    assert secret not in repr(exchange)
    assert login not in repr(exchange)
    assert secret not in vault.mask(f"it was {secret}")


@pytest.mark.parametrize("text", [item("nonsense", ""), "<items burpVersion='1'>\n<item>\n", "x << y\n"])
def test_nonsense_of_proxies_stays(text: str) -> None:
    assert canonical(text.split("\n")).taken == frozenset()
