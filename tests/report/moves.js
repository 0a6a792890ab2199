// Moves the inputs of a plan's page as a person would, and tells what stood there after each move.
const text = id => document.getElementById(id).textContent;
const shown = id => document.getElementById(id).innerText;
const set = (id, value) => {
  const input = document.getElementById(id);
  input.value = value;
  for (const kind of ["input", "change"]) input.dispatchEvent(new Event(kind, { bubbles: true }));
  planner.update();
};
const look = () => ({
  verdict: text("verdict"),
  problem: text("problem"),
  ledes: shown("ledes"),
  stale: document.body.classList.contains("stale"),
  nan: /NaN|undefined|Infinity/.test(document.querySelector("main").innerText),
  broken: /NaN|undefined/.test([...document.querySelectorAll("svg")].map(chart => chart.outerHTML).join()),
  paths: document.querySelectorAll("svg.chart path").length,
  tables: ["numbers-table", "break-even-table", "sizes-table", "models-table"].map(shown),
  width: document.documentElement.scrollWidth,
});

const seen = { start: look() };
set("in-target", "loss");
set("in-value", "1.2");
seen.floor = look();
set("in-value", "2.2");
seen.loss = look();
set("in-value", "two");
seen.words = look();
set("in-target", "compute");
set("in-value", "1e20");
set("in-generated", "1e17");
seen.demand = look();
set("in-generated", "");
for (const rate of ["train", "serve"]) set(`in-${rate}-device`, "");
seen.unpriced = look();
set("in-law", "muennighoff_repeated");
seen.unique = look();
set("in-unique", "2B");
seen.repeated = look();
for (const [law] of planner.model.laws) {
  set("in-law", law);
  seen[`law ${law}`] = look();
}
document.getElementById("reset").click();
planner.update();
seen.reset = look();
const slider = document.getElementById("slide-generated");
slider.value = String(Number(slider.value) + 1);
slider.dispatchEvent(new Event("input", { bubbles: true }));
planner.update();
seen.slid = look();
seen.field = document.getElementById("in-generated").value;
set("in-train-device", "tpu-v5e bf16");
seen.peak = document.getElementById("in-train-peak").value;
seen.source = text("source-train");
return seen;
