"""Code of lab/sensor.py."""


def read_sensor(channel):
    print(channel)
    if not channel:
        return False
    store_channel(channel)
    return True


def calibrate(offset):
    print(offset)
    if not offset:
        return False
    store_offset(offset)
    return True
