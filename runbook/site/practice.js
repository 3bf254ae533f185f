import { call, get, keep, load, reason, shown, tell } from "./engine.js";

const value = (id) => get(id).value;
let python, state;

// What each button sends along, and what it does first.
const GIVEN = {
  ask: () => ({ way: value("way"), login: value("login"), path: value("path"), method: value("method"), expect: value("expect") }),
  look: () => ({ name: value("file") }),
  logs: (button) => ({ service: button.dataset.service }),
  run: () => ({ command: value("command") }),
  name: () => ({ cause: value("cause"), cite: [...get("cite").selectedOptions].map((o) => Number(o.value)) }),
  rule_out: () => ({ rival: value("rival"), cite: Number(value("against")) }),
};

// The lists follow what was done; what was chosen stays chosen.
function fill() {
  for (const list of document.querySelectorAll("[data-list]")) {
    const chosen = new Set([...list.selectedOptions].map((o) => o.value));
    const rows = list.dataset.list === "names" || list.multiple ? [] : [new Option("")];
    list.replaceChildren(...rows, ...state[list.dataset.list].map((row) => {
      const option = new Option(row.what ? `(${row.number}) ${row.what}` : row, row.number ?? row);
      option.selected = chosen.has(option.value);
      return option;
    }));
  }
}

const open = () => { get("text").value = state.files[value("target")] ?? ""; };

function take(answer, place) {
  const before = state;
  state = answer.state;
  get(place).innerHTML = answer.html; // made of escaped text only
  get(place).scrollIntoView({ block: "nearest" });
  fill();
  if (before?.files[value("target")] !== state.files[value("target")]) open();
}

const act = (doing, given = {}) => JSON.parse(call(python, "act", doing, JSON.stringify(given)));

async function busy(doing) {
  const buttons = [...document.querySelectorAll("button")];
  for (const button of buttons) button.disabled = true;
  tell("Working…");
  await shown();
  try { tell(doing() ?? "Done."); } catch (error) { tell(`That did not work: ${reason(error)}`); }
  for (const button of buttons) button.disabled = false;
}

const begin = (link) => busy(() => {
  state = undefined;
  const answer = JSON.parse(call(python, "begin", link));
  get("round").hidden = !answer.state;
  if (!answer.state) return answer.text;
  get("seen").replaceChildren();
  take(answer, "story");
  open();
  get("expect").value = get("command").value = "";
  history.replaceState(null, "", `#${answer.link}`);
});

for (const button of document.querySelectorAll("[data-do]")) {
  button.addEventListener("click", () => busy(() => {
    const doing = button.dataset.do;
    // What stands in the box is written first: nobody edits in order to have it ignored.
    if (doing === "apply" && value("text") && value("text") !== state.files[value("target")]) act("write", { name: value("target"), text: value("text") });
    take(act(doing, GIVEN[doing]?.(button)), "seen");
    if (doing === "ask") get("expect").value = "";
  }));
}
get("target").addEventListener("change", open);
get("save").addEventListener("click", () => keep(call(python, "log"), "round.jsonl", "application/jsonl"));
get("choose").addEventListener("submit", (e) => { e.preventDefault(); begin(`${value("step")}.${value("number")}`); });
load("from runbook.site.rounds import act, begin, log").then((made) => {
  python = made;
  get("begin").disabled = false;
  if (location.hash.length > 1) begin(location.hash.slice(1));
}, (error) => tell(`Python could not be loaded: ${reason(error)}`));
