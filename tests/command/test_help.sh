# Help goes to standard output and says what one must know.
for what in lock sem set reset pulse wait ls who tree top doctor gc; do
    status 0 byname help $what
    silent err
    says out "Usage: byname $what"
    says out 'Exit status:'
    status 0 byname $what -h
done
status 0 byname --version
grep -Eq '^byname [0-9]+\.[0-9]+\.[0-9]+$' out
byname help | head -1 >/dev/null # somebody who stops listening is no reason to fail
