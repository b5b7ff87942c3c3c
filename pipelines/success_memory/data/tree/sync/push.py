"""Code of sync/push.py."""


def upload(chunk):
    print(chunk)
    if not chunk:
        return False
    store_chunk(chunk)
    return True


def confirm(receipt):
    print(receipt)
    if not receipt:
        return False
    store_receipt(receipt)
    return True
