# The examples of the help do what they say, as they stand there, with commands that only tell that they were run.
for command in deploy.sh backup book.py repair.py ffmpeg flac serve migrate move-money; do
    printf '#!/bin/sh\necho ${0##*/} $* >> ran\n' > $command
    chmod +x $command
done
PATH=$PWD:$PATH

# examples VERB COUNT: their lines, and there are so many: a new one wants to be run here as well.
examples() {
    byname help "$1" | sed -n '/^Examples:$/,/^$/s/^  //p' > "examples-$1"
    is "$(wc -l < "examples-$1")" "$2"
}
run() { bash -eu -o pipefail -c "$(sed -n "$2p" "examples-$1")"; }
ran() { is "$(sort ran)" "$1"; rm ran; }

examples lock 3
for line in 1 2 3; do run lock $line; done
ran 'backup
book.py
deploy.sh --all'
is "$(byname lock nightly -- bash -c "$(sed -n 2p examples-lock)" 2>err)" 'one is running'

examples sem 2
touch a.wav b.wav c.wav
run sem 1
run sem 2
ran 'ffmpeg -i in.wav out.flac
flac a.wav
flac b.wav
flac c.wav'

examples wait 4
mkfifo kept release
# Somebody has them open: events that the last two lines of a program made, mutexes that others use.
byname wait --create manual migrated done failed &
until byname set done 2>/dev/null; do :; done
run wait 1 &
serving=$!
until run wait 2 2>/dev/null; do :; done
wait $serving
is "$(run wait 3)" 'done'
byname set failed
wait
byname lock accounts/a -- byname lock accounts/b -- sh -c '
    byname sem -n 2 keeper -- byname wait --any keeper accounts/a accounts/b -- sh -c "echo > kept; cat release" & read -r _ < kept'
run wait 4
: > release
is "$(sort -u ran)" 'migrate
move-money a b
serve'

# What looks and removes nothing that is used.
examples ls 2
examples who 1
examples tree 1
examples top 1
examples doctor 3
examples gc 2
byname lock my-app/deploy -- bash -eu -o pipefail -c "$(cat examples-ls examples-who)" > out
says out 'mutex my-app/deploy: owned by'
says out '"name":"my-app/deploy"'
is "$(run tree 1)" ''
says <(run top 1) 'PER SECOND'
run doctor 1 > out
says out 'can hold a namespace'
run doctor 2
run doctor 3
(
    export BYNAME_DIR=$PWD/files
    mkdir files
    run gc 1
    run gc 2
)
