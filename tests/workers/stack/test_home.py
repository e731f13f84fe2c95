import os
import stat

import pytest

from workers.stack import home, programs
from workers.stack.account import Account
from workers.stack.errors import MissingProgramError, StackError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers as somebody else")


@pytest.fixture
def account() -> Account:
    try:
        return Account.for_servers()
    except MissingProgramError as missing:
        if "CI" in os.environ:
            raise
        pytest.skip(str(missing))


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.setattr(home, "ELSEWHERE", folder)
    return folder


@pytest.fixture
def closed(tmp_path):
    """A directory that only root can reach."""
    folder = tmp_path / "closed" / "var"
    folder.mkdir(parents=True)
    folder.parent.chmod(0o700)
    return folder


def test_a_stack_keeps_its_data_in_its_own_directory_where_its_servers_can_go(tmp_path, elsewhere):
    assert home.find_home(tmp_path, Account()) == tmp_path


@as_root
def test_below_a_closed_directory_the_data_go_elsewhere_for_the_servers_alone(closed, elsewhere, account):
    found = home.find_home(closed, account)

    assert found.parent == elsewhere
    assert found.stat().st_uid == account.uid
    assert stat.S_IMODE(found.stat().st_mode) == 0o700


@as_root
def test_a_home_elsewhere_is_found_again_even_after_the_directory_was_opened_or_made_anew(closed, elsewhere, account):
    found = home.find_home(closed, account)

    closed.parent.chmod(0o755)
    closed.rmdir()
    closed.mkdir()

    assert home.find_home(closed, account) == found


@as_root
def test_two_closed_directories_have_two_homes(closed, elsewhere, account):
    (closed / "second").mkdir()

    assert home.find_home(closed, account) != home.find_home(closed / "second", account)


@as_root
@pytest.mark.parametrize("trap", ["link", "foreign"])
def test_a_home_that_somebody_else_laid_out_is_refused(closed, elsewhere, account, trap, tmp_path):
    found = home.find_home(closed, account)
    found.rmdir()
    if trap == "link":
        found.symlink_to(tmp_path)
    else:
        found.mkdir()
        os.chown(found, 12345, 12345)

    with pytest.raises(StackError, match="not this stack's"):
        home.find_home(closed, account)


@as_root
def test_what_an_account_owns_only_it_can_read(tmp_path, account):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").touch()

    account.own(tmp_path / "data")

    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert (tmp_path / "data" / "file").stat().st_uid == account.uid


def test_a_missing_program_is_named_with_its_package(tmp_path):
    with pytest.raises(MissingProgramError, match=r"gearmand.*apt-get install gearman-job-server"):
        programs.find("gearmand", search=str(tmp_path))
