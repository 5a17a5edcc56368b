// Charts of the last fifteen minutes, drawn as SVG. No part of them is made of text from outside.

import { element, setText } from "./build.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 190;
const MARGIN = { left: 52, right: 12, top: 12, bottom: 24 };
const STEPS = 180;
const MINUTES = [15, 10, 5, 0];

export class Chart {
  // `series`: {name, className, isArea}; `label` writes a value; with `isLogarithmic` the axis is.
  constructor(host, series, label, isLogarithmic) {
    this.series = series;
    this.label = label;
    this.isLogarithmic = isLogarithmic;
    this.columns = [];
    this.times = [];
    this.svg = draw("svg", { role: "img", height: HEIGHT });
    this.readout = element("p", "readout");
    this.legend = element("ul", "legend");
    for (const each of series) {
      const item = element("li", each.className);
      item.append(element("i"), element("span", "", each.name));
      this.legend.append(item);
    }
    host.replaceChildren(this.legend, this.svg, this.readout);
    this.pointed = null;
    this.svg.addEventListener("pointermove", (event) => this.point(event));
    this.svg.addEventListener("pointerleave", () => this.point(null));
    new ResizeObserver(() => this.render()).observe(host);
  }

  // `columns`: one list of numbers or nulls for each series; `times`: how many seconds ago each step ended.
  update(columns, times, summary) {
    this.columns = columns;
    this.times = times;
    this.svg.setAttribute("aria-label", summary);
    this.render();
  }

  render() {
    const width = this.svg.parentElement.clientWidth;
    if (!width) return;
    this.width = width;
    this.svg.setAttribute("width", width);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    const values = this.columns.flat().filter((value) => value !== null && value > 0);
    const [lowest, highest, ticks] = this.isLogarithmic ? decades(values) : steps(values);
    this.place = (value) => {
      const part = this.isLogarithmic
        ? Math.log(Math.max(value, lowest) / lowest) / Math.log(highest / lowest)
        : value / highest;
      return HEIGHT - MARGIN.bottom - part * (HEIGHT - MARGIN.top - MARGIN.bottom);
    };
    this.svg.replaceChildren(...this.axes(ticks), ...this.series.flatMap((each, at) => this.curve(each, this.columns[at] || [])));
    this.crosshair();
  }

  across(ago) {
    const span = this.width - MARGIN.left - MARGIN.right;
    return MARGIN.left + span * (1 - ago / (MINUTES[0] * 60));
  }

  axes(ticks) {
    const parts = [];
    for (const tick of ticks) {
      const y = this.place(tick);
      parts.push(draw("line", { class: "grid", x1: MARGIN.left, x2: this.width - MARGIN.right, y1: y, y2: y }));
      parts.push(draw("text", { class: "axis", x: MARGIN.left - 8, y: y + 4, "text-anchor": "end" }, this.label(tick, true)));
    }
    for (const minutes of MINUTES) {
      const text = minutes ? `−${minutes} min` : "now";
      const anchor = minutes === MINUTES[0] ? "start" : minutes ? "middle" : "end";
      parts.push(draw("text", { class: "axis", x: this.across(minutes * 60), y: HEIGHT - 6, "text-anchor": anchor }, text));
    }
    return parts;
  }

  curve(series, column) {
    const runs = [[]];
    column.forEach((value, at) => {
      if (value === null) runs.push([]);
      else runs.at(-1).push([this.across(this.times[at]), this.place(value)]);
    });
    return runs.filter((run) => run.length).flatMap((run) => {
      const line = run.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L");
      const floor = HEIGHT - MARGIN.bottom;
      const parts = [draw("path", { class: `line ${series.className}`, d: run.length > 1 ? `M${line}` : `M${line}h1` })];
      if (series.isArea) {
        const area = `M${run[0][0].toFixed(1)} ${floor}L${line}L${run.at(-1)[0].toFixed(1)} ${floor}Z`;
        parts.unshift(draw("path", { class: `area ${series.className}`, d: area }));
      }
      return parts;
    });
  }

  point(event) {
    this.pointed = event === null ? null : event.clientX - this.svg.getBoundingClientRect().left;
    this.crosshair();
  }

  crosshair() {
    this.svg.querySelector(".crosshair")?.remove();
    if (this.pointed === null || !this.times.length) {
      setText(this.readout, "");
      return;
    }
    const distance = this.times.map((ago) => Math.abs(this.across(ago) - this.pointed));
    const at = distance.indexOf(Math.min(...distance));
    const x = this.across(this.times[at]);
    this.svg.append(draw("line", { class: "crosshair", x1: x, x2: x, y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom }));
    const found = this.series.map((each, index) => {
      const value = this.columns[index][at];
      return `${each.name} ${value === null ? "–" : this.label(value)}`;
    });
    const ago = Math.round(this.times[at]);
    setText(this.readout, `${Math.floor(ago / 60)}:${String(ago % 60).padStart(2, "0")} min ago: ${found.join(", ")}`);
  }
}

export const MOST_STEPS = STEPS;

function draw(tag, attributes, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  if (text !== undefined) node.textContent = text;
  return node;
}

// Round numbers from zero to above the highest value.
function steps(values) {
  const most = Math.max(1, ...values);
  const rough = most / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const highest = step * Math.ceil(most / step);
  return [0, highest, Array.from({ length: Math.round(highest / step) + 1 }, (_, at) => at * step)];
}

// Powers of ten around all values; three decades at least.
function decades(values) {
  let first = Math.floor(Math.log10(Math.min(...values, 1)));
  const last = Math.max(Math.ceil(Math.log10(Math.max(...values, 10))), first + 2);
  first = Math.max(first, last - 6);
  const ticks = Array.from({ length: last - first + 1 }, (_, at) => 10 ** (first + at));
  return [10 ** first, 10 ** last, ticks];
}
