// Intervals from the resamples of a fit: the `adjusted` method of sweep/fit/interval.py, whose docstring explains it.


/** Distribution function of the normal distribution, by its power series (Marsaglia 2004); for |z| below 7. */
function normalCdf(z) {
  let term = z,
    sum = z;
  for (let k = 3; Math.abs(term) > 1e-17 * Math.abs(sum) && k < 400; k += 2) sum += term *= (z * z) / k;
  return 0.5 + (sum * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI);
}

/** Its inverse, by Newton's method from Tukey's lambda. */
function normalQuantile(p) {
  let z = 4.91 * (Math.pow(p, 0.14) - Math.pow(1 - p, 0.14));
  for (let i = 0; i < 6; i++) z -= (normalCdf(z) - p) * Math.sqrt(2 * Math.PI) * Math.exp((z * z) / 2);
  return z;
}

/** What turns values on the lanes into intervals. */
class Doubt {
  /** given: {lanes, groups, level, reach, least: values without which there is no interval,
   *  drawn: Uint8Array [lanes, groups] or null}. */
  constructor(given) {
    Object.assign(this, given);
    this.scores = new Map();
    this.factors = new Map();
    this.products = null;
  }

  /** [low, high] of values on the lanes; nulls without `least` that are finite. */
  interval(values) {
    const good = [];
    for (let i = 0; i < values.length; i++) if (Number.isFinite(values[i])) good.push(i);
    if (good.length < this.least) return [null, null];
    const order = Uint32Array.from(good).sort((i, j) => values[i] - values[j]);
    const z = Math.sqrt(this.share(values, good, order)) * this.reach;
    const sorted = Float64Array.from(order, i => values[i]);
    return [quantile(sorted, normalCdf(-z)), quantile(sorted, normalCdf(z))];
  }

  /** Normal scores of n values without ties, by rank. */
  ranks(n) {
    if (!this.scores.has(n))
      this.scores.set(
        n,
        Float64Array.from({ length: n }, (_, i) => normalQuantile((i + 0.5) / n)),
      );
    return this.scores.get(n);
  }

  /** Share of the variance of normal scores that is linear in the counts: adjusted R^2 between 0.05 and 1. */
  share(values, good, order) {
    const n = good.length,
      groups = this.groups;
    if (!this.drawn || groups < 2 || n < 2 * groups) return 1;
    const table = this.ranks(n),
      score = new Float64Array(values.length);
    for (let i = 0; i < n;) {
      let j = i + 1;
      while (j < n && values[order[j]] === values[order[i]]) j++;
      const shared = j - i === 1 ? table[i] : normalQuantile((i + j) / 2 / n);
      for (; i < j; i++) score[order[i]] = shared;
    }
    let mean = 0,
      total = 0;
    for (const i of good) mean += score[i] / n;
    for (const i of good) total += (score[i] - mean) ** 2;
    if (total === 0) return 1;
    const slope = new Float64Array(groups);
    for (const i of good) {
      const s = score[i] - mean,
        row = i * groups;
      for (let j = 0; j < groups; j++) slope[j] += this.drawn[row + j] * s;
    }
    const part = forward(
      this.factor(good),
      slope.subarray(0, groups - 1).map(x => x - slope[groups - 1]),
    );
    const explained = part.reduce((sum, x) => sum + x * x, 0);
    const share = 1 - (((total - explained) / total) * (n - 1)) / (n - groups);
    return Math.min(Math.max(share, 0.05), 1);
  }

  /** Cholesky factor of the centred counts of the good lanes. */
  factor(good) {
    const there = new Uint8Array(this.lanes);
    for (const i of good) there[i] = 1;
    const missing =
      good.length === this.lanes
        ? ""
        : Array.from(there.keys())
            .filter(i => !there[i])
            .join();
    if (!this.factors.has(missing)) {
      if (this.factors.size > 50) this.factors.clear();
      this.factors.set(missing, cholesky(...this.centred(missing ? missing.split(",").map(Number) : [], good.length)));
    }
    return this.factors.get(missing);
  }

  /** [matrix, size] of sums of products of (count - last count), less their means, without the missing lanes. */
  centred(missing, n) {
    const g = this.groups,
      last = g - 1;
    this.products ??= crossed(
      this.drawn,
      g,
      Array.from({ length: this.lanes }, (_, i) => i),
    );
    const without = missing.length ? crossed(this.drawn, g, missing) : null;
    const sum = (j, k) => this.products[j * (g + 1) + k] - (without ? without[j * (g + 1) + k] : 0);
    const matrix = new Float64Array(last * last);
    for (let j = 0; j < last; j++) {
      for (let k = 0; k <= j; k++) {
        const product = sum(j, k) - sum(last, j) - sum(last, k) + sum(last, last);
        matrix[j * last + k] = product - ((sum(g, j) - sum(g, last)) * (sum(g, k) - sum(g, last))) / n;
      }
    }
    return [matrix, last];
  }
}

/** Lower triangle of sums over rows of products of counts, [groups + 1, groups + 1]; the last row are plain sums. */
function crossed(drawn, g, rows) {
  const sums = new Float64Array((g + 1) * (g + 1));
  for (const i of rows) {
    const row = drawn.subarray(i * g, (i + 1) * g);
    for (let j = 0; j < g; j++) {
      const count = row[j];
      if (count) for (let k = 0, at = j * (g + 1); k <= j; k++) sums[at + k] += count * row[k];
      sums[g * (g + 1) + j] += count;
    }
  }
  return sums;
}

/** Lower triangular L with L L' = matrix, of which the lower triangle is read. */
function cholesky(matrix, n) {
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = matrix[i * n + j];
      for (let k = 0; k < j; k++) sum -= matrix[i * n + k] * matrix[j * n + k];
      matrix[i * n + j] = i === j ? Math.sqrt(Math.max(sum, 1e-300)) : sum / matrix[j * n + j];
    }
  }
  return matrix;
}

/** y with L y = right. */
function forward(lower, right) {
  const n = right.length;
  for (let i = 0; i < n; i++) {
    let sum = right[i];
    for (let k = 0; k < i; k++) sum -= lower[i * n + k] * right[k];
    right[i] = sum / lower[i * n + i];
  }
  return right;
}

/** Quantile of sorted values, linear between them. */
function quantile(sorted, p) {
  const at = (sorted.length - 1) * p,
    low = Math.floor(at),
    high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}
