#!/usr/bin/env bash
# test/prove/systemd/boot.sh SUITE DIRECTORY [NIXPKGS_LIB]
#
# Boots a Debian of its own with systemd-nspawn and tries the units in it: the plain one, with rotera.socket, with the isolated
# drop-in, with tokens and HTTPS, and (given a checkout of nixpkgs' lib) those that the NixOS module generates. They are installed
# with the very lines of docs/deploy.md. SUITE is bookworm (systemd 252), trixie (257) or later. The tree is made in
# DIRECTORY/SUITE and kept for the next time. Needs root, debootstrap, systemd-container, openssl, iproute2, and a node and npm
# that run in the tree. The booted system has its own mounts and network.
set -euo pipefail
[[ $# -ge 2 ]] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
suite=$1 tree=$(realpath -m "$2")/$1 lib=${3-}
here=$(dirname "$(realpath "$0")")
root=$(realpath "$here/../../..")

if [[ ! -x $tree/usr/bin/systemctl ]]; then
  debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,curl,procps "$suite" "$tree"
fi
cp "$(command -v node)" "$tree/usr/local/bin/node"
mkdir -p "$tree/usr/local/lib/node_modules"
rm -rf "$tree/usr/local/lib/node_modules/npm"
cp -r "$(npm root --global)/npm" "$tree/usr/local/lib/node_modules/"
ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$tree/usr/local/bin/npm"
packed=$(cd "$root" && npm pack --silent --pack-destination "$tree/root")
npm install --silent --global --prefix "$tree/usr/local" "$tree/root/$(tail -n 1 <<< "$packed")"
units=$tree/usr/local/lib/node_modules/rotera/systemd
cp "$here"/*.sh "$tree/root/"
cp "$here/load.js" "$tree/root/load.mjs"
# Nothing is left of the last time.
rm -rf "$tree"/etc/rotera "$tree"/etc/{sysusers.d,tmpfiles.d}/rotera.conf "$tree"/var/lib/rotera
place() { # place UNIT...: these and no others
  rm -rf "$tree"/etc/systemd/system/rotera.{service,socket,service.d}
  [[ $# -eq 0 ]] || cp "$@" "$tree/etc/systemd/system/"
}
drop_in() { # drop_in EXAMPLE
  mkdir -p "$tree/etc/systemd/system/rotera.service.d"
  cp "$units/rotera.service.d/$1.conf.example" "$tree/etc/systemd/system/rotera.service.d/$1.conf"
}
place

SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --quiet --boot --register=no --keep-unit --private-network \
  --directory="$tree" --console=read-only < /dev/null > "$tree.log" 2>&1 &
nspawn=$!
trap 'kill "$nspawn" 2> /dev/null; wait "$nspawn" || true' EXIT
inside() { # inside COMMAND...: in the booted system
  nsenter -t "$(pgrep -P "$nspawn" | head -n 1)" -m -u -i -n -p -C -r -w \
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}
for _ in $(seq 60); do
  inside systemctl is-system-running --wait > /dev/null 2>&1 && break
  sleep 1
done
version=$(inside systemctl --version | awk 'NR == 1 { print $2 }')
echo "systemd $version"

nsenter -t "$(pgrep -P "$nspawn" | head -n 1)" -n ip address add 192.0.2.1/32 dev lo

failed=0
# As docs/deploy.md says; the package is there already.
documented=$(sed -n '/^## systemd$/,/^## npm$/p' "$root/docs/deploy.md" | awk '/^```sh$/ { on = 1; next } /^```$/ { exit } on')
if inside bash -ec "$(grep -v '^npm install' <<< "$documented")" > "$tree.documented.log" 2>&1; then
  echo 'ok   installed as documented'
else
  echo 'FAIL installed as documented'
  tail "$tree.documented.log"
  failed=1
fi
inside systemctl disable --quiet --now rotera.socket rotera.service

plain='{"dir":"/var/lib/rotera","logLevel":"info","queues":{"13":{"maxBytes":100000}}}'
try() { # try VARIANT SOCKET MOST [CONFIGURATION]: with the units that are in place
  echo "${4-$plain}" > "$tree/etc/rotera/config.json"
  inside sh /root/inside.sh "$1" "$2" /etc/rotera/config.json "$3" || failed=1
}
guarded() { # guarded VARIANT SOCKET MOST: with tokens and HTTPS, for every address
  echo '{"dir":"/var/lib/rotera","host":"0.0.0.0","logLevel":"info","queues":{"13":{}}}' > "$tree/etc/rotera/config.json"
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=rotera -addext subjectAltName=IP:192.0.2.1 \
    -keyout "$tree/etc/rotera/key.pem" -out "$tree/etc/rotera/certificate.pem" 2> /dev/null
  inside sh /root/guarded.sh "$1" "$2" "$3" || failed=1
}

place "$units/rotera.service"
try plain none 1.5
place "$units/rotera.service" "$units/rotera.socket"
try plain-with-socket socket 1.5
place "$units/rotera.service"
drop_in network
guarded plain-for-others none 1.5
if ((version >= 253)); then
  place "$units/rotera.service" "$units/rotera.socket"
  drop_in isolated
  try isolated socket 0.5
  if [[ -n $lib ]]; then
    generated=$(mktemp -d)
    "$root/nix/check-module.sh" "$lib" "$generated" > /dev/null
    # The programs are not in a Nix store here; all else is as generated.
    sed -i -e 's#^ExecStart=.*#ExecStart=/usr/local/bin/rotera-server --config /etc/rotera/config.json#' \
      -e 's#^ExecPaths=.*#ExecPaths=/usr /lib -/lib64#' "$generated"/*/rotera.service
    place "$generated"/activated/*
    try module socket 1.0 "$(cat "$generated/rotera.json")"
    place "$generated"/own-socket/*
    try module-own-socket none 1.0 "$(cat "$generated/rotera.json")"
    place "$generated"/guarded/*
    guarded module-for-others socket 1.0
    rm -r "$generated"
  fi
fi
exit $failed
