"""What strace wrote of a file's processing, read."""

from scripts.faulting.media import asked_network, foreign_names, traced

OPEN = '7 10.500000 openat(AT_FDCWD</>, "/home/ann/photo.jpg", O_RDONLY) = -1 ENOENT'
SOCKET = "7 10.600000 socket(AF_INET, SOCK_STREAM, IPPROTO_IP <unfinished ...>"


def test_only_calls_of_the_files_own_time_count_and_what_goes_on_in_another_line_is_none(tmp_path):
    log = tmp_path / "strace.log"
    lines = ['6 9.900000 open("/early", O_RDONLY) = 3', OPEN, SOCKET, ") = ?", "+++ killed by SIGKILL +++", ""]
    log.write_text("\n".join(lines))

    assert traced(log, began=10.0, until=11.0) == [OPEN, SOCKET]


def test_a_file_that_is_not_the_jobs_own_is_foreign_though_it_is_not_there():
    assert foreign_names([OPEN], None, apart=True) == ["/home/ann/photo.jpg"]


def test_a_network_that_was_asked_for_is_seen_though_the_call_never_returned():
    assert asked_network([OPEN, SOCKET]) == [SOCKET]
