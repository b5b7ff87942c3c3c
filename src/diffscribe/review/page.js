// What all pages share: text, diffs, plans, votes, keys. All that comes from a repository
// or a model becomes text nodes: nothing here writes HTML.
"use strict";
const MOST_LINES_OPEN = 400;
const MOST_LINES_OPEN_IN_ALL = 4000;
const MOST_CHARS_A_LINE = 2000;
const MOST_CHARS_AN_ANSWER = 4000;
const MOST_CHARS_A_NOTE = 4000;
const FORMAT = "diffscribe votes 2";
// Letters that a reader would not see, or would see elsewhere than they stand.
const UNSEEN = new RegExp(
  "[\\0-\\x08\\x0b-\\x1f\\x7f-\\x9f\\xad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5" +
  "\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0" +
  "\\ufff0-\\ufffb\\ud800-\\udfff\\u{e0000}-\\u{e0fff}\\u{10ff00}-\\u{10ffff}]", "gu");

const by = (id) => document.getElementById(id);

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
  // The symbols of Unicode for control characters are an empty box in most fonts.
  if (code === 0x0d) return "\\r";
  const hex = (number) => number.toString(16).toUpperCase();
  // The harvest writes a byte that is no UTF-8 as U+10FF00 plus the byte.
  if (code >= 0x10ff00) return `\\x${hex(code - 0x10ff00).padStart(2, "0")}`;
  return `U+${hex(code).padStart(4, "0")}`;
}

const put = (id, ...children) => by(id).replaceChildren(...children.flatMap((each) =>
  typeof each === "string" ? [...seen(each)] : each ? [each] : []));

const many = (text, most) => text.length > most
  ? [text.slice(0, most), make("span", "escape", `${text.length - most} more characters`)]
  : [text];

// Files of a change, each with the commits of the plans that have it, such as p1. Plans
// are {letter, plan}. A long file is closed, and filled when it is opened.
function diffOf({ files, junk = [] }, plans) {
  let left = MOST_LINES_OPEN_IN_ALL;
  return files.map(({ path, line, text }) => {
    const lines = text.replace(/\n$/, "").split("\n");
    const isOpen = lines.length <= Math.min(MOST_LINES_OPEN, left);
    if (isOpen) left -= lines.length;
    const places = plans.flatMap(({ letter, plan }) => (plan?.commits ?? []).flatMap(
      (commit, at) => commit.files.includes(path) ? [`${letter}${at + 1}`] : []));
    if (junk.includes(path)) places.unshift("junk");
    const details = make("details", "file", make("summary", "mono",
      ...places.map((place) => make("span", "chip", place)), line,
      isOpen ? null : make("span", "none", ` ${lines.length} lines`)));
    const fill = () => {
      if (details.open && !details.querySelector("pre")) details.append(linesOf(lines));
    };
    details.addEventListener("toggle", fill);
    details.open = isOpen;
    fill();
    return details;
  });
}

function linesOf(lines) {
  const shown = make("pre");
  let inHunk = false;
  for (const line of lines) {
    const isHeader = line.startsWith("@@ ");
    inHunk ||= isHeader;
    const kind = isHeader ? "hunk" : !inHunk ? "meta" :
      { "+": "add", "-": "del" }[line[0]] ?? "";
    shown.append(make("div", kind, ...many(line, MOST_CHARS_A_LINE)));
  }
  return shown;
}

// Of a commit: {header, body, files, hunks, issues?}; `place` such as p1.
function commitOf(commit, place) {
  return make("div", "commit",
    make("div", "head", make("span", "chip", place), commit.header),
    commit.body ? make("div", "body", commit.body) : null,
    make("ul", "mono", ...commit.files.map((path) =>
      make("li", "", [path, ...hunksOf(commit.hunks[path])].join(" ")))),
    ...(commit.issues ?? []).map((issue) =>
      make("div", "body", `issue in ${issue.path}: ${issue.message}`)));
}

// Which hunks of a file that several commits touch are in one of them.
function hunksOf(numbers) {
  if (!numbers) return [];
  return [numbers.length ? `(hunks ${numbers.join(", ")})` : "(nothing of it is left)"];
}

// A plan: {letter, name, plan} and, where there is one, {about, flags, error, text}.
function planCard({ letter, name, plan, about, flags, error, text }) {
  return make("section", "card plan", make("h2", "", name),
    about ? make("p", "note", about) : null,
    flags ? make("div", "", ...flags.map((flag) => make("span", "flag", flag)),
      flags.length ? null : make("span", "none", "no flags")) : null,
    ...(plan ? plan.commits.map((each, at) => commitOf(each, `${letter}${at + 1}`))
      : [make("span", "flag", `no plan: ${error ?? "unreadable"}`)]),
    plan && !plan.commits.length ? make("p", "none", "no commits") : null,
    plan?.gitignore.length ? make("div", "commit", make("div", "head", "to .gitignore"),
      make("pre", "body", plan.gitignore.join("\n"))) : null,
    text ? rawOf(text, !plan) : null);
}

function rawOf(text, isOpen) {
  const details = make("details", "raw", make("summary", "", "the answer as it came"),
    make("pre", "body", ...many(text, MOST_CHARS_AN_ANSWER)));
  details.open = isOpen;
  return details;
}

// Votes on ballots by their digest, kept in this browser until they are exported. A vote
// is {choice, axes, note}; without a choice it is begun and not exported.
function ballotBox(ballots, choices) {
  const votes = new Map();
  let keeps = true;
  const inStore = (action) => {
    try {
      return action(localStorage);
    } catch (error) {
      if (!(error instanceof SyntaxError)) keeps = false;
    }
  };
  const key = ({ ballot }) => `diffscribe vote ${ballot}`;
  const isChoice = (each) => each === undefined || choices.includes(each);
  for (const ballot of ballots) {
    const kept = inStore((store) => JSON.parse(store.getItem(key(ballot))));
    if (kept === null || typeof kept !== "object") continue;
    const { choice, axes = {}, note = "" } = kept;
    const isVote = typeof axes === "object" && typeof note === "string" &&
      [choice, ...Object.values(axes ?? {})].every(isChoice);
    if (isVote && (choice || Object.keys(axes).length)) {
      votes.set(ballot.ballot, { choice, axes, note });
    }
  }
  return {
    of: (ballot) => votes.get(ballot.ballot) ?? { axes: {}, note: "" },
    isBegun: (ballot) => votes.has(ballot.ballot),
    keep(ballot, vote) {
      if (vote) votes.set(ballot.ballot, vote);
      else votes.delete(ballot.ballot);
      inStore((store) => vote ? store.setItem(key(ballot), JSON.stringify(vote))
        : store.removeItem(key(ballot)));
    },
    warning: () => keeps ? ""
      : " · this browser keeps nothing for the page: export before you go",
    save(then) {
      const different = new Map(ballots.map((each) => [each.ballot, each]));
      const said = [...different.values()].filter((each) => votes.get(each.ballot)?.choice)
        .map((each) => ({ ...each, ...votes.get(each.ballot) }));
      if (!said.length) return put("status", "Nothing to export: there is no vote yet.");
      saveJson("votes.json", { format: FORMAT, voter: "person", votes: said });
      put("status", `${said.length} votes are in votes.json. ${then}`);
    },
  };
}

// The keys of votes: a choice for the ballot at hand, after which `go` shows the next
// open one; u takes it back, e exports. `ballots()` are all of them, `place()` is where
// the one at hand stands, `show` draws it anew, `then` says what to do with the export.
function voteKeys(box, choices, { ballots, place, go, show, then }) {
  const ballot = () => ballots()[place()];
  function decide(choice) {
    if (!ballot()) return;
    box.keep(ballot(), { ...box.of(ballot()), choice });
    const all = ballots();
    const places = [...all.keys()];
    const open = [...places.slice(place() + 1), ...places.slice(0, place())]
      .find((each) => !box.of(all[each]).choice);
    if (open === undefined) show();
    else go(open);
  }
  function undo() {
    if (ballot()) box.keep(ballot(), null);
    show();
  }
  const keys = Object.entries(choices).map(([key, choice]) => [key, () => decide(choice)]);
  return { ...Object.fromEntries(keys), u: undo, e: () => box.save(then) };
}

function saveJson(name, value) {
  const text = JSON.stringify(value, null, 1) + "\n";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// Run what stands below a key in `keysNow()`, also for the buttons of the bar. While a
// person writes, letters are letters.
function listen(keysNow) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const { target, key } = event;
    if (["INPUT", "SELECT", "TEXTAREA"].includes(target.tagName)) {
      const isDone = target.tagName === "TEXTAREA" && key === "Enter" && !event.shiftKey;
      if (isDone) event.preventDefault();
      if (isDone || key === "Escape") target.blur();
    } else if (Object.hasOwn(keysNow(), key)) {
      event.preventDefault();
      keysNow()[key]();
    }
  });
  for (const button of document.querySelectorAll("#bar [data-key]")) {
    button.addEventListener("click", () => keysNow()[button.dataset.key]());
  }
}

const walk = (step) => ({ j: () => step(1), ArrowRight: () => step(1),
  k: () => step(-1), ArrowLeft: () => step(-1) });

const press = (button, isOn) => button.setAttribute("aria-pressed", String(isOn));

function pressChoice(choices, said) {
  for (const [key, choice] of Object.entries(choices)) {
    press(by("bar").querySelector(`[data-key=${key}]`), said === choice);
  }
}
