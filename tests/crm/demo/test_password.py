import stat

from crm.demo.password import password_of


def test_password_is_made_once_and_kept(tmp_path):
    path = tmp_path / "demo-password"

    first, is_new = password_of(path)
    second, is_new_again = password_of(path)

    assert (is_new, is_new_again) == (True, False)
    assert first == second
    assert len(first) >= 16


def test_password_is_for_its_user_alone(tmp_path):
    path = tmp_path / "demo-password"

    password_of(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_installations_have_different_ones(tmp_path):
    assert password_of(tmp_path / "a")[0] != password_of(tmp_path / "b")[0]
