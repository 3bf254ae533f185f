// Files and folders that are dropped on the form go the way of those that its button chooses.
(function fit(tries) {
  const form = element.closest(".rb-console");
  if (!form) {
    if (tries) setTimeout(fit, 100, tries - 1);
    return;
  }
  const button = () => form.querySelector("button.rb-upload");
  const meant = (event) => button() && [...event.dataTransfer.types].includes("Files");
  const lit = (on) => form.classList.toggle("rb-over", on);
  form.classList.add("rb-drops");
  form.addEventListener("dragover", (event) => {
    if (!meant(event)) return;
    event.preventDefault();
    event.stopPropagation();
    lit(true);
  });
  form.addEventListener("dragleave", (event) => form.contains(event.relatedTarget) || lit(false));
  form.addEventListener("drop", async (event) => {
    if (!meant(event)) return;
    event.preventDefault();
    event.stopPropagation();
    lit(false);
    const plain = [...event.dataTransfer.files];
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
    const found = entries.length ? (await Promise.all(entries.map(inside))).flat() : plain;
    const list = new DataTransfer();
    for (const file of found.slice(0, 1000)) list.items.add(file);
    const click = HTMLInputElement.prototype.click;
    HTMLInputElement.prototype.click = function () {
      this.files = list.files;
      this.dispatchEvent(new Event("change"));
    };
    try {
      button().click();
    } finally {
      HTMLInputElement.prototype.click = click;
    }
  });
  async function inside(entry) {
    if (entry.isFile) return [await new Promise((ok, no) => entry.file(ok, no))];
    const reader = entry.createReader(), found = [];
    for (;;) {
      const some = await new Promise((ok, no) => reader.readEntries(ok, no));
      if (!some.length) return found;
      for (const one of some) found.push(...(await inside(one)));
    }
  }
})(100);
