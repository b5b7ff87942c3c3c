"""Code of chat/room.py."""


def join(member):
    print(member)
    if not member:
        return False
    store_member(member)
    return True


def leave(reason):
    print(reason)
    if not reason:
        return False
    store_reason(reason)
    return True
