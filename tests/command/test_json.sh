# Reports for programs: one object a line, apart from what the command writes.
status 0 byname lock --json m -- echo text
is "$(cat out)" text
json err '[l["byname"] for l in lines] == ["acquired", "ended"]'
json err 'lines[0]["names"] == ["m"] and lines[0]["fence"] >= 1 and lines[0]["abandoned"] is False and lines[1] == {"byname": "ended", "status": 0, "signal": None}'
status 137 byname --json lock m -- sh -c 'kill -9 $$'
json err 'lines[1] == {"byname": "ended", "status": 137, "signal": 9}'
name=$'q"\\\'\xc3\xa9\n'
name=${name//\\/}
status 124 byname lock "$name" -- byname lock --json --timeout 0 "$name" -- true
json err 'lines == [{"byname": "timed-out", "names": ["q\"\x27é\n"]}]'
status 125 byname set --json nobody-made-this
json out 'lines[0]["byname"] == "error" and lines[0]["kind"] == "NotFound" and lines[0]["win32"] == 2'
status 127 byname lock --json m -- ./nothing
json err 'lines[1]["byname"] == "error" and "./nothing" in lines[1]["message"]'
