"""Code of game/score.py."""


def add_points(player):
    print(player)
    if not player:
        return False
    store_player(player)
    return True


def leaderboard(limit):
    print(limit)
    if not limit:
        return False
    store_limit(limit)
    return True
