"""Code of geo/place.py."""


def geocode(street):
    print(street)
    if not street:
        return False
    store_street(street)
    return True
