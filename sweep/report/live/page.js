// The page: reads the inputs, asks for a plan, writes it down and draws it, each time an input changes.

const byId = id => document.getElementById(id);
const KINDS = { compute: parseFlops, like_compute: parseFlops };
const RATES = ["train", "serve", "prompt"];
const SLIDERS = { value: 3, generated: 4, unique: 3 }; // decades to either side

function field(id) {
  return byId(`in-${id}`);
}

/** The question as the inputs say it. */
function readInputs(start) {
  const number = (id, name) => parse(name, field(id).value);
  const target = field("target").value,
    label = field("target").selectedOptions[0].textContent;
  const value = target ? (KINDS[target] ?? parse)(label, field("value").value) : null;
  if (target && !(value > 0)) throw new Refused("input", `${label}: say how much`);
  const held = Object.fromEntries(Object.keys(FIXED).map(name => [name, number(name, FIXED[name])]));
  const prompt = number("prompt", "prompt tokens") ?? 0,
    generated = number("generated", "tokens to serve") ?? 0;
  const moved = prompt + generated !== start.prompt + start.generated;
  const unique = number("unique", "unique tokens"),
    tolerance = number("tolerance", "tolerance");
  if (!(tolerance > 0 && tolerance < 1))
    throw new Refused("input", "the tolerance lies between 0 and 1, such as 0.005");
  if (unique === 0) throw new Refused("input", "unique tokens: a positive number, or empty for no limit");
  const rates = Object.fromEntries(RATES.map(name => [name, readRate(name)]));
  return {
    ...start,
    law: field("law").value,
    target,
    value,
    fixed: held,
    prompt,
    generated,
    unique,
    most: number("most", "largest size"),
    rates,
    tolerance,
    demands: moved ? null : start.demands,
  };
}

/** A rate, or null where no device is chosen. */
function readRate(name) {
  if (field(`${name}-device`).value === "") return null;
  const number = part => parse(`${name}: ${part}`, field(`${name}-${part}`).value);
  return {
    device: field(`${name}-device`).value,
    usd: number("usd"),
    mfu: number("mfu") ?? NaN,
    peak: number("peak") ?? NaN,
  };
}

/** A number as it is typed: 1e13 rather than 10000000000000; nothing for none. */
function written(value) {
  if (!value) return "";
  return value >= 1e5 ? value.toExponential().replace("+", "") : String(value);
}

function writeInputs(asked) {
  const write = (id, value) => (field(id).value = written(value));
  field("law").value = asked.law;
  field("target").value = asked.target;
  for (const id of ["value", "prompt", "generated", "unique", "most", "tolerance"]) write(id, asked[id]);
  for (const name of Object.keys(FIXED)) write(name, asked.fixed[name]);
  for (const name of RATES) {
    const rate = asked.rates[name];
    field(`${name}-device`).value = rate ? rate.device : "";
    for (const part of ["peak", "mfu", "usd"]) write(`${name}-${part}`, rate ? rate[part] : null);
  }
  Object.keys(SLIDERS).forEach(centre);
}

/** Puts a slider in the middle of decades around the number beside it; a loss moves between near its floor and twice it. */
function centre(id) {
  const slider = byId(`slide-${id}`),
    value = Number(field(id).value) || { value: 1e22, generated: 1e12, unique: 1e12 }[id];
  const linear = id === "value" && field("target").value === "loss";
  slider.dataset.linear = linear ? "yes" : "";
  const middle = linear ? value : Math.log10(value),
    reach = linear ? 0.3 * value : SLIDERS[id];
  Object.assign(slider, { min: middle - reach, max: middle + reach, step: linear ? 0.001 : 0.01, value: middle });
}

function slide(id) {
  const slider = byId(`slide-${id}`),
    at = Number(slider.value);
  field(id).value = slider.dataset.linear ? at.toFixed(3) : general(10 ** at, 4).replace("+", "");
}

/** Recompute and redraw; what cannot be answered is said in words. */
function update(model) {
  const problem = byId("problem");
  try {
    const asked = readInputs(model.asked),
      law = model.laws.get(asked.law);
    show(model, law, plan(law, asked));
    problem.textContent = "";
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    problem.textContent = error.message;
  }
  document.body.classList.toggle("stale", problem.textContent !== "");
}

function show(model, law, record) {
  byId("verdict").textContent = verdict(record);
  byId("ledes").innerHTML = sentences(record)
    .map(text => `<p class="lede">${escaped(text)}</p>`)
    .join("");
  byId("warnings").innerHTML = warnings(law, record)
    .map(text => `<p class="warning">${escaped(text)}</p>`)
    .join("");
  byId("formula").textContent = law.formula;
  byId("law-name").textContent = law.name;
  byId("numbers-table").innerHTML = numbersTable(record);
  byId("break-even-table").innerHTML = breakEvenTable(record);
  byId("sizes-table").innerHTML = sizesTable(record);
  const models = model.models.map(one => explained(law, record.question, one));
  byId("models-table").innerHTML = modelsTable(models);
  const drawn = [
    ...frontierCharts(law, record),
    demandChart(law, record),
    costChart(record),
    breakEvenChart(record),
    knownChart(law, record, models),
  ];
  const names = ["frontier-loss", "frontier-params", "demand", "cost", "break-even", "known"];
  names.forEach((name, i) => draw(name, drawn[i]));
}

function draw(name, spec) {
  const frame = byId(`draw-${name}`);
  frame.innerHTML = spec
    ? chart(spec, Math.max(300, Math.min(740, frame.clientWidth || 740)))
    : '<p class="missing">Nothing to draw for these inputs.</p>';
}

/** The dense peak of the chosen device, with where that is from. */
function chooseDevice(model, name) {
  const device = model.devices.find(one => one.name === field(`${name}-device`).value);
  field(`${name}-peak`).value = written(device?.peak);
  byId(`source-${name}`).textContent = device ? device.source : "";
}

function start() {
  const model = modelOf(byId("model").textContent),
    form = byId("inputs");
  const again = () => requestAnimationFrame(() => update(model));
  writeInputs(model.asked);
  for (const id of Object.keys(SLIDERS)) {
    byId(`slide-${id}`).addEventListener("input", () => (slide(id), again()));
    field(id).addEventListener("change", () => centre(id));
  }
  for (const name of RATES) field(`${name}-device`).addEventListener("change", () => chooseDevice(model, name));
  field("target").addEventListener("change", () => centre("value"));
  form.addEventListener("input", event => event.target.type !== "range" && again());
  form.addEventListener("submit", event => event.preventDefault());
  byId("reset").addEventListener("click", () => (writeInputs(model.asked), again()));
  addEventListener("resize", again);
  form.hidden = false;
  update(model);
  return { model, plan: asked => plan(model.laws.get(asked.law), asked), update: () => update(model) };
}
