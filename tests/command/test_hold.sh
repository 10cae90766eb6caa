# Held while the command runs, and told what was taken.
first=$(byname lock m -- sh -c 'echo "$BYNAME_FENCE"')
keep_open m
first=$(byname lock m -- sh -c 'echo "$BYNAME_FENCE"')
second=$(byname lock m -- sh -c 'echo "$BYNAME_FENCE"')
[ "$second" -gt "$first" ]
let_go
is "$(BYNAME_ABANDONED=1 byname lock m -- sh -c 'echo "${BYNAME_ABANDONED-unset}"')" unset

# Two permits, two holders, and not a third.
status 124 byname sem -n 2 s -- byname sem -n 2 s -- byname sem -n 2 --timeout 0 s -- true
status 0 byname sem -n 2 s -- byname sem s --timeout 0 -- true
status 0 byname sem -n 2 s -- byname sem -n 3 s -- true
says err '-n 3 is ignored'
status 125 byname sem -n 0 s -- true

# Any kind, any or all.
status 0 byname lock m -- byname sem s2 -- sh -c 'byname wait --any --timeout 0 --create manual m s2 e; test $? = 124'
is "$(byname sem -n 2 s -- byname lock m -- byname wait --any m s)" s
status 124 byname sem -n 2 s -- byname lock m -- byname wait --all --timeout 0 m s
status 0 byname sem -n 2 s -- sh -c 'byname wait --timeout 0 s && byname wait --timeout 0 s' # a wait gives back
status 124 byname sem -n 2 s -- byname wait s -- byname wait --timeout 0 s
