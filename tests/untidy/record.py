"""Records the untidy cases anew, on real programs. Usage: python tests/untidy/record.py [--list] [NAME-PART ...]

Each case is a function in recorder/cases_*.py: it writes a project folder, starts it with docker-compose, sends
traffic with curl, docker, skopeo and Chromium, and hands over files, transcripts and logs. Everything runs in network,
mount and process namespaces of its own, with a docker engine of its own whose images are made of this machine's programs
(docker-registry 2.8, registry 3 from $(go env GOPATH)/bin, nginx, caddy, haproxy, apache2; the image of the registry UI is
nginx with an entrypoint that does what the UI's does). Nothing leaves the machine, nothing of it is touched, and all ends
with the program. Needs Linux, root, unshare, ip, dockerd, docker-compose, curl, skopeo, htpasswd, openssl; Chromium and
playwright for the cases with a browser. Work files lie in $UNTIDY_STATE (/tmp/untidy-recorder).

What is rewritten afterwards: the times (to another day; pauses between steps), the number of the docker network, the path
of the project folder. Everything else is as the programs printed it, cut to the lines that matter.
"""

import argparse
import importlib
import os
import sys
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))
MODULES = sorted(path.stem for path in (HERE / "recorder").glob("cases_*.py"))


def main() -> int:
    """Record the cases whose name contains one of the given parts; exit 1 when one could not be made."""
    cli = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    cli.add_argument("parts", nargs="*")
    cli.add_argument("--list", action="store_true")
    cli.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = cli.parse_args()
    from tests.untidy.recorder.scene import CASES

    for module in MODULES:
        importlib.import_module(f"tests.untidy.recorder.{module}")
    chosen = [name for name in CASES if not options.parts or any(part in name for part in options.parts)]
    if options.list:
        print("\n".join(chosen))
        return 0
    if not options.inside:
        namespaces = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
        os.execvp("unshare", ["unshare", *namespaces, sys.executable, __file__, "--inside", *options.parts])
    return record(chosen)


def record(names: list[str]) -> int:
    """Start the engine and make one case after the other."""
    from tests.untidy.recorder.engine import Engine
    from tests.untidy.recorder.scene import CASES, Scene

    engine, failed = Engine(), 0
    engine.start()
    try:
        for name in names:
            scene = Scene(CASES[name], engine)
            try:
                CASES[name].record(scene)
                scene.write(HERE / name)
                print(f"recorded {name} ({sum(map(len, scene.bundle.values()))} bytes)", flush=True)
            except Exception:
                failed += 1
                print(f"FAILED {name}\n{traceback.format_exc()}", flush=True)
            finally:
                scene.down()
    finally:
        engine.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
