"""Many labs on one machine, as in a course: the same seed draws the same ports for everybody."""

from concurrent.futures import ThreadPoolExecutor

import httpx

from runbook.lab import Lab
from tests.real.programs import need


def test_labs_of_one_seed_do_not_meet() -> None:
    need("nginx")
    need("registry2")
    need("registry3")

    def answers(major: int) -> tuple[str, int, int]:
        with Lab("authorization-stripped", backend="native", seed=5, major=major) as lab:
            login = (lab.user, lab.password)
            straight, through = (httpx.get(f"{url}/v2/", auth=login) for url in (lab.registry_url, lab.ui_url))
            return straight.headers["Content-Type"], straight.status_code, through.status_code

    majors = [2, 3] * 4
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(answers, majors))
    assert [f[1:] for f in found] == [(200, 401)] * len(majors)
    kinds = {2: "application/json; charset=utf-8", 3: "application/json"}
    assert [f[0] for f in found] == [kinds[major] for major in majors]
