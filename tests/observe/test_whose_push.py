"""What shows that a refused push is over: a push of that image, and neither a login nor a smaller one."""

from pathlib import Path

import pytest

from tests.bundles import Answer, ask_files

IN = "$ docker login -u olaf gate.lan\nPassword:\nLogin Succeeded\n"
PUSH = "$ docker push gate.lan/team/{0}:1\nThe push refers to repository [gate.lan/team/{0}]\n26a3a75068f0: Preparing\n{1}\n"
DONE = "1: digest: sha256:e66c0c540dd4bab4cd9b252c147f14c1e534e82cd1f70ad43c37b9c9a876fb8a size: 523"
REFUSED = {
    "413": "error parsing HTTP 413 response body: invalid character '<' looking for beginning of value: \"<html>\\r\\n<head><title>413 Request Entity Too Large</title></head>\"",
    "denied": "denied: requested access to the resource is denied",
    "401": "unauthorized: authentication required",
    "403": "error parsing HTTP 403 response body: invalid character '<' looking for beginning of value: \"<html>\\r\\n<head><title>403 Forbidden</title></head>\"",
}


def judged(folder: Path, files: dict[str, str]) -> Answer:
    return ask_files(folder, {name: text.encode() for name, text in files.items()})


@pytest.mark.parametrize("how", REFUSED)
def test_neither_a_login_nor_another_image_ends_a_refused_push(how: str, tmp_path: Path) -> None:
    refused = PUSH.format("big", REFUSED[how])
    assert judged(tmp_path / "a", {"t.txt": refused + IN}).verdict != "healthy"
    assert judged(tmp_path / "b", {"t.txt": IN + refused + PUSH.format("small", DONE)}).verdict != "healthy"
    again = judged(tmp_path / "c", {"t.txt": IN + refused + PUSH.format("big", DONE) + PUSH.format("small", DONE)})
    assert again.verdict == "healthy", again.printed[:700]


ROW = '10.0.0.1 - {0} [28/Nov/2026:17:21:{1} +0000] "{2} HTTP/1.1" {3} 2 "-" "docker/28.2.2 go/go1.24"\n'


@pytest.mark.parametrize("image", ["app", "small"])
def test_the_same_of_a_log(image: str, tmp_path: Path) -> None:
    begun = ROW.format("-", "01", "GET /v2/", 401) + ROW.format("olaf", "01", "GET /v2/", 200)
    broken = ROW.format("olaf", "02", "PATCH /v2/team/app/blobs/uploads/76f3", 401)
    later = ROW.format("-", "03", "GET /v2/", 401) + ROW.format("olaf", "03", "GET /v2/", 200)
    assert judged(tmp_path / "a", {"access.log": begun + broken + later}).verdict != "healthy"
    done = ROW.format("olaf", "04", f"PUT /v2/team/{image}/manifests/1", 201)
    over = judged(tmp_path / "b", {"access.log": begun + broken + later + done}).verdict == "healthy"
    assert over is (image == "app")


NGINX = "server {{ listen 80; server_name gate.lan; client_max_body_size 0; location / {{ auth_basic x; auth_basic_user_file /etc/nginx/{0}; proxy_pass http://store.lan:5000; proxy_set_header Host $http_host; }} }}\n"
APR1 = "olaf:$apr1$5X5yZ1eQ$0Q7p4n5eXbE1b2dJb0wUk/\n"


def test_a_file_that_lies_beside_a_proxys_is_its_own(tmp_path: Path) -> None:
    """It was copied under another name than the proxy's file has."""
    files = {"nginx/site.conf": NGINX.format("nginx.users"), "t.txt": IN}
    assert judged(tmp_path / "a", {**files, "nginx/htpasswd": APR1}).verdict == "healthy"
    assert judged(tmp_path / "b", {**files, "registry/htpasswd": APR1}).first == "htpasswd-not-bcrypt"


CERTIFICATE = "$ curl -si https://gate.lan/v2/\nHTTP/1.1 400 Bad Request\nServer: nginx/1.22.1\nContent-Type: text/html\n\n<html><head><title>{0}</title></head><body><center><h1>400 Bad Request</h1></center></body></html>\n"


@pytest.mark.parametrize(
    ("title", "cause"), [("400 No required SSL certificate was sent", False), ("404 Not Found", True)]
)
def test_what_nginx_refuses_before_its_routes_says_nothing_of_them(title: str, cause: bool, tmp_path: Path) -> None:
    text = CERTIFICATE.format(title).replace(
        "400 Bad Request\nS", ("404 Not Found\nS" if cause else "400 Bad Request\nS")
    )
    answer = judged(tmp_path, {"t.txt": text})
    assert (answer.first == "no-v2-route") is cause, answer.printed[:600]
