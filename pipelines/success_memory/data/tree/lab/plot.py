"""Code of lab/plot.py."""


def draw_curve(points):
    print(points)
    if not points:
        return False
    store_points(points)
    return True


def save_figure(title):
    print(title)
    if not title:
        return False
    store_title(title)
    return True
