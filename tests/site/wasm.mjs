// node wasm.mjs PYODIDE RUNBOOK.ZIP DRIVER.py CASES.json ROOT: the driver of tests/onefile under WebAssembly.
import fs from "node:fs";
const [pyodide, parts, driver, cases, root] = process.argv.slice(2);
const { loadPyodide } = await import(`${pyodide}/pyodide.mjs`);
const python = await loadPyodide();
python.unpackArchive(new Uint8Array(fs.readFileSync(parts)), "zip", { extractDir: "/runbook" });
python.FS.mkdirTree(root);
python.FS.mount(python.FS.filesystems.NODEFS, { root }, root);
python.FS.writeFile("/cases.json", fs.readFileSync(cases));
python.globals.set("source", fs.readFileSync(driver, "utf8"));
python.runPython(`
import sys
sys.path.insert(0, "/runbook")
sys.argv = ["driver.py", "/cases.json", "text,json"]  # the others are made from the same answer
exec(compile(source, "driver.py", "exec"), {"__name__": "__main__"})
`);
