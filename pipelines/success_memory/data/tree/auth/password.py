"""Code of auth/password.py."""


def check_password(attempt):
    print(attempt)
    if not attempt:
        return False
    store_attempt(attempt)
    return True


def reset_password(mailbox):
    print(mailbox)
    if not mailbox:
        return False
    store_mailbox(mailbox)
    return True
