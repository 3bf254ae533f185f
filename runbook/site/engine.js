import { loadPyodide, version } from "./pyodide/pyodide.mjs";

export const get = (id) => document.getElementById(id);
export const tell = (text) => { get("state").textContent = text; };

// What a tab worked out for the next one: the memory of a Python that has started, and what our files compile to.
const KEPT = "runbook";
async function recall(name) {
  try {
    const found = await (await caches.open(KEPT)).match(name);
    const bytes = found && new Uint8Array(await found.arrayBuffer());
    return bytes?.length ? bytes : undefined;
  } catch { return undefined; }  // no cache on a page from a file, or where it is forbidden
}
async function remember(name, bytes) {
  try {
    const kept = await caches.open(KEPT), kind = name.split("?")[0];
    for (const old of await kept.keys()) if (new URL(old.url).pathname.endsWith(`/${kind}`)) await kept.delete(old);
    await kept.put(name, new Response(bytes));
  } catch { /* no room, or no cache: the next tab works it out again */ }
}

const LARGEST = 31 << 20;  // as much memory as Pyodide begins with: a larger one cannot be put back

const STDLIB = `
import argparse, ast, asyncio, base64, bisect, configparser, dataclasses, datetime, difflib, email.message, email.parser, enum
import hashlib, html, importlib.resources, inspect, ipaddress, json, logging, pathlib, pickle, random, re, shlex, shutil
import socket, string, struct, tarfile, tempfile, textwrap, typing, unicodedata, urllib.parse, zipfile
`;

async function started() {
  const options = { indexURL: new URL("pyodide/", location.href).href }, name = `memory?${version}`;
  const memory = await recall(name);
  if (memory) {
    try { return await loadPyodide({ ...options, _loadSnapshot: memory }); } catch { await remember(name, ""); }
  }
  const python = await loadPyodide({ ...options, _makeSnapshot: true });
  python.runPython(STDLIB);
  const made = python.makeMemorySnapshot();
  if (made.length < LARGEST) remember(name, made);
  return python;
}

const PACK = `
import io, os, sys, zipfile
def pack():
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for folder, _, names in os.walk("/runbook"):
            for name in names if folder.endswith("__pycache__") else ():
                path = os.path.join(folder, name)
                data = open(path, "rb").read()  # marked as right without a look at the source, which is unpacked each time
                archive.writestr(os.path.relpath(path, "/runbook"), data[:4] + b"\\1" + bytes(11) + data[16:])
    return made.getvalue()
`;

// Python with this package, and what a page begins with.
export async function load(source) {
  const begun = performance.now();
  const [python, parts] = await Promise.all([started(), fetch("runbook.zip").then((found) => found.arrayBuffer())]);
  python.unpackArchive(parts, "zip", { extractDir: "/runbook" });
  const digest = new Uint8Array(await crypto.subtle?.digest("SHA-256", parts) ?? []);
  const page = location.pathname.split("/").pop().replace(/\W/g, "-"), name = `compiled-${page}?${[...digest].join(".")}`;
  let compiled = digest.length ? await recall(name) : undefined;
  try {
    if (compiled) python.unpackArchive(compiled, "zip", { extractDir: "/runbook" });
  } catch { compiled = undefined; }
  python.runPython(`import sys\nsys.path.insert(0, "/runbook")\nsys.dont_write_bytecode = False\nimport random\nrandom.seed()  # else every tab would draw the same\n${source}`);
  tell(`Ready after ${((performance.now() - begun) / 1000).toFixed(1)} s.`);
  setTimeout(() => settle(python, compiled || !digest.length ? "" : name), 300);
  return python;
}

// What the first answer needs is loaded while the person reads; what was compiled is kept under that name.
function settle(python, name) {
  try {
    if (python.globals.has("warm")) call(python, "warm");
    if (!name) return;
    python.runPython(PACK);
    const made = python.globals.get("pack")(), bytes = made.toJs();
    made.destroy();
    remember(name, bytes);
  } catch (error) { console.warn(reason(error)); }
}

// Call a Python function with texts; what it returns is text.
export function call(python, name, ...given) {
  const made = python.globals.get(name);
  try { return made(...given); } finally { made.destroy(); }
}

export const reason = (error) => String(error).trim().split("\n").pop().slice(0, 300);

// Let the page show itself before Python keeps the tab busy.
export const shown = () => new Promise((done) => setTimeout(done, 30));

export function keep(text, name, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
