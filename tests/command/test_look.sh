# What is seen of a namespace: ls, who, tree, top, doctor, and what gc removes.
status 0 byname ls
silent out
status 0 byname doctor
says out 'nobody uses it now'
status 125 byname who nobody
says err 'no object named "nobody" is open'
says <(byname top --once --interval 0.01) 'PER SECOND'

# One holds, one waits, one holds a permit, one waits for an event.
name='a mutex of ours'
mkfifo ready release
cat > inside <<'INSIDE'
exec 8<&-
byname wait --create manual go &
byname lock "$name" -- true &
until byname --json ls | grep -q '"name":"go"' && byname --json who "$name" | grep -q '"queue":\[{' && byname --json who go | grep -q '"queue":\[{'; do :; done
echo > ready
read -r _ < release
byname set go
INSIDE
export name
byname lock "$name" -- byname sem -n 3 permits -- bash -eu inside &
read -r _ < ready

status 0 byname ls
grep -Eq '^a mutex of ours +mutex +owned by [0-9]+ +2 +1$' out || { cat out; exit 1; }
grep -Eq '^permits +robust-semaphore +2 of 3 free +1 +0$' out || { cat out; exit 1; }
grep -Eq '^go +manual-event +not set +1 +1$' out || { cat out; exit 1; }
status 0 byname --json ls
json out '[l["name"] for l in lines] == ["a mutex of ours", "go", "permits"] and {l["byname"] for l in lines} == {"object"}'
json out '[l["kind"] for l in lines] == ["mutex", "manual-event", "robust-semaphore"]'
json out 'lines[0]["owner"]["state"] == "alive" and lines[0]["depth"] == 1 and lines[0]["fence"] == 1 and len(lines[0]["holders"]) == 2'
json out 'lines[0]["queue"][0]["seconds"] >= 0 and lines[0]["queue"][0]["who"]["pid"] != lines[0]["owner"]["pid"]'
json out '(lines[2]["available"], lines[2]["maximum"], lines[2]["permits"][0]["held"]) == (2, 3, 1)'
status 0 byname who "Local\\$name" permits
says out 'mutex a mutex of ours: owned by'
says out 'waiting    process'
says out 'permits    1 held by process'
status 0 byname tree
says out 'waits for mutex a mutex of ours, next in the queue'
says out 'waits for manual-event go'
status 0 byname --json tree
json out 'all(l["byname"] == "wait" for l in lines) and sorted(l["objects"][0]["name"] for l in lines) == ["a mutex of ours", "go"]'
status 0 byname --json top --count 2 --interval 0.01
json out 'len(lines) == 2 and {o["name"]: o["waiting"] for o in lines[0]["objects"]} == {"a mutex of ours": 1, "go": 1, "permits": 0}'
status 0 byname --json doctor
json out 'all(l["byname"] == "finding" and l["status"] in ("ok", "warn") for l in lines)'
status 0 byname --json doctor --check=quiet --settle 60
json out 'lines == [{"byname": "checked", "violations": 0}]'
echo > release
wait
status 0 byname ls
silent out

# A process that is stopped is called so.
byname lock stopped -- sh -c 'kill -STOP $PPID; byname who stopped > who; byname --json who stopped > json; byname doctor > doctor; kill -CONT $PPID'
says who 'owned by'
says who '(stopped)'
json json 'lines[0]["owner"]["state"] == "stopped"'
says doctor 'kill -CONT'

# What a crash of the last one left is seen without anybody alive, and removed; what is used stays.
export BYNAME_DIR=$(mktemp -d "${BYNAME_DIR:-/dev/shm}/byname-test-XXXXXX")
trap 'rm -rf "$BYNAME_DIR"' EXIT
file=$BYNAME_DIR/byname.v1.local.$(id -u).$BYNAME_SESSION
status 137 byname lock left -- sh -c 'kill -9 $PPID'
until byname who left | grep -q '(dead)'; do :; done
says <(byname doctor) 'all of them are dead'
status 1 byname doctor --check=quiet
says out 'the dead are buried'
status 0 byname gc --dry-run
says out "unused $file"
[ -e "$file" ]
cp --sparse=always "$file" "$BYNAME_DIR/byname.v1.local.$(id -u).other-format"
printf '\143' | dd of="$BYNAME_DIR/byname.v1.local.$(id -u).other-format" bs=1 seek=8 conv=notrunc status=none
: > "$BYNAME_DIR/byname.v1.local.$(id -u)0"
BYNAME_SESSION=used byname lock m -- byname --json gc > out
json out 'sorted(l["byname"] for l in lines) == ["removed", "skipped", "used"]'
json out '[l["path"].endswith(".used") for l in lines if l["byname"] == "used"] == [True]'
json out '["format 99" in l["why"] for l in lines if l["byname"] == "skipped"] == [True]'
[ ! -e "$file" ] && [ -e "$BYNAME_DIR/byname.v1.local.$(id -u)0" ]

# Damage is found and named.
byname lock damaged -- sh -c 'printf "\143" | dd of="$0" bs=1 seek=$((81 * 1048576 + 64)) conv=notrunc status=none; byname doctor > out; echo $? > doctor
    byname --json doctor --check > json; echo $? > check; printf "\001" | dd of="$0" bs=1 seek=$((81 * 1048576 + 64)) conv=notrunc status=none' "$file"
is "$(cat doctor check)" "$(printf '1\n1')"
says out 'things cannot be, such as: objects 0: kind 99'
json json 'lines[0]["byname"] == "violation" and lines[0]["table"] == "objects" and lines[-1] == {"byname": "checked", "violations": len(lines) - 1}'
