// What is asked, its price, and the run that answers it: sweep/plan/question.py, prices.py and infeasible.py.
//
// asked: {target, value, fixed: {params, tokens, tokens_per_param}, prompt, generated, unique, most, tolerance, versus,
//         rates: {train, serve, prompt}}, a rate being {usd, mfu, peak} or null.

const FORWARD = 3; // times a forward pass that training takes
const SMALLEST = 1e6; // parameters, where the runs behind a law are not known
const SPENT = ["compute", "usd", "device_hours"];
const OPTION = { usd: "USD", device_hours: "device-hours" };

/** Costs {unit, train, serve, prompt} as prices of a FLOP. */
function costsOf(asked) {
  const { train, serve, prompt } = asked.rates,
    served = asked.prompt + asked.generated > 0;
  const given = [train, serve, prompt].filter(Boolean),
    needed = OPTION[asked.target];
  for (const rate of given) {
    if (!(rate.mfu > 0 && rate.mfu <= 1))
      throw new Refused("input", "a share of the peak (MFU) lies above 0 and at most 1");
    if (!(rate.peak > 0)) throw new Refused("input", "say the dense peak in FLOP/s");
    if (rate.usd !== null && !(rate.usd > 0)) throw new Refused("input", "a price is positive, or left empty");
  }
  if (!train && given.length) throw new Refused("input", "say what training costs as well");
  if (train && served && !serve) throw new Refused("input", "say what serving costs as well");
  if (needed && !given.length) throw new Refused("input", `a budget in ${needed} needs the device of training`);
  const unpriced = given.filter(rate => rate.usd === null);
  if (unpriced.length && (needed === "USD" || unpriced.length < given.length)) {
    throw new Refused("input", "a price is missing; there is no default price");
  }
  const unit = needed ?? (!given.length ? "FLOPs" : unpriced.length ? "device-hours" : "USD");
  const price = rate =>
    unit === "FLOPs" || !rate ? 1 : (unit === "device-hours" ? 1 : (rate.usd ?? 0)) / (3600 * rate.peak * rate.mfu);
  return { unit, train: price(train), serve: price(serve), prompt: price(prompt ?? serve) };
}

const PLAIN = { unit: "FLOPs", train: 1, serve: 1, prompt: 1 };

/** Training tokens that cost what serving does. */
function loadOf(costs, prompt, generated) {
  return (prompt * costs.prompt + generated * costs.serve) / (FORWARD * costs.train);
}

/** A question to ask of any surface: `asked` with its costs and its load. */
function question(asked) {
  return loaded({ ...asked, costs: costsOf(asked) });
}

/** With the load of its demand. A budget in FLOPs counts FLOPs, whatever the prices are. */
function loaded(q) {
  return {
    ...q,
    load: loadOf(q.target === "compute" ? PLAIN : q.costs, q.prompt, q.generated),
    served: q.prompt + q.generated,
  };
}

/** The same serving so many tokens in all; all of them generated where none were asked. */
function serving(q, tokens) {
  const factor = q.served ? tokens / q.served : 0;
  return loaded({ ...q, prompt: q.prompt * factor, generated: q.served ? q.generated * factor : tokens });
}

/** Of one parameter and training token, in the unit of the budget. */
function priceOf(q, s) {
  return s.k * (q.target === "compute" ? 1 : q.costs.train);
}

function wishOf(q, s) {
  const wish = { load: q.load, params: q.fixed.params, tokens: q.fixed.tokens, ratio: q.fixed.tokens_per_param };
  const free = unlimited(s);
  if (q.target === "loss") wish.loss = q.value;
  else if (q.target === "like_compute") wish.loss = loss(free, ...frontier(s, q.value));
  else if (q.target === "like_params") wish.loss = loss(free, q.value, rightTokens(free, q.value, 0));
  else if (q.target) wish.spend = q.value / priceOf(q, s);
  return wish;
}

/** What a run of (params, tokens) reaches and takes. */
function runOf(q, s, params, tokens) {
  const flops = s.k * params * tokens,
    perFlop = (s.k / FORWARD) * params;
  const serve = perFlop * (q.prompt * q.costs.prompt + q.generated * q.costs.serve);
  const train = flops * q.costs.train;
  const run = { params, tokens, loss: loss(s, params, tokens), flops, serve_flops: perFlop * q.served, train, serve };
  return { ...run, total: train + serve, tokens_per_param: tokens / params };
}

/** The run that answers on a surface; NaN where nothing does. */
function answer(q, s) {
  return runOf(q, s, ...solve(s, wishOf(q, s)));
}

/** Refuse a budget that serving alone exceeds, and a loss at or below the floor. */
function check(q, s, evidence, unit) {
  const wish = wishOf(q, s);
  if (SPENT.includes(q.target) && q.served) {
    const least = q.fixed.params || (evidence ? evidence.params[0] : SMALLEST);
    if (wish.spend <= least * wish.load) {
      const unit = q.target === "compute" ? "FLOPs" : q.costs.unit;
      const size = q.fixed.params ? "that size" : "the smallest size behind the law";
      const alone = money(least * wish.load * priceOf(q, s), unit);
      throw new Refused(
        "infeasible",
        `Serving ${short(q.served)} tokens with ${short(least)} parameters (${size}) alone takes ${alone}; the budget is ${money(q.value, unit)}. Raise it, serve less, or ask for a loss.`,
      );
    }
  }
  if (wish.loss !== undefined) checkFloor(q, s, wish.loss, unit);
}

/** Refuse a loss at or below what infinite size and text leave, or what the text that exists leaves. */
function checkFloor(q, s, target, unit) {
  const floor = floorOf(s);
  if (!(target > floor)) {
    throw new Refused(
      "below_floor",
      `A loss of ${fixed(target)} is at or below the floor of the law, ${fixed(floor)} ${unit}: no model reaches it. Ask for a higher loss.`,
    );
  }
  if (s.repeats && !(target > loss(s, 1e30, 1e30))) {
    const other = q.target === "loss" ? "" : " (that of a run on text without limit)";
    throw new Refused(
      "data_limited",
      `A loss of ${fixed(target)}${other} is at or below ${fixed(loss(s, 1e30, 1e30))}, the least that ${short(s.unique)} unique tokens give at any size and any number of passes: get more text, or ask for a higher loss.`,
    );
  }
}

/** Refuse a run that is not finite, or that breaks the limit of size. */
function refuse(q, s, run) {
  if (run.params > s.most * SLACK)
    throw new Refused(
      "input",
      `what is held fixed makes ${short(run.params)} parameters, above the largest size ${short(s.most)}; leave one out`,
    );
  if ([run.params, run.tokens].every(x => Number.isFinite(x) && x > 0)) return;
  const wish = wishOf(q, s);
  if (wish.loss === undefined) throw new Refused("no_optimum", "The law has no best size here.");
  const held = Object.entries(q.fixed).filter(([, value]) => value),
    [sized, texted] = [s.most, mostTokens(s)].map(Number.isFinite);
  const size = sized ? `No size up to ${short(s.most)}` : "No size";
  const who = held.length
    ? `No run with ${held.map(([name, value]) => `${words(name)} of ${short(value)}`).join(", ")}`
    : size;
  const on = texted ? ` on ${short(mostTokens(s))} unique tokens` : "";
  const needed = texted && !sized ? answer(q, unlimited(s)).tokens : NaN;
  const more = Number.isFinite(needed) ? ` without the limit it takes ${short(needed)} tokens;` : "";
  throw new Refused(
    texted && !sized ? "data_limited" : "unreachable",
    `${who} reaches a loss of ${fixed(wish.loss)}${on};${more} the least within reach is ${fixed(leastOf(s, wish))}.`,
  );
}

/** The least loss within the limits and with what is held fixed. */
function leastOf(s, wish) {
  let params = Math.min(wish.params || s.most, 1e30),
    tokens = Math.min(wish.tokens || mostTokens(s), 1e30);
  if (wish.ratio) {
    params = Math.min(params, tokens / wish.ratio);
    tokens = params * wish.ratio;
  }
  return loss(s, params, tokens);
}

function words(name) {
  return { params: "a size", tokens: "a horizon", tokens_per_param: "a ratio" }[name];
}
