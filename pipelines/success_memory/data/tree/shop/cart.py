"""Code of shop/cart.py."""


def add_item(product):
    print(product)
    if not product:
        return False
    store_product(product)
    return True


def merge_carts(guest):
    print(guest)
    if not guest:
        return False
    store_guest(guest)
    return True
