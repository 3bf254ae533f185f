import { call, get, keep, load, reason, shown, tell } from "./engine.js";

let python, files = [], report = "";

const START = `
import json, os, shutil
from runbook.collect import Request, collect
from runbook.judge import diagnose
from runbook.redact import Vault
from runbook import door, report
from runbook.report.as_json import as_object

def judge(user):
    vault = Vault()
    os.chdir("/incident")
    run = diagnose(collect(Request(paths=("bundle",), user=user or None), vault))
    body = as_object(run)
    html = door.published(report.render_html(run), vault)
    first = body["causes"][0] if body["causes"] else None
    said = {"fault": "Fault", "healthy": "Healthy", "inconclusive": "Inconclusive"}[body["verdict"]]
    said += f': {first["cause"]}. {first["summary"]}' if first else "."
    return json.dumps({"html": html, "said": door.published(said, vault), "json": door.published(json.dumps(body), vault)})

def warm():
    if not os.path.exists("/incident"):
        empty()
        judge("")

def empty():
    shutil.rmtree("/incident", ignore_errors=True)
    os.makedirs("/incident/bundle")
`;

function choose(list) {
  files = [...list];
  get("chosen").textContent = files.length ? `${files.length} chosen: ${files.slice(0, 20).map((f) => f.name).join(", ")}` : "";
}

// A name of a file as a path below the folder of the incident: no step up, no absolute path.
function below(name) {
  return name.split("/").filter((part) => part && part !== "." && part !== "..").slice(-6).join("/") || "file";
}

// Files with their paths; a folder that holds them all is the incident itself.
function named(list) {
  const rows = list.map((file) => [file.path || file.webkitRelativePath || file.name, file]);
  const top = rows[0]?.[0].split("/")[0];
  const whole = rows.every(([name]) => name.startsWith(`${top}/`));
  return whole ? rows.map(([name, file]) => [name.slice(top.length + 1), file]) : rows;
}

async function diagnose() {
  get("go").disabled = true;
  tell("Judging…");
  await shown();
  try {
    python.runPython("empty()");
    for (const [name, file] of named(files)) {
      const path = `/incident/bundle/${below(name)}`;
      python.FS.mkdirTree(path.slice(0, path.lastIndexOf("/")));
      python.FS.writeFile(path, new Uint8Array(await file.arrayBuffer()));
    }
    if (get("paste").value.trim()) python.FS.writeFile("/incident/bundle/pasted.txt", get("paste").value);
    const answer = JSON.parse(call(python, "judge", get("user").value.trim()));
    report = answer.html;
    get("verdict").textContent = answer.said.trim();
    get("report").srcdoc = report;
    get("answer").hidden = false;
    get("answer").dataset.json = answer.json;
    get("save").disabled = false;
    tell("Done.");
  } catch (error) {
    tell(`That could not be judged: ${reason(error)}`);
  }
  get("go").disabled = false;
}

// All files of what was dropped, folders included, each with its path.
async function dropped(entry, path) {
  if (entry.isFile) return [await new Promise((ok, no) => entry.file((f) => { f.path = `${path}${f.name}`; ok(f); }, no))];
  const reader = entry.createReader(), found = [];
  for (;;) {
    const some = await new Promise((ok, no) => reader.readEntries(ok, no));
    if (!some.length) return found;
    for (const one of some) found.push(...(await dropped(one, `${path}${entry.name}/`)));
  }
}

get("files").addEventListener("change", (e) => choose(e.target.files));
get("folder").addEventListener("change", (e) => choose(e.target.files));
get("drop").addEventListener("dragover", (e) => e.preventDefault());
get("drop").addEventListener("drop", async (e) => {
  e.preventDefault();
  const entries = [...e.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  choose((await Promise.all(entries.map((entry) => dropped(entry, "")))).flat());
});
get("go").addEventListener("click", diagnose);
get("save").addEventListener("click", () => keep(report, "runbook-report.html", "text/html"));
load(START).then((made) => { python = made; get("go").disabled = false; },
  (error) => tell(`Python could not be loaded: ${reason(error)}`));
