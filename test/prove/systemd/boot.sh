#!/usr/bin/env bash
# test/prove/systemd/boot.sh SUITE DIRECTORY [NIXPKGS_LIB]
#
# Boots a Debian of its own with systemd-nspawn and tries the units in it: the plain one, with rotera.socket, with the isolated
# drop-in, and (given a checkout of nixpkgs' lib) those that the NixOS module generates. SUITE is bookworm (systemd 252), trixie
# (257) or later. The tree is made in DIRECTORY/SUITE and kept for the next time.
# Needs root, debootstrap, systemd-container, and a node that runs in the tree. The booted system has its own mounts and network.
set -euo pipefail
[[ $# -ge 2 ]] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
suite=$1 tree=$(realpath -m "$2")/$1 lib=${3-}
here=$(dirname "$(realpath "$0")")
root=$(realpath "$here/../../..")

if [[ ! -x $tree/usr/bin/systemctl ]]; then
  debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,curl,procps "$suite" "$tree"
fi
cp "$(command -v node)" "$tree/usr/local/bin/node"
packed=$(cd "$root" && npm pack --silent --pack-destination "$tree/root")
npm install --silent --global --prefix "$tree/usr/local" "$tree/root/$(tail -n 1 <<< "$packed")"
units=$tree/usr/local/lib/node_modules/rotera/systemd
mkdir -p "$tree"/etc/{sysusers.d,tmpfiles.d,rotera}
cp "$units/sysusers.d/rotera.conf" "$tree/etc/sysusers.d/"
cp "$units/tmpfiles.d/rotera.conf" "$tree/etc/tmpfiles.d/"
cp "$here/load.js" "$tree/root/load.mjs"
cp "$here/inside.sh" "$tree/root/"

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

failed=0
try() { # try VARIANT SOCKET MOST: with the units that are in place
  echo '{"dir":"/var/lib/rotera","logLevel":"info","queues":{"13":{"maxBytes":100000}}}' > "$tree/etc/rotera/config.json"
  inside sh /root/inside.sh "$1" "$2" /etc/rotera/config.json "$3" || failed=1
}
place() { # place UNIT...
  rm -rf "$tree"/etc/systemd/system/rotera.{service,socket,service.d}
  cp "$@" "$tree/etc/systemd/system/"
}

place "$units/rotera.service"
try plain none 1.5
place "$units/rotera.service" "$units/rotera.socket"
try plain-with-socket socket 1.5
if ((version >= 253)); then
  mkdir "$tree/etc/systemd/system/rotera.service.d"
  cp "$units/rotera.service.d/isolated.conf.example" "$tree/etc/systemd/system/rotera.service.d/isolated.conf"
  try isolated socket 0.5
  if [[ -n $lib ]]; then
    generated=$(mktemp -d)
    "$root/nix/check-module.sh" "$lib" "$generated" > /dev/null
    # The programs are not in a Nix store here; all else is as generated.
    sed -i -e 's#^ExecStart=.*#ExecStart=/usr/local/bin/rotera-server --config /etc/rotera/config.json#' \
      -e 's#^ExecPaths=.*#ExecPaths=/usr /lib -/lib64#' "$generated"/*/rotera.service
    place "$generated"/activated/*
    try module socket 1.0
    place "$generated"/own-socket/*
    try module-own-socket none 1.0
    rm -r "$generated"
  fi
fi
exit $failed
