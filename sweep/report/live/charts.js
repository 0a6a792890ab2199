// The charts of a plan: from the law and the record to what draw.js draws.

const POINTS = 60,
  BANDS = 13; // of a line; of the intervals around it

/** n numbers from low to high, evenly in their logarithms. */
function spaced(low, high, n) {
  return Array.from({ length: n }, (_, i) => low * (high / low) ** (i / (n - 1)));
}

/** Loss and size along the compute-optimal frontier, with intervals from the lanes, and the plan's run. */
function frontierCharts(law, record) {
  const range = law.evidence ? law.evidence.flops : [1e18, 1e22];
  const [low, high] = [Math.min(range[0], record.flops) / 1.5, Math.max(range[1], record.flops, 10 * range[1]) * 1.5];
  const s = unlimited(record.surface);
  const budgets = spaced(low, high, POINTS),
    x = { title: "training FLOPs C", log: true, domain: [low, high], write: general };
  const bands = law.doubt ? frontierBands(law, s, low, high) : { loss: [], params: [] };
  const lossLine = budgets.map(flops => [flops, loss(s, ...frontier(s, flops))]);
  const sizeLine = budgets.map(flops => [flops, frontier(s, flops)[0]]);
  const own = [record.flops, record.loss],
    size = [record.flops, record.params];
  const edge = law.evidence ? [{ kind: "rule", x: law.evidence.flops[1], color: MUTED }] : [];
  const told = [{ x: record.flops, y: record.loss, text: "this plan", color: ORANGE, dot: true }];
  const lossSpan = [...lossLine, own].map(p => p[1]);
  return [
    {
      name: "frontier-loss",
      height: 280,
      x,
      label: "Loss along the compute-optimal frontier",
      y: { title: `loss, ${record.loss_unit}`, domain: padded(lossSpan), write: v => String(Number(v.toFixed(3))) },
      marks: [
        ...edge,
        { kind: "area", points: bands.loss, color: BLUE },
        { kind: "line", points: lossLine, color: BLUE },
        { kind: "points", points: [own], color: ORANGE, size: 5 },
      ],
      labels: told,
    },
    {
      name: "frontier-params",
      height: 280,
      x,
      label: "Compute-optimal size along the frontier",
      y: {
        title: "compute-optimal parameters N*",
        log: true,
        domain: logPadded([...sizeLine, size].map(p => p[1])),
        write: short,
      },
      marks: [
        ...edge,
        { kind: "area", points: bands.params, color: BLUE },
        { kind: "line", points: sizeLine, color: BLUE },
        { kind: "points", points: [size], color: ORANGE, size: 5 },
      ],
      labels: [{ ...told[0], y: record.params }],
    },
  ];
}

/** Intervals along the frontier do not depend on what is asked, so each law keeps its last. */
function frontierBands(law, s, low, high) {
  const key = `${low} ${high}`;
  if (law.bands?.key === key) return law.bands;
  const budgets = spaced(low, high, BANDS);
  const at = budgets.map(flops => law.lanes.map(c => frontier({ ...s, c }, flops)));
  const params = budgets.map((flops, i) => [flops, ...law.doubt.interval(Float64Array.from(at[i], run => run[0]))]);
  const losses = budgets.map((flops, i) => {
    const values = Float64Array.from(at[i], (run, j) => loss({ ...s, c: law.lanes[j] }, ...run));
    return [flops, ...widenedLoss(law, loss(s, ...frontier(s, flops)), flops, law.doubt.interval(values))];
  });
  law.bands = { key, params, loss: losses };
  return law.bands;
}

/** The right size against how much is served, for the target as it is, with intervals from the lanes. */
function demandChart(law, record) {
  const { question: q, surface: s } = record,
    middle = q.served || 1e12;
  const [low, high] = [middle / 300, middle * 300];
  const sizeAt = served => {
    const asked = serving(q, served);
    return on => solve(on, wishOf(asked, on))[0];
  };
  const points = spaced(low, high, POINTS).map(served => [served, sizeAt(served)(s)]);
  const lanes = lanesOf(law, s);
  const interval = served => law.doubt.interval(Float64Array.from(lanes, sizeAt(served)));
  const band = law.doubt ? spaced(low, high, law.repeats ? 5 : BANDS).map(served => [served, ...interval(served)]) : [];
  const known = points.filter(p => Number.isFinite(p[1]) && p[1] > 0);
  if (!known.length) return null;
  const marks = [
    { kind: "area", points: band, color: BLUE },
    { kind: "line", points: known, color: BLUE },
  ];
  if (q.served) marks.push({ kind: "points", points: [[q.served, record.params]], color: ORANGE, size: 5 });
  const values = [...known.map(p => p[1]), record.params, ...band.flatMap(p => p.slice(1)).filter(v => v > 0)];
  return {
    name: "demand",
    height: 300,
    label: "The right size against served tokens",
    marks,
    x: { title: "tokens served over the model's life", log: true, domain: [low, high], write: short },
    y: { title: "the right size, parameters", log: true, domain: logPadded(values), write: short },
    labels: q.served ? [{ x: q.served, y: record.params, text: "this plan", color: ORANGE, dot: true }] : [],
  };
}

/** What the plan's loss costs with each size, training and serving, with the flat band of sizes behind. */
function costChart(record) {
  const { question: q, surface: s } = record,
    { unit } = record.cost,
    base = record.best_at_equal_spend.params;
  const rows = spaced(base / 8, base * 8, 4 * POINTS)
    .map(params => {
      const tokens = tokensFor(s, params, record.loss);
      return params <= s.most * (1 + 1e-12) && tokens <= mostTokens(s) ? runOf(q, s, params, tokens) : null;
    })
    .filter(run => run && Number.isFinite(run.total));
  if (rows.length < 2) return null;
  const least = Math.min(...rows.map(run => run.total)),
    top = 6 * least;
  const shown = rows.filter(run => run.total <= top),
    of = name => shown.map(run => [run.params, run[name]]);
  const band = record.flat_band.params,
    served = q.served > 0;
  const marks = [{ kind: "band", from: band[0], to: band[1], color: GREEN }];
  if (served)
    marks.push(
      { kind: "line", points: of("train"), color: BLUE, dash: "5 3", width: 1.4 },
      { kind: "line", points: of("serve"), color: ORANGE, dash: "2 3", width: 1.4 },
    );
  marks.push(
    { kind: "line", points: of("total"), color: INK, width: 2.2 },
    { kind: "points", points: [[record.params, record.total]], color: ORANGE, size: 5 },
  );
  const floor = served ? Math.min(...shown.flatMap(run => [run.train, run.serve])) : least;
  const ends = [shown[0], shown[shown.length - 1]];
  const apart = kind => ends[ends[0].total / ends[0][kind] > ends[1].total / ends[1][kind] ? 0 : 1];
  return {
    name: "cost",
    height: 300,
    label: "Cost of the plan's loss against model size",
    marks,
    x: {
      title: "parameters N",
      log: true,
      domain: logPadded([...shown.map(run => run.params), record.params], 0.06),
      write: short,
    },
    y: {
      title: `cost of a loss of ${fixed(record.loss)}, ${unit}`,
      log: true,
      domain: logPadded([Math.max(floor, least / 30), top]),
      write: unit === "USD" ? v => `$${short(v)}` : general,
    },
    labels: [
      { x: record.params, y: record.total, text: "this plan", color: ORANGE, dot: true },
      { x: ends[1].params, y: ends[1].total, text: served ? "together" : "training", color: INK },
      ...(served
        ? [
            ["train", "training", BLUE],
            ["serve", "serving", ORANGE],
          ].map(([kind, text, color]) => ({ x: apart(kind).params, y: apart(kind)[kind], text, color }))
        : []),
    ],
  };
}

/** What some sizes cost at equal loss, over the cheapest there is, against how much is served. */
function breakEvenChart(record) {
  const found = record.break_even,
    { question: q, surface: s } = record;
  if (!found || !q.served) return null;
  const sizes = [{ params: record.params, tokens: record.tokens, plan: true }, ...found.sizes].filter(
    size => size.tokens,
  );
  const [low, high] = [q.served / 1000, q.served * 100],
    demands = spaced(low, high, POINTS);
  const best = demands.map(served => cheapest(q, s, record.loss, served).total);
  const lines = sizes.map(({ params, tokens }) =>
    demands.map((served, i) => [served, runOf(serving(q, served), s, params, tokens).total / best[i]]),
  );
  const top = Math.min(
    8,
    Math.max(
      1.5,
      ...lines
        .flat()
        .map(p => p[1])
        .filter(Number.isFinite),
    ),
  );
  const end = points => points.filter(p => p[1] <= top * 0.98);
  return {
    name: "break-even",
    height: 300,
    label: "Cost of sizes at equal loss over the cheapest, against served tokens",
    x: { title: "tokens served over the model's life", log: true, domain: [low, high], write: short },
    y: {
      title: `cost of a loss of ${fixed(record.loss)}, times that of the cheapest size`,
      log: true,
      domain: [0.97, top],
      write: v => `${general(v)}x`,
      ticks: [1, 1.2, 1.5, 2, 3, 5, 8].filter(t => t <= top),
    },
    marks: [
      { kind: "rule", x: q.served, color: MUTED },
      ...lines.map((points, i) => ({ kind: "line", points, color: LINES[i % LINES.length], width: i ? 1.5 : 2.4 })),
    ],
    labels: lines.flatMap((points, i) => {
      const inside = end(points),
        rising = points[POINTS - 1][1] > points[0][1];
      const spot = inside[rising ? inside.length - 1 : Math.floor(inside.length / 12)] ?? null;
      const text = `${short(sizes[i].params)}${sizes[i].plan ? " (this plan)" : ""}`;
      return spot ? [{ x: spot[0], y: spot[1], text, color: LINES[i % LINES.length] }] : [];
    }),
  };
}

/** Known models by size and tokens, with the lines on which each demand makes a pair right. */
function knownChart(law, record, models) {
  const s = unlimited(record.surface);
  const xs = logPadded([...models.map(m => m.params), record.params], 0.08),
    ys = logPadded([...models.map(m => m.tokens), record.tokens], 0.08);
  const served = [0, 1e12, 1e13, 1e14, 1e15],
    perToken = loadOf(record.question.rates.serve ? record.question.costs : PLAIN, 0, 1);
  const lines = served.map(tokens =>
    spaced(xs[0], xs[1], POINTS).map(params => [params, rightTokens(s, params, tokens * perToken)]),
  );
  const tint = i => ["#45b86f", "#218f8d", "#31688e", "#443a83", "#2b0440"][i];
  return {
    name: "known",
    height: 400,
    label: "Known models by size and tokens, with lines of equal demand",
    x: { title: "parameters", log: true, domain: xs, write: short },
    y: { title: "training tokens", log: true, domain: ys, write: short },
    marks: [
      ...lines.map((points, i) => ({ kind: "line", points, color: tint(i), width: i ? 1.3 : 2.2 })),
      { kind: "points", points: models.map(m => [m.params, m.tokens]), color: INK, size: 3.5 },
      { kind: "points", points: [[record.params, record.tokens]], color: ORANGE, size: 5 },
    ],
    labels: [
      { x: record.params, y: record.tokens, text: "this plan", color: ORANGE, dot: true },
      ...models.map(m => ({ x: m.params, y: m.tokens, text: m.name, color: INK, dot: true })),
      ...lines.flatMap((points, i) => {
        const inside = points.filter(p => p[1] < ys[1] * 0.9 && p[1] > ys[0]),
          spot = inside[Math.max(0, inside.length - 4)];
        return spot
          ? [{ x: spot[0], y: spot[1], text: served[i] ? short(served[i]) : "compute-optimal", color: tint(i) }]
          : [];
      }),
    ],
  };
}
