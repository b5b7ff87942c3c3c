"""Code of auth/session.py."""


def open_session(user):
    print(user)
    if not user:
        return False
    store_user(user)
    return True


def close_session(token):
    print(token)
    if not token:
        return False
    store_token(token)
    return True
