# Arguments, names, standard input and output arrive as they were given.
is "$(byname lock m -- printf '[%s]' 'a b' '' '*' "'" -- --timeout)" "[a b][][*]['][--][--timeout]"
is "$(byname lock --timeout 1 m printf '[%s]' --json)" '[--json]'
is "$(byname lock m --timeout 1 -- printf '[%s]' x)" '[x]'
is "$(byname lock m -- printf '%s' $'\xff' | od -An -tx1)" ' ff'
is "$(echo in | byname lock m -- cat)" 'in'
is "$(byname lock -- -m printf '%s' -x)" '-x'
is "$(byname lock -- -m -- printf '%s' -x)" '-x'
status 124 byname lock -- -m byname lock 'Local\-m' --timeout 0 true
is "$(byname lock 'Local\m' -- sh -c 'echo "$BYNAME_NAME"')" 'Local\m'
status 124 byname lock $'a "b"\n' -- byname lock --timeout 0 $'a "b"\n' -- true
is "$(byname lock m -- sh -c 'ls -l /proc/self/fd | grep -c byname || true')" 0
# Which signals are ignored, up to 28: the C library uses some of the higher ones itself.
ignored='grep SigIgn /proc/self/status | tail -c 8'
is "$(byname lock m -- sh -c "$ignored")" "$(sh -c "$ignored")"
