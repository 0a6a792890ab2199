// A plan in sentences and tables: sweep/report/plan_words.py writes the same ones.

const TARGETS = {
  compute: q => `${general(q.value)} FLOPs`,
  loss: (q, unit) => `a loss of ${fixed(q.value)} ${unit}`,
  like_compute: (q, unit) => `the loss of a compute-optimal run of ${general(q.value)} FLOPs${likeWords(q, unit)}`,
  like_params: (q, unit) => `the loss of a compute-optimal run of ${short(q.value)} parameters${likeWords(q, unit)}`,
  usd: q => `$${grouped(q.value, 6)}`,
  device_hours: q => `${grouped(q.value, 6)} device-hours`,
};
const MANY = 9; // times more than the compute-optimal cost, from where a percentage is not read any more
const LESS = 2; // times cheaper, from where the cheapest run within the tolerance comes first
const FIXED = { params: "params", tokens: "tokens", tokens_per_param: "tokens a parameter" };

/** The unit of a difference of losses. */
function brief(unit) {
  return unit === "nats/token" ? "nats" : unit;
}

/** On which text the other run is trained, and its loss. */
function likeWords(q, unit) {
  const text = q.unique ? ` on text without limit, not on ${short(q.unique)} tokens` : "";
  return `${text}: ${fixed(q.target_loss)} ${unit}`;
}

function held(q) {
  return Object.entries(FIXED).filter(([name]) => q.fixed[name]);
}

function verdict(r) {
  const size = `${short(r.params)} parameters on ${short(r.tokens)} tokens`,
    judged = r.question.fixed.params && r.question.fixed.tokens;
  return judged
    ? `${size} reach a loss of ${fixed(r.loss)} ${r.loss_unit}.`
    : `Train ${size} for a loss of ${fixed(r.loss)} ${r.loss_unit}.`;
}

function sentences(r) {
  const found = [
    `Asked: ${questionWords(r.question, r.loss_unit)}.`,
    `It takes ${costWords(r)}.`,
    `At equal spend, ${flatWords(r)}.`,
  ];
  if (cheaperWords(r)) found.splice(1, 0, cheaperWords(r));
  const better = r.best_at_equal_spend;
  if (Math.abs(better.params / r.params - 1) > 1e-6 && better.loss < r.loss) {
    found.push(
      `Better for the same spend: ${short(better.params)} parameters on ${short(better.tokens)} tokens, ${fixed(r.loss - better.loss)} ${brief(r.loss_unit)} less.`,
    );
  }
  return r.data ? [...found, `Text: ${dataWords(r)}.`] : found;
}

/** The cheapest run within the tolerance, where it takes a fraction of the budget. */
function cheaperWords(r) {
  const c = r.cheapest_within_tolerance;
  if (!c || c.cost_factor < LESS) return "";
  return `Cheapest within the tolerance: ${short(c.params)} parameters on ${short(c.tokens)} tokens, ${general(c.loss - r.loss, 2)} ${brief(r.loss_unit)} more for ${grouped(c.cost_factor, 3)} times less.`;
}

function questionWords(q, unit) {
  const fixedTo = held(q)
    .map(([name, unit]) => `${short(q.fixed[name])} ${unit}`)
    .join(", ");
  let goal = q.target ? TARGETS[q.target](q, unit) : "";
  if (SPENT.includes(q.target) && q.served) goal += " for training and serving together";
  return (
    [goal, fixedTo].filter(Boolean).join(" with ") +
    (q.served ? `, serving ${short(q.served)} tokens` : "") +
    (q.most ? `, up to ${short(q.most)} params` : "")
  );
}

function costWords(r) {
  const { unit, train, serve, total, saving, compute_optimal: usual } = r.cost;
  let text = `${money(train, unit)} to train`;
  if (serve) text += ` and ${money(serve, unit)} to serve, ${money(total, unit)} in all`;
  if (Math.abs(saving) > 5e-4 && Number.isFinite(usual.params)) {
    const free = r.data && r.data.binding ? ", were there text enough" : "";
    const share =
      saving > -MANY
        ? `${percent(Math.abs(saving))} ${saving > 0 ? "less" : "more"} than`
        : `${grouped(1 - saving, 3)} times`;
    text += `; ${share} the compute-optimal ${short(usual.params)} at equal loss${free}`;
  }
  return text;
}

function flatWords(r) {
  const [low, high] = r.flat_band.params;
  const ends =
    [low ? `from ${short(low)}` : "", high ? `to ${short(high)}` : ""].filter(Boolean).join(" ") || "of any kind";
  const rows = r.regret.map(row => {
    const name = row.factor < 1 ? "half the size" : "double the size";
    return `${name} ${row.loss_increase === null ? "is not possible" : `loses ${fixed(row.loss_increase)} ${brief(r.loss_unit)}`}`;
  });
  return `sizes ${ends} lose less than ${general(r.flat_band.loss_tolerance, 6)} ${r.loss_unit}; ${rows.join(", ")}`;
}

function dataWords(r) {
  const d = r.data;
  let text = `${grouped(d.epochs, 3)} ${d.epochs === 1 ? "pass" : "passes"} over ${short(d.unique_tokens)} unique tokens`;
  if (!d.binding) return `${text}; the limit does not bind`;
  if (!r.surface.repeats && r.tokens > d.unique_tokens * BINDING) return `${text}; this run is beyond the limit`;
  for (const [name, more] of [
    ["twice the text", d.double],
    ["text without limit", d.unlimited],
  ]) {
    if (more.loss === null) continue;
    const gain =
      Math.abs(more.loss_gain) > 1e-6
        ? `${fixed(more.loss_gain)} ${brief(r.loss_unit)} less`
        : `${percent(more.cost_saving ?? 0)} of the cost saved`;
    text += `; ${name}: ${short(more.params)} on ${short(more.tokens)}, ${gain}`;
  }
  return text;
}

/** Codes and sentences where the plan leaves the law's evidence. */
function warnings(law, r) {
  const found = law.despite.map(code => `The fit was refused (${code}) and planned with despite it.`);
  if (!law.doubt) found.push("No interval is known for these coefficients; a fit of your own table brings one.");
  const { unique } = r.question;
  if (!law.repeats && r.tokens > unique * BINDING && unique) {
    found.push(
      `${short(r.tokens)} tokens are ${general(r.tokens / unique)} passes over the ${short(unique)} unique ones, and the law has no term for repetition: the loss will be higher than it says.`,
    );
  }
  if (r.budget_left) {
    found.push(
      `The limits bind together: the plan takes ${percent(1 - r.budget_left / r.question.value)} of the budget, and the rest buys nothing.`,
    );
  }
  const seen = law.evidence && law.evidence.epochs;
  if (law.repeats && seen && r.data && r.data.epochs > seen[1] * BINDING) {
    found.push(
      `${grouped(r.data.epochs)} passes over the text; the runs behind the law made at most ${grouped(seen[1])}: untested.`,
    );
  }
  if (r.interval.lost > 0.05)
    found.push(`${percent(r.interval.lost)} of the resamples have no answer to this; the intervals are of the others.`);
  if (!law.evidence) return [...found, "The range of the runs behind these coefficients is not known here."];
  const { compute, compute_below: below, tokens_per_param: ratio } = r.extrapolation;
  if (compute > INSIDE)
    found.push(`${general(r.flops)} training FLOPs are ${general(compute)}x the largest run behind the law.`);
  if (below > FAR)
    found.push(`${general(r.flops)} training FLOPs are ${general(below)}x below the smallest run behind the law: untested.`);
  if (ratio > INSIDE)
    found.push(
      `${grouped(r.tokens_per_param)} tokens a parameter lie ${general(ratio)}x outside the runs behind the law: untested; such laws overstate the gain of extreme ratios.`,
    );
  return found;
}

function table(head, rows) {
  const cell = (name, text, i) => `<${name}${i ? ' class="number"' : ""}>${escaped(text)}</${name}>`;
  const body = rows.map(row => `<tr>${row.map((text, i) => cell("td", text, i)).join("")}</tr>`).join("");
  return `<table><thead><tr>${head.map((text, i) => cell("th", text, i)).join("")}</tr></thead><tbody>${body}</tbody></table>`;
}

function numbersTable(r) {
  const { unit } = r.cost,
    cash = v => money(v, unit),
    served = r.cost.serve > 0;
  const row = (name, value, write, key) => [name, write(value), key ? span(r.interval[key], write) : ""];
  const rows = [
    row("parameters", r.params, short, "params"),
    row("training tokens", r.tokens, short, "tokens"),
    row("tokens a parameter", r.tokens_per_param, grouped, "tokens_per_param"),
    row(`loss, ${r.loss_unit}`, r.loss, fixed, "loss"),
    row("training FLOPs", r.flops, general, "flops"),
    row("training", r.cost.train, cash, served ? null : "total"),
    ...(served ? [row("serving", r.cost.serve, cash), row("together", r.cost.total, cash, "total")] : []),
  ];
  const columns = r.level ? 3 : 2;
  return table(
    ["", "plan", `${percent(r.level ?? 0)} interval`].slice(0, columns),
    rows.map(row => row.slice(0, columns)),
  );
}

function breakEvenTable(r) {
  const found = r.break_even;
  if (!found || !found.rows.length) return "";
  const { unit } = r.cost,
    cash = v => (unit === "USD" ? money(v, unit) : general(v));
  const rows = found.rows.map(x => [
    short(x.inference_tokens),
    short(x.params),
    short(x.tokens),
    grouped(x.tokens_per_param, 3),
    cash(x.train),
    cash(x.serve),
    cash(x.total),
    percent(x.saving),
  ]);
  return table(
    ["served tokens", "parameters", "tokens", "D/N", "training", "serving", `total, ${unit}`, "saving"],
    rows,
  );
}

function sizesTable(r) {
  const found = r.break_even;
  if (!found || !found.sizes.length) return "";
  const rows = found.sizes.map(x => [
    short(x.params),
    x.tokens === null ? "never reaches this loss" : short(x.tokens),
    equalWords(x),
  ]);
  return table(["other size", "tokens", "costs the same as the plan at"], rows);
}

function equalWords(x) {
  const at = x.equal_cost_inference_tokens;
  if (x.tokens === null) return DASH;
  if (at === null || at <= 0) return `no demand: it is ${x.cheaper === "above" ? "cheaper" : "dearer"} throughout`;
  return `${short(at)} served tokens, cheaper ${x.cheaper}`;
}

function modelsTable(models) {
  const rows = models.map(m => [
    m.name,
    m.date,
    short(m.params),
    short(m.tokens),
    grouped(m.tokens_per_param, 3),
    m.inference_tokens === null ? "no demand" : short(m.inference_tokens),
    `${fixed(m.size_factor, 2)}x`,
    `${fixed(m.flops_factor, 2)}x`,
  ]);
  return table(["model", "date", "parameters", "tokens", "D/N", "right at, served", "size", "compute"], rows);
}
