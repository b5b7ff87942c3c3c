// The page of the gate: one row at a time, each plan a ballot; below page.js.
const { title, rows, names } = JSON.parse(by("gate").textContent);
const CHOICES = { a: "accept", r: "reject", s: "skip" };
const SAID = { accept: "accepted", reject: "rejected", skip: "skipped" };
const isTwo = names.length > 1;
const all = rows.flatMap((row, at) => row.labels.map((_, side) => ({ at, side })));
const ballots = rows.flatMap((row) => row.labels.map((label) => label.ballot));
const box = ballotBox(ballots, Object.values(CHOICES));
let at = 0;
let side = 0;

const ballot = () => rows[at]?.labels[side].ballot;
const letterOf = (place) => isTwo ? "ab"[place] : "p";
const isOpen = (each) => !box.of(each).choice;

function note(text) {
  if (!ballot()) return;
  const { choice } = box.of(ballot());
  // A note alone says that the row was looked at and not decided.
  if (choice || text) {
    box.keep(ballot(), { axes: {}, choice: choice ?? "skip", note: text });
  }
  show();
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

function showRow() {
  const row = rows[at];
  const plans = row.labels.map(({ name, flags, plan, ballot }, place) => ({
    letter: letterOf(place), plan, flags, name: `${letterOf(place)} · ${name}`,
    about: place && ballot.ballot === row.labels[0].ballot.ballot
      ? "the same plan as a: one vote is for both" : "",
  }));
  put("title", row.repo, make("small", "", row.about));
  put("history", ...row.history.map((each, number) => commitOf(each, `h${number + 1}`)));
  put("labels", ...plans.map((plan, place) => {
    const card = planCard(plan);
    card.append(make("div", "said"));
    card.addEventListener("click", () => { if (side !== place) go(at, place); });
    return card;
  }));
  put("diff", ...diffOf(row,
    [{ letter: "h", plan: { commits: row.history } }, ...plans]));
}

function show() {
  [...by("rows").children].forEach((button, number) => {
    const said = rows[number].labels.map((each) => box.of(each.ballot).choice);
    button.className = said.every((each) => each === said[0]) ? said[0] ?? "" : "part";
    button.setAttribute("aria-current", String(number === at));
  });
  [...by("labels").children].forEach((card, place) => {
    const { choice, note } = box.of(rows[at].labels[place].ballot);
    card.className = `card plan ${choice ?? ""} ${place === side ? "current" : ""}`;
    card.querySelector(".said").replaceChildren(
      ...seen(choice ? `${choice}${note ? ": " + note : ""}` : ""));
  });
  const now = ballot() ? box.of(ballot()) : { note: "" };
  pressChoice(CHOICES, now.choice);
  if (document.activeElement !== by("note")) by("note").value = now.note;
  put("status", counts());
}

function counts() {
  const said = Object.entries(SAID).map(([choice, words]) =>
    `${ballots.filter((each) => box.of(each).choice === choice).length} ${words}`);
  const open = ballots.filter(isOpen).length;
  return `Row ${rows.length ? at + 1 : 0} of ${rows.length}` +
    `${isTwo && rows.length ? `, plan ${letterOf(side)}` : ""} · ${said.join(", ")}, ` +
    `${open} open${open ? "" : " · all decided: export with e"}${box.warning()}`;
}

const KEYS = {
  ...voteKeys(box, CHOICES, {
    ballots: () => ballots,
    place: () => all.findIndex((each) => each.at === at && each.side === side),
    go: (place) => go(all[place].at, all[place].side),
    show,
    then: "Record them: diffscribe gate accept path/to/votes.json",
  }),
  ...walk((step) => go(at + step)),
  1: () => go(at, 0), 2: () => go(at, 1), n: () => by("note").focus(),
};

listen(() => KEYS);
by("note").addEventListener("change", () => note(by("note").value));
by("note").maxLength = MOST_CHARS_A_NOTE;
put("heading", title);
put("count", String(rows.length));
for (const each of document.querySelectorAll(".two")) each.hidden = !isTwo;
by("about").open = isTwo;
document.body.className = isTwo ? "gate pair" : "gate";
rows.forEach((row, number) => {
  const button = make("button", "", String(number + 1));
  button.title = row.repo;
  button.addEventListener("click", () => go(number));
  by("rows").append(button);
});
if (rows.length) {
  at = all[ballots.findIndex(isOpen)]?.at ?? 0;
  showRow();
}
show();
