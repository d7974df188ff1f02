#!/usr/bin/env bash
# Passes the README's two commands on a bare Debian: nothing is there but Python, make, git and certificates.
# Usage (as root, for debootstrap and chroot): scripts/fresh_machine.sh [bookworm|trixie]... ; what HEAD has is tried.
# bookworm brings Python 3.11, trixie 3.13. MIRROR chooses another mirror; proxies and certificates are taken over.
set -euo pipefail
repository=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
certificates=/usr/local/share/ca-certificates
bundle=/etc/ssl/certs/ca-certificates.crt

# A bare system with an ordinary user, whose empty home gets a clone of HEAD.
build() {
    debootstrap --variant=minbase --include=python3,python3-venv,make,git,ca-certificates \
        "$1" "$2" "${MIRROR:-http://deb.debian.org/debian}" >"$2.log" 2>&1 || { tail -20 "$2.log"; return 1; }
    cp -L /etc/resolv.conf /etc/hosts "$2/etc/"
    if compgen -G "$certificates/*.crt" >/dev/null; then cp "$certificates"/*.crt "$2$certificates/"; fi
    chroot "$2" update-ca-certificates >/dev/null
    chroot "$2" useradd --create-home visitor
    git clone --quiet --no-hardlinks "$repository" "$2/home/visitor/project"
    chroot "$2" chown -R visitor:visitor /home/visitor/project
}

# `within ROOT COMMAND`: as that user. What is started ends with the command, and the mounts go with it.
within() {
    local proxies
    proxies=$(env | grep -iE '^(https?|no)_proxy=' || true)
    # shellcheck disable=SC2086 # one word a variable
    unshare --mount --pid --fork --kill-child bash -c '
        mount --bind /dev "$1/dev" && mount -t devpts devpts "$1/dev/pts" && mount -t tmpfs tmpfs "$1/dev/shm"
        mount -t proc proc "$1/proc"
        root=$1; shift
        exec chroot --userspec=visitor:visitor "$root" env -i "$@"
    ' fresh "$1" HOME=/home/visitor USER=visitor LANG=C.UTF-8 PATH=/usr/bin:/bin $proxies \
        PIP_CERT=$bundle NODE_EXTRA_CA_CERTS=$bundle npm_config_cafile=$bundle \
        bash -c "cd ~/project && $2"
}

# Starts `make run`, waits until it says that it is ready, and asks it.
run='
    ports=$(python3 -c "
import socket
held = [socket.create_server((\"127.0.0.1\", 0)) for _ in range(2)]
print(*(one.getsockname()[1] for one in held))")
    export PORT=${ports% *} RPC_URL=http://127.0.0.1:${ports#* } DATA_DIR=$HOME/data
    make run >$HOME/run.log 2>&1 & made=$!
    for _ in $(seq 600); do
        python3 -c "
import urllib.request as web
print(\"make run:\", web.urlopen(\"http://127.0.0.1:$PORT/readyz\").read().decode())" 2>/dev/null && exit
        kill -0 $made 2>/dev/null || break
        sleep 1
    done
    cat $HOME/run.log; exit 1'
# The locks were installed without resolving anything; is nothing missing, and nothing too old?
check='.venv/bin/python --version && .venv/bin/pip check'

for suite in "${@:-bookworm}"; do
    root=$(mktemp -d "${TMPDIR:-/var/tmp}/fresh-$suite-XXXX")
    chmod 755 "$root"
    trap 'rm -rf --one-file-system "$root" "$root.log"' EXIT
    echo "== $suite"
    time build "$suite" "$root"
    time within "$root" "$run"
    time within "$root" "make test"
    within "$root" "$check"
    within "$root" "git status --porcelain" | (! grep .)
    rm -rf --one-file-system "$root" "$root.log"
    echo "== $suite passed"
done
