#!/usr/bin/env bash
# nix/check-module.sh NIXPKGS_LIB [UNITS]
#
# Evaluates the NixOS module as module-test.nix says, and the flake as flake-test.nix says, with the lib of a checkout of nixpkgs
# or of nix-community/nixpkgs.lib.
# Needs nix-instantiate: no network, no root, nothing is built. UNITS is a directory that gets the systemd units.
# Exit: 0 when every case is as it is to be; 1 when one is not; 2 when the test itself does not evaluate.
set -euo pipefail

if [[ $# -lt 1 || ! -f $1/lib/default.nix ]]; then
  sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
lib=$(realpath "$1")/lib
here=$(dirname "$(realpath "$0")")
evaluated=$(nix-instantiate --eval --strict --json --store dummy:// --expr \
  "let lib = import $lib; test = import $here/module-test.nix { inherit lib; }; in
    test // { results = test.results ++ (import $here/flake-test.nix { inherit lib; }).results; }") || exit 2
node -e '
  const { mkdirSync, readFileSync, writeFileSync } = require("node:fs");
  const { results, units, configuration } = JSON.parse(readFileSync(0, "utf8"));
  for (const { name, ok } of results) console.log(`${ok ? "ok  " : "FAIL"} ${name}`);
  const failed = results.filter(({ ok }) => !ok).length;
  console.log(`${results.length - failed} passed, ${failed} failed`);
  const directory = process.argv[1];
  if (directory !== undefined) {
    for (const [variant, files] of Object.entries(units)) {
      mkdirSync(`${directory}/${variant}`, { recursive: true });
      for (const [name, text] of Object.entries(files)) writeFileSync(`${directory}/${variant}/${name}`, text);
    }
    writeFileSync(`${directory}/rotera.json`, configuration);
  }
  process.exitCode = failed === 0 ? 0 : 1;
' "${@:2}" <<< "$evaluated"
