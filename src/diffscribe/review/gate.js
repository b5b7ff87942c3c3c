// Shows one row at a time and keeps what the judge says of it; below page.js.
const { rows, names } = JSON.parse(document.getElementById("gate").textContent);
const CHOICES = { a: "accept", r: "reject", s: "skip" };
const FORMAT = "diffscribe verdicts 1";
const MOST_CHARS_A_NOTE = 4000;
const verdicts = new Map();
let canKeep = true;
let at = 0;
let side = 0;

const label = () => rows[at].labels[side];

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
  saveJson("verdicts.json", { format: FORMAT, verdicts: said });
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
    ...row.commits.map((commit, number) => commitOf(commit, `h${number + 1}`)));
  by("labels").replaceChildren(...row.labels.map(cardOf));
  by("diff").replaceChildren(...diffOf(row.files));
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
    ...plan.commits.map((each, number) =>
      commitOf(each, `${letterOf(place)}${number + 1}`)),
    patternsOf(plan.gitignore),
    make("div", "said"));
  card.addEventListener("click", () => { if (side !== place) go(at, place); });
  return card;
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
