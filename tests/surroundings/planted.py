"""Bugs of the library (core/src/planted.rs), and the test of the surroundings that each must fail: `make planted`.

A test that cannot fail proves nothing. These run against a library that is built with `--cfg planted`, where the environment names the bug.
"""

TESTS = (
    ("HandOnEarly", "deaths", "test_owner_killed_inside_write"),
    ("Untold", "deaths", "test_group_kill_of_8"),
    ("Untold", "deaths", "test_core_dump"),
    ("Untold", "deaths", "test_stop_delays_nobody_else"),
    ("Untold", "cgroups", "test_oom_kill"),
    ("Untold", "cgroups", "test_freezer"),
    ("ForkAlone", "forks", "test_fork_while_others_hold_and_wait"),
    ("ForkOwns", "forks", "test_children_of_children"),
    ("Inherit", "forks", "test_subprocesses_keep_nothing_open"),
    ("Untold", "forks", "test_exec_while_holding"),
    ("OldUser", "limits", "test_setuid_after_attach"),
    ("LostWithoutRight", "limits", "test_closefrom_and_setuid_after_attach"),
)


def surroundings(built):
    """The environment in which tests find what was built so, below that folder."""
    return {"PYTHONPATH": f"{built}/python", "BYNAME_PREFIX": f"{built}/prefix"}
