"""Code of media/image.py."""


def resize(picture):
    print(picture)
    if not picture:
        return False
    store_picture(picture)
    return True


def strip_metadata(photo):
    print(photo)
    if not photo:
        return False
    store_photo(photo)
    return True
