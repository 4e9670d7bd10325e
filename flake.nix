{
  description = "rotera: a single-node persistent rotating queue server";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      forAllSystems = make: lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
    in
    {
      packages = forAllSystems (pkgs: rec {
        rotera = pkgs.callPackage ./nix/package.nix { };
        default = rotera;
      });

      nixosModules = rec {
        rotera = ./nix/module.nix;
        default = rotera;
      };

      overlays.default = final: _previous: { rotera = final.callPackage ./nix/package.nix { }; };

      checks = forAllSystems (pkgs: {
        package = self.packages.${pkgs.stdenv.hostPlatform.system}.default;
        module =
          let
            failures = lib.filter (result: !result.ok) (import ./nix/module-test.nix { inherit lib; }).results;
          in
          if failures == [ ] then
            pkgs.runCommand "rotera-module" { } "touch $out"
          else
            throw "nix/module-test.nix: ${lib.concatMapStringsSep "; " (result: result.name) failures}";
        nixos = pkgs.callPackage ./nix/test.nix { module = self.nixosModules.default; };
      });

      devShells = forAllSystems (pkgs: {
        default = pkgs.mkShell {
          packages = [
            pkgs.nodejs
            pkgs.util-linux
          ];
        };
      });

      formatter = forAllSystems (pkgs: pkgs.nixfmt-rfc-style or pkgs.nixfmt);
    };
}
