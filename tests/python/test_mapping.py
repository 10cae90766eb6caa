"""The mapping: buffers and their counting, files, pickles, the version; contract 7."""

import asyncio
import gc
import os
import pickle
import threading

import byname
import pytest
from helpers import PATIENCE, Child, Thread, open_files


def maps():
    """How many mappings of memory of objects this process has."""
    with open("/proc/self/maps") as file:
        return sum("byname.v1.memory." in line for line in file)


def test_bytes_are_shared_without_a_copy():
    with byname.Mapping("shared", 65536) as one, byname.Mapping.open("shared") as other:
        assert (one.created, other.created, len(other), one.size) == (True, False, 65536, 65536)
        a, b = memoryview(one), memoryview(other)
        assert (a.nbytes, a.format, a.readonly, a.contiguous) == (65536, "B", False, True)
        a[100:105] = b"hello"
        assert bytes(b[100:105]) == b"hello" and bytes(other)[100:105] == b"hello"
        assert b[0] == 0
        a.release(), b.release()


def test_every_export_is_counted():
    mapping = byname.Mapping(size=4096)
    first, second = memoryview(mapping), memoryview(mapping)
    part = first[10:20]
    for _ in range(2):
        with pytest.raises(BufferError, match="still in use"):
            mapping.close()
    first.release()
    second.release()
    with pytest.raises(BufferError):
        mapping.close()
    part[0] = 7  # not unmapped
    assert mapping.read(10, 1) == b"\x07"
    part.release()
    mapping.close()
    mapping.close()
    with pytest.raises(byname.ClosedError):
        memoryview(mapping)
    with pytest.raises(byname.ClosedError):
        len(mapping)
    with pytest.raises(byname.ClosedError):
        mapping.read()


P = byname.Protect


@pytest.mark.parametrize("protect", [P.COMMIT, P.RESERVE, P.COMMIT | P.NOCACHE, P.RESERVE | P.WRITECOMBINE])
def test_attributes_that_go_together(protect):
    with byname.Mapping(size=1 << 20, protect=P.READWRITE | protect) as mapping:
        assert mapping.state.protect == P.READWRITE | protect
        mapping.write(b"x")


@pytest.mark.parametrize(
    ("protect", "error", "win32"),
    [
        (P.READWRITE | P.COMMIT | P.RESERVE, byname.InvalidArgumentError, 87),
        (P.READWRITE | P.NOCACHE, byname.InvalidArgumentError, 87),
        (P.READWRITE | P.FILE, byname.InvalidArgumentError, 87),
        (P.READWRITE | P.IMAGE, byname.InvalidArgumentError, 193),
        (P.READWRITE | P.COMMIT | P.LARGE_PAGES, byname.AccessDeniedError, 1314),
        (P.RESERVE, byname.InvalidArgumentError, 87),
        (P.READONLY | P.READWRITE, byname.InvalidArgumentError, 87),
        (0, byname.InvalidArgumentError, 87),
        (1 << 32, byname.InvalidArgumentError, 87),
    ],
)
def test_attributes_that_do_not(protect, error, win32):
    with pytest.raises(error) as refused:
        byname.Mapping("refused", 4096, protect=protect)
    assert refused.value.win32 == win32
    with pytest.raises(byname.NotFoundError):
        byname.Mapping.open("refused")


def test_protection_is_more_than_access():
    with byname.Mapping("protected so", 4096, protect=P.READONLY) as mapping:
        with pytest.raises(byname.AccessDeniedError):
            memoryview(mapping)
        with mapping.view(access="copy") as own, memoryview(own) as bytes:
            bytes[0] = 1
        with byname.Mapping("protected so", 4096, protect=P.READWRITE) as same:
            assert (same.created, same.state.protect) == (False, P.READONLY)
    with pytest.raises(TypeError, match="protect must be an int, not str"):
        byname.Mapping(size=1, protect="rw")


def test_a_with_block_that_ends_with_exports_out_says_so():
    with pytest.raises(BufferError):
        with byname.Mapping(size=4096) as mapping:
            kept = memoryview(mapping)
    assert kept[0] == 0
    kept.release()
    mapping.close()


def test_an_export_keeps_the_bytes_alive():
    before = maps()
    exported = memoryview(byname.Mapping(size=4096))
    gc.collect()
    exported[0] = 1
    assert exported[0] == 1 and maps() == before + 1
    exported.release()
    gc.collect()
    assert maps() == before


def test_views_outlive_their_mapping():
    mapping = byname.Mapping("outlived", 3 * 65536)
    view = mapping.view(65536, 10)
    mapping.write(b"0123456789", offset=65536)
    assert (len(view), view.readonly, view.shared, bytes(view)) == (10, False, True, b"0123456789")
    mapping.close()
    with pytest.raises(byname.NotFoundError):
        byname.Mapping.open("outlived")
    with memoryview(view) as exported:
        exported[0] = ord("x")
        with pytest.raises(BufferError):
            view.close()
    assert bytes(view)[:2] == b"x1"
    view.close()
    view.close()
    with pytest.raises(byname.ClosedError):
        bytes(view)
    with pytest.raises(byname.ClosedError):
        view.flush()


def test_access_words():
    with byname.Mapping("words", 65536) as made, byname.Mapping.open("words", access="r") as reader:
        with byname.Mapping.open("words", access="copy") as own:
            made.write(b"all")
            with memoryview(own) as mine:
                mine[:3] = b"own"
                assert bytes(mine[:3]) == b"own"
            assert reader.read(0, 3) == b"all" and own.read(0, 3) == b"own"
            assert own.view().shared is False and reader.view().readonly is True
            with memoryview(reader) as exported:
                assert exported.readonly
                with pytest.raises(TypeError):
                    exported[0] = 1
            for refused in (reader.publish, lambda: reader.write(b"x"), lambda: own.write(b"x"), lambda: reader.view(access="rw")):
                with pytest.raises(byname.AccessDeniedError):
                    refused()
            with memoryview(reader.view(access="copy")) as exported:
                exported[0] = 1
    for wrong in ("w", "", "RW", 1 << 40):
        with pytest.raises(byname.InvalidArgumentError):
            byname.Mapping(size=1, access=wrong)
    for wrong in (None, 1.5, True, b"r"):
        with pytest.raises(TypeError):
            byname.Mapping(size=1, access=wrong)
    with pytest.raises(byname.AccessDeniedError):
        byname.Mapping(size=1, access=0)
    with byname.Mapping(size=1, access=byname.Access.MAP_READ) as masked:
        assert masked.view().readonly


def test_files(tmp_path):
    path = tmp_path / "some text"
    path.write_bytes(b"0123456789")
    descriptors = open_files()
    with open(path, "r+b") as file:
        for source in (path, str(path), os.fsencode(path), file, file.fileno()):
            with byname.Mapping(file=source) as mapping:
                assert (len(mapping), mapping.state.has_file, bytes(mapping)) == (10, True, b"0123456789")
        with byname.Mapping("file", file=file) as mapping:
            mapping.write(b"ab", 4)
            mapping.flush()
            assert path.read_bytes() == b"0123ab6789"
            with byname.Mapping.open("file", access="copy") as own:
                with memoryview(own) as mine:
                    mine[0] = 0
            mapping.view().flush(2, 3)
            with pytest.raises(byname.InvalidArgumentError):
                mapping.view().flush(2, 9)
        assert path.read_bytes() == b"0123ab6789"
    with byname.Mapping(file=path, size=100_000) as longer:
        assert path.stat().st_size == len(longer) == 100_000
    with open(path, "rb") as reading:
        with byname.Mapping(file=reading, access="r") as mapping:
            assert memoryview(mapping).readonly
        with pytest.raises(byname.AccessDeniedError):
            byname.Mapping(file=reading)
        with pytest.raises(byname.NoSpaceError) as raised:
            byname.Mapping(file=reading, access="copy", size=100_001)
        assert raised.value.win32 == 8
    path.write_bytes(b"")
    with pytest.raises(byname.InvalidArgumentError) as raised:
        byname.Mapping(file=path)
    assert raised.value.win32 == 1006
    with pytest.raises(FileNotFoundError):
        byname.Mapping(file=tmp_path / "missing")
    with pytest.raises(byname.WrongKindError):
        byname.Mapping(file=tmp_path, access="r")
    with pytest.raises(byname.ClosedError):
        byname.Mapping(file=1 << 20, size=1)
    for wrong in (1.5, True, [], object()):
        with pytest.raises(TypeError):
            byname.Mapping(file=wrong, size=1)
    gc.collect()
    assert open_files() == descriptors


def test_bad_sizes_and_offsets():
    for wrong in (0, -1, 1 << 64, 1 << 200):
        with pytest.raises(byname.InvalidArgumentError):
            byname.Mapping(size=wrong)
    with pytest.raises(byname.NoSpaceError) as raised:
        byname.Mapping(size=(1 << 64) - 1)
    assert raised.value.win32 == 1455
    for wrong in (1.5, "1", None, True):
        with pytest.raises(TypeError):
            byname.Mapping(size=wrong)
    with byname.Mapping(size=131072) as mapping:
        for wrong, win32 in ((1, 1132), (4096, 1132), (131072, 5), (1 << 32, 5)):
            with pytest.raises(byname.Error) as raised:
                mapping.view(wrong)
            assert raised.value.win32 == win32
        for wrong in (0, -1, 131073):
            with pytest.raises(byname.Error):
                mapping.view(0, wrong)
        for offset, length in ((131072, 1), (0, 131073), (1 << 63, None), (0, 1 << 63), (131073, 0)):
            with pytest.raises(byname.InvalidArgumentError):
                mapping.read(offset, length)
        assert mapping.read(131072) == b"" and mapping.read(5, 0) == b""
        with pytest.raises(byname.InvalidArgumentError):
            mapping.write(b"xx", 131071)
        assert mapping.version == 0 and mapping.read(131071) == b"\0", "nothing was written, and no change made"
        for wrong in ("text", 5, None):
            with pytest.raises(TypeError):
                mapping.write(wrong)
        mapping.write(memoryview(b"abc")[::-1])
        assert mapping.read(0, 3) == b"cba"


def test_a_mapping_is_never_waited_for():
    with byname.Mapping(size=1) as mapping, byname.Event(initial=True) as event:
        for wait in (byname.wait_any, byname.wait_all):
            with pytest.raises(byname.WrongKindError) as raised:
                wait([event, mapping], timeout=0)
            assert raised.value.win32 == 6
        with pytest.raises(byname.WrongKindError):
            mapping.fileno()
        with pytest.raises(byname.WrongKindError):
            asyncio.run(byname.wait_any_async([event, mapping], timeout=0))
        assert event.is_set()


def test_pickles_open_it_again():
    with byname.Mapping("pickled", 4096) as made:
        made.write(b"kept")
        for word, readonly in (("r", True), ("rw", False), ("copy", False)):
            with byname.Mapping.open("pickled", access=word) as opened:
                again = pickle.loads(pickle.dumps(opened))
            assert again.read(0, 4) == b"kept"
            assert again.view().readonly is readonly and again.view().shared is (word != "copy")
            again.close()
    with byname.Mapping(size=1) as unnamed, pickle.loads(pickle.dumps(unnamed)) as again:  # by its token
        unnamed.write(b"kept")
        assert again.read(0, 4) == b"kept"
    for unpicklable in (byname.Mapping(size=1).view(), byname.Mapping(size=1).change()):
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(unpicklable)


def test_protected():
    mapping = byname.Mapping("protected", 4096)
    mapping.protected = True
    with memoryview(mapping) as exported:
        with pytest.raises(byname.AccessDeniedError):
            mapping.close()
        exported[0] = 1
    assert mapping.read(0, 1) == b"\x01", "it is still open"
    mapping.protected = False
    mapping.close()


def test_readers_see_whole_changes():
    with byname.Mapping(size=65536) as mapping:
        changed, rounds = mapping.changed, 300

        def write():
            for i in range(1, rounds + 1):
                mapping.write(bytes([i % 256]) * 5000)

        writer, seen = Thread(write), 0
        while seen < rounds:
            assert changed.wait(PATIENCE)
            data = mapping.read(0, 5000)
            assert len(set(data)) == 1
            seen = mapping.version
        writer.result()
        assert mapping.changed is changed


def test_changes():
    with byname.Mapping(size=4096) as mapping:
        with mapping.change() as change:
            assert not change.abandoned
            assert mapping.read(timeout=0.01) is None
            with pytest.raises(byname.WouldDeadlockError):
                mapping.write(b"x")
            with pytest.raises(byname.NotOwnerError):
                Thread(mapping.write, b"x").result()
        assert mapping.version == 1
        with pytest.raises(ZeroDivisionError):
            with mapping.change():
                1 / 0
        assert mapping.version == 2
        with pytest.raises(byname.NotOwnerError):
            mapping.change().__exit__(None, None, None)
        thread = threading.Thread(target=mapping.change().__enter__)
        thread.start(), thread.join()
        with pytest.raises(byname.DisconnectedError) as raised:
            mapping.read()
        assert raised.value.win32 == 109 and isinstance(raised.value, BrokenPipeError)
        with mapping.change() as change:
            assert change.abandoned
        assert mapping.read(0, 1) == b"\0"


def test_another_process():
    with byname.Mapping("both", 65536) as mapping:
        changed = mapping.changed
        code = (
            "m = byname.Mapping.open('both'); m.write(b'from the child'); say('written'); sys.stdin.readline()\n"
            "m.change().__enter__(); say('half'); sys.stdin.readline()"
        )
        with Child(code) as child:
            child.expect("written")
            assert changed.wait(PATIENCE) and mapping.read(0, 14) == b"from the child"
            print(file=child.process.stdin, flush=True)
            child.expect("half")
            assert mapping.read(0, 14, timeout=0.01) is None
            child.kill()
        assert changed.wait(PATIENCE)
        with pytest.raises(byname.DisconnectedError):
            mapping.read()


def test_ctrl_c_ends_a_read():
    with Child(
        "m, entered = byname.Mapping(size=4096), threading.Event()\n"
        "threading.Thread(target=lambda: (m.change().__enter__(), entered.set(), threading.Event().wait()), daemon=True).start()\n"
        "entered.wait()\n"
        "try: say('reading'); m.read()\n"
        "except KeyboardInterrupt: say('interrupted')\n"
    ) as child:
        child.expect("reading")
        child.process.send_signal(2)
        child.expect("interrupted")
        child.end()


def test_a_forked_child_has_an_event_of_its_own():
    with byname.Mapping(size=4096) as mapping, mapping.changed as changed:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                own = mapping.changed
                mapping.publish()
                status = 0 if own.wait(PATIENCE) else 2
            finally:
                os._exit(status)
        assert os.waitpid(pid, 0)[1] == 0
        assert changed.wait(PATIENCE), "the child took what was the parent's"


def test_forked_children_share_it():
    with byname.Mapping(size=4096) as mapping:
        exported = memoryview(mapping)
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                exported[0] = 1
                mapping.write(b"\x02", 1)
                status = 0
            finally:
                os._exit(status)
        assert os.waitpid(pid, 0)[1] == 0
        assert bytes(exported[:2]) == b"\x01\x02"
        exported.release()


def test_numpy():
    numpy = pytest.importorskip("numpy")
    with byname.Mapping("numbers", 65536) as one, byname.Mapping.open("numbers", access="r") as other:
        a, b = numpy.frombuffer(one, dtype=numpy.float64), numpy.frombuffer(other, dtype=numpy.float64)
        a[:] = numpy.arange(8192)
        assert b[5000] == 5000.0 and b.sum() == a.sum() and not b.flags.writeable
        with pytest.raises(BufferError):
            one.close()
        half = numpy.asarray(memoryview(one.view(0, 80))).view(numpy.float64)
        assert half.tolist() == list(range(10))
        del a, b
