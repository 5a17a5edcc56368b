// The page: events from the server in, what people see out.

import { Facts, Table, element, gauge, makeGauge, pill, repeat, setText, setTone, showGauge, text } from "./build.js";
import { Chart, MOST_STEPS } from "./chart.js";
import { bytes, clock, code, count, counted, exit, milliseconds, reason, seconds, short, tidy } from "./words.js";

const TONES = { ok: "ok", degraded: "warn", draining: "warn" };
const STATES = { idle: "ok", busy: "busy", starting: "warn", stopping: "warn", dead: "bad" };
const GOOD_EXITS = ["recycled", "cancelled"];
const LEVELS = { full: "ok", strong: "ok", partial: "warn", "paths-only": "bad", off: "bad" };
const RETRY_MS = 1000;
const find = (id) => document.getElementById(id);

const rate = new Chart(find("rate"), [
  { name: "answered", className: "first", isArea: true },
  { name: "failed", className: "third", isArea: true },
], tidy, false);
const latency = new Chart(find("latency"), [
  { name: "median", className: "first" },
  { name: "99th percentile", className: "second" },
], milliseconds, true);

const workers = new Table(find("workers"), "Workers", [
  { label: "Worker", show: text((row) => [`${row.profile ? `${row.profile} ` : ""}${row.slot}${row.pool ? ` ${row.pool}` : ""}`, row.pid && `pid ${row.pid}`]) },
  { label: "State", show: pill((row) => [row.state, STATES[row.state] || "quiet"]) },
  { label: "Call", kind: "wide", show: text((row) => [row.tool, row.path, row.client && `for ${row.client}`]) },
  { label: "Running", kind: "bar", show: gauge(runningTime) },
  { label: "Memory", kind: "bar", show: gauge(memory) },
  { label: "CPU", kind: "number", show: text((row) => `${Math.round(row.cpu_percent)} %`) },
  { label: "Calls", kind: "number", show: text((row) => count(row.calls_total)) },
  { label: "Restarts", kind: "number", show: text((row) => count(row.restarts)) },
  { label: "Last exit", show: pill((row) => row.last_exit ? [exit(row.last_exit), GOOD_EXITS.includes(row.last_exit) ? "quiet" : "bad"] : ["none", "none"]) },
  { label: "Up", kind: "number", show: text((row) => seconds(row.uptime_s)) },
], "There are no workers.");

const incidents = new Table(find("incidents"), "Latest refused and lost calls", [
  { label: "Time", show: text((row) => clock(row.at)) },
  { label: "Call", kind: "wide", show: text((row) => [row.tool, row.path]) },
  { label: "Client", kind: "name", show: text((row) => row.client) },
  { label: "Outcome", show: pill((row) => [code(row.code), row.reason ? "warn" : "bad"]) },
  { label: "Why", kind: "wide", show: text((row) => row.reason ? reason(row.reason) : row.message) },
  { label: "Times", kind: "number", show: text((row) => count(row.count)) },
], "Nothing was refused or lost since the server began.");

const tools = new Table(find("tools"), "Tools", [
  { label: "Tool", show: text((row) => row.name) },
  { label: "Calls", kind: "number", show: text((row) => count(row.total)) },
  { label: "Failed", kind: "number", show: text((row) => count(row.errors)) },
  { label: "Median", kind: "number", show: text((row) => milliseconds(row.p50_ms)) },
  { label: "99 %", kind: "number", show: text((row) => milliseconds(row.p99_ms)) },
  { label: "Answered", kind: "number", show: text((row) => bytes(row.answer_bytes)) },
], "No tool was called yet.");

const clients = new Table(find("clients"), "Clients", [
  { label: "Client", kind: "wide", show: text((row) => [row.name || "(no name)", row.id, row.profile && `profile ${row.profile}`]) },
  { label: "Transport", show: text((row) => row.transport) },
  { label: "In flight", kind: "number", show: text((row) => count(row.in_flight)) },
  { label: "Connected", kind: "number", show: text((row) => seconds(row.connected_s)) },
], "Nobody is connected.");

const watchers = new Table(find("watchers"), "Watchers", [
  { label: "Process", show: text((row) => row.pid ? `pid ${row.pid}` : "") },
  { label: "State", show: pill((row) => [row.state === "idle" ? "watching" : row.state, STATES[row.state] || "quiet"]) },
  { label: "Principal", kind: "wide", show: text((row) => row.principal) },
  { label: "Watches", kind: "number", show: text((row) => count(row.watches)) },
  { label: "Memory", kind: "number", show: text((row) => bytes(row.rss_bytes)) },
  { label: "Up", kind: "number", show: text((row) => seconds(row.uptime_s)) },
], "Nobody has subscribed to changes of files.");

const serverFacts = new Facts(find("server"));
const sandboxLevel = element("p", "pill");
const sandboxLayers = element("ul", "layers");
const sandboxNotes = element("ul", "notes");
find("sandbox").append(sandboxLevel, sandboxLayers, sandboxNotes);
const queueGauge = makeGauge();
const lanes = element("div");
find("queue").append(queueGauge, lanes);
const laneTable = new Table(lanes, "Lanes of the queue", [
  { label: "Lane", show: text((row) => row.name) },
  { label: "Waiting", kind: "number", show: text((row) => count(row.waiting)) },
  { label: "Running", kind: "number", show: text((row) => row.limit === null ? count(row.running) : `${count(row.running)} of ${count(row.limit)}`) },
  { label: "Oldest", kind: "number", show: text((row) => milliseconds(row.oldest_ms)) },
], "");
const refusals = new Table(find("refusals"), "Refused before a worker saw it, by reason", [
  { label: "Reason", kind: "wide", show: text((row) => reason(row.name)) },
  { label: "Times", kind: "number", show: text((row) => count(row.total)) },
], "Nothing was refused before a worker saw it.");

let memoryLimit = 0;
let totals = [];
let steps = null;
let last = null;

function runningTime(row) {
  if (row.busy_ms === null) return null;
  const label = row.deadline_ms ? `${milliseconds(row.busy_ms)} of ${milliseconds(row.deadline_ms)}` : milliseconds(row.busy_ms);
  return { value: row.busy_ms, most: row.deadline_ms, label, name: "running time of its deadline" };
}

function memory(row) {
  if (!row.pid) return null;
  return { value: row.rss_bytes, most: memoryLimit, label: `${bytes(row.rss_bytes)} of ${bytes(memoryLimit)}`, name: "memory of its limit" };
}

function showStatus(status) {
  memoryLimit = status.pool.worker_memory_bytes;
  showHead(status);
  showTiles(status);
  workers.update(status.workers, (row) => row.pid);
  incidents.update(status.incidents);
  tools.update(Object.entries(status.calls.by_tool).map(([name, tool]) => ({ name, ...tool })).sort((one, other) => other.total - one.total));
  clients.update(status.client_list);
  watchers.update(status.watchers);
  showQueue(status.queue);
  refusals.update(Object.entries(status.refusals).filter(([, total]) => total).map(([name, total]) => ({ name, total })).sort((one, other) => other.total - one.total));
  showSandbox(status.sandbox);
  showServer(status);
  announce(status);
  last = status;
}

function showHead(status) {
  setText(find("health"), status.status);
  setTone(find("health"), TONES[status.status] || "quiet");
  setText(find("facts"), `version ${status.version} · ${status.transport} · up ${seconds(status.uptime_s)}`);
  document.title = status.status === "ok" ? "Filewarden" : `${status.status} – Filewarden`;
  showProblems(status.problems);
}

function showProblems(sentences) {
  find("problems").hidden = !sentences.length;
  repeat(find("problems").firstElementChild, sentences, () => element("li"), setText);
}

function showTiles(status) {
  const now = performance.now();
  totals = [...totals.filter(([at, total]) => now - at < 5000 && total <= status.calls.total), [now, status.calls.total]];
  const [since, before] = totals[0];
  const perSecond = now > since ? (status.calls.total - before) * 1000 / (now - since) : 0;
  const minute = lately(12);
  const { pool, queue, calls, clients: here } = status;
  const tiles = [
    ["Calls per second", short(perSecond), `${count(calls.total)} in all`, ""],
    ["Median latency", milliseconds(minute.p50), `99 %: ${milliseconds(minute.p99)}`, ""],
    ["Failed", `${short(minute.failed)} %`, `${counted(calls.timeouts, "timeout", "timeouts")} in all`, minute.failed > 10 ? "warn" : ""],
    ["Workers ready", `${pool.ready} / ${pool.size}`, `${counted(pool.spares, "spare", "spares")} · ${counted(pool.restarts_total, "restart", "restarts")}`, pool.ready < pool.size ? "warn" : ""],
    ["Waiting", `${count(queue.depth)}`, queue.rejected_total ? `${count(queue.rejected_total)} turned away` : `of ${count(queue.limit)}`, queue.depth > queue.limit / 2 ? "warn" : ""],
    ["Clients", count(here.stdio + here.http + here.sse), Object.entries(here).filter(([, n]) => n).map(([name, n]) => `${n} ${name}`).join(" · ") || "nobody", ""],
    ["Sandbox", status.sandbox.level, status.sandbox.mode, LEVELS[status.sandbox.level] === "ok" ? "" : "bad"],
  ];
  repeat(find("tiles"), tiles, () => {
    const tile = element("li");
    tile.append(element("span", "name"), element("strong"), element("span", "detail"));
    return tile;
  }, (node, [name, value, detail, tone]) => {
    [name, value, detail].forEach((each, at) => setText(node.children[at], each));
    setTone(node, tone);
  });
}

// The latest steps together: the share that failed, the middle of the medians, the worst 99 %.
function lately(number) {
  const chosen = steps ? [...steps.steps.slice(-number), steps.now].filter(([calls]) => calls) : [];
  if (!chosen.length) return { failed: 0, p50: null, p99: null };
  const sum = (at) => chosen.reduce((total, step) => total + step[at], 0);
  const medians = chosen.map((step) => step[3]).filter((each) => each !== null).sort((one, other) => one - other);
  return {
    failed: 100 * sum(1) / sum(0),
    p50: medians[Math.floor(medians.length / 2)] ?? null,
    p99: Math.max(...chosen.map((step) => step[4] ?? 0)),
  };
}

function showTimeline(timeline) {
  steps = timeline;
  const kept = timeline.steps.slice(-MOST_STEPS);
  const shown = timeline.age_s >= 1 ? [...kept, timeline.now] : kept;
  const lengths = shown.map((_, at) => at < kept.length ? timeline.step_s : timeline.age_s);
  const times = shown.map((_, at) => at < kept.length ? timeline.age_s + (kept.length - 1 - at) * timeline.step_s : 0);
  const perSecond = (at) => shown.map((step, index) => step[at] / lengths[index]);
  const minute = lately(12);
  rate.update([perSecond(0), perSecond(1)], times, `Calls per second in the last fifteen minutes, at most ${short(Math.max(0, ...perSecond(0)))}; now ${short(perSecond(0).at(-1) ?? 0)}.`);
  latency.update([3, 4].map((at) => shown.map((step) => step[at])), times, `Latency in the last fifteen minutes; in the last one the median was ${milliseconds(minute.p50)}, the 99th percentile ${milliseconds(minute.p99)}.`);
}

function showQueue(queue) {
  showGauge(queueGauge, { value: queue.depth, most: queue.limit, label: `${count(queue.depth)} waiting of ${count(queue.limit)}`, name: "waiting calls of the limit" });
  laneTable.update(Object.entries(queue.lanes).map(([name, lane]) => ({ name, ...lane })));
}

function showSandbox(sandbox) {
  setText(sandboxLevel, `${sandbox.level} (${sandbox.mode})`);
  setTone(sandboxLevel, LEVELS[sandbox.level] || "quiet");
  repeat(sandboxLayers, Object.entries(sandbox.layers), () => {
    const item = element("li");
    item.append(element("b"), element("span"), element("small"));
    return item;
  }, (node, [name, { active, ...facts }]) => {
    setText(node.children[0], active ? "✓ on" : "✗ off");
    setText(node.children[1], name.replaceAll("_", " "));
    setText(node.children[2], Object.entries(facts).map(([key, value]) => `${key} ${value}`).join(", "));
    setTone(node, active ? "ok" : "bad");
  });
  repeat(sandboxNotes, sandbox.degraded, () => element("li"), setText);
}

function showServer(status) {
  const front = status.front_end;
  const audit = status.audit;
  const rows = [["Ready for calls", status.ready ? "yes" : "no", status.ready ? "ok" : "bad"]];
  if (front) {
    rows.push(["Front-end process", `pid ${front.pid}`], ["Its memory", bytes(front.rss_bytes)], ["Its processor time", `${front.cpu_seconds.toFixed(1)} s`]);
    if (front.open_files !== null) rows.push(["Open files", front.max_files === null ? count(front.open_files) : `${count(front.open_files)} of ${count(front.max_files)}`]);
  }
  rows.push(["Start of workers", status.pool.breaker === "closed" ? "works" : `fails (breaker ${status.pool.breaker})`, status.pool.breaker === "closed" ? "" : "bad"]);
  if (status.pool.stuck) rows.push(["Workers that do not die", count(status.pool.stuck), "bad"]);
  if (status.pool.hung_roots.length) rows.push(["Roots that hang", status.pool.hung_roots.join(", "), "bad"]);
  if (status.pool.ejections_total) rows.push(["Replaced for failing", count(status.pool.ejections_total)]);
  const ended = Object.entries(status.pool.exits).filter(([, total]) => total).map(([name, total]) => `${count(total)} ${exit(name)}`);
  rows.push(["Ended workers", ended.join(", ") || "none"]);
  rows.push(["Audit log", audit ? `${audit.state}, ${counted(audit.lines_total, "line", "lines")}${audit.lost_total ? `, ${count(audit.lost_total)} lost` : ""}` : "off", audit && audit.reason ? "bad" : ""]);
  const traces = status.telemetry;
  if (traces) rows.push(["Traces", traces.reason ? `cannot be sent: ${traces.reason}` : `sent for ${counted(traces.exported_total, "call", "calls")}`, traces.reason ? "bad" : ""]);
  rows.push(...(status.profiles || []).map(profileRow));
  rows.push(...configurationRows(status.configuration));
  serverFacts.update(rows);
}

function profileRow(profile) {
  const facts = profile.workers ? [`${profile.ready} of ${counted(profile.workers, "worker", "workers")}`, counted(profile.calls_total, "call", "calls"), counted(profile.clients, "client", "clients")] : [];
  const tones = { broken: "bad", serving: "ok" };
  return [profile.name ? `Profile ${profile.name}` : "Outside of profiles", [profile.state, ...facts].join(", "), tones[profile.state] || ""];
}

function configurationRows(configuration) {
  const reloads = configuration.reloads_total ? `, reloaded ${counted(configuration.reloads_total, "time", "times")}` : "";
  const rows = [["Configuration", configuration.reloading ? "being reloaded" : `in force${reloads}`]];
  if (configuration.problem) rows.push(["Latest reload refused", configuration.problem, "bad"]);
  if (configuration.needs_restart.length) rows.push(["Waits for a restart", configuration.needs_restart.join(", ")]);
  if (configuration.retiring) rows.push(["Workers of earlier settings", count(configuration.retiring)]);
  return rows;
}

// Tells those who do not see the page what has changed on it.
function announce(status) {
  if (!last) return;
  const sentences = last.status === status.status ? [] : [`The status is ${status.status}.`];
  for (const row of status.workers) {
    const before = last.workers.find((each) => each.slot === row.slot && each.pool === row.pool && each.profile === row.profile);
    if (before && row.restarts > before.restarts) sentences.push(`Worker ${row.slot} was replaced: ${exit(row.last_exit)}.`);
  }
  if (sentences.length) setText(find("announcer"), sentences.join(" "));
}

function lose(word, sentence) {
  setText(find("health"), word);
  setTone(find("health"), "bad");
  showProblems([sentence]);
  document.body.classList.add("stale");
}

function connect() {
  const events = new EventSource("/status/events");
  const handle = (name, show) => events.addEventListener(name, (event) => {
    document.body.classList.remove("stale");
    show(JSON.parse(event.data));
  });
  handle("status", showStatus);
  handle("timeline", showTimeline);
  events.addEventListener("silence", () => lose("not answering", "The server does not answer its own status page. What is shown is its last answer."));
  events.addEventListener("error", () => {
    lose("no connection", "The connection to the server is lost. What is shown is its last answer; it is tried again.");
    if (events.readyState === EventSource.CLOSED) setTimeout(retry, RETRY_MS);
  });
}

// A refused stream does not come back by itself: the visit may have ended, or the server is another one now.
async function retry() {
  try {
    if ((await fetch("/", { method: "HEAD" })).status === 401) {
      location.reload();
      return;
    }
  } catch {
    // nobody is there yet
  }
  connect();
}

connect();
