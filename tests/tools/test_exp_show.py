from exp_show import PARAMS, changes, table


def row(name, kind, **values):
    return {"Experiment": name, "rev": name, "typ": kind, "Created": None} | values


def test_table_fits_in_160_columns_and_compares_with_the_commit():
    scores = {"student-q8_0.valid": 0.5, "student-q8_0.junk": 1.0}
    scores |= {"student": "student-q8_0", "student-q8_0.valid_low": 0.4}
    scores |= {"student-q4_k_m.valid": 0.25, "student-q4_k_m.ari": 0.75}
    scores |= {"difference.base.valid": 0.3, "difference.base.valid_high": 0.35}
    long = {key: 1 for key in sorted(PARAMS) if key.startswith(("split.", "train."))}
    commit = row("main", "baseline", **scores, **dict.fromkeys(long, -1))
    lines = table(
        [
            commit | {"Experiment": "workspace", "rev": "workspace"},
            commit,
            row("brisk-otter", "branch_commit", **scores, **long, validation_loss=0.25),
        ]
    ).splitlines()
    assert max(len(line) for line in lines) <= 160
    cells = lines[5].split()
    assert cells[:6] == ["brisk-otter", "0.250", "50", "-", "-", "100"]
    assert cells[6].startswith("split.") and cells[6].endswith("=1,")


def test_only_params_are_compared_and_only_where_both_have_them():
    commit = {"train.seed": 7, "train.samples": 3, "student-q8_0.valid": 0.1}
    other = {
        "train.seed": 8,
        "train.method": "full",
        "train.samples": 4,
        "student-q8_0.valid": 0.2,
    }
    assert changes(other, commit) == "train.seed=8"
    assert changes(commit, commit) == ""


def test_numbers_are_spelled_as_in_the_params():
    commit = {"base.scratch.steps": 900.0, "train.learning_rate": 0.003}
    other = {"base.scratch.steps": 700.0, "train.learning_rate": 0.0015}
    assert (
        changes(other, commit) == "base.scratch.steps=700, train.learning_rate=0.0015"
    )
