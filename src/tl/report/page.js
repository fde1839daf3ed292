"use strict";
const cell = (row, i) => {
  const td = row.cells[i];
  const text = "v" in td.dataset ? td.dataset.v : td.textContent.trim();
  return text === "" || isNaN(text) ? text : Number(text);
};
const compare = (a, b) => {
  if (a === "" || b === "") return (a === "") - (b === "");
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
};
for (const table of document.querySelectorAll("table.sort")) {
  const heads = [...table.tHead.rows[0].cells];
  if (table.tBodies[0].rows.length < 3) continue;
  heads.forEach((th, i) => {
    const button = document.createElement("button");
    button.textContent = th.textContent;
    th.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = th.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      th.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows].sort((p, q) => (down ? -1 : 1) * compare(cell(p, i), cell(q, i)));
      table.tBodies[0].append(...rows);
    });
  });
}
const tip = document.createElement("div");
tip.className = "tip";
tip.hidden = true;
document.body.append(tip);
for (const title of document.querySelectorAll("svg.chart title")) {
  const mark = title.parentNode;
  if (mark.tagName !== "svg") mark.dataset.tip = title.textContent;
  title.remove();
}
document.addEventListener("pointermove", (event) => {
  const words = event.target.dataset && event.target.dataset.tip;
  tip.hidden = !words;
  if (!words) return;
  tip.textContent = words;
  const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
  tip.style.left = `${Math.max(8, Math.min(event.clientX + 12, room))}px`;
  tip.style.top = `${event.clientY + (event.clientY > tip.offsetHeight + 24 ? -tip.offsetHeight - 12 : 18)}px`;
});
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => (one.open = true)));
