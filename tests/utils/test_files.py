"""Only regular files are opened, without waiting; what is written is whole, and its owner's."""

import os
import socket
import stat
import struct
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from sklearn_rnn._utils import files as _files
from sklearn_rnn._utils.files import atomic_write, check_replaceable, open_regular

pytestmark = pytest.mark.skipif(os.name != "posix", reason="has other kinds of files")


@pytest.fixture
def place():
    """A folder whose name is short enough for a socket."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def no_regular_file(kind, path):
    """Make a file of a kind, and return what a message calls it."""
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as unused:
            unused.bind(str(path))
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(os.devnull)
    return f"is a {kind}: expected a regular file"


KINDS = ["FIFO", "socket", "folder", "character device"]


# ---- Open ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["rb", "ab"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_regular_file_is_named_and_not_waited_for(place, kind, mode):
    message = no_regular_file(kind, place / "it")
    with pytest.raises(OSError, match=f"^load: '{place}/it' {message}.$") as raised:
        open_regular(place / "it", mode, "load")
    assert isinstance(raised.value, IsADirectoryError) == (kind == "folder")


def test_whoever_writes_into_a_fifo_does_not_notice_that_it_was_looked_at(place):
    os.mkfifo(place / "fifo")
    writes = f"print('so good', file=open({str(place / 'fifo')!r}, 'w'))"
    with subprocess.Popen([sys.executable, "-c", writes]) as writer:
        with pytest.raises(OSError, match="is a FIFO"):
            open_regular(place / "fifo")
        assert (place / "fifo").read_text() == "so good\n"
    assert writer.returncode == 0


@pytest.mark.parametrize("mode", ["rb", "ab"])
def test_a_fifo_that_takes_a_file_s_place_meanwhile_is_not_waited_for(place, monkeypatch, mode):
    path = place / "file"
    path.touch()
    look = os.stat

    def look_and_change(looked_at):
        status = look(looked_at)
        path.unlink()
        os.mkfifo(path)
        return status

    monkeypatch.setattr(_files.os, "stat", look_and_change)
    with pytest.raises(OSError, match=r"is a FIFO|No such device"):
        open_regular(path, mode)


def test_a_regular_file_is_read_and_appended_to_through_links(place):
    (place / "link").symlink_to("file")
    with open_regular(place / "link", "ab") as file:  # makes it
        file.write(b"so ")
    with open_regular(place / "file", "ab") as file:
        file.write(b"good")
    with open_regular(place / "link") as file:
        assert file.read() == b"so good"


def test_a_missing_file_is_missing(place):
    with pytest.raises(FileNotFoundError):
        open_regular(place / "missing")


# ---- Write -----------------------------------------------------------------------------------

NOBODY, OTHER_GROUP = 65534, 4321
IS_ROOT = os.name == "posix" and os.geteuid() == 0


@contextmanager
def as_a_user(*groups):
    """Have no more rights than a user; those who run the tests as one have none to lose."""
    if not IS_ROOT:
        yield
        return
    before = os.getgroups()
    os.setgroups(groups)
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(before)


@pytest.fixture
def open_to_all(place):
    place.chmod(0o777)
    return place


def put(path, data=b"new"):
    with atomic_write(path) as file:
        file.write(data)


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(params=[0o022, 0o077, 0o000], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o660, 0o666, 0o755, 0o200])
def test_a_file_keeps_its_mode_and_is_never_wider(place, umask, mode):
    path = place / "file"
    path.touch()
    path.chmod(mode)
    with atomic_write(path) as file:
        file.write(b"new")
        (part,) = place.glob(".*.part")
        assert mode_of(part) & ~mode == 0
    assert mode_of(path) == mode


def test_a_mode_that_changes_during_the_writing_counts(place):
    path = place / "file"
    path.touch(0o644)
    with atomic_write(path) as file:
        file.write(b"new")
        path.chmod(0o600)
    assert mode_of(path) == 0o600


def test_a_new_file_has_the_mode_that_open_gives(place, umask):
    put(place / "ours")
    (place / "theirs").write_bytes(b"")
    assert mode_of(place / "ours") == mode_of(place / "theirs") == 0o666 & ~umask


def test_bits_that_would_run_a_file_as_its_owner_go_as_with_any_writing(place):
    (place / "file").touch()
    (place / "file").chmod(0o6755)
    put(place / "file")
    assert mode_of(place / "file") == 0o755


@pytest.mark.skipif(not IS_ROOT, reason="gives files away")
def test_a_file_keeps_its_owner_and_group(place):
    (place / "file").touch(0o640)
    os.chown(place / "file", NOBODY, OTHER_GROUP)
    put(place / "file")
    status = (place / "file").stat()
    assert (status.st_uid, status.st_gid) == (NOBODY, OTHER_GROUP)
    assert mode_of(place / "file") == 0o640


@pytest.mark.skipif(not IS_ROOT, reason="gives files away")
@pytest.mark.parametrize(("mode", "narrow"), [(0o666, 0o666), (0o662, 0o622), (0o626, 0o622)])
def test_a_file_of_a_group_that_cannot_be_kept_lets_nobody_else_in(open_to_all, mode, narrow):
    path = open_to_all / "file"
    path.touch()
    os.chown(path, 0, OTHER_GROUP)
    path.chmod(mode)
    with as_a_user():
        put(path)
    assert (path.stat().st_uid, path.stat().st_gid) == (NOBODY, NOBODY)
    assert mode_of(path) == narrow


@pytest.mark.skipif(not IS_ROOT, reason="gives files away")
def test_a_user_keeps_a_group_that_is_his(open_to_all):
    path = open_to_all / "file"
    path.touch()
    os.chown(path, 0, OTHER_GROUP)
    path.chmod(0o660)
    with as_a_user(OTHER_GROUP):
        put(path)
    assert (path.stat().st_uid, path.stat().st_gid) == (NOBODY, OTHER_GROUP)
    assert mode_of(path) == 0o660


def access_list(*entries):
    """Return rights, such as (2, 6, 1234) for user 1234 to read and write, as Linux keeps them."""
    nobody = 2**32 - 1
    packed = (struct.pack("<HHI", *entry, *[nobody][: 3 - len(entry)]) for entry in entries)
    return struct.pack("<I", 2) + b"".join(packed)


# The owner, user 1234, the group (nothing), all named ones, others.
SHARED = access_list((1, 6), (2, 6, 1234), (4, 0), (16, 6), (32, 0))


def give(path, name, value):
    try:
        os.setxattr(path, name, value)
    except (AttributeError, OSError):
        pytest.skip("needs files with extended attributes")


def test_an_access_list_and_attributes_are_kept(place):
    path = place / "file"
    path.touch()
    give(path, "user.origin", b"ours")
    give(path, "system.posix_acl_access", SHARED)
    put(path)
    assert os.getxattr(path, "user.origin") == b"ours"
    assert os.getxattr(path, "system.posix_acl_access") == SHARED
    assert mode_of(path) == 0o660


def test_an_access_list_that_cannot_be_kept_does_not_let_the_group_in(place, monkeypatch):
    path = place / "file"
    path.touch()
    give(path, "system.posix_acl_access", SHARED)
    monkeypatch.setattr(os, "setxattr", lambda *_: (_ for _ in ()).throw(OSError("no such thing")))
    put(path)
    assert mode_of(path) == 0o600


def test_what_a_folder_gives_to_new_files_is_not_given_to_an_old_one(place):
    path = place / "file"
    path.touch()
    path.chmod(0o640)
    give(place, "system.posix_acl_default", SHARED)
    put(path)
    put(place / "new")
    assert "system.posix_acl_access" not in os.listxattr(path)
    assert mode_of(path) == 0o640
    assert os.getxattr(place / "new", "system.posix_acl_access") == SHARED


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("relative", [True, False])
def test_links_lead_to_the_file_that_is_written(place, exists, relative):
    (place / "elsewhere").mkdir()
    target = place / "elsewhere" / "file"
    if exists:
        target.write_bytes(b"old")
        target.chmod(0o600)
    (place / "elsewhere" / "hop").symlink_to("file")
    hop = "elsewhere/hop" if relative else place / "elsewhere" / "hop"
    (place / "link").symlink_to(hop)
    with atomic_write(place / "link") as file:
        file.write(b"new")
        assert names_in(place) == ["elsewhere", "link"]  # the part is beside the target
    assert target.read_bytes() == (place / "link").read_bytes() == b"new"
    assert (place / "link").is_symlink()
    assert not target.is_symlink()
    assert not exists or mode_of(target) == 0o600
    assert names_in(place / "elsewhere") == ["file", "hop"]


def test_links_that_lead_to_each_other_are_refused(place):
    (place / "one").symlink_to("other")
    (place / "other").symlink_to("one")
    for write in (put, check_replaceable):
        with pytest.raises(OSError, match="Too many levels of symbolic links"):
            write(place / "one")
    assert names_in(place) == ["one", "other"]


def test_a_further_hard_link_keeps_the_old_file(place):
    (place / "file").write_bytes(b"old")
    os.link(place / "file", place / "backup")
    put(place / "file")
    assert (place / "backup").read_bytes() == b"old"


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_takes_the_place_of_files_only(place, kind):
    no_regular_file(kind, place / "it")
    before = os.stat(place / "it")
    for write in (put, check_replaceable):
        with pytest.raises(OSError, match=f"is a {kind}: expected a regular file"):
            write(place / "it")
    assert os.path.samestat(os.stat(place / "it"), before)
    assert names_in(place) == ["it"]


@pytest.mark.parametrize("name", ["a" * 255, "é" * 127, "字" * 85, "🎬" * 63, "\udc80" * 255])
def test_a_name_may_be_as_long_as_names_may_be(place, name):
    for _ in range(2):
        check_replaceable(place / name)
        put(place / name)
    assert names_in(place) == [name]


def test_a_name_that_is_too_long_is_refused_before_there_is_anything_to_write(place):
    with pytest.raises(OSError, match="File name too long"):
        check_replaceable(place / ("a" * 256))
    assert names_in(place) == []


@pytest.mark.parametrize("path", ["/proc/file", "/nowhere/file", f"{__file__}/file"])
def test_where_no_file_can_be_the_file_is_named_and_not_its_part(path):
    for write in (put, check_replaceable):
        with pytest.raises(OSError, match=r"No such file|Not a directory|denied") as raised:
            write(Path(path))
        assert raised.value.filename == path


@pytest.mark.parametrize("mode", [0o444, 0o400])
def test_a_file_that_may_not_be_written_is_not_replaced(open_to_all, mode):
    path = open_to_all / "file"
    with as_a_user():
        path.write_bytes(b"old")
        path.chmod(mode)
        for write in (put, check_replaceable):
            with pytest.raises(PermissionError) as raised:
                write(path)
            assert raised.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert names_in(open_to_all) == ["file"]


@pytest.mark.skipif(not IS_ROOT, reason="is two users")
def test_another_s_file_in_a_folder_for_all_is_refused_before(open_to_all):
    open_to_all.chmod(0o1777)
    (open_to_all / "file").touch()
    (open_to_all / "file").chmod(0o666)
    with as_a_user(), pytest.raises(PermissionError):
        check_replaceable(open_to_all / "file")


def test_a_folder_that_cannot_be_listed_can_be_written_to(open_to_all):
    folder = open_to_all / "inner"
    with as_a_user():
        folder.mkdir()
        folder.chmod(0o300)
        put(folder / "file")
        folder.chmod(0o700)
        assert (folder / "file").read_bytes() == b"new"


def test_a_check_changes_nothing(place):
    (place / "old").write_bytes(b"old")
    before = (place / "old").stat()
    check_replaceable(place / "old")
    check_replaceable(place / "new")
    assert names_in(place) == ["old"]
    assert (place / "old").stat() == before
