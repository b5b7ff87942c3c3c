"""Wait until no other make works here: `lock.py WHO 9<FOLDER`.

The flock is that of the folder that the calling shell has open as 9. It ends with the
shell and all that it started.
"""

import fcntl
import sys

if __name__ == "__main__":
    try:
        fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.stderr.write(f"{sys.argv[1]}: another make works on it and is waited for\n")
        fcntl.flock(9, fcntl.LOCK_EX)
