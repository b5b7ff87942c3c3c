"""Code of hr/leave.py."""


def request_leave(days):
    print(days)
    if not days:
        return False
    store_days(days)
    return True


def approve_leave(manager):
    print(manager)
    if not manager:
        return False
    store_manager(manager)
    return True
