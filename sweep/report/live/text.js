// Numbers as people read and write them, as sweep/plan/words.py and sweep/quantity.py do.

const DASH = "\u2013";

/** Python's "%.{digits}g". */
function general(x, digits = 3) {
  if (x === null || x === undefined || !Number.isFinite(x)) return DASH;
  if (x === 0) return "0";
  const power = Number(x.toExponential(digits - 1).split("e")[1]);
  if (power < -4 || power >= digits) {
    const [mantissa, exponent] = x.toExponential(digits - 1).split("e");
    const size = String(Math.abs(Number(exponent))).padStart(2, "0");
    return `${trimmed(mantissa)}e${Number(exponent) < 0 ? "-" : "+"}${size}`;
  }
  return trimmed(x.toFixed(Math.max(0, digits - 1 - power)));
}

function trimmed(text) {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** 1234 as 1.23k; powers of ten beyond a thousand trillion. */
function short(x) {
  if (x === null || x === undefined || !Number.isFinite(x)) return DASH;
  if (Math.abs(x) >= 1e15) return general(x);
  for (const [size, letter] of [
    [1e12, "T"],
    [1e9, "B"],
    [1e6, "M"],
    [1e3, "k"],
  ]) {
    if (Math.abs(x) >= size * 0.9995) return general(x / size) + letter;
  }
  return general(x);
}

/** Digits in groups of three. */
function grouped(x, digits = 4) {
  const text = general(x, digits);
  if (text === DASH || Math.abs(x) < 1000) return text;
  const whole = text.includes("e") ? String(Math.round(Number(text))) : text;
  return whole.length > 9 ? text : whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

function fixed(x, digits = 4) {
  return x === null || x === undefined || !Number.isFinite(x) ? DASH : x.toFixed(digits);
}

function percent(x) {
  return x === null || !Number.isFinite(x) ? DASH : `${(100 * x).toFixed(0)}%`;
}

function money(x, unit) {
  if (x === null || !Number.isFinite(x)) return DASH;
  return unit === "USD" ? `$${short(x)}` : `${general(x)} ${unit}`;
}

function span(pair, write) {
  return pair && pair[0] !== null && pair[1] !== null ? `${write(pair[0])} to ${write(pair[1])}` : "";
}

function escaped(text) {
  return String(text).replace(/[&<>"]/g, c => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
}

/** What cannot be answered: one line, as a refusal with its code or as bad input. */
class Refused extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

const SUFFIX = { "": 1, k: 1e3, m: 1e6, b: 1e9, g: 1e9, t: 1e12 };
const PF_DAY = 8.64e19;

/** [number, unit] of "7B", "1e22", "10 PF-days". */
function split(name, text) {
  const found = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)([a-z-]*)$/.exec(text.replace(/[\s_,$]/g, "").toLowerCase());
  const number = found ? Number(found[1]) : NaN;
  if (!(number >= 0 && number < Infinity))
    throw new Refused("input", `${name}: ${text} must be a number, and not negative`);
  return [number, found[2].replace(/-/g, "")];
}

/** A number of zero or more with a suffix or without; null of nothing. */
function parse(name, text) {
  if (text.trim() === "") return null;
  const [number, unit] = split(name, text);
  if (!(unit in SUFFIX)) throw new Refused("input", `${name}: ${text} is no number such as 7e9, 7B or 1.5T`);
  return number * SUFFIX[unit];
}

/** FLOPs of "3e21" or "10PFday"; null of nothing. */
function parseFlops(name, text) {
  if (text.trim() === "") return null;
  const [number, unit] = split(name, text);
  const days = ["pfday", "pfdays", "pfd"].includes(unit);
  if (!days && !["", "flop", "flops"].includes(unit)) {
    throw new Refused("input", `${name}: ${text} is no number of FLOPs such as 1e21, nor PF-days such as 10PFday`);
  }
  if (number * (days ? PF_DAY : 1) < 1e6)
    throw new Refused("input", `${name}: ${text} FLOPs are too few to mean it; write 1e21, or 10PFday`);
  return number * (days ? PF_DAY : 1);
}
