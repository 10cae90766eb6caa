# kill -9: of the command's child, of the command, of both.
mkfifo pid alive next
keep_open m

# The child: an ordinary release.
status 137 byname lock m -- sh -c 'kill -9 $$'
status 0 byname lock m -- sh -c 'test -z "${BYNAME_ABANDONED-}"'
silent err

# The command: its child is dead before the next one has the mutex, and the next one is told.
byname lock m -- sh -c 'echo $$ > pid; exec cat pid' & command=$!
read -r child < pid
kill -9 $command
status 0 byname lock m -- sh -c 'test "$BYNAME_ABANDONED" = 1 && ! kill -0 "$1" 2>/dev/null' sh "$child"
says err 'the previous owner of "m" died'
status 0 byname lock m -- sh -c 'test -z "${BYNAME_ABANDONED-}"'
wait $command || is $? 137

# --fail-abandoned: nothing is run, and the news is kept for the next one.
byname lock m -- sh -c 'echo > pid; exec cat pid' & command=$!
read -r _ < pid
kill -9 $command
wait $command || is $? 137
status 125 byname lock --fail-abandoned m -- touch ran
test ! -e ran
status 0 byname lock m -- sh -c 'test "$BYNAME_ABANDONED" = 1'

# --keep-running: held until the child has ended, and released then.
byname lock --keep-running m -- sh -c 'echo > pid; read -r _ < next' & command=$!
read -r _ < pid
kill -9 $command
wait $command || is $? 137
status 124 byname lock --timeout 0 m -- true
echo > next
status 0 byname lock m -- sh -c 'test -z "${BYNAME_ABANDONED-}"'

# A permit comes back.
byname sem s -- sh -c 'echo > pid; exec cat pid' & command=$!
read -r _ < pid
kill -9 $command
status 0 byname sem s -- true
wait $command || is $? 137

# While it waits: nothing was taken, nothing is abandoned.
byname lock m -- sh -c 'byname lock m -- touch ran & echo $! > pid; wait' & command=$! # released when the other one is dead
read -r waiter < pid
kill -9 "$waiter"
wait $command
status 0 byname lock m -- sh -c 'test -z "${BYNAME_ABANDONED-}"'
test ! -e ran
let_go
