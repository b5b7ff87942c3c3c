// What all pages share. All that comes from a repository or a model becomes text
// nodes: nothing here writes HTML.
"use strict";
const MOST_LINES_OPEN = 400;
const MOST_LINES_OPEN_IN_ALL = 4000;
const MOST_CHARS_A_LINE = 2000;
// What a reader would not see, or would see elsewhere than it stands.
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
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  const hex = (number) => number.toString(16).toUpperCase();
  // The harvest writes a byte that is no UTF-8 as U+10FF00 plus the byte.
  if (code >= 0x10ff00) return `\\x${hex(code - 0x10ff00).padStart(2, "0")}`;
  return `U+${hex(code).padStart(4, "0")}`;
}

// Of files: {line, places, text}. Long ones are closed, and filled when opened.
function diffOf(files) {
  let left = MOST_LINES_OPEN_IN_ALL;
  return files.map((file) => {
    const lines = file.text.replace(/\n$/, "").split("\n");
    const isOpen = lines.length <= Math.min(MOST_LINES_OPEN, left);
    if (isOpen) left -= lines.length;
    return fileOf(file, lines, isOpen);
  });
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

// Of a commit: {header, body, files, issues?}; `place` such as p1.
function commitOf(commit, place) {
  const files = make("ul", "mono");
  for (const path of commit.files) files.append(make("li", "", path));
  return make("div", "commit",
    make("div", "head", make("span", "chip", place), commit.header),
    commit.body ? make("div", "body", commit.body) : null,
    files,
    ...(commit.issues ?? []).map((issue) =>
      make("div", "body", `issue in ${issue.path}: ${issue.message}`)));
}

function patternsOf(gitignore) {
  return gitignore.length
    ? make("div", "commit", make("div", "head", "to .gitignore"),
      make("pre", "body", gitignore.join("\n")))
    : null;
}

function saveJson(name, value) {
  const text = JSON.stringify(value, null, 1) + "\n";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
