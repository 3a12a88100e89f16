"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const svgNode = (name, attributes, text) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  if (text !== undefined) node.textContent = text;
  return node;
};
const element = (name, text, className) => {
  const node = document.createElement(name);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
};
const time = (us) => {
  const size = Math.abs(us);
  if (size >= 1e6) return (us / 1e6).toPrecision(3) + " s";
  if (size >= 1e3) return (us / 1e3).toPrecision(3) + " ms";
  return size >= 1 ? us.toPrecision(3) + " µs" : (us * 1e3).toFixed(0) + " ns";
};
const bytes = (count) => {
  for (const [unit, name] of [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]])
    if (count >= unit) return (count / unit).toPrecision(3) + " " + name;
  return count + " B";
};
const colour = (label) => {
  let hash = 0;
  for (const character of label) hash = (hash * 31 + character.codePointAt(0)) >>> 0;
  return `hsl(${hash % 360} 62% ${58 + hash % 13}%)`;
};

// --- timeline ---
const LEFT = 150, ROW = 18, TOP = 24;
const lanes = [...data.streams, ...data.threads];
const view = { from: 0, to: Math.max(data.length, 1e-3) };
for (const lane of lanes) lane.depth = lane.spans.reduce((most, span) => Math.max(most, span[3] + 1), 1);

function drawTimeline() {
  const svg = $("timeline"), width = Math.max(400, svg.clientWidth || 1200);
  const scale = (width - LEFT) / (view.to - view.from), x = (at) => LEFT + (at - view.from) * scale;
  const parts = [];
  let y = TOP;
  for (const lane of lanes) {
    parts.push(svgNode("rect", { class: "lane", x: LEFT, y, width: width - LEFT, height: lane.depth * ROW, rx: 4 }));
    parts.push(svgNode("text", { x: 0, y: y + 13 }, lane.name.slice(0, 24)));
    parts.push(...drawSpans(lane, y, x, width));
    y += lane.depth * ROW + 8;
  }
  parts.unshift(...drawTicks(x, y));
  svg.setAttribute("viewBox", `0 0 ${width} ${y}`);
  svg.style.height = y + "px";
  svg.replaceChildren(...parts);
  $("range").textContent = `${time(view.from)} – ${time(view.to)}`;
}

function drawSpans(lane, y, x, width) {
  const parts = [], reached = [];
  for (const span of lane.spans) {
    const [begin, length, label, depth, kernel] = span;
    if (begin + length < view.from || begin > view.to) continue;
    const left = Math.max(LEFT, x(begin)), right = Math.min(width, x(begin + length));
    if (right < (reached[depth] ?? -1) + 0.5) continue; // hidden below its neighbour
    reached[depth] = Math.max(right, left + 0.8);
    const box = svgNode("rect", { class: "span", x: left, y: y + depth * ROW + 1, width: Math.max(0.8, right - left), height: ROW - 2, rx: right - left > 6 ? 3 : 0, fill: colour(label) });
    box.span = span;
    parts.push(box);
    const room = Math.floor((right - left - 8) / 6.4);
    if (room > 3) parts.push(svgNode("text", { class: "label", x: left + 4, y: y + depth * ROW + 13 }, label.length > room ? label.slice(0, room - 1) + "…" : label));
  }
  return parts;
}

function drawTicks(x, height) {
  const rough = (view.to - view.from) / 8, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const parts = [];
  for (let at = Math.ceil(view.from / step) * step; at <= view.to; at += step) {
    parts.push(svgNode("line", { class: "tick", x1: x(at), x2: x(at), y1: 16, y2: height }));
    parts.push(svgNode("text", { x: x(at) + 3, y: 12 }, time(at)));
  }
  return parts;
}

function zoom(factor, at) {
  const length = Math.min(data.length, Math.max(0.01, (view.to - view.from) * factor));
  const part = (at - view.from) / (view.to - view.from);
  move(at - part * length, length);
}

function move(from, length) {
  view.from = Math.max(0, Math.min(from, data.length - length));
  view.to = view.from + length;
  drawTimeline();
}

function listenToTimeline() {
  const svg = $("timeline"), tip = $("tip");
  const at = (event) => {
    const box = svg.getBoundingClientRect();
    return view.from + Math.max(0, event.clientX - box.left - LEFT) / (box.width - LEFT) * (view.to - view.from);
  };
  let held = null, moved = false;
  svg.addEventListener("wheel", (event) => { event.preventDefault(); zoom(event.deltaY > 0 ? 1.25 : 0.8, at(event)); }, { passive: false });
  svg.addEventListener("pointerdown", (event) => { held = [event.clientX, view.from]; moved = false; });
  addEventListener("pointerup", () => { held = null; });
  svg.addEventListener("pointermove", (event) => {
    const span = event.target.span;
    tip.hidden = !span;
    if (span) {
      tip.textContent = `${span[2]}\n${time(span[1])} from ${time(span[0])}${span[5] ? "\n" + span[5] : ""}`;
      tip.style.left = Math.min(innerWidth - 240, event.clientX + 14) + "px";
      tip.style.top = event.clientY + 14 + "px";
    }
    if (!held || Math.abs(event.clientX - held[0]) < 3 && !moved) return;
    moved = true;
    const length = view.to - view.from;
    move(held[1] - (event.clientX - held[0]) / (svg.clientWidth - LEFT) * length, length);
  });
  svg.addEventListener("pointerleave", () => { tip.hidden = true; });
  svg.addEventListener("click", (event) => { if (!moved && event.target.span && event.target.span[4]) choose(event.target.span[4]); });
  $("whole").addEventListener("click", () => move(0, data.length));
  addEventListener("resize", drawTimeline);
}

// --- tables ---
const number = (value, digits = 3) => value === null ? "" : value.toPrecision(digits);
const KERNEL_COLUMNS = [
  ["kernel", (k) => k.name], ["line", (k) => k.place], ["calls", (k) => k.calls, (v) => v.toLocaleString("en")],
  ...["total", "mean", "p50", "p95"].map((name) => [name, (k) => k[name], (v, k) => (k.host_time ? "~" : "") + time(v)]),
  ["GB/s", (k) => k.bandwidth, (v) => v === null ? "" : number(v / 1e9)], ["GFLOP/s", (k) => k.rate, (v) => v === null ? "" : number(v / 1e9)],
  ["roofline", (k) => k.share, (v) => v === null ? "" : Math.round(100 * v) + "%", (v) => v === null ? "" : v >= 0.5 ? "good" : v < 0.1 ? "bad" : ""],
  ["cache", (k) => k.cache],
];
const LIVE_COLUMNS = [
  ["made by", (l) => l.place], ["blocks", (l) => l.count], ["bytes", (l) => l.bytes, bytes], ["oldest", (l) => l.oldest, time],
  ["", (l) => l.suspect ? "keeps growing: a leak?" : "", undefined, () => "bad"],
];

function table(node, columns, rows, onRow) {
  let by = -1, falling = true;
  const head = element("tr");
  columns.forEach(([name], index) => {
    const cell = element("th", name);
    cell.addEventListener("click", () => { falling = by === index ? !falling : true; by = index; draw(); });
    head.append(cell);
  });
  node.tHead.append(head);
  function draw() {
    const value = (row) => columns[by][1](row) ?? -Infinity;
    const order = by < 0 ? rows : [...rows].sort((a, b) => (value(a) < value(b) ? 1 : value(a) > value(b) ? -1 : 0) * (falling ? 1 : -1));
    [...head.cells].forEach((cell, index) => index === by ? cell.setAttribute("aria-sort", falling ? "descending" : "ascending") : cell.removeAttribute("aria-sort"));
    node.tBodies[0].replaceChildren(...order.map((row) => {
      const line = element("tr");
      for (const [, read, show, style] of columns) {
        const found = read(row);
        line.append(element("td", show ? show(found, row) : String(found), style ? style(found) : ""));
      }
      if (onRow) line.addEventListener("click", () => onRow(row));
      line.dataset.key = row.key ?? "";
      return line;
    }));
  }
  draw();
}

function choose(key) {
  const kernel = data.kernels.find((k) => k.key === key), detail = $("detail");
  if (!kernel) return;
  for (const row of $("kernels").tBodies[0].rows) row.classList.toggle("chosen", row.dataset.key === key);
  detail.hidden = false;
  detail.querySelector("h3").textContent = kernel.name;
  detail.querySelector("p").textContent = [kernel.place, kernel.device, kernel.strategy, `${kernel.calls} call${kernel.calls === 1 ? "" : "s"}`].filter(Boolean).join(" · ");
  const buttons = Object.entries(kernel.texts).map(([name, text]) => {
    const button = element("button", name);
    button.addEventListener("click", () => {
      for (const other of buttons) other.setAttribute("aria-pressed", other === button);
      detail.querySelector("pre").textContent = text;
    });
    return button;
  });
  detail.querySelector("nav").replaceChildren(...buttons);
  detail.querySelector("pre").textContent = "";
  if (buttons.length) buttons[0].click();
}

// --- memory ---
function drawMemory() {
  $("memory").replaceChildren(...data.memory.flatMap(({ device, points }) => {
    const most = points.reduce((high, p) => Math.max(high, p[2]), 1), width = 1200, height = 140;
    const x = (at) => at / data.length * width, y = (count) => height - count / most * (height - 14);
    const path = (which) => points.map((p, i) => (i ? `H${x(p[0])}V` : `M${x(p[0])} `) + y(p[which])).join("") + `H${width}`;
    const svg = svgNode("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", height, role: "img", "aria-label": `${device} memory over time` });
    svg.append(svgNode("path", { class: "area", d: `${path(1)}V${height}H${x(points[0][0])}Z` }), svgNode("path", { class: "edge", d: path(1) }), svgNode("path", { class: "held", d: path(2) }));
    const peak = points.reduce((best, p) => p[1] > best[1] ? p : best), last = points[points.length - 1];
    const said = `${device}: peak ${bytes(peak[1])} at ${time(peak[0])}, at the end ${bytes(last[1])} in ${last[3]} blocks; dashed: with what waits for reuse`;
    return [element("small", said), svg];
  }));
}

for (const note of data.notes) $("notes").append(element("li", note));
drawTimeline();
listenToTimeline();
table($("kernels"), KERNEL_COLUMNS, data.kernels, (kernel) => choose(kernel.key));
if (data.kernels.length) choose(data.kernels[0].key);
drawMemory();
if (data.live.length) table($("live"), LIVE_COLUMNS, data.live);
