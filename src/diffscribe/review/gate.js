// The page of the gate: one row at a time, each plan a ballot; below page.js.
const { title, rows } = JSON.parse(by("gate").textContent);
const CHOICES = { a: "accept", r: "reject", s: "skip" };
const SAID = { accept: "accepted", reject: "rejected", skip: "skipped" };
const ballots = rows.map((row) => row.ballot);
const box = ballotBox(ballots, Object.values(CHOICES));
let at = 0;

const ballot = () => ballots[at];
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

function go(number) {
  if (!rows.length) return;
  const moved = number !== at;
  at = Math.min(Math.max(number, 0), rows.length - 1);
  if (moved) {
    showRow();
    scrollTo(0, Math.min(scrollY, by("title").offsetTop - 8));
    by("side").scrollTop = 0;
  }
  show();
}

function showRow() {
  const row = rows[at];
  const label = { letter: "p", plan: row.plan, flags: row.flags, name: `p · ${row.name}` };
  const card = planCard(label);
  card.append(make("div", "said"));
  put("title", row.repo, make("small", "", row.about));
  put("history", ...row.history.map((each, number) => commitOf(each, `h${number + 1}`)));
  put("labels", card);
  put("diff", ...diffOf(row, [{ letter: "h", plan: { commits: row.history } }, label]));
}

function show() {
  [...by("rows").children].forEach((button, number) => {
    button.className = box.of(ballots[number]).choice ?? "";
    button.setAttribute("aria-current", String(number === at));
  });
  const now = ballot() ? box.of(ballot()) : { note: "" };
  for (const card of by("labels").children) {
    card.className = `card plan ${now.choice ?? ""}`;
    card.querySelector(".said").replaceChildren(
      ...seen(now.choice ? `${now.choice}${now.note ? ": " + now.note : ""}` : ""));
  }
  pressChoice(CHOICES, now.choice);
  if (document.activeElement !== by("note")) by("note").value = now.note;
  put("status", counts());
}

function counts() {
  const said = Object.entries(SAID).map(([choice, words]) =>
    `${ballots.filter((each) => box.of(each).choice === choice).length} ${words}`);
  const open = ballots.filter(isOpen).length;
  return `Row ${rows.length ? at + 1 : 0} of ${rows.length} · ${said.join(", ")}, ` +
    `${open} open${open ? "" : " · all decided: export with e"}${box.warning()}`;
}

const KEYS = {
  ...voteKeys(box, CHOICES, {
    ballots: () => ballots,
    place: () => at,
    go,
    show,
    then: "Record them: diffscribe gate accept path/to/votes.json",
  }),
  ...walk((step) => go(at + step)),
  n: () => by("note").focus(),
};

listen(() => KEYS);
by("note").addEventListener("change", () => note(by("note").value));
by("note").maxLength = MOST_CHARS_A_NOTE;
put("heading", title);
put("count", String(rows.length));
document.body.className = "gate";
rows.forEach((row, number) => {
  const button = make("button", "", String(number + 1));
  button.title = row.repo;
  button.addEventListener("click", () => go(number));
  by("rows").append(button);
});
if (rows.length) {
  at = Math.max(0, ballots.findIndex(isOpen));
  showRow();
}
show();
