// Parts of the page. Whatever comes from the server is set as text, never as markup.

export function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setTone(node, tone) {
  if (node.dataset.tone !== tone) node.dataset.tone = tone;
}

// Makes a node's children as many as there are items, and lets each show its item.
export function repeat(host, items, make, show) {
  while (host.children.length > items.length) host.lastElementChild.remove();
  while (host.children.length < items.length) host.append(make());
  items.forEach((item, at) => show(host.children[at], item));
}

// A cell that shows a text; a function that returns a list shows each of its texts on a line, the first one strongest.
export function text(find) {
  return (cell, row) => {
    const lines = [find(row)].flat().filter((line) => line);
    repeat(cell, lines.length ? lines : ["–"], () => element("span"), setText);
  };
}

export function pill(find) {
  return (cell, row) => {
    const [label, tone] = find(row);
    if (!cell.firstChild) cell.append(element("span", "pill"));
    setText(cell.firstChild, label);
    setTone(cell.firstChild, tone);
  };
}

// A cell with a bar; `find` gives {value, most, label, name}, or null where there is nothing to measure.
export function gauge(find) {
  return (cell, row) => {
    if (!cell.firstChild) cell.append(makeGauge());
    showGauge(cell.firstChild, find(row));
  };
}

export function makeGauge() {
  const holder = element("div", "gauge");
  holder.append(element("span"), document.createElement("progress"));
  return holder;
}

export function showGauge(holder, found) {
  const [label, bar] = holder.children;
  setText(label, found ? found.label : "–");
  bar.hidden = !found || !found.most;
  if (bar.hidden) return;
  bar.max = found.most;
  bar.value = Math.min(found.value, found.most);
  bar.setAttribute("aria-label", found.name);
  const share = found.value / found.most;
  setTone(bar, share >= 0.9 ? "bad" : share >= 0.7 ? "warn" : "ok");
}

// A table that keeps its rows: only what changes is touched, so a selection or a screen reader stays where it is.
export class Table {
  // `columns`: {label, show, kind}; `nothing` is said in place of an empty table.
  constructor(host, name, columns, nothing) {
    this.columns = columns;
    this.nothing = element("p", "nothing", nothing);
    this.scroller = element("div", "scroller");
    this.scroller.tabIndex = 0;
    this.scroller.setAttribute("role", "group");
    this.scroller.setAttribute("aria-label", name);
    const table = part("table", "table");
    const head = part("thead", "rowgroup");
    const headings = part("tr", "row");
    for (const column of columns) {
      const heading = part("th", "columnheader");
      heading.scope = "col";
      heading.textContent = column.label;
      if (column.kind) heading.className = column.kind;
      headings.append(heading);
    }
    head.append(headings);
    this.body = part("tbody", "rowgroup");
    table.append(head, this.body);
    this.scroller.append(table);
    host.replaceChildren(this.nothing, this.scroller);
    this.identities = [];
  }

  // `identify` names what a row is about: a row that is about something else than before shows that for a moment.
  update(rows, identify) {
    this.nothing.hidden = rows.length > 0;
    this.scroller.hidden = rows.length === 0;
    repeat(this.body, rows, () => this.makeRow(), (node, row) => {
      this.columns.forEach((column, at) => column.show(node.children[at], row));
    });
    if (identify) this.mark(rows.map(identify));
  }

  makeRow() {
    const row = part("tr", "row");
    for (const column of this.columns) {
      const cell = part("td", "cell");
      cell.dataset.label = column.label;
      if (column.kind) cell.className = column.kind;
      row.append(cell);
    }
    row.addEventListener("animationend", () => row.classList.remove("fresh"));
    return row;
  }

  mark(identities) {
    identities.forEach((identity, at) => {
      const before = this.identities[at];
      if (before !== undefined && before !== identity) this.body.children[at].classList.add("fresh");
    });
    this.identities = identities;
  }
}

// On a narrow screen rows become cards, which takes a browser's own roles from the parts of a table.
function part(tag, role) {
  const node = document.createElement(tag);
  node.setAttribute("role", role);
  return node;
}

// A list of names and values.
export class Facts {
  constructor(host) {
    this.list = element("dl");
    host.replaceChildren(this.list);
  }

  update(pairs) {
    repeat(this.list, pairs, () => {
      const pair = element("div");
      pair.append(element("dt"), element("dd"));
      return pair;
    }, (node, [name, value, tone]) => {
      setText(node.children[0], name);
      setText(node.children[1], value);
      setTone(node.children[1], tone || "");
    });
  }
}
