import { loadPyodide } from "./pyodide/pyodide.mjs";

export const get = (id) => document.getElementById(id);
export const tell = (text) => { get("state").textContent = text; };

// Python with this package, and what a page begins with.
export async function load(source) {
  const begun = performance.now();
  const python = await loadPyodide({ indexURL: new URL("pyodide/", location.href).href });
  const parts = await fetch("runbook.zip");
  python.unpackArchive(await parts.arrayBuffer(), "zip", { extractDir: "/runbook" });
  python.runPython(`import sys\nsys.path.insert(0, "/runbook")\n${source}`);
  tell(`Ready after ${((performance.now() - begun) / 1000).toFixed(1)} s.`);
  return python;
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
