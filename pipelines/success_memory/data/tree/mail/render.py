"""Code of mail/render.py."""


def fill_template(values):
    print(values)
    if not values:
        return False
    store_values(values)
    return True
