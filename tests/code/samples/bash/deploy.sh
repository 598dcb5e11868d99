#!/usr/bin/env bash
# Copies a release to its hosts, one after the other.
#
# Usage: deploy.sh [-n] HOST…

set -euo pipefail

source "$(dirname "$0")/colours.sh"
. /etc/deploy.conf

readonly RELEASES=/srv/releases
declare -A seen=()
dry_run=false

# Says what happens, unless nobody wants to know.
log() {
    local level=$1
    shift
    if [[ $level == debug && -z ${DEBUG:-} ]]; then
        return
    fi
    printf '%s %s\n' "$(date +%H:%M:%S)" "$*" >&2
}

function usage {
    cat <<EOF
Usage: ${0##*/} [-n] HOST…
  -n  only say what would be done
  {not a block}
EOF
    exit "${1:-2}"
}

# Fails when the host has no room.
function has_room() {
    local host=$1 free
    free=$(ssh "$host" "df --output=avail $RELEASES" | tail -n 1)
    (( free > 1024 * 1024 ))
}

copy() {
    local host=$1 release
    release="$RELEASES/$(git rev-parse --short HEAD)"
    cleanup() {
        rm -rf "$release.part"
    }
    trap cleanup EXIT
    log info "copying to $host"
    if $dry_run; then
        return 0
    fi
    rsync -a --delete build/ "$host:$release.part/" \
        && ssh "$host" mv "$release.part" "$release"
}

while getopts ':nh' option; do
    case $option in
        n) dry_run=true ;;
        h) usage 0 ;;
        *) usage ;;
    esac
done
shift $((OPTIND - 1))

for host in "$@"; do
    [[ -n ${seen[$host]:-} ]] && continue
    seen[$host]=1
    if ! has_room "$host"; then
        log error "no room on $host"
        exit 1
    fi
    copy "$host"
done
