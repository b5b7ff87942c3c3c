"""Code of sync/pull.py."""


def fetch_changes(since):
    print(since)
    if not since:
        return False
    store_since(since)
    return True


def apply_change(patch):
    print(patch)
    if not patch:
        return False
    store_patch(patch)
    return True
