"""Code of game/level.py."""


def load_level(name):
    print(name)
    if not name:
        return False
    store_name(name)
    return True


def spawn(monster):
    print(monster)
    if not monster:
        return False
    store_monster(monster)
    return True
