// Shows one row at a time and keeps what the judge says of it. All that comes from a
// repository or a model becomes text nodes: nothing here writes HTML.
"use strict";
const { rows, names } = JSON.parse(document.getElementById("gate").textContent);
const CHOICES = { a: "accept", r: "reject", s: "skip" };
const FORMAT = "diffscribe verdicts 1";
const MOST_LINES_OPEN = 400;
const MOST_LINES_OPEN_IN_ALL = 4000;
const MOST_CHARS_A_LINE = 2000;
const MOST_CHARS_A_NOTE = 4000;
// What a reader would not see, or would see elsewhere than it stands.
const UNSEEN = new RegExp(
  "[\\0-\\x08\\x0b-\\x1f\\x7f-\\x9f\\xad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5" +
  "\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0" +
  "\\ufff0-\\ufffb\\ud800-\\udfff\\u{e0000}-\\u{e0fff}\\u{10ff00}-\\u{10ffff}]", "gu");
const verdicts = new Map();
let canKeep = true;
let at = 0;
let side = 0;

const by = (id) => document.getElementById(id);
const label = () => rows[at].labels[side];

function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  for (const each of children) {
    if (typeof each === "string") element.append(...seen(each));
    else if (each) element.append(each);
  }
  return element;
}

function* seen(text) {
  let from = 0;
  for (const found of text.matchAll(UNSEEN)) {
    if (found.index > from) yield text.slice(from, found.index);
    const escape = document.createElement("span");
    escape.className = "escape";
    escape.textContent = escaped(found[0].codePointAt(0));
    yield escape;
    from = found.index + found[0].length;
  }
  if (from < text.length) yield text.slice(from);
}

function escaped(code) {
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  const hex = (number) => number.toString(16).toUpperCase();
  // The harvest writes a byte that is no UTF-8 as U+10FF00 plus the byte.
  if (code >= 0x10ff00) return `\\x${hex(code - 0x10ff00).padStart(2, "0")}`;
  return `U+${hex(code).padStart(4, "0")}`;
}

function load() {
  for (const row of rows) {
    for (const { row: digest } of row.labels) {
      try {
        const { verdict, note } = JSON.parse(localStorage.getItem(key(digest))) ?? {};
        if (Object.values(CHOICES).includes(verdict)) {
          verdicts.set(digest, { verdict, note: String(note ?? "") });
        }
      } catch (error) {
        if (!(error instanceof SyntaxError)) canKeep = false;
      }
    }
  }
}

const key = (digest) => `diffscribe gate ${digest}`;

function keep(digest, verdict) {
  if (verdict) verdicts.set(digest, verdict);
  else verdicts.delete(digest);
  try {
    if (verdict) localStorage.setItem(key(digest), JSON.stringify(verdict));
    else localStorage.removeItem(key(digest));
  } catch {
    canKeep = false;
  }
}

function judge(verdict) {
  if (!rows.length) return;
  const { row } = label();
  keep(row, { verdict, note: verdicts.get(row)?.note ?? "" });
  nextToJudge();
}

function nextToJudge() {
  const all = rows.flatMap((row, number) => row.labels.map((_, place) => [number, place]));
  const now = all.findIndex(([number, place]) => number === at && place === side);
  const order = [...all.slice(now + 1), ...all.slice(0, now)];
  const open = order.find(([number, place]) =>
    !verdicts.has(rows[number].labels[place].row));
  if (open) go(...open);
  else show();
}

function go(number, place = 0) {
  if (!rows.length) return;
  const moved = number !== at;
  at = Math.min(Math.max(number, 0), rows.length - 1);
  side = Math.min(place, rows[at].labels.length - 1);
  if (moved) {
    showRow();
    scrollTo(0, Math.min(scrollY, by("title").offsetTop - 8));
    by("side").scrollTop = 0;
  }
  show();
}

function note(text) {
  if (!rows.length) return;
  const { row } = label();
  const verdict = verdicts.get(row)?.verdict;
  const kept = text.slice(0, MOST_CHARS_A_NOTE);
  // A remark alone is a row that was looked at and not judged.
  if (verdict || kept) keep(row, { verdict: verdict ?? "skip", note: kept });
  show();
}

function undo() {
  if (!rows.length) return;
  keep(label().row, null);
  show();
}

function save() {
  const known = new Set(rows.flatMap((row) => row.labels.map((each) => each.row)));
  const said = [...known].filter((row) => verdicts.has(row)).sort()
    .map((row) => ({ row, ...verdicts.get(row) }));
  if (!said.length) return tell("Nothing to export: no row is judged yet.");
  const text = JSON.stringify({ format: FORMAT, verdicts: said }, null, 1) + "\n";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = "verdicts.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  tell(`${said.length} of ${known.size} verdicts are in verdicts.json. Record them: ` +
    "make gate-accept FILE=path/to/verdicts.json");
}

function tell(text) {
  by("status").replaceChildren(...seen(text));
}

function show() {
  [...by("rows").children].forEach((button, number) => {
    const said = rows[number].labels.map((each) => verdicts.get(each.row)?.verdict);
    const same = said.every((each) => each === said[0]);
    button.className = same ? said[0] ?? "" : "part";
    button.setAttribute("aria-current", String(number === at));
  });
  [...by("labels").children].forEach((card, place) => {
    const { row } = rows[at].labels[place];
    const said = verdicts.get(row);
    card.className = `card ${said?.verdict ?? ""} ${place === side ? "current" : ""}`;
    const words = said ? `${said.verdict}${said.note ? ": " + said.note : ""}` : "";
    card.querySelector(".said").replaceChildren(...seen(words));
  });
  const now = rows.length ? verdicts.get(label().row) : undefined;
  for (const button of document.querySelectorAll("#bar [data-choice]")) {
    button.setAttribute("aria-pressed", String(now?.verdict === button.dataset.choice));
  }
  if (document.activeElement !== by("note")) by("note").value = now?.note ?? "";
  tell(counts());
}

function counts() {
  const said = rows.flatMap((row) => row.labels)
    .map((each) => verdicts.get(each.row)?.verdict);
  const times = (verdict) => said.filter((each) => each === verdict).length;
  const open = times(undefined);
  const plan = names.length > 1 && rows.length ? `, plan ${letterOf(side)}` : "";
  return `Row ${rows.length ? at + 1 : 0} of ${rows.length}${plan} · ` +
    `${times("accept")} accepted, ${times("reject")} rejected, ` +
    `${times("skip")} skipped, ${open} open` +
    (open ? "" : " · all judged: export with e") +
    (canKeep ? "" : " · this browser keeps nothing for the page: export before you go");
}

function showRow() {
  const row = rows[at];
  by("title").replaceChildren(...seen(row.repo), make("small", "", row.about));
  by("commits").replaceChildren(
    ...row.commits.map((commit, number) => commitOf(commit, number, "h")));
  by("labels").replaceChildren(...row.labels.map(cardOf));
  let left = MOST_LINES_OPEN_IN_ALL;
  by("diff").replaceChildren(...row.files.map((file) => {
    const lines = file.text.replace(/\n$/, "").split("\n");
    const isOpen = lines.length <= Math.min(MOST_LINES_OPEN, left);
    if (isOpen) left -= lines.length;
    return fileOf(file, lines, isOpen);
  }));
}

function commitOf(commit, number, letter) {
  const files = make("ul", "mono");
  for (const path of commit.files) files.append(make("li", "", path));
  return make("div", "commit",
    make("div", "head", make("span", "chip", `${letter}${number + 1}`), commit.header),
    commit.body ? make("div", "body", commit.body) : null,
    files,
    ...(commit.issues ?? []).map((issue) =>
      make("div", "body", `issue in ${issue.path}: ${issue.message}`)));
}

const letterOf = (place) => names.length > 1 ? "ab"[place] : "p";

const isSame = (place) =>
  place > 0 && rows[at].labels[place].row === rows[at].labels[0].row;

function cardOf(plan, place) {
  const card = make("section", "card",
    make("h2", "", `Plan ${names.length > 1 ? letterOf(place) + " " : ""}· ${plan.name}`),
    isSame(place)
      ? make("div", "none", "the same plan as a: one verdict is for both") : null,
    make("div", "", ...(plan.flags.length
      ? plan.flags.map((flag) => make("span", "flag", `${flag.kind}: ${flag.text}`))
      : [make("span", "none", "no flags")])),
    ...plan.commits.map((each, number) => commitOf(each, number, letterOf(place))),
    plan.gitignore.length
      ? make("div", "commit", make("div", "head", "to .gitignore"),
        make("pre", "body", plan.gitignore.join("\n")))
      : null,
    make("div", "said"));
  card.addEventListener("click", () => { if (side !== place) go(at, place); });
  return card;
}

function fileOf(file, lines, isOpen) {
  const details = make("details", "file", make("summary", "mono",
    ...file.places.map((place) => make("span", "chip", place)), file.line));
  const fill = () => {
    if (details.open && !details.querySelector("pre")) details.append(linesOf(lines));
  };
  details.addEventListener("toggle", fill);
  details.open = isOpen;
  if (!isOpen) {
    details.firstChild.append(make("span", "none", ` ${lines.length} lines`));
  }
  fill();
  return details;
}

function linesOf(lines) {
  const shown = make("pre");
  let inHunk = false;
  for (const line of lines) {
    const isHeader = line.startsWith("@@ ");
    inHunk ||= isHeader;
    const kind = isHeader ? "hunk" : !inHunk ? "meta" :
      { "+": "add", "-": "del" }[line[0]] ?? "";
    const more = line.length - MOST_CHARS_A_LINE;
    shown.append(make("div", kind, line.slice(0, MOST_CHARS_A_LINE),
      more > 0 ? make("span", "escape", `${more} more characters`) : null));
  }
  return shown;
}

const KEYS = {
  a: () => judge("accept"), r: () => judge("reject"), s: () => judge("skip"), u: undo,
  j: () => go(at + 1), ArrowRight: () => go(at + 1),
  k: () => go(at - 1), ArrowLeft: () => go(at - 1),
  1: () => go(at, 0), 2: () => go(at, 1), e: save,
  n: () => by("note").focus(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target === by("note")) {
    if (event.key === "Escape" || event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      by("note").blur();
    }
    return;
  }
  if (Object.hasOwn(KEYS, event.key)) {
    event.preventDefault();
    KEYS[event.key]();
  }
});
for (const button of document.querySelectorAll("#bar [data-key]")) {
  button.addEventListener("click", () => KEYS[button.dataset.key]());
}
by("note").addEventListener("change", () => note(by("note").value));
by("note").maxLength = MOST_CHARS_A_NOTE;
rows.forEach((row, number) => {
  const button = make("button", "", String(number + 1));
  button.title = row.repo;
  button.addEventListener("click", () => go(number));
  by("rows").append(button);
});
document.body.classList.toggle("two", names.length > 1);
load();
if (rows.length) {
  const first = rows.findIndex((row) =>
    row.labels.some((each) => !verdicts.has(each.row)));
  at = Math.max(first, 0);
  showRow();
}
show();
