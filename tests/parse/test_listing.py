"""`ls -ln`, `docker ps`, `docker inspect` as evidence."""

import json

from runbook.parse.listing import parse_inspect, parse_listing


def test_modes_owners_and_folders():
    text = "$ ls -ln auth\ntotal 8\ndrwxr-xr-x 2 0 0 4096 Nov 20 10:00 .\n-rw------- 1 1000 1000 68 Nov 20 10:00 htpasswd\n"
    found = {f.path.rpartition("/")[2]: f for f in parse_listing(text, "ls.txt")}
    assert (found["htpasswd"].mode, found["htpasswd"].owner, found["htpasswd"].size) == ("-rw-------", "1000", 68)
    assert found["htpasswd"].path == "auth/htpasswd"
    assert str(found["htpasswd"].place) == "ls.txt:4"


def test_a_directory_where_a_file_should_be():
    (found,) = parse_listing("total 0\ndrwxr-xr-x 2 0 0 40 Nov 20 10:00 htpasswd\n", "ls.txt")
    assert found.kind == "directory"


def test_text_that_is_none():
    assert tuple(parse_listing("nothing to see\n- rw\n", "x.txt")) == ()


def test_inspect_of_a_container_does_not_break_on_odd_json():
    for odd in ([], [1], [{"Mounts": None}], [{"Mounts": [{"Source": 1}]}], {"Mounts": {}}):
        parse_inspect(json.dumps(odd), "inspect.json")
