"""Repositories whose configuration names a program to run."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.hostile.attacks import Place, attack
from tests.hostile.plumbing import grown
from tests.support.history import History

KIND = "runs a program"


def configured(place: Place, *lines: str, name: str = "repository") -> History:
    """Return a good work tree with lines of configuration, CANARY replaced."""
    history = grown(place.folder / name)
    with (history.folder / ".git/config").open("a") as config:
        for line in lines:
            config.write(line.replace("CANARY", str(place.canary)) + "\n")
    return history


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@attack(KIND, armed="git status")
def fsmonitor(place: Place) -> Path:
    """`core.fsmonitor` is a program"""
    return configured(place, "[core]", "fsmonitor = CANARY").folder


@attack(KIND, armed="git log -p")
def text_conversion(place: Place) -> Path:
    """`.gitattributes` and `diff.*.textconv` convert text by a program"""
    history = configured(place, '[diff "evil"]', "textconv = CANARY")
    (history.folder / ".gitattributes").write_text("*.py diff=evil\n")
    return history.folder


@attack(KIND, armed="git diff HEAD~1 HEAD")
def diff_driver(place: Place) -> Path:
    """`info/attributes` and `diff.*.command` diff by a program"""
    history = configured(place, '[diff "evil"]', "command = CANARY")
    (history.folder / ".git/info").mkdir(exist_ok=True)
    (history.folder / ".git/info/attributes").write_text("*.py diff=evil\n")
    return history.folder


@attack(KIND, armed="git diff HEAD~1 HEAD")
def external_diff(place: Place) -> Path:
    """`diff.external` is a program"""
    return configured(place, "[diff]", "external = CANARY").folder


@attack(KIND, armed="git commit --allow-empty -m x")
def hooks(place: Place) -> Path:
    """`core.hooksPath` and `.git/hooks` hold every hook"""
    history = configured(place, "[core]", "hooksPath = hooks")
    names = (
        *("post-checkout", "post-index-change", "pre-auto-gc", "pre-commit"),
        *("reference-transaction", "fsmonitor-watchman", "post-update"),
    )
    for folder in (history.folder / "hooks", history.folder / ".git/hooks"):
        folder.mkdir(exist_ok=True)
        for name in names:
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(place.canary)
    return history.folder


@attack(KIND, rows=4, armed="touch a.py && git add a.py")
def clean_filter(place: Place) -> Path:
    """`.gitattributes` and `filter.*.clean`"""
    return filtered(place, "clean = CANARY")


@attack(KIND, rows=4, armed="rm a.py && git checkout HEAD -- a.py")
def smudge_filter(place: Place) -> Path:
    """`.gitattributes` and `filter.*.smudge`"""
    return filtered(place, "smudge = CANARY")


@attack(KIND, rows=4, armed="rm a.py; git checkout HEAD -- a.py; true")
def process_filter(place: Place) -> Path:
    """`.gitattributes` and `filter.*.process`, a lasting program"""
    return filtered(place, "process = CANARY", "required = true")


def filtered(place: Place, *lines: str) -> Path:
    history = configured(place, '[filter "evil"]', *lines)
    history.commit("build: filter", {".gitattributes": "*.py filter=evil\n"})
    history.repository.checkout_head()
    return history.folder


@attack(KIND, armed="git status")
def included_configuration(place: Place) -> Path:
    """`include.path` brings a file with `core.fsmonitor`"""
    history = configured(place, "[include]", "path = ../evil.inc")
    (history.folder / "evil.inc").write_text(f"[core]\nfsmonitor = {place.canary}\n")
    return history.folder


@attack(KIND, armed="git status")
def conditional_include(place: Place) -> Path:
    """`includeIf.gitdir:` brings a file with `core.fsmonitor`"""
    history = configured(place, '[includeIf "gitdir:/**"]', "path = ../evil.inc")
    (history.folder / "evil.inc").write_text(f"[core]\nfsmonitor = {place.canary}\n")
    return history.folder


@attack(KIND, armed="git status")
def work_tree_configuration(place: Place) -> Path:
    """`extensions.worktreeConfig` brings `config.worktree`"""
    history = configured(place, "[extensions]", "worktreeConfig = true")
    (history.folder / ".git/config.worktree").write_text(
        f"[core]\nfsmonitor = {place.canary}\n"
    )
    return history.folder


def partial(place: Place, *remote: str) -> Path:
    """Return a partial clone that lacks the blob at head."""
    history = configured(
        place,
        "[core]",
        "repositoryformatversion = 1",
        "[extensions]",
        "partialClone = origin",
        '[remote "origin"]',
        "promisor = true",
        "partialclonefilter = blob:none",
        *remote,
    )
    blob = git(history.folder, "rev-parse", "HEAD:a.py")
    (history.folder / ".git/objects" / blob[:2] / blob[2:]).unlink()
    return history.folder


PARTIAL = "fetch the repository completely"


@attack(KIND, rows=2, armed="git log -p -1")
def promised_by_upload_pack(place: Place) -> Path:
    """A missing blob is promised; `remote.*.uploadpack` would bring it"""
    return partial(place, "url = .", "uploadpack = CANARY")


@attack(KIND, rows=2, armed="git log -p -1")
def promised_by_ssh(place: Place) -> Path:
    """A missing blob is promised; `core.sshCommand` would bring it"""
    return partial(place, "url = ssh://localhost/x", "[core]", "sshCommand = CANARY")


@attack(KIND, rows=2, armed="git log -p -1")
def promised_by_ext(place: Place) -> Path:
    """A missing blob is promised; `protocol.ext` and `insteadOf` would bring it"""
    return partial(
        place,
        "url = https://example.org/x",
        '[url "ext::CANARY %S "]',
        "insteadOf = https://example.org/",
        '[protocol "ext"]',
        "allow = always",
    )


@attack(KIND, rows=2, armed="git log -p -1")
def promised_by_proxy(place: Place) -> Path:
    """A missing blob is promised; `core.gitProxy` would bring it"""
    return partial(place, "url = git://localhost/x", "[core]", "gitProxy = CANARY")


ASK = "printf 'protocol=https\\nhost=example.org\\n\\n' | git credential fill; true"


@attack(KIND, armed=ASK)
def credential_helper(place: Place) -> Path:
    """`credential.helper` is a program"""
    return configured(place, "[credential]", 'helper = "!CANARY"').folder


@attack(KIND, armed=ASK)
def askpass(place: Place) -> Path:
    """`core.askPass` is a program"""
    return configured(place, "[core]", "askPass = CANARY").folder


@attack(KIND, armed="script -qec 'git log' /dev/null")
def pager(place: Place) -> Path:
    """`core.pager` and `pager.*` are programs"""
    lines = ("[core]", "pager = CANARY", "[pager]", "log = CANARY", "diff = CANARY")
    return configured(place, *lines).folder


@attack(KIND, armed="git commit --amend; true")
def editor(place: Place) -> Path:
    """`core.editor` is a program"""
    return configured(place, "[core]", "editor = CANARY").folder


@attack(KIND, rows=4, armed="git log -1")
def signature_program(place: Place) -> Path:
    """A signed commit, `log.showSignature` and `gpg.program`"""
    history = configured(place, "[gpg]", "program = CANARY", "[log]", "showSignature=1")
    commit = history.repository[history.head]
    content = commit.read_raw().replace(
        b"\n\n",
        b"\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n"
        b" -----END PGP SIGNATURE-----\n\nfeat: signed, ",
        1,
    )
    content = content.replace(
        b"parent ", b"parent %s\nx-was " % history.head.encode(), 1
    )
    tree = history.repository.TreeBuilder()
    tree.insert("b.py", history.repository.create_blob(b"b\n"), 0o100644)
    content = content.replace(str(commit.tree_id).encode(), str(tree.write()).encode())
    sha = history.repository.odb.write(1, content)
    history.repository.references["refs/heads/main"].set_target(sha)
    return history.folder


@attack(KIND, armed="git merge side; true")
def merge_driver(place: Place) -> Path:
    """`.gitattributes` and `merge.*.driver`"""
    history = configured(place, '[merge "evil"]', "driver = CANARY %A")
    (history.folder / ".git/info").mkdir(exist_ok=True)
    (history.folder / ".git/info/attributes").write_text("*.py merge=evil\n")
    history.repository.references.create(
        "refs/heads/side", history.repository.revparse_single("main~1").id
    )
    history.switch("side")
    history.commit("feat: sideways", {"a.py": "count = 'side'\n"})
    history.switch("main")
    return history.folder


@attack(KIND, rows=4, armed="git submodule update; true")
def submodule_update(place: Place) -> Path:
    """`submodule.*.update` is a program, and `.gitmodules` has options for URLs"""
    history = configured(
        place,
        '[submodule "sub"]',
        "url = -u./payload",
        "active = true",
        'update = "!CANARY"',
    )
    sub = grown(history.folder / "sub")
    modules = '[submodule "sub"]\n\tpath = sub\n\turl = -u./payload\n'
    history.commit("build: take a submodule", {".gitmodules": modules})
    git(history.folder, "reset", "-q", "--hard")
    first = git(sub.folder, "rev-parse", "HEAD~2")
    gitlink = f"160000,{first},sub"
    git(history.folder, "update-index", "--add", "--cacheinfo", gitlink)
    return history.folder


@attack(KIND, armed="git fetch ../other main")
def alternate_references(place: Place) -> Path:
    """`core.alternateRefsCommand` is asked about borrowed objects"""
    other = grown(place.folder / "other")
    other.commit("feat: more", {"b.py": "b\n"})
    lender = grown(place.folder / "lender")
    history = configured(place, "[core]", "alternateRefsCommand = CANARY")
    (history.folder / ".git/objects/info").mkdir(exist_ok=True)
    (history.folder / ".git/objects/info/alternates").write_text(
        f"{lender.folder}/.git/objects\n"
    )
    return history.folder


@attack(KIND, armed="git status")
def bare_repository_in_a_work_tree(place: Place) -> Path:
    """A bare repository among the files of another, with `core.worktree`"""
    outer = grown(place.folder / "outer")
    inner = configured(place, "[core]", "fsmonitor = CANARY", name="inner")
    (inner.folder / ".git").rename(outer.folder / "docs")
    config = outer.folder / "docs/config"
    bare = config.read_text().replace("bare = false", 'bare = false\nworktree = ".."')
    config.write_text(bare)
    return outer.folder / "docs"


def hostile_variables(place: Place) -> Mapping[str, str]:
    canary = str(place.canary)
    return {
        "GIT_EXTERNAL_DIFF": canary,
        "GIT_SSH_COMMAND": canary,
        "GIT_ASKPASS": canary,
        "GIT_PAGER": canary,
        "GIT_EDITOR": canary,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": canary,
        "GIT_CONFIG_PARAMETERS": f"'diff.external={canary}'",
        "GIT_DIR": "/nowhere",
        "GIT_WORK_TREE": str(place.folder),
        "GIT_OBJECT_DIRECTORY": "/nowhere",
        "GIT_TRACE": str(place.folder / "repository/trace"),
        "GIT_TRACE2_EVENT": str(place.folder / "repository/trace2"),
        "GIT_EXEC_PATH": str(place.folder),
    }


@attack(
    KIND,
    armed="env -u GIT_DIR -u GIT_WORK_TREE -u GIT_OBJECT_DIRECTORY -u GIT_EXEC_PATH "
    "git diff HEAD~1 HEAD",
    environment=hostile_variables,
)
def environment_variables(place: Place) -> Path:
    """Variables such as `GIT_EXTERNAL_DIFF`, `GIT_CONFIG_COUNT` and `GIT_TRACE`"""
    return grown(place.folder / "repository").folder


@attack(
    KIND,
    armed="git diff HEAD~1 HEAD",
    environment=lambda place: {"HOME": str(place.folder / "home")},
)
def home_configuration(place: Place) -> Path:
    """`~/.gitconfig` with drivers, and an include of itself"""
    (place.folder / "home").mkdir()
    (place.folder / "home/.gitconfig").write_text(
        f"[diff]\nexternal = {place.canary}\n[core]\nfsmonitor = {place.canary}\n"
    )
    return grown(place.folder / "repository").folder
