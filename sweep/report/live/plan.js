// A plan as data, in the keys of `sweep plan --json`: sweep/plan/plan.py, sureness.py, breakeven.py and explain.py.

const REACH = 15; // in ln N, as far as the flat band is looked for
const INSIDE = 1.001; // a factor up to here counts as inside the fitted range
const FAR = 10; // times below the least fitted compute, from where on it is said
const BINDING = 1.001;
const UNSPENT = 1e-6; // share of a budget; less is rounding

/** The surface of a law of the page with so many unique tokens and up to a size; null for no limit. */
function surfaceOf(law, unique, most = null) {
  if (law.repeats && unique === null)
    throw new Refused("input", "this law needs the unique tokens: how many training tokens exist");
  return {
    c: law.c,
    k: law.k,
    repeats: law.repeats,
    floorIsE: law.floorIsE,
    unique: unique ?? Infinity,
    most: most ?? Infinity,
  };
}

/** The surfaces of the law's resamples. */
function lanesOf(law, s) {
  return law.lanes ? law.lanes.map(c => ({ ...s, c })) : [];
}

/** Everything about a plan. Throws Refused. */
function plan(law, asked) {
  const q = question(asked),
    s = surfaceOf(law, asked.unique, asked.most);
  check(q, s, law.evidence, law.unit);
  const run = answer(q, s);
  refuse(q, s, run);
  const [params, tokens] = bestFor(q, s, run);
  const best = runOf(q, s, params, tokens);
  return {
    ...run,
    question: { ...q, target_loss: wishOf(q, s).loss },
    surface: s,
    loss_unit: law.unit,
    level: law.doubt ? law.doubt.level : null,
    interval: intervals(law, q, s, run),
    flat_band: { loss_tolerance: asked.tolerance, params: flatBand(q, s, params, tokens) },
    cheapest_within_tolerance: cheaperRun(q, s, run),
    budget_left: budgetLeft(q, s, run),
    best_at_equal_spend: { params, tokens, loss: best.loss },
    regret: regret(q, s, params, tokens),
    cost: costBlock(q, s, run),
    break_even: breakEven(q, s, run),
    data: dataBlock(q, s, run),
    extrapolation: extrapolation(law.evidence, run),
  };
}

/** The cheapest run that loses at most the tolerance against `run`; null where the target is no budget. */
function cheaperRun(q, s, run) {
  if (!SPENT.includes(q.target)) return null;
  const { spend, ...wish } = wishOf(q, s);
  const other = runOf(q, s, ...solve(s, { ...wish, loss: run.loss + q.tolerance }));
  const factor = (run.params * (run.tokens + q.load)) / (other.params * (other.tokens + q.load));
  return Number.isFinite(factor) ? { ...other, cost_factor: factor } : null;
}

/** What of a budget the limits leave unspent, in its unit; null where the target is no budget. */
function budgetLeft(q, s, run) {
  if (!SPENT.includes(q.target)) return null;
  const left = q.value - run.params * (run.tokens + q.load) * priceOf(q, s);
  return left > UNSPENT * q.value ? left : 0;
}

/** Best [params, tokens] for what `run` spends: itself, unless its size or tokens were fixed. */
function bestFor(q, s, run) {
  const held = Object.values(q.fixed).filter(Boolean).length;
  if (held + (q.target ? 1 : 0) < 2) return [run.params, run.tokens];
  return solve(s, { spend: run.params * (run.tokens + q.load), load: q.load });
}

/** Intervals of the answer from the answers on every lane; that of the loss is of the law at the recommended run. */
function intervals(law, q, s, run) {
  const names = ["params", "tokens", "flops", "tokens_per_param", "total"];
  if (!law.doubt) return Object.fromEntries([...names, "loss"].map(name => [name, [null, null]]));
  const runs = lanesOf(law, s).map(lane => answer(q, lane));
  const found = Object.fromEntries(
    names.map(name => [name, law.doubt.interval(Float64Array.from(runs, r => r[name]))]),
  );
  const lost = runs.filter(r => !Number.isFinite(r.params * r.tokens)).length / runs.length;
  return { ...found, loss: lossInterval(law, s, run.params, run.tokens), lost };
}

/** Of the law's loss at a run; beyond the fitted compute wider by what the backtest missed. */
function lossInterval(law, s, params, tokens) {
  if (!law.doubt) return [null, null];
  const pair = law.doubt.interval(Float64Array.from(law.lanes, c => loss({ ...s, c }, params, tokens)));
  return widenedLoss(law, loss(s, params, tokens), s.k * params * tokens, pair);
}

function widenedLoss(law, middle, flops, [low, high]) {
  if (low === null || flops <= law.doubt.largest) return [low, high];
  const factor = law.doubt.widening;
  return [middle - factor * Math.max(middle - low, 0), middle + factor * Math.max(high - middle, 0)];
}

/** Loss of ln N = x at a spend, with no more tokens than there are; infinite for a size that is not possible. */
function along(s, spend, load, x) {
  const params = Math.exp(x),
    tokens = Math.min(spend / params - load, mostTokens(s));
  return tokens > 0 && params <= s.most * (1 + 1e-12) ? loss(s, params, tokens) : Infinity;
}

/** [smallest, largest] size within the tolerance of the best at the same spend; null where it has no end. */
function flatBand(q, s, params, tokens) {
  const spend = params * (tokens + q.load),
    most = loss(s, params, tokens) + q.tolerance,
    middle = Math.log(params);
  const low = rising(x => most - along(s, spend, q.load, x), middle - REACH, middle);
  const high = rising(x => along(s, spend, q.load, x) - most, middle, middle + REACH);
  return [low, high].map(x => (Number.isNaN(x) ? null : Math.exp(x)));
}

/** Half and double the size: what it loses at the same spend, and what the same loss costs with it. */
function regret(q, s, params, tokens) {
  const spend = params * (tokens + q.load),
    reached = loss(s, params, tokens);
  return [0.5, 2].map(factor => {
    const size = params * factor;
    const needed = tokensFor(s, size, reached);
    const equal = needed <= mostTokens(s) ? needed : NaN;
    return {
      factor,
      params: size,
      loss_increase: finite(along(s, spend, q.load, Math.log(size)) - reached),
      tokens_for_equal_loss: finite(equal),
      cost_factor_for_equal_loss: finite((size * (equal + q.load)) / spend),
    };
  });
}

function finite(x) {
  return Number.isFinite(x) ? x : null;
}

/** The cheapest run that reaches a loss when so many tokens are served. */
function cheapest(q, s, target, served) {
  const asked = serving(q, served);
  const load = loadOf(q.costs, asked.prompt, asked.generated);
  return runOf(asked, s, ...solve(s, { loss: target, load }));
}

/** What the run costs, against the run of least training compute at equal loss. */
function costBlock(q, s, run) {
  const plain = cheapest(q, unlimited(s), run.loss, 0),
    usual = runOf(q, s, plain.params, plain.tokens);
  const { unit } = q.costs,
    { train, serve, total } = run;
  return {
    unit,
    train,
    serve,
    total,
    train_flops: run.flops,
    serve_flops: run.serve_flops,
    compute_optimal: usual,
    saving: 1 - total / usual.total,
  };
}

/** The cheapest run at each demand, and other sizes against the recommended one, all at its loss. */
function breakEven(q, s, run) {
  const optimal = cheapest(q, unlimited(s), run.loss, 0).params;
  const wanted = q.served ? [...q.versus, run.params / 2, run.params * 2, optimal] : q.versus;
  const sizes = wanted.filter(size => Number.isFinite(size) && Math.abs(Math.log(size / run.params)) > 1e-6);
  if (!sizes.length) return null;
  const demands = q.served ? [0, ...(q.demands ?? [0.01, 0.1, 1, 10, 100].map(step => q.served * step))] : [];
  return {
    loss: run.loss,
    rows: demandRows(q, s, run.loss, demands),
    sizes: sizes.map(size => against(q, s, run, size)),
  };
}

function demandRows(q, s, target, demands) {
  const plain = cheapest(q, unlimited(s), target, 0);
  return demands.map(tokens => {
    const found = cheapest(q, s, target, tokens);
    const usual = runOf(serving(q, tokens), s, plain.params, plain.tokens);
    return { inference_tokens: tokens, ...found, saving: 1 - found.total / usual.total };
  });
}

/** Load of one served token, of the mix that is asked. */
function loadOfToken(q) {
  const asked = serving(q, 1e12);
  return loadOf(q.costs, asked.prompt, asked.generated) / 1e12;
}

/** Another size at the loss of `run`: its tokens, and the demand at which both cost the same. */
function against(q, s, run, size) {
  let tokens = tokensFor(s, size, run.loss);
  let load = (size * tokens - run.params * run.tokens) / (run.params - size);
  if (tokens > mostTokens(s)) tokens = load = NaN;
  return {
    params: size,
    tokens: finite(tokens),
    equal_cost_inference_tokens: finite(load / loadOfToken(q)),
    cheaper: size < run.params ? "above" : "below",
  };
}

/** What the limit of unique tokens does; null where there is none. */
function dataBlock(q, s, run) {
  if (q.unique === null) return null;
  const free = answer(q, { ...s, unique: UNLIMITED }),
    double = answer(q, { ...s, unique: 2 * q.unique });
  const worth = more => ({
    params: finite(more.params),
    tokens: finite(more.tokens),
    loss: finite(more.loss),
    total: finite(more.total),
    loss_gain: finite(run.loss - more.loss),
    cost_saving: finite(1 - more.total / run.total),
  });
  return {
    unique_tokens: q.unique,
    epochs: run.tokens / q.unique,
    binding: s.repeats
      ? run.tokens > q.unique
      : free.tokens > run.tokens * BINDING || run.tokens > q.unique * BINDING,
    double: worth(double),
    unlimited: worth(free),
  };
}

/** How far a run lies outside what the law was measured on, as factors; nulls where that is not known. `compute_below`:
 *  where the run takes less than the least behind the law. */
function extrapolation(evidence, run) {
  if (!evidence) return { compute: null, tokens_per_param: null };
  const [low, high] = evidence.tokens_per_param;
  const outside = Math.max(low / run.tokens_per_param, run.tokens_per_param / high, 1);
  const below = evidence.flops[0] / run.flops;
  const found = { compute: run.flops / evidence.flops[1], tokens_per_param: outside };
  return below > 1 ? { ...found, compute_below: below } : found;
}

/** A known model under the law: the demand at which it is right, and what it costs against compute-optimal. */
function explained(law, q, model) {
  const s = unlimited(surfaceOf(law, UNLIMITED)),
    run = runOf(q, s, model.params, model.tokens);
  const perToken = loadOf(q.rates.serve ? q.costs : PLAIN, 0, 1);
  const demand = rightLoad(s, model.params, model.tokens) / perToken;
  const same = frontier(s, run.flops),
    equal = solve(s, { loss: run.loss, load: 0 });
  return {
    ...model,
    loss: run.loss,
    flops: run.flops,
    tokens_per_param: run.tokens_per_param,
    inference_tokens: demand >= 0 ? demand : null,
    size_factor: model.params / same[0],
    flops_factor: run.flops / (s.k * equal[0] * equal[1]),
    extrapolation: extrapolation(law.evidence, run),
  };
}
