# Signals sent to the command alone reach its child; what is held is held until the child has ended.
mkfifo pid next
for signal in HUP INT QUIT TERM USR1 USR2; do
    # A shell starts background jobs with INT and QUIT ignored; python undoes that.
    python3 -c 'import os, signal, sys
for s in (signal.SIGINT, signal.SIGQUIT): signal.signal(s, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' byname lock m -- sh -c '
        trap "kill \$!; byname lock --timeout 0 m -- true; test \$? = 124 && exit 42; exit 1" "$1"
        (echo > pid; exec sleep 1000) & wait' sh $signal 2>err & command=$!
    read -r _ < pid
    kill -$signal $command
    got=0
    wait $command || got=$?
    is "$signal $got" "$signal 42"
done
# While it waits, they end it.
byname lock m -- sh -c 'byname lock m -- touch ran & echo $! > pid; read -r _ < next' & command=$!
read -r waiter < pid
kill -TERM "$waiter"
echo > next
wait $command
status 0 byname lock --timeout 0 m -- true
# What the parent ignores stays ignored.
(trap '' HUP; byname lock m -- sh -c 'kill -HUP $$; exit 5') && exit 1 || is $? 5
