"""The timeline: requests and log lines side by side, in the order in which they happened."""

from runbook.collect import Request, collect
from runbook.judge import Run, diagnose
from runbook.redact import Vault
from runbook.report.timeline import timeline

CURL = """$ curl -v http://registry:5000/v2/
> GET /v2/ HTTP/1.1
> Host: registry:5000
>
< HTTP/1.1 401 Unauthorized
< Date: Tue, 24 Nov 2026 01:00:02 GMT
< Www-Authenticate: Basic realm="R"
<
"""
LOG = (
    '172.18.0.3 - - [24/Nov/2026:01:00:01 +0000] "GET /v2/<b> HTTP/1.1" 401 87 "" "curl/7.88.1"\n'
    '172.18.0.3 - anna [24/Nov/2026:02:00:03 +0100] "GET /v2/ HTTP/1.1" 200 2 "" "curl/7.88.1"\n'
)


def run(tmp_path, **files: str) -> Run:
    for name, text in files.items():
        (tmp_path / name.replace("_", ".")).write_text(text)
    return diagnose(collect(Request(paths=(str(tmp_path),)), Vault()))


def test_logs_and_requests_in_one_order_whatever_their_time_zone(tmp_path):
    shown = timeline(run(tmp_path, curl_txt=CURL, registry_log=LOG)).text.splitlines()
    assert shown[0] == "2026-11-24 (UTC)"
    assert [line.split()[0] for line in shown[1:]] == ["01:00:01", "01:00:02", "01:00:03"]
    assert "client" in shown[2]
    assert "as anna" in shown[3]


def test_its_text_is_escaped(tmp_path):
    html = timeline(run(tmp_path, registry_log=LOG)).html
    assert "<b>" not in html
    assert "&lt;b&gt;" in html


def test_nothing_known_is_a_sentence(tmp_path):
    assert "Nothing that was handed over" in timeline(run(tmp_path, htpasswd="a:b\n")).text


def test_a_long_one_is_cut_and_says_so(tmp_path):
    block = timeline(run(tmp_path, registry_log=LOG * 100))
    assert "and 140 more" in block.html
    assert block.text.count("\n") == 60
