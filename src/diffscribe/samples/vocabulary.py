"""Eight sample repositories in full: their languages, people and words."""

from typing import NamedTuple


class Words(NamedTuple):
    """A module and the nouns its functions are about."""

    name: str
    numbers: tuple[str, ...]
    texts: tuple[str, ...]
    purpose: str
    """Ends the sentence 'The module …'."""


class Repository(NamedTuple):
    """What tells one sample repository from another."""

    name: str
    language: str
    summary: str
    license: str
    is_conventional: bool
    authors: tuple[str, ...]
    bot: str
    modules: tuple[Words, ...]
    """In the order they come into being; the last one replaces another."""
    dependencies: tuple[tuple[str, str], ...]
    guide: tuple[str, str]
    """Path and first line of a page that is not in English."""


DEPENDABOT = "dependabot[bot] <49699333+dependabot[bot]@users.noreply.github.com>"
RENOVATE = "renovate[bot] <29139614+renovate[bot]@users.noreply.github.com>"

REPOSITORIES = (
    Repository(
        "tickwork",
        "python",
        "Clocks, alarms and timers for programs that must not drift.",
        "MIT",
        True,
        (
            "Ada Moreno <ada@example.org>",
            "Jörg Weiß <joerg@example.org>",
            "Mina Okafor <mina@example.org>",
        ),
        DEPENDABOT,
        (
            Words("clock", ("tick", "drift", "pulse"), ("face", "zone"), "reads time"),
            Words("alarm", ("delay", "snooze"), ("ring", "label"), "wakes callers"),
            Words("timer", ("lap", "pause"), ("phase", "event"), "counts down"),
            Words("calendar", ("week", "holiday"), ("month", "season"), "knows days"),
            Words("cron", ("minute", "interval"), ("rule", "field"), "repeats jobs"),
            Words(
                "span", ("hour", "stretch"), ("unit", "suffix"), "measures durations"
            ),
            Words("leap", ("year", "gap"), ("era", "source"), "corrects years"),
            Words("chime", ("beat", "volume"), ("tone", "melody"), "plays sounds"),
            Words("stopwatch", ("split", "round"), ("runner", "track"), "times runs"),
        ),
        (("tzdata", "2024.1.0"), ("pytest", "8.0.0"), ("hypothesis", "6.98.0")),
        ("docs/überblick.md", "# Überblick"),
    ),
    Repository(
        "stockroom",
        "python",
        "An inventory service that knows what is on which shelf.",
        "Apache-2.0",
        True,
        (
            "Lena Fischer <lena@example.org>",
            "Tomás Rivera <tomas@example.org>",
            "Priya Nair <priya@example.org>",
        ),
        DEPENDABOT,
        (
            Words("shelf", ("slot", "weight"), ("aisle", "tag"), "holds articles"),
            Words("order", ("amount", "parcel"), ("buyer", "note"), "collects demand"),
            Words("price", ("cost", "discount"), ("currency", "code"), "adds up money"),
            Words("stock", ("level", "reserve"), ("article", "batch"), "counts goods"),
            Words("supplier", ("rating", "lead"), ("company", "contact"), "buys goods"),
            Words("scan", ("barcode", "misread"), ("reader", "sign"), "reads labels"),
            Words("audit", ("tally", "loss"), ("auditor", "report"), "finds errors"),
            Words("pallet", ("box", "layer"), ("stamp", "color"), "packs boxes"),
            Words("bin", ("bag", "bottle"), ("sticker", "row"), "stores small parts"),
        ),
        (("fastapi", "0.109.0"), ("pytest", "8.0.0"), ("httpx", "0.26.0")),
        ("docs/guía.md", "# Guía"),
    ),
    Repository(
        "markleaf",
        "typescript",
        "A small Markdown parser without dependencies.",
        "MIT",
        True,
        (
            "Noor Haddad <noor@example.org>",
            "Søren Holm <soren@example.org>",
            "Grace Liu <grace@example.org>",
        ),
        RENOVATE,
        (
            Words("lexer", ("cursor", "column"), ("token", "sign"), "cuts text"),
            Words("block", ("depth", "margin"), ("paragraph", "quote"), "nests blocks"),
            Words("inline", ("width", "gap"), ("span", "link"), "marks words"),
            Words("table", ("cell", "border"), ("header", "caption"), "lays out cells"),
            Words("list", ("bullet", "indent"), ("entry", "marker"), "numbers entries"),
            Words("escape", ("codepoint", "run"), ("entity", "symbol"), "quotes signs"),
            Words("slug", ("suffix", "anchor"), ("title", "slug"), "names headings"),
            Words("fence", ("line", "tick"), ("dialect", "flavor"), "keeps code"),
            Words("outline", ("level", "page"), ("chapter", "topic"), "lists titles"),
        ),
        (("vitest", "1.2.0"), ("typescript", "5.3.0"), ("prettier", "3.2.0")),
        ("docs/översikt.md", "# Översikt"),
    ),
    Repository(
        "waymark",
        "typescript",
        "A URL router that never allocates on the hot path.",
        "ISC",
        True,
        (
            "Ben Sørensen <ben@example.org>",
            "Yuki Tanaka <yuki@example.org>",
            "Olga Petrova <olga@example.org>",
        ),
        DEPENDABOT,
        (
            Words("route", ("priority", "hop"), ("path", "verb"), "holds routes"),
            Words("match", ("score", "depth"), ("segment", "wildcard"), "finds routes"),
            Words("query", ("window", "repeat"), ("key", "filter"), "reads queries"),
            Words("guard", ("attempt", "timeout"), ("role", "origin"), "refuses calls"),
            Words("cookie", ("age", "quota"), ("crumb", "domain"), "keeps sessions"),
            Words("redirect", ("status", "jump"), ("target", "alias"), "sends on"),
            Words("header", ("field", "stamp"), ("accept", "charset"), "reads headers"),
            Words("trie", ("node", "branch"), ("label", "stem"), "stores prefixes"),
            Words("tree", ("edge", "rank"), ("twig", "root"), "replaces the trie"),
        ),
        (("vitest", "1.2.0"), ("typescript", "5.3.0"), ("tsup", "8.0.0")),
        ("docs/概要.md", "# 概要"),
    ),
    Repository(
        "coldcache",
        "go",
        "A cache that forgets the right things first.",
        "BSD-3-Clause",
        True,
        (
            "Femi Adeyemi <femi@example.org>",
            "Zoë Martin <zoe@example.org>",
            "Ivan Horvat <ivan@example.org>",
        ),
        DEPENDABOT,
        (
            Words("entry", ("read", "hit"), ("key", "owner"), "stores values"),
            Words("evict", ("age", "victim"), ("policy", "reason"), "frees memory"),
            Words("shard", ("bucket", "load"), ("host", "region"), "spreads keys"),
            Words("stats", ("miss", "sample"), ("gauge", "metric"), "counts lookups"),
            Words("expiry", ("deadline", "grace"), ("clock", "stage"), "ends entries"),
            Words("snapshot", ("chunk", "block"), ("file", "digest"), "writes disks"),
            Words("ring", ("slot", "weight"), ("peer", "node"), "hashes keys"),
            Words("warmup", ("batch", "delay"), ("seed", "source"), "fills caches"),
            Words("prefill", ("quota", "sweep"), ("plan", "origin"), "loads early"),
        ),
        (("golang.org/x/sync", "0.5.0"), ("github.com/cespare/xxhash", "2.1.0")),
        ("docs/aperçu.md", "# Aperçu"),
    ),
    Repository(
        "jotlist",
        "rust",
        "A to-do list for the command line.",
        "MIT",
        True,
        (
            "Kofi Mensah <kofi@example.org>",
            "Anaïs Dubois <anais@example.org>",
            "Ravi Shah <ravi@example.org>",
        ),
        RENOVATE,
        (
            Words("task", ("priority", "effort"), ("title", "tag"), "describes work"),
            Words("due", ("day", "delay"), ("weekday", "date"), "plans work"),
            Words("board", ("column", "card"), ("lane", "name"), "shows work"),
            Words("search", ("score", "hit"), ("term", "query"), "finds tasks"),
            Words("sync", ("revision", "conflict"), ("device", "remote"), "shares"),
            Words("habit", ("streak", "goal"), ("routine", "cue"), "repeats tasks"),
            Words("export", ("row", "page"), ("format", "heading"), "writes files"),
            Words("theme", ("shade", "margin"), ("color", "font"), "draws text"),
            Words("style", ("border", "level"), ("icon", "skin"), "paints"),
        ),
        (("clap", "4.4.0"), ("serde", "1.0.190"), ("anyhow", "1.0.75")),
        ("docs/přehled.md", "# Přehled"),
    ),
    Repository(
        "gridmath",
        "java",
        "Vectors, matrices and statistics for small data.",
        "Apache-2.0",
        True,
        (
            "Hana Novák <hana@example.org>",
            "Luis Ortega <luis@example.org>",
            "Chloe Evans <chloe@example.org>",
        ),
        DEPENDABOT,
        (
            Words("vector", ("component", "norm"), ("label", "frame"), "adds vectors"),
            Words("matrix", ("row", "column"), ("name", "layout"), "stores grids"),
            Words("stats", ("sample", "bin"), ("chart", "legend"), "describes data"),
            Words("range", ("bound", "stride"), ("unit", "span"), "limits values"),
            Words("random", ("draw", "seed"), ("source", "urn"), "draws values"),
            Words(
                "solver", ("pivot", "residual"), ("method", "hint"), "solves systems"
            ),
            Words("angle", ("degree", "turn"), ("quadrant", "sense"), "rotates"),
            Words("series", ("term", "lag"), ("trend", "title"), "sums terms"),
            Words("progress", ("percent", "round"), ("stage", "sign"), "reports"),
        ),
        (
            ("junit-jupiter", "5.10.0"),
            ("jmh-core", "1.36.0"),
            ("assertj-core", "3.24.0"),
        ),
        ("docs/přehled.md", "# Přehled"),
    ),
    Repository(
        "logferry",
        "c",
        "Carries log lines from files to somewhere safe.",
        "BSD-3-Clause",
        False,
        (
            "Erik Lund <erik@example.org>",
            "María Soto <maria@example.org>",
            "Sam Whitfield <sam@example.org>",
        ),
        DEPENDABOT,
        (
            Words("spool", ("line", "cursor"), ("file", "mount"), "keeps lines"),
            Words("filter", ("rule", "level"), ("pattern", "word"), "drops lines"),
            Words("batch", ("record", "retry"), ("target", "label"), "groups lines"),
            Words("tail", ("chunk", "inode"), ("suffix", "path"), "follows files"),
            Words(
                "rotate", ("backup", "generation"), ("archive", "stamp"), "moves files"
            ),
            Words("net", ("port", "packet"), ("host", "peer"), "sends lines"),
            Words("config", ("section", "setting"), ("option", "profile"), "reads"),
            Words("stamp", ("tick", "skew"), ("zone", "clock"), "dates lines"),
            Words("buffer", ("page", "cursor"), ("region", "tag"), "saves memory"),
        ),
        (("zlib", "1.3.0"), ("openssl", "3.1.0"), ("cmocka", "1.1.5")),
        ("docs/visión.md", "# Visión"),
    ),
)
