// The loss of a law as a planner sees it: sweep/plan/surface.py for laws of the form
//
//     L(N, D) = E + (A N^-alpha + B D^-beta)^gamma
//
// and for the same with repeated data (sweep/laws/data_constrained.py). A surface is
// {c, k, repeats, floorIsE, unique, most}: unique tokens and the largest size, both Infinity where there is no limit.

const UNLIMITED = 1e30;
const SLACK = 1 + 1e-9; // times a limit: what lies on it may round to above it
const STEP = 1e-4; // in ln N or ln D, of the differences that give elasticities

/** Coefficients with what follows from them once. */
function coefficients(values) {
  const c = { gamma: 1, R_D: null, R_N: null, ...values };
  c.balance = Math.log((c.alpha * c.A) / (c.beta * c.B));
  c.scale = Math.exp(c.balance / (c.alpha + c.beta)); // G of the repetition law
  return c;
}

/** The surface without a limit of data or of size. */
function unlimited(s) {
  return { ...s, unique: s.repeats ? UNLIMITED : Infinity, most: Infinity };
}

/** Most tokens that training may see. */
function mostTokens(s) {
  return s.repeats ? Infinity : s.unique;
}

/** Effective amount of `total` of which `unique` are distinct. */
function saturating(unique, total, star) {
  return unique * (1 - star * Math.expm1(-Math.max(total / unique - 1, 0) / star));
}

/** Size that so many distinct tokens feed. */
function fed(c, tokens) {
  return c.scale * Math.pow(c.scale * tokens, c.beta / c.alpha);
}

function loss(s, params, tokens) {
  const c = s.c;
  let n = params,
    d = tokens;
  if (s.repeats) {
    const distinct = Math.min(tokens, s.unique);
    n = saturating(Math.min(params, fed(c, distinct)), params, c.R_N);
    d = saturating(distinct, tokens, c.R_D);
  }
  const inner = c.A * Math.pow(n, -c.alpha) + c.B * Math.pow(d, -c.beta);
  return c.E + (c.gamma === 1 ? inner : Math.pow(inner, c.gamma));
}

/** Loss that no size and no amount of fresh text gets below; 0 of a law without a floor. */
function floorOf(s) {
  return s.floorIsE ? s.c.E : loss(unlimited(s), 1e30, 1e30);
}

/** A N^-alpha + B D^-beta at a loss; NaN at or below E. */
function innerAt(c, target) {
  return target > c.E ? Math.pow(target - c.E, 1 / c.gamma) : NaN;
}

function tokensFor(s, params, target) {
  const c = s.c;
  if (s.repeats) return Math.exp(rising(x => target - loss(s, params, Math.exp(x))));
  const left = innerAt(c, target) - c.A * Math.pow(params, -c.alpha);
  return left > 0 ? Math.pow(c.B / left, 1 / c.beta) : NaN;
}

function paramsFor(s, tokens, target) {
  const c = s.c;
  const distinct = s.repeats ? Math.min(tokens, s.unique) : tokens;
  const data = s.repeats ? saturating(distinct, tokens, c.R_D) : tokens;
  const left = innerAt(c, target) - c.B * Math.pow(data, -c.beta);
  const size = left > 0 ? Math.pow(c.A / left, 1 / c.alpha) : NaN;
  if (!s.repeats) return size;
  const enough = fed(c, distinct);
  return size <= enough ? size : enough * (1 - c.R_N * Math.log(1 - (size / enough - 1) / c.R_N));
}

/** ln of how much more the loss falls with ln N than with ln D: 0 along the compute-optimal frontier. */
function logWorth(s, params, tokens) {
  const c = s.c;
  if (!s.repeats) return c.balance - c.alpha * Math.log(params) + c.beta * Math.log(tokens);
  const up = Math.exp(STEP),
    down = Math.exp(-STEP);
  const ofParams = loss(s, params * down, tokens) - loss(s, params * up, tokens);
  return Math.log(ofParams / (loss(s, params, tokens * down) - loss(s, params, tokens * up)));
}

/** Compute-optimal [params, tokens] of a budget in training FLOPs, whatever data there are. */
function frontier(s, flops) {
  const c = s.c,
    size = flops / s.k;
  const params = Math.exp((c.balance + c.beta * Math.log(size)) / (c.alpha + c.beta));
  return [params, size / params];
}
