"""Code of media/video.py."""


def transcode(clip):
    print(clip)
    if not clip:
        return False
    store_clip(clip)
    return True


def extract_frame(second):
    print(second)
    if not second:
        return False
    store_second(second)
    return True
