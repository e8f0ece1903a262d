// Put into a copy of report.html: uses the page as a reader would, and leaves what it found in #probe.
"use strict";
const errors = [];
window.addEventListener("error", (event) => errors.push(event.message));
window.addEventListener("unhandledrejection", (event) => errors.push(String(event.reason)));
for (const name of ["error", "warn"]) console[name] = (...text) => errors.push(text.join(" "));
document.addEventListener("securitypolicyviolation", (event) => errors.push("blocked: " + event.blockedURI));
const all = (selector) => [...document.querySelectorAll(selector)];
const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
const sorted = () => [...document.querySelector("table").tBodies[0].rows].map((row) => row.cells[0].textContent);
const opacities = (chart) => {
  const marks = chart.querySelectorAll(".mark-line.layer_1_marks path, .role-mark.mark-symbol path");
  return [...new Set([...marks].map((mark) => mark.getAttribute("opacity")))].sort();
};
// Texts that stand out of their picture or of the page, by more than the pixel that rounding takes.
const outside = () => all(".chart svg text").filter((text) => {
  const [own, svg] = [text, text.ownerSVGElement].map((element) => element.getBoundingClientRect());
  const out = own.left < svg.left - 1 || own.right > svg.right + 1 || own.top < svg.top - 1 || own.bottom > svg.bottom + 1;
  return own.width > 0 && (out || own.left < 0 || own.right > innerWidth);
}).map((text) => `${text.closest(".chart").dataset.drawn}: ${text.textContent}`);
window.addEventListener("load", async () => {
  const found = { errors, width: innerWidth };
  for (let i = 0; i < 100 && all(".chart svg.marks").length < all(".chart").length; i++) await wait(0.1);
  await wait(0.3);
  found.charts = all(".chart").length;
  found.drawn = all(".chart svg.marks").length;
  found.empty = all(".chart svg.marks").filter((svg) => !svg.querySelector(".mark-symbol path, .mark-rect path")).length;
  found.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  found.outside = outside();
  // Tables of which rows are out of sight, though they are not long.
  found.hidden = all(".scroll:not(.long)").filter((box) => box.scrollHeight > box.clientHeight + 1).length;
  found.cut = all(".chart svg text").map((text) => text.textContent).filter((text) => text.includes("…"));
  found.picked = {};
  for (const chart of all(".chart")) {
    const before = opacities(chart);
    for (const legend of chart.querySelectorAll(".role-legend")) {
      legend.querySelector(".role-legend-symbol path")?.dispatchEvent(new MouseEvent("click", { bubbles: true, view: window }));
      await wait(0.3);
    }
    if (chart.querySelector(".role-legend-symbol path")) found.picked[chart.dataset.drawn] = [before, opacities(chart)];
  }
  found.rows = sorted();
  document.querySelector("table th button").click();
  found.ascending = sorted();
  const select = document.getElementById("metric");
  select.value = "curves-test_loss";
  select.dispatchEvent(new Event("change"));
  await wait(0.5);
  found.axis = all("#curves .role-axis-title text").map((text) => text.textContent);
  const loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
  found.requests = loaded.filter((name) => !name.startsWith("data:"));
  parent.postMessage(JSON.stringify(found), "*");
});
