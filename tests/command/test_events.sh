# Events: made by who waits, found by who signals.
mkfifo made go
byname sem -n 2 keeper -- byname wait --any --create manual keeper e f -- sh -c 'echo > made; read -r _ < go' &
read -r _ < made
status 124 byname wait --timeout 0 e
status 0 byname set e
silent out
status 0 byname wait --timeout 0 e
status 0 byname wait --timeout 0 e # manual: it stays set
status 124 byname wait --all --timeout 0 e f
is "$(byname wait --any f e)" e
status 0 byname reset e
status 124 byname wait --timeout 0 e
status 0 byname pulse e
status 124 byname wait --timeout 0 e
status 125 byname set e nobody-made-this # nothing happens if one is missing
status 124 byname wait --timeout 0 e
byname wait --json e > report &
byname set e f
wait $!
json report 'lines == [{"byname": "acquired", "names": ["e"], "index": 0, "fence": None, "abandoned": False}]'
status 125 byname lock e -- true
echo > go
wait
