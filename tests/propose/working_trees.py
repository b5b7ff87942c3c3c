"""Random working trees and random drafts of them, for tests that commit them."""

import os
import shutil
import stat
import subprocess
from pathlib import Path
from random import Random

from diffscribe.commits.units import units_of
from diffscribe.core.records import Plan, PlannedCommit
from diffscribe.propose.draft import Draft

NAMES = (
    *("main.py", "read me.md", "data.csv", "-dash", "#todo", "tab\tname", "line\nfeed"),
    *("ünï.txt", 'quote".txt', "back\\slash", "bytes\udce9.txt", "a b/c d", "lib/x.c"),
    *("lib/sub/y.c", "lib/sub/z.c", "image.png", "shout.up", "windows.bat", "$(x)"),
    *(" lead", "trail ", ":(top)x", "*.star", "deep/er/and/deeper/f", "run.sh"),
)
ODD_NAMES = (
    *("--", "-n", "--help", ":/", ":!x", ":(exclude)*", "[a-z]", "?", "é", "e\u0301"),
    *("Main.py", "MAIN.PY", "\U0010ff80", "\ufeff", "\u202e", "\x1b[2J", "HEAD", "~"),
)


def run(folder, *arguments, **variables):
    """Return what git prints in a folder, whatever the settings of the machine."""
    return subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={**os.environ, **variables},
        check=True,
        capture_output=True,
    ).stdout


class Tree:
    """A repository of a kind, whose working tree is changed at random."""

    KINDS = ("plain", "crlf", "filter", "sparse", "worktree", "sha256", "submodule")

    def __init__(self, folder: Path, kind: str, draw: Random):
        """Make the repository, with a commit unless the draw leaves it without."""
        self.draw, self.kind, self.top = draw, kind, folder / "top"
        format_ = ["--object-format=sha256"] if kind == "sha256" else []
        run(folder, "init", "-q", "-b", "main", *format_, "top")
        for key, value in (("user.name", "A"), ("user.email", "a@b.example")):
            run(self.top, "config", key, value)
        if kind == "plain" and draw.random() < 0.5:
            return
        attributes = ""
        if kind == "crlf":
            attributes = "* text=auto\n*.bat text eol=crlf\n*.png binary\n"
        if kind == "filter":
            attributes = "*.up filter=case\n"
            run(self.top, "config", "filter.case.clean", "tr a-z A-Z")
            run(self.top, "config", "filter.case.smudge", "tr A-Z a-z")
        (self.top / ".gitattributes").write_text(attributes)
        (self.top / ".gitignore").write_text("*.log\n/build/\n")
        for name in draw.sample(NAMES, 12):
            self.write(name)
        if kind == "submodule":
            run(self.top, "init", "-q", "-b", "main", "module")
            self.commit_in_module()
        run(self.top, "add", "--all")
        run(self.top, "commit", "-q", "-m", "begin")
        if kind == "worktree":
            run(self.top, "worktree", "add", "-q", "-b", "other", "../linked")
            self.top = folder / "linked"
        if kind == "sparse":
            run(self.top, "sparse-checkout", "set", "--no-cone", "/*", "!/lib/")

    def commit_in_module(self):
        module = self.top / "module"
        (module / "f").write_text(str(self.draw.random()))
        run(module, "add", "f")
        who = ("-c", "user.name=A", "-c", "user.email=a@b.example")
        run(module, *who, "commit", "-q", "-m", "inner")

    def content(self, name):
        """Return lines of text, some with odd ends or bytes, or binary content."""
        draw = self.draw
        if name.endswith(".png"):
            return b"\x89PNG\0" + draw.randbytes(30)
        lines = [b"line %d of %d" % (n, draw.randrange(3)) for n in range(60)]
        end = b"\r\n" if name.endswith(".bat") or draw.random() < 0.1 else b"\n"
        if draw.random() < 0.15:
            lines[draw.randrange(60)] = b"latin \xe9 \x0c form feed"
        text = end.join(lines[: draw.choice((0, 1, 5, 60, 60))])
        return text + (end if text and draw.random() < 0.8 else b"")

    def write(self, name):
        """Give a file a content, whatever stood in its way."""
        path = self.top / name
        for parent in path.relative_to(self.top).parents:
            inner = self.top / parent
            if inner.is_symlink() or inner.is_file():
                inner.unlink()
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            path.unlink()
        if path.is_dir():
            shutil.rmtree(path)
        path.write_bytes(self.content(name))

    def files(self):
        """Return the paths below the top that are no git directories, sorted."""
        found = []
        for folder, names, files in os.walk(self.top):
            links = [name for name in names if (Path(folder) / name).is_symlink()]
            names[:] = [n for n in names if n not in (".git", "module", *links)]
            found += [
                (Path(folder) / name).relative_to(self.top)
                for name in (*files, *links)
                if name != ".git"
            ]
        return sorted(found)

    def state(self):
        """Return kind, mode and content of each file."""
        return {
            path: (full.readlink(), None)
            if full.is_symlink()
            else (full.read_bytes(), full.stat().st_mode & stat.S_IXUSR)
            for path in self.files()
            for full in (self.top / path,)
        }

    def change(self):
        """Change the working tree a few times, and stage some of it."""
        edits = (
            *[self.edit] * 6, *[self.add] * 3, *[self.remove] * 2, *[self.rename] * 2,
            self.mode, self.link, self.swap, self.ignore, self.stage, self.intend,
            self.inner, self.forget, self.odd,
        )  # fmt: skip
        for _ in range(self.draw.randrange(1, 9)):
            self.draw.choice(edits)()

    def pick(self):
        plain = [p for p in self.files() if not (self.top / p).is_symlink()]
        plain = [p for p in plain if p.name not in (".gitignore", ".gitattributes")]
        return self.top / self.draw.choice(plain) if plain else None

    def edit(self):
        """Change some places of a file, each far from the next."""
        path = self.pick()
        if path is None:
            return self.add()
        lines = path.read_bytes().split(b"\n")
        for _ in range(self.draw.randrange(1, 4)):
            at = self.draw.randrange(len(lines))
            new = b"%d" % self.draw.randrange(10**6)
            how = self.draw.randrange(3)
            lines[at : at + (how != 0)] = [new] if how < 2 else []
            lines = lines or [b""]
        path.write_bytes(b"\n".join(lines))
        return None

    def add(self):
        self.write(self.draw.choice(NAMES))

    def remove(self):
        if path := self.pick():
            path.unlink()

    def rename(self):
        if (path := self.pick()) and not (
            new := self.top / f"moved/{path.name}"
        ).exists():
            new.parent.mkdir(exist_ok=True)
            if new.parent.is_dir():
                path.rename(new)

    def mode(self):
        if path := self.pick():
            path.chmod(path.stat().st_mode ^ stat.S_IXUSR)

    def link(self):
        if path := self.pick():
            path.unlink()
            path.symlink_to(self.draw.choice(("lib", "nowhere", "../out")))

    def swap(self):
        """Put a folder where a file is, or a file where a folder is."""
        if self.draw.random() < 0.5 and (self.top / "lib").is_dir():
            shutil.rmtree(self.top / "lib")
            self.write("lib")
        elif (path := self.pick()) and path.parent == self.top:
            path.unlink()
            self.write(f"{path.name}/inside")

    def ignore(self):
        folder = self.draw.choice((self.top, self.top / "deep"))
        if folder.exists() and not folder.is_dir():
            return
        folder.mkdir(exist_ok=True)
        (folder / ".gitignore").write_text(f"*.log\n/skip{self.draw.randrange(3)}\n")
        if not (log := folder / "made.log").is_dir():
            log.unlink(missing_ok=True)
            log.write_text("noise")

    def stage(self):
        """Stage a file, and perhaps change it again."""
        if path := self.pick():
            run(
                self.top,
                "add",
                "--sparse",
                "-f",
                "--",
                f":(top,literal){path.relative_to(self.top)}",
            )
            if self.draw.random() < 0.5:
                path.write_bytes(path.read_bytes() + b"more\n")

    def intend(self):
        if path := self.pick():
            run(
                self.top,
                "add",
                "-N",
                "-f",
                "--sparse",
                "--",
                f":(top,literal){path.relative_to(self.top)}",
            )

    def forget(self):
        """Take a file out of the index that stays."""
        if path := self.pick():
            name = str(path.relative_to(self.top))
            run(self.top, "update-index", "--force-remove", "--", name)

    def forgotten(self):
        """Return the files of HEAD that stay and are in the index no more."""
        known = run(self.top, "ls-files", "-z").split(b"\0")
        if not run(self.top, "rev-list", "-n1", "--all"):
            return []
        listed = run(self.top, "ls-tree", "-r", "--name-only", "-z", "HEAD")
        gone = map(os.fsdecode, {*listed.split(b"\0")} - {*known})
        return sorted(
            name
            for name in gone
            if (self.top / name).is_symlink() or not (self.top / name).is_dir()
        )

    def odd(self):
        """Write a file with any byte in its name, which may be long."""
        byte = self.draw.choice([*range(1, 47), *range(48, 256)])
        name = os.fsdecode(bytes([byte])) * self.draw.choice((1, 2, 85, 255))
        if self.draw.random() < 0.3:
            name = self.draw.choice(ODD_NAMES)
        if name.strip(".") and not (self.top / name).is_dir():
            self.write(name)

    def inner(self):
        """Commit in the submodule, or make a repository that nobody added."""
        if self.kind == "submodule":
            self.commit_in_module()
        elif not (self.top / "nested").exists():
            run(self.top, "init", "-q", "nested")
            (self.top / "nested/f").write_text("nested")


def random_draft(change, draw):
    """Return a valid draft of a change: each unit in some commit, or left out."""
    count = draw.randrange(1, 6)
    places = {}
    leaves = draw.random() < 0.4
    for unit in units_of(change.files, change.diff):
        for number in range(1, unit.hunks + 1):
            is_left = leaves and draw.random() < 0.2
            place = count if is_left else draw.randrange(count)
            places.setdefault(place, {}).setdefault(unit.path, []).append(number)
    hunks = {unit.path: unit.hunks for unit in units_of(change.files, change.diff)}

    def split(parts):
        return {
            path: tuple(numbers)
            for path, numbers in parts.items()
            if len(numbers) < hunks[path]
        }

    left = places.pop(count, {})
    commits = [
        PlannedCommit(
            files=tuple(parts),
            hunks=split(parts),
            type="fix",
            subject=f"change {at}",
            body="# not a comment\n\nwhy" if at % 2 else "",
        )
        for at, parts in sorted(places.items())
    ]
    kept = {path: split(left).get(path, ()) for path in left}
    return Draft(plan=Plan(commits=tuple(commits)), left_out=kept)
