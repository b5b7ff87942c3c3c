from tests.support.rows import patch

from diffscribe.commits.diff import shown_patches

ADDED = """diff --git a/new.py b/new.py
new file mode 100755
index 0000000..1111111
--- /dev/null
+++ b/new.py
@@ -0,0 +1 @@
+first
"""


def test_each_path_gets_its_patch_without_what_its_title_says():
    texts = shown_patches(ADDED + patch("b.py", "x"), ["b.py", "gone.py", "new.py"])
    assert texts == {
        "b.py": "@@ -1 +1 @@\n-old x\n+new x\n",
        "gone.py": "",
        "new.py": "new file mode 100755\n@@ -0,0 +1 @@\n+first\n",
    }


def test_a_path_of_the_diff_alone_is_shown_too():
    assert list(shown_patches(ADDED, [])) == ["new.py"]


def test_what_git_did_not_write_is_shown_whole_above_all_paths():
    broken = ADDED + "@@ nonsense"
    assert shown_patches(broken, ["new.py"]) == {"": broken, "new.py": ""}
