"""Findings as annotations of files and lines, and the action's outputs. Standard library only."""

import json
import os
import sys
from pathlib import Path
from urllib.parse import unquote


def escaped(text, more=""):
    """Text that cannot end its command and begin another."""
    for sign in "%\r\n" + more:
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text


def main(report, sarif):
    """Print the annotations; write the outputs."""
    body = json.loads(Path(report).read_text(encoding="utf-8"))
    for result in json.loads(Path(sarif).read_text(encoding="utf-8"))["runs"][0]["results"]:
        where = ""
        for place in result.get("locations", [])[:1]:
            physical = place["physicalLocation"]
            where = "file=" + escaped(unquote(physical["artifactLocation"]["uri"]).removeprefix("./"), ":,")
            where += f",line={physical['region']['startLine']}" if "region" in physical else ""
        title = ("," if where else "") + "title=" + escaped(result["ruleId"], ":,")
        print(f"::{result['level']} {where}{title}::{escaped(result['message']['text'])}")
    causes = body["causes"]
    with open(os.environ.get("GITHUB_OUTPUT", os.devnull), "a", encoding="utf-8") as stream:
        stream.write(f"verdict={body['verdict']}\ncause={causes[0]['cause'] if causes else ''}\nsarif={sarif}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
