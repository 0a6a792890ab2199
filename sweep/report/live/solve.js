// What to train for a budget or a loss where serving has its price: sweep/plan/optimum.py. Serving costs what `load` more
// training tokens would, so that every question is about N (D + load), the spend.

const LOW = 0,
  HIGH = 110; // ln of counts

/** x with f(x) = 0 of a rising f, by false position kept in a bracket; NaN where f does not change its sign. */
function rising(f, low = LOW, high = HIGH) {
  let below = f(low),
    above = f(high);
  if (!(below <= 0 && above >= 0)) return NaN;
  if (below === 0) return low;
  if (above === 0) return high;
  for (let i = 0, side = 0; i < 200 && high - low > 4e-16 * Math.max(1, Math.abs(low)); i++) {
    const guess = (low * above - high * below) / (above - below);
    const x = i % 4 < 3 && guess > low && guess < high ? guess : (low + high) / 2;
    const value = f(x);
    if (value === 0) return x;
    if (value < 0) {
      if (side < 0) above /= 2; // the Illinois rule
      [low, below, side] = [x, value, -1];
    } else {
      if (side > 0) below /= 2;
      [high, above, side] = [x, Number.isNaN(value) ? Infinity : value, 1];
    }
    if (i % 4 === 3) side = 0;
  }
  return (low + high) / 2;
}

/** Zero of a rising concave (or convex) function by Newton's method from x; slope(x) is its derivative. */
function newton(f, slope, x) {
  for (let i = 0; i < 60; i++) {
    const step = f(x) / slope(x);
    x -= step;
    if (!(Math.abs(step) > 1e-14 * Math.max(1, Math.abs(x)))) break;
  }
  return x >= LOW && x <= HIGH ? x : NaN;
}

/** Least loss with N (D + load) = spend. */
function atSpend(s, spend, load) {
  const [n, d] = plainAtSpend(s, spend, load);
  if (!s.repeats || !(d > s.unique)) return [n, d];
  const x = risen(s, x => spend / (Math.exp(x) + load), load);
  return [spend / (Math.exp(x) + load), Math.exp(x)];
}

/** The same where data do not repeat. */
function plainAtSpend(s, spend, load) {
  if (load === 0) return frontier({ ...s, k: 1 }, spend);
  const c = s.c,
    money = Math.log(spend);
  const excess = x =>
    c.balance - c.alpha * (money - Math.log(Math.exp(x) + load)) + c.beta * x - Math.log1p(load * Math.exp(-x));
  const slope = x => c.beta + (c.alpha * Math.exp(x) + load) / (Math.exp(x) + load);
  const x = newton(excess, slope, Math.log(frontier({ ...s, k: 1 }, spend)[1]));
  return [spend / (Math.exp(x) + load), Math.exp(x)];
}

/** Least N (D + load) with the loss reached. */
function atLoss(s, target, load) {
  const c = s.c,
    inner = Math.log(innerAt(c, target)),
    share = c.beta / c.alpha;
  if (Number.isNaN(inner)) return [NaN, NaN];
  const reached = x => inner - Math.log(c.B) + c.beta * x - Math.log(1 + share * (1 + load * Math.exp(-x)));
  const slope = x => c.beta + (share * load * Math.exp(-x)) / (1 + share * (1 + load * Math.exp(-x)));
  const start = (Math.log(c.B * (1 + share)) - inner) / c.beta;
  const tokens = Math.exp(load === 0 ? start : newton(reached, slope, start));
  const free = { ...s, repeats: false };
  if (!s.repeats || tokens <= s.unique) return [paramsFor(free, tokens, target), tokens];
  const d = Math.exp(risen(s, x => paramsFor(s, Math.exp(x), target), load));
  return [paramsFor(s, d, target), d];
}

/** ln D beyond the unique tokens at which the size paramsAt(ln D) is right, by the derivatives of the repetition law. */
function risen(s, paramsAt, load) {
  const c = s.c,
    most = fed(c, s.unique),
    start = Math.log(s.unique);
  const excess = x => {
    const n = paramsAt(x),
      d = Math.exp(x);
    if (!(n < Infinity)) return -Infinity; // no size reaches the loss on so few tokens
    const more = Math.max(n / most - 1, 0),
      size = saturating(Math.min(n, most), n, c.R_N);
    const passes = Math.max(d / s.unique - 1, 0),
      data = saturating(s.unique, d, c.R_D);
    const ofParams = Math.log(c.alpha * c.A) - (c.alpha + 1) * Math.log(size) + Math.log(n) - more / c.R_N;
    const ofTokens = Math.log(c.beta * c.B) - (c.beta + 1) * Math.log(data) + Math.log(d + load) - passes / c.R_D;
    return ofParams - ofTokens;
  };
  return excess(start) >= 0 ? start : rising(excess, start);
}

/** Tokens with which `params` is the right size under the load. */
function rightTokens(s, params, load) {
  return Math.exp(rising(x => logWorth(s, params, Math.exp(x)) - Math.log1p(load * Math.exp(-x))));
}

/** Size for which `tokens` is the right horizon under the load. */
function rightParams(s, tokens, load) {
  return Math.exp(rising(x => Math.log1p(load / tokens) - logWorth(s, Math.exp(x), tokens)));
}

/** The load under which (params, tokens) is right; negative where no demand makes it so. */
function rightLoad(s, params, tokens) {
  return tokens * Math.expm1(logWorth(s, params, tokens));
}

/** [params, tokens] that answer a wish {spend | loss, params, tokens, ratio, load}; NaN where nothing does. */
function solve(s, wish) {
  const held = ["spend", "loss", "params", "tokens", "ratio"].filter(
    name => wish[name] !== undefined && wish[name] !== null,
  );
  if (held.length === 1) return oneFixed(s, wish, held[0]);
  if (held.length !== 2 || (held.includes("spend") && held.includes("loss"))) {
    const named = held.join(", ") || "nothing is";
    throw new Refused("input", `${named} given; give a target, or hold two of params, tokens and tokens per parameter`);
  }
  return twoFixed(s, wish);
}

/** The best run within the limits: at one that binds the other quantity follows. */
function oneFixed(s, wish, held) {
  const most = mostTokens(s),
    load = wish.load;
  if (held === "ratio") throw new Refused("input", "ratio given; give a target as well");
  if (held === "params") return [wish.params, Math.min(rightTokens(s, wish.params, load), most)];
  if (held === "tokens") return [Math.min(rightParams(s, wish.tokens, load), s.most), wish.tokens];
  let [params, tokens] = held === "spend" ? atSpend(s, wish.spend, load) : atLoss(s, wish.loss, load);
  if (tokens > most)
    [params, tokens] = [held === "spend" ? wish.spend / (most + load) : paramsFor(s, most, wish.loss), most];
  if (!(params > s.most)) return [params, tokens];
  return [s.most, held === "spend" ? tokensLeft(s, wish, s.most) : within(tokensFor(s, s.most, wish.loss), most)];
}

/** Tokens that a spend leaves for a size, up to those that there are; NaN where serving alone takes the spend. */
function tokensLeft(s, wish, params) {
  const tokens = wish.spend / params - wish.load;
  return tokens > 0 ? Math.min(tokens, mostTokens(s)) : NaN;
}

/** A value up to a limit; NaN above it, but for rounding. */
function within(value, most) {
  return value <= most * SLACK ? Math.min(value, most) : NaN;
}

/** Where two constraints meet, within the limits of what was not itself held fixed. */
function twoFixed(s, wish) {
  const { spend, loss: target, params: n, tokens: d, ratio: m, load } = wish;
  const has = x => x !== undefined && x !== null;
  if (has(n) && has(d)) return [n, d];
  if (has(spend)) {
    if (has(n)) return [n, tokensLeft(s, wish, n)];
    if (has(d)) return [Math.min(spend / (d + load), s.most), d];
    const free = (2 * spend) / (load + Math.sqrt(load * load + 4 * m * spend)); // N (m N + load) = spend
    const size = Math.min(free, s.most, mostTokens(s) / m);
    return [size, m * size];
  }
  if (has(target)) {
    if (has(n)) return [n, within(tokensFor(s, n, target), mostTokens(s))];
    if (has(d)) return [within(paramsFor(s, d, target), s.most), d];
    const free = Math.exp(rising(x => target - loss(s, Math.exp(x), m * Math.exp(x))));
    const size = within(free, Math.min(s.most, mostTokens(s) / m));
    return [size, m * size];
  }
  return has(n) ? [n, m * n] : [d / m, d];
}
