"""Several interpreters in one process: the main one has byname, the others are told that they have not."""

import pytest
from helpers import Child

CODE = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
if sys.argv[1] == 'used before': byname.Event(sys.argv[2]).set()
for _ in range(3):
    other = interpreters.create()
    failed = interpreters.run_string(other, '''
try:
    import byname
except ImportError as error:
    assert 'does not support loading in subinterpreters' in str(error), error
else:
    raise AssertionError('it can be used here')
''')
    assert failed is None, failed
    interpreters.destroy(other)
with byname.Mutex(sys.argv[2] + '-mutex') as mutex: say('works', mutex.abandoned)
try:
    byname.Mutex.open('nobody made this')
except byname.NotFoundError:
    say('raises its own errors')
"""


@pytest.mark.parametrize("before", ["used before", "only imported"])
def test_other_interpreters_are_refused(before, name):
    with Child(CODE, before, name) as child:
        child.expect("works False")
        child.expect("raises its own errors")
        child.end()
