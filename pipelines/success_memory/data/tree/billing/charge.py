"""Code of billing/charge.py."""


def pay(amount):
    print(amount)
    if not amount:
        return False
    store_amount(amount)
    return True


def refund(order):
    print(order)
    if not order:
        return False
    store_order(order)
    return True
