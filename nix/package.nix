{
  lib,
  stdenv,
  buildNpmPackage,
  importNpmLock,
  callPackage,
  autoPatchelfHook,
  makeWrapper,
  util-linux,
  # nixpkgs' `nodejs` is the current LTS; 20.15 and later will do.
  nodejs,
}:
let
  root = ../.;
  manifest = lib.importJSON (root + "/package.json");
  packageLock = lib.importJSON (root + "/package-lock.json");
  npmSources = callPackage ./npm-sources.nix { inherit nodejs; } { inherit packageLock; };
in
buildNpmPackage {
  pname = "rotera";
  inherit (manifest) version;
  inherit nodejs;

  # Only what the build reads and the package holds, so that a change to a test rebuilds nothing.
  src = lib.cleanSourceWith {
    name = "rotera-source";
    src = root;
    filter =
      path: _type:
      let
        relative = lib.removePrefix (toString root + "/") (toString path);
        top = lib.head (lib.splitString "/" relative);
      in
      lib.elem top [
        "package.json"
        "package-lock.json"
        "LICENSE"
        "README.md"
        "CHANGELOG.md"
        "src"
        "cli"
        "systemd"
        "docs"
      ]
      || lib.hasPrefix "tsconfig" top;
  };

  npmDeps = importNpmLock {
    npmRoot = root;
    inherit packageLock;
    packageSourceOverrides = npmSources;
  };
  inherit (importNpmLock) npmConfigHook;

  # The prebuilt addon of lmdb is used as published; no install script runs, nor does a second build when npm packs.
  npmRebuildFlags = [ "--ignore-scripts" ];
  npmPackFlags = [ "--ignore-scripts" ];

  # Those addons need libstdc++, which node has loaded already; the patched path makes them stand alone.
  nativeBuildInputs = [ makeWrapper ] ++ lib.optionals stdenv.hostPlatform.isLinux [ autoPatchelfHook ];
  buildInputs = lib.optionals stdenv.hostPlatform.isLinux [ stdenv.cc.cc.lib ];
  # The other libc's variant in the same package cannot be patched, and is never loaded.
  preFixup = ''
    find "$out" -name '*.${if stdenv.hostPlatform.isMusl or false then "glibc" else "musl"}.node' -delete
  '';

  # flock locks the directory that a server serves.
  postInstall = ''
    for program in "$out"/bin/*; do
      wrapProgram "$program" --prefix PATH : ${lib.makeBinPath [ util-linux ]}
    done
  '';

  # A server makes a queue with the addon as it is installed, and listens.
  doInstallCheck = true;
  installCheckPhase = ''
    runHook preInstallCheck
    echo '{ "dir": "check", "socket": "check.socket", "queues": { "13": {} } }' > check.json
    mkdir check
    "$out/bin/rotera-server" --config check.json --check-config
    timeout 10 "$out/bin/rotera-server" --config check.json > check.log || true
    grep 'rotera listens on' check.log
    test -f check/13.rot
    runHook postInstallCheck
  '';

  passthru = { inherit npmSources; };

  meta = {
    description = "Single-node persistent rotating queue server";
    mainProgram = "rotera-server";
    platforms = lib.platforms.linux;
  };
}
