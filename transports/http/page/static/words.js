// How figures and names are written for people.

const NUMBERS = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const MEBIBYTE = 1024 * 1024;

export function count(number) {
  return NUMBERS.format(number);
}

// One or two places where they tell something.
export function short(number) {
  if (number === 0 || number >= 100) return NUMBERS.format(number);
  return number >= 10 ? number.toFixed(1) : number.toFixed(2);
}

// As short as a round number can be.
export function tidy(number) {
  return number >= 1000 ? NUMBERS.format(number) : String(Number(number.toPrecision(3)));
}

export function counted(number, one, many) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

export function milliseconds(number, isRound) {
  if (number === null || number === undefined) return "–";
  if (isRound) return number < 1000 ? `${tidy(number)} ms` : `${tidy(number / 1000)} s`;
  if (number < 1000) return `${short(number)} ms`;
  return `${(number / 1000).toFixed(number < 10000 ? 2 : 1)} s`;
}

export function seconds(number) {
  if (number < 60) return `${Math.floor(number)} s`;
  if (number < 3600) return `${Math.floor(number / 60)} min`;
  if (number < 86400) return `${Math.floor(number / 3600)} h ${Math.floor((number % 3600) / 60)} min`;
  return `${Math.floor(number / 86400)} d ${Math.floor((number % 86400) / 3600)} h`;
}

export function bytes(number) {
  if (number < 1024) return `${number} B`;
  if (number < MEBIBYTE) return `${(number / 1024).toFixed(0)} KiB`;
  if (number < 1024 * MEBIBYTE) return `${(number / MEBIBYTE).toFixed(number < 10 * MEBIBYTE ? 1 : 0)} MiB`;
  return `${(number / MEBIBYTE / 1024).toFixed(1)} GiB`;
}

export function clock(epochSeconds) {
  return new Date(epochSeconds * 1000).toLocaleTimeString([], { hour12: false });
}

const REASONS = {
  queue_full: "queue full",
  client_limit: "too many calls of one client",
  queue_deadline: "waited until its deadline",
  repeated_loss: "same call cost two workers",
  write_budget: "write budget used up",
  not_granted: "scope not granted",
  audit: "audit log cannot be written",
  root_hung: "file system of the root hangs",
  no_worker: "no worker can be started",
  draining: "server stopping",
  http_credential: "HTTP: no or wrong credential",
  http_sign_in: "HTTP: too many wrong tokens",
  http_origin: "HTTP: foreign origin",
  http_host: "HTTP: foreign host name",
  http_path: "HTTP: unknown path",
  http_method: "HTTP: wrong method",
  http_size: "HTTP: body too large",
  http_type: "HTTP: wrong content type",
  connections: "HTTP: too many connections",
  sessions: "HTTP: too many sessions",
  slow_sender: "HTTP: sends too slowly",
  slow_reader: "HTTP: reads too slowly",
  no_descriptors: "no descriptor left for a connection",
  http_other: "HTTP: other",
};

export function reason(name) {
  return Object.hasOwn(REASONS, name) ? REASONS[name] : name;
}

const EXITS = {
  deadline: "deadline",
  memory: "memory limit",
  cancelled: "cancelled",
  crash: "crash",
  recycled: "recycled",
  protocol: "broke the protocol",
  violation: "forbidden system call",
};

export function exit(name) {
  return Object.hasOwn(EXITS, name) ? EXITS[name] : name;
}

export function code(name) {
  return name.replaceAll("_", " ");
}
