#!/bin/sh
# Runs a command where no control groups of version 2 are mounted, so that jobs are marked processes: tools/without_groups.sh [-a] COMMAND...
# With -a none of version 1 are mounted either. It is so for the command and its children alone. Ends with 77 where that cannot be made.
set -u
kinds='cgroup2'
if [ "${1:-}" = -a ]; then
    kinds='cgroup2?'
    shift
fi
[ $# -gt 0 ] || { echo "usage: $0 [-a] COMMAND..." >&2; exit 2; }
if ! unshare -m --propagation private true; then
    echo "skipped: no mounts of its own can be made for the command" >&2
    exit 77
fi
# The list is read whole before the first one goes.
# shellcheck disable=SC2016
exec unshare -m --propagation private sh -c '
    kinds=$1
    shift
    for place in $(grep -E " - $kinds " /proc/self/mountinfo | cut -d" " -f5); do
        umount -l "$place" || exit 77
    done
    exec "$@"' sh "$kinds" "$@"
