#!/usr/bin/env bash
# The house rules that no compiler checks. Prints each breach as file:line and fails when there is one.
#
#   tools/lint.sh [ROOT]
#
# A bracket around one letter keeps a pattern from finding itself.
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"

breaches=0

# rule "what is wrong" < lines that break it
rule() {
    local lines
    lines=$(cat)
    [ -z "$lines" ] && return
    printf '%s\n' "$lines" | sed "s|\$|    <- $1|"
    breaches=$((breaches + $(printf '%s\n' "$lines" | wc -l)))
}

# Every file of the project, as it stands in the working tree: committed or not, generated locks and licences apart.
project_files() {
    git ls-files --cached --others --exclude-standard -z |
        grep -zvE '(^|/)(Cargo\.lock|package-lock\.json|LICENSE-[A-Z]+)$' |
        while IFS= read -r -d '' file; do [ -f "$file" ] && printf '%s\0' "$file"; done
}

# find_in "pattern" < NUL-separated files
find_in() { xargs -0 -r grep -nIE -e "$1" || true; }

# The sources of what ships; tests and the model checker's worlds may fork, kill and count as they like.
rust_sources() { project_files | { grep -zvE '^(tests|core/src/model)/' || true; } | { grep -zE '(^|/)src/.*\.rs$' || true; }; }

# One kernel door. Bindings may name C types; nothing else of libc leaves core/src/sys.
rule 'a system call outside core/src/sys' < <(
    rust_sources | { grep -zvE '^core/src/sys(/|\.rs$)' || true; } | find_in '\blibc::' | { grep -vE 'libc::(c_[a-z]+|size_t|ssize_t)\b' || true; }
)
rule 'inline assembly outside core/src/sys' < <(rust_sources | { grep -zvE '^core/src/sys(/|\.rs$)' || true; } | find_in '\basm!\(')

# One facade for words that another process or thread may write.
# (Examples in doc comments are a user's code. A binding has no words that other processes see.)
rule 'a bare atomic outside core/src/cell.rs and core/src/sys' < <(
    rust_sources | { grep -zvE '^(bindings-|core/src/(cell\.rs$|sys(/|\.rs$)))' || true; } | find_in '^ *([^/ ]|/[^/]).*\b(std|core)::sync::atomic\b|^ *(std|core)::sync::atomic\b'
)

# And nothing writes the arena past the facade, where no crash point would see it: no other code makes a pointer that can be written through.
# (arena/mapping.rs lends the bytes of an owner's robust mutex to sys/robust.rs, which has crash points of its own; engine/mapping.rs those of views,
# which are the program's own memory; arena/memory.rs copies messages, with crash points of its own.)
rule 'a write that may pass by the facade, core/src/cell.rs' < <(
    rust_sources | { grep -zE '^core/src/' || true; } | { grep -zvE '^core/src/(cell\.rs|(arena|engine)/mapping\.rs|arena/memory\.rs|sys\.rs|sys/.*)$' || true; } |
        find_in '\bptr::(write|copy|replace|swap)|\.(write_volatile|write_unaligned|write_bytes|copy_(from|to))\(|\*mut\b|\b(cast_mut|as_mut_ptr|from_raw_parts_mut|addr_of_mut!|transmute|UnsafeCell|from_ptr)\b|&raw mut\b|unsafe .*&mut \*'
)
rule 'a write to a file outside core/src/arena' < <(
    rust_sources | { grep -zE '^core/src/' || true; } | { grep -zvE '^core/src/(arena/(file|backing)\.rs|sys\.rs|sys/.*)$' || true; } | find_in '\.write_at\('
)

# An ordering pair has two halves under one label.
rule 'an ordering label with one half only' < <(
    labels=$(project_files | { grep -zE '^core/src/.*\.rs$' || true; } | xargs -0 -r grep -hoE 'SYNC\([^)]+\)' | sort | uniq -c | awk '$1 < 2 { $1 = ""; print substr($0, 2) }')
    while IFS= read -r label; do
        [ -n "$label" ] && project_files | { grep -zE '^core/src/.*\.rs$' || true; } | xargs -0 -r grep -nF -- "$label"
    done <<< "$labels" || true
)

# Finished means finished.
rule 'unfinished' < <(project_files | find_in '\b(T[O]DO|F[I]XME|X[X]X|H[A]CK|S[K]ELETON)\b|\b(to[d]o|unimplemente[d])!\(|\bNotImplemente[d]Error\b')

# Nothing of one machine or one registry in the tree.
rule 'a path of one machine' < <(project_files | find_in '(^|[^[:alnum:]_.$}~-])/(ho[m]e|roo[t]|wor[k]|User[s])/')
rule 'an address of a package registry' < <(project_files | find_in 'https?://[^ )>"]*(np[m]js|pyp[i]|pythonhoste[d]|crate[s]\.io|de[b]ian)')

rule 'a file that ends without a newline' < <(project_files | while IFS= read -r -d '' file; do
    [ -s "$file" ] && [ -n "$(tail -c 1 "$file" | tr -d '\0')" ] && grep -qI . "$file" && echo "$file:1:"
done || true)
rule 'white space at the end of a line' < <(project_files | { grep -zvE '\.(md|patch|golden)$' || true; } | find_in '[[:blank:]]+$')

if [ "$breaches" -gt 0 ]; then
    echo "lint: $breaches breaches" >&2
    exit 1
fi
echo "lint: clean"
