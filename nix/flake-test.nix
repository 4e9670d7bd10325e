# Evaluates the flake's outputs and the package with made-up packages: see check-module.sh. Nothing is built.
{ lib }:
let
  systems = [
    "x86_64-linux"
    "aarch64-linux"
  ];
  pkgsOf =
    system:
    let
      stdenv = {
        hostPlatform = lib.systems.elaborate system;
        cc.cc.lib = "libstdc++";
      };
      pkgs = {
        inherit lib stdenv;
        stdenvNoCC.mkDerivation = arguments: arguments;
        buildNpmPackage = arguments: arguments;
        importNpmLock = {
          __functor = _: arguments: arguments;
          npmConfigHook = "hook";
        };
        runCommand = name: _: _: name;
        mkShell = arguments: arguments;
        testers.runNixOSTest = arguments: arguments;
        nodejs = "nodejs";
        util-linux = "util-linux";
        nixfmt = "nixfmt";
        cacert = "cacert";
        autoPatchelfHook = "hook";
        makeWrapper = "hook";
        callPackage =
          file: arguments:
          let
            make = import file;
          in
          make (builtins.intersectAttrs (lib.functionArgs make) pkgs // arguments);
      };
    in
    pkgs;

  flake = import ../flake.nix;
  outputs = flake.outputs {
    self = outputs;
    nixpkgs = {
      inherit lib;
      legacyPackages = lib.genAttrs systems pkgsOf;
    };
  };
  ofEach = make: lib.all make systems;
  package = system: outputs.packages.${system}.default;
  sources = system: lib.attrNames (package system).passthru.npmSources;
  # Libraries of which each platform has one of its own: names of the packages that are fetched.
  native = system: lib.filter (name: builtins.match "node_modules/@(lmdb|esbuild)/.*" name != null) (sources system);

  cases = {
    "the module is the same under both names" =
      outputs.nixosModules.default == ./module.nix && outputs.nixosModules.rotera == ./module.nix;
    "the overlay adds the package" = (outputs.overlays.default (pkgsOf "x86_64-linux") { }).rotera.pname == "rotera";
    "checks are of the package, the module and a system" = ofEach (
      system:
      lib.attrNames outputs.checks.${system} == [
        "module"
        "nixos"
        "package"
      ]
      && outputs.checks.${system}.module == "rotera-module"
      && lib.isString outputs.checks.${system}.nixos.testScript
    );
    "there is a shell to work in, and a formatter" = ofEach (
      system: outputs.devShells.${system}.default.packages != [ ] && outputs.formatter.${system} != null
    );
    "the version is the manifest's" = ofEach (
      system: (package system).version == (lib.importJSON ../package.json).version
    );
    "each library is fetched by the hash of the lock file" = ofEach (
      system:
      let
        fetched = lib.attrValues (package system).passthru.npmSources;
      in
      lib.length fetched > 90 && lib.all (source: lib.hasPrefix "sha512-" source.outputHash) fetched
    );
    "of native ones that of the platform only" =
      native "x86_64-linux" == [
        "node_modules/@esbuild/linux-x64"
        "node_modules/@lmdb/lmdb-linux-x64"
      ]
      && native "aarch64-linux" == [
        "node_modules/@esbuild/linux-arm64"
        "node_modules/@lmdb/lmdb-linux-arm64"
      ];
    "what the package holds and is built of is in its source" =
      let
        inherit (package "x86_64-linux") src;
        isIn = path: src.filter (toString ../. + "/${path}") "regular";
      in
      lib.all isIn [
        "package.json"
        "package-lock.json"
        "tsconfig.json"
        "tsconfig.build.json"
        "tsconfig.page.json"
        "src/main.ts"
        "src/server/page/index.html"
        "cli/main.ts"
        "systemd/rotera.service"
        "CHANGELOG.md"
        "docs/deploy.md"
        "LICENSE"
        "README.md"
      ]
      && !(isIn "test/run.js")
      && !(isIn "bench/main.ts")
      && !(isIn "node_modules/lmdb/package.json");
  };
in
{
  results = lib.mapAttrsToList (name: result: {
    name = "flake: ${name}";
    ok =
      (builtins.tryEval result) == {
        success = true;
        value = true;
      };
  }) cases;
}
