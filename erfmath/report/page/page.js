"use strict";
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const { rows, axes } = data;
const programs = data.programs;
const last = rows.length - 1;
const number = (value) => value === "inf" ? Infinity : value === "-inf" ? -Infinity : value;
const ratio = (value) => typeof value === "string" ? value.split("/").reduce((a, b) => a / b) : value;
const shown = (values) => values.map((v) => v === null ? "none" : typeof number(v) === "number" && !Number.isFinite(number(v)) ? "all" : String(v).replace("-", "\u2212")).join(" \u00d7 ");
const ends = (pair) => pair === null ? "nothing"
  : pair[0] === -Infinity && pair[1] === Infinity ? "all"
  : pair[0] === -Infinity ? `all up to ${minus(pair[1])}`
  : pair[1] === Infinity ? `all from ${minus(pair[0])}`
  : `${minus(pair[0])} .. ${minus(pair[1])}`;
const minus = (value) => String(value).replace("-", "\u2212");

// A name in little room: of a path the end says more than the beginning.
function brief(name, most = 34) {
  const [path, ...kind] = name.split(": "), parts = path.split(".");
  let text = name;
  while (text.length > most && parts.length > 1 && kind.length) { parts.shift(); text = [`\u2026${parts.join(".")}`, ...kind].join(": "); }
  return text;
}

// --- The theory: what unit i of a layer sees, in whole numbers -------------------------------------------

function region(row, axis, unit) {
  const { move, phases } = row.regions[axis];
  const turn = Math.floor(unit / phases.length), seen = phases[unit - turn * phases.length];
  return seen && seen.map((end) => number(end) + turn * move);
}

// Where a position outside a map of some length is read instead; -1 for nowhere.
function inside(place, length, border) {
  if (place >= 0 && place < length) return place;
  if (!border) return -1;
  if (border === "circular") return ((place % length) + length) % length;
  if (border === "replicate") return place < 0 ? 0 : length - 1;
  const period = Math.max(1, 2 * (length - 1)), folded = ((place % period) + period) % period;
  return Math.min(folded, period - folded);
}

// Weights on a range of positions; `seen` tells a weight of zero from none.
function range(lo, hi) {
  return { lo, seen: new Uint8Array(hi - lo + 1), w: new Float64Array(hi - lo + 1) };
}

function through(op, from, length) {
  if (op.a) return throughAll(op, from, length);
  if (!op.t) return from;
  const { t, w, s, d, c, u } = op, top = from.lo + from.w.length - 1, n = t.length;
  let lo = Math.floor((s * from.lo + d * t[0] + c) / u), hi = Math.floor((s * top + d * t[n - 1] + c) / u);
  if (length !== null) { lo = op.b ? 0 : Math.max(lo, 0); hi = op.b ? length - 1 : Math.min(hi, length - 1); }
  if (hi < lo) return null;
  const to = range(lo, hi);
  for (let k = 0; k < from.w.length; k++) {
    if (!from.seen[k]) continue;
    const start = s * (from.lo + k) + c, grown = op.n && length !== null ? share(op, start, length) : 1;
    for (let p = 0; p < n; p++) {
      let place = start + d * t[p];
      if (place % u !== 0) continue;
      place /= u;
      if (length !== null) place = inside(place, length, op.b);
      if (place < lo || place > hi) continue;
      to.seen[place - lo] = 1;
      to.w[place - lo] += from.w[k] * grown * (Array.isArray(w) ? w[p] : w === null ? NaN : w);
    }
  }
  return trimmed(to);
}

// Averages that count fewer than all samples of a window weigh those that count more.
function share(op, start, length) {
  let count = 0;
  for (const tap of op.t) { const place = start + op.d * tap; if (place >= -op.n[0] && place < length + op.n[1]) count++; }
  return op.t.length / Math.max(count, 1);
}

function throughAll(op, from, length) {
  if (length === null) return null;
  const [before, after] = op.a;
  if (!before && !after) return from;
  const to = range(0, length - 1);
  for (let k = 0; k < from.w.length; k++) {
    if (!from.seen[k]) continue;
    const unit = from.lo + k, lo = before ? 0 : unit, hi = after ? length - 1 : unit;
    for (let place = lo; place <= hi; place++) { to.seen[place] = 1; to.w[place] += from.w[k] / (hi - lo + 1); }
  }
  return trimmed(to);
}

function trimmed(part) {
  const first = part.seen.indexOf(1), end = part.seen.lastIndexOf(1) + 1;
  return first < 0 ? null : { lo: part.lo + first, seen: part.seen.subarray(first, end), w: part.w.subarray(first, end) };
}

function added(a, b, gain) {
  if (!a) return { lo: b.lo, seen: b.seen.slice(), w: b.w.map((x) => x * gain) };
  const lo = Math.min(a.lo, b.lo), hi = Math.max(a.lo + a.w.length, b.lo + b.w.length) - 1, sum = range(lo, hi);
  sum.seen.set(a.seen, a.lo - lo);
  sum.w.set(a.w, a.lo - lo);
  for (let k = 0; k < b.w.length; k++) { sum.seen[b.lo - lo + k] |= b.seen[k]; sum.w[b.lo - lo + k] += gain * b.w[k]; }
  return sum;
}

// What one unit of a tensor sees of every tensor before it, on one axis, tensor 0 being the input.
const kept = new Map();
function pulled(axis, tensor, unit) {
  const key = `${axis} ${tensor} ${unit}`;
  if (!kept.has(key)) {
    if (kept.size > 64) kept.clear();
    kept.set(key, pull(programs.each[programs.of[axis]], tensor, unit));
  }
  return kept.get(key);
}

function pull({ operations, sizes, single }, tensor, unit) {
  const seen = new Array(tensor + 1).fill(null);
  seen[tensor] = { lo: unit, seen: Uint8Array.of(1), w: Float64Array.of(1) };
  for (let at = tensor; at > 0; at--) {
    if (!seen[at]) continue;
    if (single && single.includes(at)) seen[at] = { lo: 0, seen: Uint8Array.of(1), w: Float64Array.of(seen[at].w.reduce((a, b) => a + b)) };
    const op = operations[at - 1], wide = op.from.find(([source]) => !(single && single.includes(source))) || op.from[0];
    const below = through(op, seen[at], sizes ? sizes[wide[0]] : null);
    if (below) for (const [source, gain] of op.from) seen[source] = added(seen[source], below, gain);
  }
  return seen;
}

function profile(axis, row, unit) {
  const seen = programs && pulled(axis, row.tensor, unit)[0];
  if (!seen) return null;
  const total = seen.w.reduce((a, b) => a + b, 0);
  return total > 0 && seen.w.every((x) => x >= 0) ? { lo: seen.lo, seen: seen.seen, w: seen.w.map((x) => x / total) } : { lo: seen.lo, seen: seen.seen, w: null };
}

// The shortest way to say where most of it is: without the tail of 2.275 % on each side.
function core(line) {
  if (!line || !line.w) return null;
  let below = 0, lo = line.lo, hi = line.lo + line.w.length - 1;
  for (let k = 0; k < line.w.length; k++) { below += line.w[k]; if (below > 0.02275) { lo = line.lo + k; break; } }
  for (let k = line.w.length - 1, above = 0; k >= 0; k--) { above += line.w[k]; if (above > 0.02275) { hi = line.lo + k; break; } }
  return [lo, hi];
}

function moments(line) {
  const sum = (f) => line.w.reduce((all, w, k) => all + w * f(line.lo + k), 0), mean = sum((place) => place);
  return `${minus(mean.toFixed(2))} \u00b1 ${Math.sqrt(sum((place) => (place - mean) ** 2)).toFixed(2)}`;
}

// --- State -----------------------------------------------------------------------------------------------

const state = { row: last, over: null, unit: null, plane: axes > 1 ? [axes - 2, axes - 1] : [0], axis: axes - 1, picture: null };
const current = () => state.over ?? state.row;
const units = (row) => rows[row].output_size;

// The unit of another layer that is nearest to the same place of the input.
function placed(row, places) {
  return places.map((place, axis) => {
    const mid = middle(region(rows[row], axis, 0), 0), stride = ratio(rows[row].stride[axis]) || 1;
    const unit = Math.round((place - mid) / stride), most = units(row) ? units(row)[axis] - 1 : Infinity;
    return Math.max(units(row) ? 0 : -Infinity, Math.min(unit, most));
  });
}
function middle(pair, otherwise) {
  return pair && Number.isFinite(pair[0]) && Number.isFinite(pair[1]) ? (pair[0] + pair[1]) / 2 : otherwise;
}
function placeOf(row, unit) {
  return unit.map((i, axis) => middle(region(rows[row], axis, i), data.size ? (data.size[axis] - 1) / 2 : 0));
}
state.unit = data.at.slice();
state.place = placeOf(last, state.unit);
const unitOf = (row) => row === state.row ? state.unit : placed(row, state.place);

function choose(row) {
  const unit = placed(row, state.place);
  state.row = row; state.unit = unit; state.over = null;
  refresh();
}
function moveTo(unit) {
  const most = units(state.row);
  state.unit = unit.map((i, axis) => most ? Math.max(0, Math.min(Math.round(i), most[axis] - 1)) : Math.round(i));
  state.place = placeOf(state.row, state.unit);
  refresh();
}

// --- Numbers ---------------------------------------------------------------------------------------------

function readout() {
  const at = current(), row = rows[at], unit = unitOf(at);
  byId("out-layer").textContent = row.name;
  for (const name of ["field", "stride", "offset", "output_size"]) byId(`out-${name}`).textContent = row[name] ? shown(row[name]) : "not known";
  byId("out-unit").textContent = unit.map(minus).join(", ");
  byId("out-sees").textContent = unit.map((i, axis) => ends(region(row, axis, i))).join(" \u00d7 ");
  const lines = unit.map((i, axis) => profile(axis, row, i));
  const within = (line) => line ? [line.lo, line.lo + line.seen.length - 1] : null;
  byId("out-inside").textContent = programs && data.size ? lines.map((line) => ends(within(line))).join(" \u00d7 ") : "not known";
  byId("out-core").textContent = lines.every((line) => line && line.w)
    ? lines.map((line) => { const [a, b] = core(line); return `${minus(a)} .. ${minus(b)} (${b - a + 1})`; }).join(" \u00d7 ") : "not known";
  byId("out-moments").textContent = lines.every((line) => line && line.w) ? lines.map(moments).join(" \u00d7 ") : "not known";
  byId("depth").value = at;
  byId("depth").setAttribute("aria-valuetext", row.name);
  byId("depth-name").textContent = `${at + 1} of ${rows.length}: ${brief(row.name)}`;
  for (const [row, button] of [...byId("ladder").querySelectorAll("button")].entries()) {
    button.setAttribute("aria-current", row === state.row);
    button.classList.toggle("seen", row === state.over);
    button.tabIndex = row === state.row ? 0 : -1;
  }
  for (const [axis, input] of [...byId("unit").querySelectorAll("input")].entries()) {
    if (document.activeElement !== input) input.value = state.unit[axis];
    if (units(state.row)) { input.min = 0; input.max = units(state.row)[axis] - 1; }
  }
}

// Scroll the list, and never the page, to the layer that was chosen.
function follow() {
  if (state.over !== null) return;
  const list = byId("ladder"), item = list.children[state.row], top = item.offsetTop - list.offsetTop;
  list.scrollTop = Math.max(top - list.clientHeight + item.offsetHeight + 2, Math.min(list.scrollTop, top));
}

// --- Pictures --------------------------------------------------------------------------------------------

const colours = () => {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(["paper", "panel", "line", "ink", "soft", "blue", "red", "dots", "dim"].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
};

// Lengths in pictures grow with the page's letters, which are larger on large screens.
const zoom = () => parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;

function prepared(canvas, height) {
  const width = canvas.clientWidth, scale = Math.min(window.devicePixelRatio || 1, 3);
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.font = `${12 * zoom()}px ${getComputedStyle(document.body).fontFamily}`;
  return { pen, width, height };
}

// The part of each axis that is drawn: the input and something of what lies around, all that any unit of the
// last layer sees, or what the one at this place sees.
function world(axis) {
  const finite = (pair) => pair && Number.isFinite(pair[0] + pair[1]) ? pair : null, wide = Math.max(...rows.map((row) => number(row.field[axis])).filter(Number.isFinite), 1);
  if (state.view === "unit") {
    const pair = finite(region(rows[last], axis, placed(last, state.place)[axis])) || (data.size ? [0, data.size[axis] - 1] : [-32, 32]);
    const room = Math.max(2, 0.1 * (pair[1] - pair[0]));
    return [pair[0] - room, pair[1] + room];
  }
  const side = data.size[axis], room = Math.max(0.04 * side, Math.min(wide / 2, 0.28 * side));
  if (state.view === "field" && units(last)) {
    const seen = [0, units(last)[axis] - 1].map((i) => finite(region(rows[last], axis, i)) || [0, side - 1]);
    return [Math.min(seen[0][0] - 0.02 * side, -0.5 - room), Math.max(seen[1][1] + 0.02 * side, side - 0.5 + room)];
  }
  return [-0.5 - room, side - 0.5 + room];
}

// What to show first: the unit's own field where it is small beside the input, all fields where they are larger.
function firstView() {
  if (!data.size) return "unit";
  const shares = rows[last].field.map((side, axis) => number(side) / data.size[axis]).filter(Number.isFinite);
  if (!shares.length) return "input";
  return Math.max(...shares) < 0.2 ? "unit" : Math.max(...shares) > 1.5 && Math.max(...shares) < 6 ? "field" : "input";
}

function show(part) {
  state.view = part;
  for (const button of byId("views").querySelectorAll("input")) button.checked = button.value === part;
}

// Both axes to one scale, unless one would be less than a sixth of the other.
function scales(across, down, room) {
  const most = Math.max(240, 0.85 * window.innerHeight), wide = across[1] - across[0], high = down[1] - down[0];
  let scale = Math.min(room / wide, most / high), scaleY = scale;
  if (high * scale < room / 6) { scale = room / wide; scaleY = Math.min(room / 6, most) / high; }
  if (wide * scale < room / 6) scale = room / 6 / wide;
  return [scale, scaleY];
}

let view = null;
function drawField() {
  const canvas = byId("field"), flat = axes === 1, c = colours(), k = zoom(), strip = 46 * k;
  const [v, h] = flat ? [null, 0] : state.plane;
  const { across, down } = view && view.held || { across: world(h), down: flat ? [0, 1] : world(v) };
  const room = canvas.clientWidth - (flat ? 0 : strip);
  const [scale, scaleY] = flat ? [room / (across[1] - across[0]), 1] : scales(across, down, room);
  const wide = (across[1] - across[0]) * scale, tall = flat ? 64 * k : (down[1] - down[0]) * scaleY;
  const { pen, width, height } = prepared(canvas, tall + (flat ? 110 * k : strip));
  const top = flat ? 84 * k : strip;
  const x = (place) => (place - across[0]) * scale, y = (place) => flat ? top : top + (place - down[0]) * scaleY;
  view = { x, y, across, down, scale, scaleY, v, h, flat, k, held: view && view.held };
  const at = current(), row = rows[at], unit = unitOf(at);
  pen.clearRect(0, 0, width, height);
  pen.save();
  pen.beginPath(); pen.rect(0, top, wide, tall); pen.clip();
  drawInput(pen, c, x, y, top, tall);
  const [ch, cv] = [h, v].map((axis) => axis === null ? null : region(row, axis, unit[axis]));
  const clipped = (pair, edges) => pair ? [Math.max(pair[0] - 0.5, edges[0] - 9), Math.min(pair[1] + 0.5, edges[1] + 9)] : null;
  const a = clipped(ch, across), b = flat ? [0, 0] : clipped(cv, down);
  const lines = [profile(h, row, unit[h]), flat ? null : profile(v, row, unit[v])];
  if (a && b) {
    const box = flat ? [x(a[0]), top + 8, Math.max(2, x(a[1]) - x(a[0])), tall - 16] : [x(a[0]), y(b[0]), Math.max(2, x(a[1]) - x(a[0])), Math.max(2, y(b[1]) - y(b[0]))];
    if (state.picture) dimmed(pen, c, box, x, y);
    drawSeen(pen, c, lines, box, flat, x, y, top, tall);
    pen.lineWidth = 2; pen.strokeStyle = c.blue; pen.strokeRect(...box);
    const inner = lines.map(core);
    if (inner[0] && (flat || inner[1])) {
      pen.strokeStyle = c.red; pen.lineWidth = 1.75;
      const [p, q] = inner[0], [r, s] = flat ? [0, 0] : inner[1];
      pen.strokeRect(x(p - 0.5), flat ? top + 8 : y(r - 0.5), Math.max(2, x(q + 0.5) - x(p - 0.5)), flat ? tall - 16 : Math.max(2, y(s + 0.5) - y(r - 0.5)));
    }
  }
  drawUnits(pen, c, at, unit);
  pen.restore();
  drawProfile(pen, c, lines[0], (place) => x(place), false, top - 4, strip - 8);
  if (!flat) drawProfile(pen, c, lines[1], (place) => y(place), true, wide + 4, strip - 8);
  drawScale(pen, c, x, top + tall, flat, h);
  canvas.setAttribute("aria-label", `${row.name}: unit ${unit.join(", ")} sees ${byId("out-sees").textContent}`);
}

function drawInput(pen, c, x, y, top, tall) {
  if (!data.size) return;
  const { flat, v, h } = view, right = data.size[h] - 0.5, bottom = flat ? 0 : data.size[v] - 0.5;
  const box = [x(-0.5), flat ? top : y(-0.5), x(right) - x(-0.5), flat ? tall : y(bottom) - y(-0.5)];
  pen.fillStyle = c.paper; pen.fillRect(...box);
  if (state.picture && !flat) {
    const { width, height } = state.picture, fit = Math.max(box[2] / width, box[3] / height);
    pen.save(); pen.beginPath(); pen.rect(...box); pen.clip();
    pen.drawImage(state.picture, box[0] + (box[2] - fit * width) / 2, box[1] + (box[3] - fit * height) / 2, fit * width, fit * height);
    pen.restore();
  }
  pen.lineWidth = 1.25; pen.strokeStyle = c.soft; pen.strokeRect(...box);
}

// The part of the picture that the unit does not see.
function dimmed(pen, c, [left, top, width, height], x, y) {
  const { v, h } = view, [right, bottom] = [data.size[h] - 0.5, data.size[v] - 0.5];
  pen.save();
  pen.beginPath(); pen.rect(x(-0.5), y(-0.5), x(right) - x(-0.5), y(bottom) - y(-0.5)); pen.clip();
  pen.fillStyle = c.dim;
  pen.beginPath(); pen.rect(x(-0.5), y(-0.5), x(right) - x(-0.5), y(bottom) - y(-0.5)); pen.rect(left, top, width, height); pen.fill("evenodd");
  pen.restore();
}

// The positions that are seen: each of them where there are holes and room to show these.
function drawSeen(pen, c, lines, box, flat, x, y, top, tall) {
  pen.fillStyle = c.blue; pen.globalAlpha = state.picture ? 0.1 : 0.18;
  const runs = lines.map((line) => line ? runsOf(line) : null), count = (runs[0] ? runs[0].length : 1) * (runs[1] ? runs[1].length : 1);
  if (runs[0] && (flat || runs[1]) && count > 1 && count < 20000) {
    pen.globalAlpha = 0.45;
    for (const [p, q] of runs[0]) for (const [r, s] of flat ? [[0, 0]] : runs[1]) {
      pen.fillRect(x(p - 0.5), flat ? top + 8 : y(r - 0.5), Math.max(0.6, x(q + 0.5) - x(p - 0.5)), flat ? tall - 16 : Math.max(0.6, y(s + 0.5) - y(r - 0.5)));
    }
  } else pen.fillRect(...box);
  pen.globalAlpha = 1;
}

function runsOf(line) {
  const runs = [];
  for (let k = 0; k < line.seen.length; k++) {
    if (!line.seen[k]) continue;
    if (runs.length && runs[runs.length - 1][1] === line.lo + k - 1) runs[runs.length - 1][1]++;
    else runs.push([line.lo + k, line.lo + k]);
  }
  return runs;
}

function drawUnits(pen, c, at, unit) {
  const { x, y, scale, scaleY, v, h, flat, k } = view, row = rows[at];
  const centre = (axis, i) => middle(region(row, axis, i), NaN);
  const stepX = ratio(row.stride[h]) * scale, stepY = flat ? 99 : ratio(row.stride[v]) * scaleY;
  const each = (axis) => units(at) ? [...Array(units(at)[axis]).keys()] : [];
  if (units(at) && stepX >= 7 && stepY >= 7) {
    pen.fillStyle = c.dots;
    for (const i of each(h)) for (const j of flat ? [0] : each(v)) {
      pen.beginPath(); pen.arc(x(centre(h, i)), flat ? y(0) + 32 * k : y(centre(v, j)), 1.6 * k, 0, 7); pen.fill();
    }
  }
  const place = [x(centre(h, unit[h])), flat ? y(0) + 32 * k : y(centre(v, unit[v]))];
  if (place.every(Number.isFinite)) {
    pen.fillStyle = c.ink; pen.strokeStyle = c.paper; pen.lineWidth = 2;
    pen.beginPath(); pen.arc(...place, 4.5 * k, 0, 7); pen.stroke(); pen.fill();
  }
}

function drawProfile(pen, c, line, along, upright, base, room) {
  if (!line || !line.w) return;
  const most = Math.max(...line.w);
  pen.fillStyle = c.blue; pen.globalAlpha = 0.85; pen.beginPath();
  const point = (place, value) => upright ? pen.lineTo(base + value / most * room, along(place)) : pen.lineTo(along(place), base - value / most * room);
  point(line.lo - 0.5, 0);
  line.w.forEach((value, k) => { point(line.lo + k - 0.5, value); point(line.lo + k + 0.5, value); });
  point(line.lo + line.w.length - 0.5, 0);
  pen.fill(); pen.globalAlpha = 1;
}

function drawScale(pen, c, x, base, flat, axis) {
  if (!flat) return;
  pen.fillStyle = c.soft; pen.textBaseline = "top";
  for (const place of data.size ? [0, data.size[axis] - 1] : view.across.map(Math.round)) {
    pen.textAlign = x(place) < 30 ? "left" : x(place) > view.x(view.across[1]) - 30 ? "right" : "center";
    pen.fillText(minus(place), x(place), base + 6);
  }
}

// The cone: one line a tensor, from the unit on top to the input at the bottom, at their places on the input.
function drawCone() {
  const canvas = byId("cone"), c = colours(), at = current(), row = rows[at], axis = state.axis, unit = unitOf(at)[axis];
  if (!programs) return;
  const program = programs.each[programs.of[axis]], seen = pulled(axis, row.tensor, unit), at0 = places(program);
  const lines = [...seen.keys()].filter((t) => seen[t] && (t === 0 || t === row.tensor || program.operations[t - 1].t || program.operations[t - 1].a));
  const k = zoom(), isWide = canvas.clientWidth > 640 * k, gap = k * Math.max(0.35, Math.min(34, 520 / Math.max(lines.length - 1, 1)));
  const room = { top: 18 * k, bottom: 26 * k, left: isWide ? 180 * k : 8, right: isWide ? 150 * k : 8 };
  const { pen, width, height } = prepared(canvas, room.top + room.bottom + gap * Math.max(lines.length - 1, 1));
  const reach = lines.map((t) => [at0[t].place(seen[t].lo), at0[t].place(seen[t].lo + seen[t].w.length - 1)]);
  const full = region(row, axis, unit), bounded = full && Number.isFinite(full[0] + full[1]) ? [full] : [];
  const ends = [Math.min(...reach.map((r) => r[0])), Math.max(...reach.map((r) => r[1]))], most = 0.15 * (ends[1] - ends[0]);
  const lo = Math.max(ends[0] - most, Math.min(ends[0], ...bounded.map((r) => r[0]))) - 1;
  const hi = Math.min(ends[1] + most, Math.max(ends[1], ...bounded.map((r) => r[1]))) + 1;
  const x = (place) => room.left + (place - lo) / (hi - lo) * (width - room.left - room.right);
  const y = (index) => room.top + gap * (lines.length - 1 - index);
  pen.clearRect(0, 0, width, height);
  if (data.size) {
    pen.fillStyle = c.paper;
    pen.fillRect(x(Math.max(lo, -0.5)), 0, x(Math.min(hi, data.size[axis] - 0.5)) - x(Math.max(lo, -0.5)), height);
  }
  const index = new Map(lines.map((t, k) => [t, k]));
  pen.save();
  pen.beginPath(); pen.rect(room.left - 6 * k, 0, width - room.left - room.right + 12 * k, height); pen.clip();
  drawTaps(pen, c, program, seen, lines, index, at0, x, y);
  lines.forEach((t, line) => drawPositions(pen, c, program, seen[t], t, at0[t], x, y(line), gap, lo, hi));
  pen.restore();
  pen.fillStyle = c.soft; pen.textBaseline = "alphabetic";
  if (seen[0]) {
    pen.textAlign = "left"; pen.fillText(minus(seen[0].lo), Math.max(2, x(seen[0].lo) - 6), height - 6);
    if (seen[0].w.length > 1) { pen.textAlign = "right"; pen.fillText(minus(seen[0].lo + seen[0].w.length - 1), Math.min(width - 2, x(seen[0].lo + seen[0].w.length - 1) + 6), height - 6); }
  }
  if (isWide) {
    drawTexts(pen, namesOf(lines), y, room.left - 16 * k, (text, place) => { pen.textAlign = "right"; pen.fillText(text, room.left - 12 * k, place); });
    drawTexts(pen, lines.map((t) => t ? saidOf(program.operations[t - 1]) : ""), y, room.right - 16 * k, (text, place) => { pen.textAlign = "left"; pen.fillText(text, width - room.right + 12 * k, place); });
  }
  const count = seen[0] ? seen[0].seen.reduce((a, b) => a + b, 0) : 0, phases = row.regions[axis].phases.length;
  const phase = phases > 1 ? `, phase ${((unit % phases) + phases) % phases} of ${phases}` : "";
  byId("cone-note").textContent = `Unit ${minus(unit)}${phase}: ${count} of ${seen[0] ? seen[0].seen.length : 0} positions of the input reach it, through ${lines.length - 1} step${lines.length === 2 ? "" : "s"}.`;
  canvas.setAttribute("aria-label", byId("cone-note").textContent);
}

// The layers' names, each at the last line that is its own.
function namesOf(lines) {
  const names = lines.map((t) => t === 0 ? "input" : "");
  for (const row of rows.slice(0, current() + 1)) {
    const line = lines.findLastIndex((t) => t <= row.tensor);
    if (line > 0) names[line] = brief(row.name, 26);
  }
  return names;
}

function saidOf(op) {
  if (!op.t) return op.a && op.a.some(Boolean) ? "reads all" : "";
  const says = [[op.d, "dilation"], [op.s, "stride"], [op.u, "up"]].filter(([n]) => n > 1).map(([n, word]) => `${word} ${n}`);
  return [op.t.length > 1 || !says.length ? `${op.t.length} tap${op.t.length > 1 ? "s" : ""}` : "", ...says].filter(Boolean).join(", ");
}

// Texts at the lines of the cone, from the input upwards, as many as there is room for.
function drawTexts(pen, texts, y, room, write) {
  let free = Infinity;
  texts.forEach((text, line) => {
    if (!text || y(line) > free) return;
    let begun = text;
    while (begun.length > 2 && pen.measureText(begun).width > room) begun = `${begun.slice(0, -2)}\u2026`;
    write(begun, y(line) + 4 * zoom());
    free = y(line) - 14 * zoom();
  });
}

// For each tensor where its unit i lies on the input: affine, by strides and the middles of taps.
const affine = new Map();
function places(program) {
  if (!affine.has(program)) {
    const found = [{ a: 1, b: 0 }];
    for (const op of program.operations) {
      // Of a shift around the ends, which is a sum of two, the one that moves less.
      const { a, b } = op.from.map(([source]) => found[source]).reduce((one, other) => Math.abs(other.b) < Math.abs(one.b) ? other : one), mid = op.t ? (op.d * (op.t[0] + op.t[op.t.length - 1])) / 2 + op.c : 0;
      found.push(op.t ? { a: a * op.s / op.u, b: b + a * mid / op.u } : { a, b });
    }
    for (const f of found) f.place = (i) => f.a * i + f.b;
    affine.set(program, found);
  }
  return affine.get(program);
}

function drawPositions(pen, c, program, part, tensor, at, x, y, gap, lo, hi) {
  const step = Math.abs(x(at.place(1)) - x(at.place(0)));
  if (step < 5 || gap < 9) {
    pen.fillStyle = c.blue;
    for (const [p, q] of runsOf(part)) {
      const left = x(at.place(p) - at.a / 2), right = x(at.place(q) + at.a / 2);
      pen.fillRect(left, y - Math.min(gap * 0.36, 4), Math.max(1, right - left - (right - left > 3 && gap > 5 ? 0.6 : 0)), Math.min(gap * 0.72, 8));
    }
    return;
  }
  const size = Math.min(4.5 * zoom(), gap / 3.2, step / 2.6), length = program.sizes ? program.sizes[tensor] : null;
  const first = Math.ceil((lo - at.b) / at.a), end = Math.floor((hi - at.b) / at.a);
  for (let i = Math.max(first, length === null ? first : 0); i <= Math.min(end, length === null ? end : length - 1); i++) {
    const k = i - part.lo, on = k >= 0 && k < part.seen.length && part.seen[k];
    pen.beginPath(); pen.arc(x(at.place(i)), y, on ? size : size * 0.55, 0, 7);
    pen.fillStyle = on ? c.blue : c.line; pen.fill();
  }
}

function drawTaps(pen, c, program, seen, lines, index, at, x, y) {
  const reads = (t) => { // the drawn tensors that a drawn one reads, over sums in between
    const found = [];
    for (const [source] of program.operations[t - 1].from) if (index.has(source)) found.push(source); else if (seen[source]) found.push(...reads(source));
    return found;
  };
  const edges = lines.reduce((sum, t) => sum + (t && program.operations[t - 1].t ? seen[t].w.length * program.operations[t - 1].t.length : 0), 0);
  pen.strokeStyle = c.dots; pen.lineWidth = 1;
  pen.globalAlpha = edges < 1500 ? 0.55 : 0.18;
  for (const t of lines) {
    const op = t && program.operations[t - 1];
    if (!op) continue;
    for (const source of new Set(reads(t))) {
      if (!op.t || edges > 6000) { // their outlines
        pen.beginPath();
        for (const end of [0, 1]) {
          const top = seen[t].lo + end * (seen[t].w.length - 1), low = seen[source].lo + end * (seen[source].w.length - 1);
          pen.moveTo(x(at[t].place(top)), y(index.get(t))); pen.lineTo(x(at[source].place(low)), y(index.get(source)));
        }
        pen.stroke();
        continue;
      }
      pen.beginPath();
      for (let k = 0; k < seen[t].w.length; k++) {
        if (!seen[t].seen[k]) continue;
        for (const tap of op.t) {
          let place = op.s * (seen[t].lo + k) + op.d * tap + op.c;
          if (place % op.u !== 0) continue;
          place /= op.u;
          const inner = place - seen[source].lo;
          if (inner < 0 || inner >= seen[source].seen.length || !seen[source].seen[inner]) continue;
          pen.moveTo(x(at[t].place(seen[t].lo + k)), y(index.get(t))); pen.lineTo(x(at[source].place(place)), y(index.get(source)));
        }
      }
      pen.stroke();
    }
  }
  pen.globalAlpha = 1;
}

// --- What one can touch ----------------------------------------------------------------------------------

let asked = 0;
function refresh() {
  readout();
  cancelAnimationFrame(asked);
  asked = requestAnimationFrame(() => { follow(); drawField(); drawCone(); });
}

function ladder() {
  const largest = Math.max(1, ...rows.flatMap((row) => row.field.map(number)).filter(Number.isFinite));
  rows.forEach((row, at) => {
    const button = document.createElement("button"), side = Math.max(...row.field.map(number));
    button.type = "button";
    for (const [kind, text] of [["name", brief(row.name)], ["bar", ""], ["number", shown([...new Set(row.field)])]]) {
      const part = document.createElement("span");
      part.className = kind; part.textContent = text;
      if (kind === "bar") { const fill = document.createElement("i"); fill.style.width = `${100 * Math.min(1, side / largest)}%`; part.append(fill); }
      button.append(part);
    }
    button.title = row.name;
    button.addEventListener("pointerenter", () => { state.over = at; refresh(); });
    button.addEventListener("focus", () => { if (state.row !== at) choose(at); });
    button.addEventListener("click", () => choose(at));
    const item = document.createElement("li");
    item.append(button); byId("ladder").append(item);
  });
  byId("ladder").addEventListener("pointerleave", () => { state.over = null; refresh(); });
  byId("ladder").addEventListener("keydown", (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1, Home: -last, End: last }[event.key];
    if (!step) return;
    event.preventDefault();
    const to = Math.max(0, Math.min(last, state.row + step));
    byId("ladder").querySelectorAll("button")[to].focus();
  });
}

function controls() {
  byId("depth").max = last;
  byId("depth").addEventListener("input", (event) => choose(Number(event.target.value)));
  for (let axis = 0; axis < axes; axis++) {
    const input = document.createElement("input");
    input.type = "number"; input.step = 1;
    input.setAttribute("aria-label", axes > 1 ? `unit along axis ${axis}` : "unit");
    input.addEventListener("input", () => { if (input.value !== "" && Number.isFinite(Number(input.value))) moveTo(state.unit.map((i, a) => a === axis ? Number(input.value) : i)); });
    input.addEventListener("change", () => { input.value = state.unit[axis]; });
    byId("unit").append(input, " ");
  }
  byId("middle").addEventListener("click", () => moveTo(units(state.row) ? units(state.row).map((n) => Math.floor(n / 2)) : state.unit.map(() => 0)));
  byId("corner").addEventListener("click", () => moveTo(state.unit.map(() => 0)));
  show(firstView());
  for (const button of byId("views").querySelectorAll("input")) button.addEventListener("change", () => { show(button.value); refresh(); });
  byId("views").hidden = !data.size;
  const choice = (select, texts, chosen, act) => {
    texts.forEach((text, value) => select.append(new Option(text, value, false, value === chosen)));
    select.addEventListener("change", () => { act(Number(select.value)); refresh(); });
  };
  const pairs = [];
  for (let a = 0; a < axes; a++) for (let b = a + 1; b < axes; b++) pairs.push([a, b]);
  choice(byId("plane"), pairs.map(([a, b]) => `${a} down, ${b} across`), pairs.length - 1, (value) => { state.plane = pairs[value]; });
  choice(byId("axis"), Array.from({ length: axes }, (_, a) => `axis ${a}`), state.axis, (value) => { state.axis = value; });
  byId("plane-choice").hidden = pairs.length < 2;
  byId("axis-choice").hidden = axes < 2;
  byId("cone-part").hidden = !programs;
  byId("file-line").hidden = axes < 2 || !data.size;
}

function canvasKeys() {
  const canvas = byId("field");
  canvas.addEventListener("keydown", (event) => {
    const axis = { ArrowUp: 0, ArrowDown: 0, ArrowLeft: 1, ArrowRight: 1 }[event.key];
    if (axis === undefined || (axes === 1 && axis === 0)) return;
    event.preventDefault();
    const along = axes === 1 ? 0 : state.plane[axis], step = (event.key === "ArrowUp" || event.key === "ArrowLeft" ? -1 : 1) * (event.shiftKey ? 10 : 1);
    moveTo(state.unit.map((i, a) => a === along ? i + step : i));
  });
  const point = (event) => {
    if (!view) return;
    const bounds = canvas.getBoundingClientRect(), place = state.place.slice();
    place[view.h] = view.across[0] + (event.clientX - bounds.left) / view.scale;
    if (!view.flat) place[view.v] = view.down[0] + (event.clientY - bounds.top - view.y(view.down[0])) / view.scaleY;
    moveTo(placed(state.row, place));
  };
  // While it is dragged the picture stays, or it would run away under the pointer.
  canvas.addEventListener("pointerdown", (event) => {
    view.held = { across: view.across, down: view.down };
    point(event);
    if (event.pointerType === "mouse") canvas.setPointerCapture(event.pointerId);
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { view.held = null; refresh(); });
  byId("cone").addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    moveTo(state.unit.map((i, a) => a === state.axis ? i + step * (event.shiftKey ? 10 : 1) : i));
  });
  canvas.addEventListener("pointermove", (event) => { if (event.buttons && event.pointerType === "mouse") point(event); });
}

function pictures() {
  const note = byId("picture-note"), plain = note.textContent;
  const lay = (picture, text) => { state.picture = picture; note.textContent = text; byId("no-picture").hidden = !picture; refresh(); };
  byId("picture").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    try {
      const picture = await createImageBitmap(file), [high, wide] = state.plane.map((axis) => data.size[axis]);
      const same = picture.width === wide && picture.height === high;
      show("input");
      lay(picture, `${picture.width} \u00d7 ${picture.height}${same ? "" : `, scaled and cut to the input's ${wide} \u00d7 ${high}`}. It stays in this browser.`);
    } catch { lay(null, "This file is no picture that the browser can show."); }
  });
  byId("no-picture").addEventListener("click", () => { byId("picture").value = ""; lay(null, plain); });
}

byId("explore").hidden = false;
byId("plain").hidden = true;
ladder(); controls(); canvasKeys(); pictures();
refresh();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refresh);
new ResizeObserver(refresh).observe(byId("explore"));
})();
