// Charts as SVG text: axes, lines, areas, points and labels, in the look of sweep/report/theme.py.

const INK = "#1c1b19",
  MUTED = "#6a6862",
  GRID = "#e6e4df",
  PAPER = "#fffefc",
  ALARM = "#b3261e";
const BLUE = "#0072b2",
  ORANGE = "#d55e00",
  GREEN = "#00855f";
const LINES = [BLUE, ORANGE, GREEN, "#443a83", "#b3261e", "#6a6862"];
const MARGIN = { left: 48, right: 14, top: 30, bottom: 42 };

/** Ends of an axis that leave room around values. */
function padded(values, share = 0.06) {
  const low = Math.min(...values),
    high = Math.max(...values);
  const room = share * (high - low || Math.abs(high) || 1);
  return [low - room, high + room];
}

function logPadded(values, share = 0.05) {
  return padded(values.map(Math.log), share).map(Math.exp);
}

/** Round numbers for a logarithmic axis: 1-2-5 a decade, or decades where there are many. */
function logTicks([low, high], most = 6) {
  const decades = Math.log10(high / low);
  const steps = decades < 2 ? [1, 2, 5] : decades < 2.7 ? [1, 3] : [1];
  const stride = Math.max(1, Math.ceil(decades / most)),
    ticks = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++) {
    if (e % stride === 0) ticks.push(...steps.map(step => Number(`${step}e${e}`)));
  }
  const inside = ticks.filter(tick => tick >= low * 0.999 && tick <= high * 1.001);
  return inside.length > 2 ? inside : evenTicks([low, high]);
}

/** Three to six evenly spaced round numbers. */
function evenTicks([low, high]) {
  const unit = 10 ** Math.floor(Math.log10((high - low) / 3));
  const step = unit * [1, 2, 5, 10].find(k => (high - low) / (unit * k) <= 6);
  const ticks = [];
  for (let i = Math.ceil(low / step); i <= Math.floor(high / step + 1e-9); i++) ticks.push(step * i);
  return ticks;
}

/** Position of a value along an axis of so many pixels. */
function scaleOf(axis, from, to) {
  const of = axis.log ? Math.log : x => x,
    [low, high] = axis.domain.map(of);
  return x => from + ((of(x) - low) / (high - low)) * (to - from);
}

/** An SVG of {name, label, height, x, y, marks}; an axis is {title, domain, log, write}. */
function chart(spec, width) {
  const height = spec.height,
    inner = [MARGIN.left, width - MARGIN.right, height - MARGIN.bottom, MARGIN.top];
  const at = { x: scaleOf(spec.x, inner[0], inner[1]), y: scaleOf(spec.y, inner[2], inner[3]) };
  const clip = `clip-${spec.name}`;
  const drawn = spec.marks.map(mark => MARKS[mark.kind](mark, at, inner)).join("");
  return (
    `<svg class="chart" role="img" aria-label="${escaped(spec.label)}" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">` +
    `<defs><clipPath id="${clip}"><rect x="${inner[0]}" y="${inner[3]}" width="${inner[1] - inner[0]}" height="${inner[2] - inner[3]}"/></clipPath></defs>` +
    axes(spec, at, inner) +
    `<g class="marks" clip-path="url(#${clip})">${drawn}</g>` +
    labels(spec, at, inner) +
    "</svg>"
  );
}

function axes(spec, at, [left, right, bottom, top]) {
  const ticks = axis =>
    axis.ticks ?? (axis.log ? logTicks(axis.domain, right - left < 400 ? 4 : 6) : evenTicks(axis.domain));
  const vertical = ticks(spec.x).map(tick => {
    const x = at.x(tick).toFixed(1);
    return (
      line(
        [
          [x, top],
          [x, bottom],
        ],
        GRID,
        1,
      ) + caption(x, bottom + 16, spec.x.write(tick), "middle", MUTED, 11)
    );
  });
  const level = ticks(spec.y).map(tick => {
    const y = at.y(tick).toFixed(1);
    return (
      line(
        [
          [left, y],
          [right, y],
        ],
        GRID,
        1,
      ) + caption(left - 7, Number(y) + 4, spec.y.write(tick), "end", MUTED, 11)
    );
  });
  const titles =
    caption((left + right) / 2, bottom + 35, spec.x.title, "middle", INK, 11.5) +
    caption(2, top - 14, spec.y.title, "start", INK, 11.5);
  return `<g>${vertical.join("")}${level.join("")}${titles}</g>`;
}

function line(points, color, width, dash = "") {
  if (points.length < 2) return "";
  const path = points.map((p, i) => `${i ? "L" : "M"}${p[0]},${p[1]}`).join("");
  return `<path d="${path}" fill="none" stroke="${color}" stroke-width="${width}"${dash && ` stroke-dasharray="${dash}"`}/>`;
}

function caption(x, y, text, anchor, color, size) {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="${color}" font-size="${size}">${escaped(text)}</text>`;
}

const placed = (points, at) =>
  points
    .filter(p => Number.isFinite(p[0]) && Number.isFinite(p[1]))
    .map(p => [at.x(p[0]).toFixed(1), at.y(p[1]).toFixed(1)]);

const MARKS = {
  line: (m, at) => line(placed(m.points, at), m.color, m.width ?? 1.8, m.dash),
  area: (m, at) => {
    const known = m.points.filter(p => p.every(Number.isFinite));
    if (known.length < 2) return "";
    const edge = [
      ...placed(
        known.map(p => [p[0], p[2]]),
        at,
      ),
      ...placed(
        known.map(p => [p[0], p[1]]),
        at,
      ).reverse(),
    ];
    return `<path d="M${edge.map(p => p.join(",")).join("L")}Z" fill="${m.color}" fill-opacity="0.16"/>`;
  },
  band: (m, at, [left, right, bottom, top]) => {
    const low = m.from === null ? left : Math.max(left, at.x(m.from)),
      high = m.to === null ? right : Math.min(right, at.x(m.to));
    return high > low
      ? `<rect x="${low.toFixed(1)}" y="${top}" width="${(high - low).toFixed(1)}" height="${bottom - top}" fill="${m.color}" fill-opacity="0.14"/>`
      : "";
  },
  rule: (m, at, [, , bottom, top]) =>
    line(
      [
        [at.x(m.x).toFixed(1), top],
        [at.x(m.x).toFixed(1), bottom],
      ],
      m.color,
      1.2,
      "2 3",
    ),
  bar: (m, at) =>
    line(
      [
        [at.x(m.x).toFixed(1), at.y(m.low).toFixed(1)],
        [at.x(m.x).toFixed(1), at.y(m.high).toFixed(1)],
      ],
      m.color,
      2,
    ),
  points: (m, at) =>
    placed(m.points, at)
      .map(
        p =>
          `<circle cx="${p[0]}" cy="${p[1]}" r="${m.size ?? 4}" fill="${m.hollow ? "none" : m.color}" stroke="${m.hollow ? m.color : PAPER}" stroke-width="1.3"/>`,
      )
      .join(""),
};

const SPOTS = [
  [8, 4, "start"],
  [-8, 4, "end"],
  [0, -9, "middle"],
  [0, 18, "middle"],
  [8, -9, "start"],
  [8, 17, "start"],
  [-8, -9, "end"],
  [-8, 17, "end"],
];
const meet = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];

/** Text beside points, each where it hides no other text and no point, and the fewest lines; or left out. */
function labels(spec, at, [left, right, bottom, top]) {
  const wanted = (spec.labels ?? []).map(l => ({ ...l, cx: at.x(l.x), cy: at.y(l.y), w: l.text.length * 6.1 + 4 }));
  const taken = wanted.filter(l => l.dot).map(l => [l.cx - 5, l.cy - 5, l.cx + 5, l.cy + 5]);
  const lines = spec.marks
    .filter(m => m.kind === "line")
    .flatMap(m => placed(m.points, at))
    .map(p => [p[0] - 2, p[1] - 2, +p[0] + 2, +p[1] + 2]);
  return wanted
    .map(l => {
      if (!(l.cx >= left - 1 && l.cx <= right + 1 && l.cy >= top - 1 && l.cy <= bottom + 1)) return "";
      let best = null;
      for (const [dx, dy, anchor] of SPOTS) {
        const x = l.cx + dx,
          y = l.cy + dy,
          from = anchor === "start" ? x : anchor === "end" ? x - l.w : x - l.w / 2;
        const box = [from, y - 10, from + l.w, y + 3];
        const inside = box[0] >= left && box[2] <= right && box[1] >= top - 2 && box[3] <= bottom;
        if (!inside || taken.some(t => meet(t, box))) continue;
        const hidden = lines.filter(t => meet(t, box)).length;
        if (!best || hidden < best.hidden) best = { hidden, box, x, y, anchor };
      }
      if (!best) return "";
      taken.push(best.box);
      return `<g stroke="${PAPER}" stroke-width="3" stroke-linejoin="round" paint-order="stroke">${caption(best.x.toFixed(1), best.y.toFixed(1), l.text, best.anchor, l.color ?? MUTED, 11)}</g>`;
    })
    .join("");
}
