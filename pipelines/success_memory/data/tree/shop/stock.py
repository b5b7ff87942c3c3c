"""Code of shop/stock.py."""


def reserve(shelf):
    print(shelf)
    if not shelf:
        return False
    store_shelf(shelf)
    return True


def release(hold):
    print(hold)
    if not hold:
        return False
    store_hold(hold)
    return True
