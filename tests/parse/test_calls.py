"""Whose login a command reads: who typed it, and what sudo, su and the like make of that."""

import pytest

from runbook.parse.calls import call_of

_PROMPT = "ines@build:~/svc$ "


@pytest.mark.parametrize(
    ("typed", "account", "tool"),
    [
        ("make release", "ines", "make"),
        ("sudo make release", "root", "make"),
        ("sudo -n make release", "root", "make"),
        ("doas ./release.sh", "root", "release.sh"),
        ("sudo -u deploy make release", "deploy", "make"),
        ("sudo -nu deploy make release", "deploy", "make"),
        ("sudo --user=deploy -- make release", "deploy", "make"),
        ("cd svc && sudo docker push r.example/a", "root", "docker"),
        ("time sudo docker push r.example/a", "root", "docker"),
        ("su -c 'docker push r.example/a'", "root", "docker"),
        ("su - deploy -c 'cd /srv && make release'", "deploy", "make"),
        ("runuser -u deploy -- make release", "deploy", "make"),
        ("sg docker -c 'make release'", "ines", "make"),
        ("sudo -E make release", "ines", "make"),
        ("sudo -EH make release", "root", "make"),
        ("sudo --preserve-env=HOME,PATH make release", "ines", "make"),
        ("sudo --preserve-env=PATH make release", "root", "make"),
        ("su -m -c 'make release'", "ines", "make"),
        ("sudo HOME=/home/ines make release", "ines", "make"),
        ("sudo DOCKER_CONFIG=$HOME/.docker make release", "ines", "make"),
        ("sudo docker --config ~/.docker push r.example/a", "ines", "docker"),
    ],
)
def test_whose_home_a_command_has(typed, account, tool):
    """HOME as sudo 1.9.13 and su of util-linux 2.38 set it (run)."""
    call = call_of(_PROMPT + typed)
    assert call is not None
    assert (call.account, call.tool, call.config) == (account, tool, "")


@pytest.mark.parametrize(
    ("under", "printed", "account", "config"),
    [
        ("sudo make release", "docker push r.example/a", "root", ""),
        ("make release", "docker push r.example/a", "ines", ""),
        ("make release", "sudo docker push r.example/a", "root", ""),
        ("sudo make release", "sudo -u ines docker push r.example/a", "ines", ""),
        ("sudo make release", "docker --config /home/ines/.docker push r.example/a", "ines", ""),
        ("sudo DOCKER_CONFIG=/srv/logins make release", "docker push r.example/a", "root", "/srv/logins"),
        ("DOCKER_CONFIG=/srv/logins make release", "sudo docker push r.example/a", "root", ""),
    ],
)
def test_what_a_command_prints_is_run_by_its_user(under, printed, account, config):
    call = call_of(printed, _PROMPT + under)
    assert call is not None
    assert (call.account, call.tool, call.config) == (account, "docker", config)


@pytest.mark.parametrize(
    ("typed", "kind", "name"),
    [
        ("-p $PASS", "variable", "PASS"),
        ('-p "$PASS"', "variable", "PASS"),
        ('-p "${PASS:-x}"', "variable", "PASS"),
        ("-p %PASS%", "variable", "PASS"),
        ("-p 'Fagott$Vogel88'", "literal", ""),
        ('-p "Fagott$Vogel88"', "expanded", ""),
        ("-p Fagott$Vogel88", "expanded", ""),
        ('-p "Fagott$5"', "expanded", ""),
        ('-p "Fagott$ 5"', "literal", ""),
        ("-p Fagott\\$Vogel88", "literal", ""),
        ("-p '$Vogel88'", "literal", ""),
    ],
)
def test_no_piece_of_a_password_is_a_variables_name(typed, kind, name):
    call = call_of(f"{_PROMPT}docker login -u emil {typed} r.example")
    assert call is not None
    assert (call.given, call.variable) == (kind, name)
