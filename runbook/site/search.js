"use strict";
const box = document.getElementById("search"), told = document.getElementById("found");
const rows = [...document.querySelectorAll("li[data-text]")];
box.addEventListener("input", () => {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of rows) row.hidden = !words.every((word) => row.dataset.text.includes(word));
  for (const part of document.querySelectorAll("section")) part.hidden = !part.querySelector("li:not([hidden])");
  told.textContent = words.length ? `${rows.filter((row) => !row.hidden).length} found` : "";
});
