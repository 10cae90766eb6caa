"""The viewer of the demo of kinds: looks at every picture that the camera publishes, where it lies, and checks it.

Prints how many pictures it has verified and how many it has not. With numpy it sees the ring as an array, without it as a memoryview: neither copies.
"""

import struct

from byname import Event, Mapping, Semaphore, wait_any

try:
    import numpy
except ImportError:
    numpy = None

SLOT, SLOTS, PIXELS = 4096, 16, 64 * 48
PATIENCE = 120.0


def main():
    stop, seen = Event.open("stop"), Semaphore.open("seen")
    frames = Mapping.open("frames", access="r")
    changed = frames.changed
    verified = wrong = 0
    ring = numpy.frombuffer(frames, dtype=numpy.uint8) if numpy else memoryview(frames)
    Semaphore.open("ready").release()
    while True:
        news = wait_any([stop, changed], timeout=PATIENCE)
        if not news:
            raise SystemExit("the camera has stopped")
        if news.index == 0:
            break
        number = frames.version - 1
        at = number % SLOTS * SLOT
        pixels = ring[at + 16 : at + 16 + PIXELS]
        found = int(pixels.sum(dtype="uint64")) if numpy else sum(pixels)
        # The camera comes back to this slot fifteen frames later; a header that is the same before and after vouches for what lies between.
        if struct.unpack("<QQ", frames.read(at, 16)) == (number, found):
            verified += 1
            seen.release()
        else:
            wrong += 1
    del pixels, ring  # buffers of the mapping: it closes when nobody looks any more
    frames.close()
    print(verified, wrong)


main()
