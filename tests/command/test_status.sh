# The status is the command's; the command's own are those of env(1) and timeout(1).
status 0 byname lock m -- true
status 7 byname lock m -- sh -c 'exit 7'
status 143 byname lock m -- sh -c 'kill -TERM $$'
status 127 byname lock m -- ./nothing
says err './nothing'
echo text > text
status 126 byname lock m -- ./text
printf 'exit 9\n' > script && chmod +x script
status 9 byname lock m -- ./script # without a first line that names the shell
status 124 byname lock m -- byname lock --timeout 0 m -- true
status 0 byname lock --timeout 0 m -- true # it was released, in time for the next
status 125 byname lock m
status 125 byname
status 125 byname lock --timeout never m -- true
status 125 byname lock --timeout -1 m -- true
says err '-1'
status 125 byname lock '' -- true
status 125 byname lock $'\xff' -- true
status 125 byname lock 'no\directory' -- true
status 125 byname set nobody-made-this
says err 'nobody-made-this'
status 125 byname wait nobody-made-this
status 125 byname wait --any --all m -- true
