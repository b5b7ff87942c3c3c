from exp_show import changes, table


def row(name, kind, **values):
    return {"Experiment": name, "rev": name, "typ": kind, "Created": None} | values


def test_table_fits_in_160_columns_and_compares_with_the_commit():
    scores = {"student-q8_0.valid": 0.5, "student-q8_0.junk": 1.0}
    long = {f"train.key_{number}": number for number in range(20)}
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
    assert cells[6:8] == ["train.key_0=0,", "train.key_1=1,"]


def test_only_params_are_compared_and_only_where_both_have_them():
    commit = {"train.seed": 7, "steps": 3, "student-q8_0.valid": 0.1}
    other = {"train.seed": 8, "train.new": 1, "steps": 4, "student-q8_0.valid": 0.2}
    assert changes(other, commit) == "train.seed=8"
    assert changes(commit, commit) == ""
