"use strict";
const body = document.querySelector("#all tbody"), filter = document.getElementById("filter"), shown = document.getElementById("shown");
const rows = Array.from(body.rows);
function sift() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
    count += row.hidden ? 0 : 1;
  }
  shown.textContent = count + " of " + rows.length;
}
filter.addEventListener("input", sift);
document.querySelectorAll("#all th[data-sort]").forEach((head, column) => {
  let way = 1;
  head.addEventListener("click", () => {
    const sorted = rows.slice().sort((a, b) => way * a.cells[column].textContent.localeCompare(b.cells[column].textContent, "en", {numeric: true}));
    body.append(...sorted);
    way = -way;
  });
});
sift();
