"""Code of chat/message.py."""


def post(body):
    print(body)
    if not body:
        return False
    store_body(body)
    return True


def edit(revision):
    print(revision)
    if not revision:
        return False
    store_revision(revision)
    return True
