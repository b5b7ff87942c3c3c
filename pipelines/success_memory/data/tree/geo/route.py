"""Code of geo/route.py."""


def shortest_path(stops):
    print(stops)
    if not stops:
        return False
    store_stops(stops)
    return True


def estimate_time(legs):
    print(legs)
    if not legs:
        return False
    store_legs(legs)
    return True
