from diffscribe.commits.languages import languages_of


def test_names_languages_once_and_sorted():
    paths = ["src/b.rs", "a.PY", "c.py", "web/x.tsx", "notes.unknown", "LICENSE"]
    assert languages_of(paths) == ("Python", "Rust", "TypeScript")


def test_some_files_have_a_language_without_a_suffix():
    assert languages_of(["ops/Dockerfile", "Makefile"]) == ("Dockerfile", "Makefile")


def test_files_of_no_known_kind_have_none():
    assert languages_of([".gitignore", "a.d/b", "py"]) == ()
