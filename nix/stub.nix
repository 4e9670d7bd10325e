# As much of NixOS as the module touches, so that it can be evaluated with nothing but nixpkgs' lib. Packages are made up; the
# options merge as NixOS's do.
{ lib }:
let
  inherit (lib) mkOption types;
  option =
    type: default:
    mkOption {
      inherit type default;
    };
  optional = type: option (types.nullOr type) null;
  names = option (types.listOf types.str) [ ];

  storePath = name: "${builtins.storeDir}/${builtins.substring 0 32 (builtins.hashString "sha256" name)}-${name}";
  rotera = {
    type = "derivation";
    name = "rotera";
    outPath = storePath "rotera";
  };
  pkgs = {
    callPackage = _: _: rotera;
    formats.json = _: {
      # A file of the store, as text: nothing is written.
      generate = name: value: {
        outPath = storePath name;
        text = builtins.toJSON value;
      };
    };
  };

  # A directive that is defined as a list is appended to, one that is not must be the same everywhere.
  directive = lib.mkOptionType {
    name = "systemd directive";
    merge =
      loc: defs:
      if lib.any (def: builtins.isList def.value) defs then
        lib.concatMap (def: lib.toList def.value) defs
      else
        lib.mergeEqualOption loc defs;
  };
  section = option (types.attrsOf directive) { };
  unitOptions = {
    description = option types.singleLineStr "";
    wantedBy = names;
    after = names;
    requires = names;
    unitConfig = section;
    startLimitIntervalSec = optional types.int;
  };
  unit = options: option (types.attrsOf (types.submodule { options = unitOptions // options; })) { };

  nixos.options = {
    assertions = option (types.listOf types.unspecified) [ ];
    warnings = names;
    environment.systemPackages = option (types.listOf types.package) [ ];
    networking.firewall.allowedTCPPorts = option (types.listOf types.port) [ ];
    users.users = option (types.attrsOf (
      types.submodule {
        options = {
          isSystemUser = option types.bool false;
          group = option types.str "";
          description = option types.str "";
          home = option types.path "/var/empty";
        };
      }
    )) { };
    users.groups = option (types.attrsOf (types.submodule { })) { };
    systemd = {
      services = unit {
        serviceConfig = section;
        notSocketActivated = option types.bool false;
        stopIfChanged = option types.bool true;
      };
      sockets = unit {
        socketConfig = section;
        listenStreams = names;
      };
      tmpfiles.settings = option (types.attrsOf (types.attrsOf (types.attrsOf types.anything))) { };
    };
    meta = option types.unspecified { };
  };

  show = value: if builtins.isBool value then lib.boolToString value else toString value;
  toLines =
    section:
    lib.concatStrings (
      lib.concatLists (lib.mapAttrsToList (name: value: map (one: "${name}=${show one}\n") (lib.toList value)) section)
    );
  unitSection =
    {
      description,
      after,
      requires,
      unitConfig,
      startLimitIntervalSec,
      ...
    }:
    toLines (
      lib.filterAttrs (_: value: value != null && value != "") {
        Description = description;
        After = toString after;
        Requires = toString requires;
        StartLimitIntervalSec = startLimitIntervalSec;
      }
      // unitConfig
    );
  toUnit = unit: header: section: ''
    [Unit]
    ${unitSection unit}
    [${header}]
    ${toLines section}
    [Install]
    WantedBy=${toString unit.wantedBy}
  '';
in
{
  # The configuration of a system with these modules, and the texts of its units.
  evaluate =
    modules:
    let
      system = lib.evalModules {
        modules = modules ++ [
          nixos
          { _module.args = { inherit pkgs; }; }
        ];
      };
      inherit (system) config;
      failed = lib.filter (assertion: !assertion.assertion) config.assertions;
    in
    if failed != [ ] then
      throw (lib.concatMapStringsSep "\n" (assertion: assertion.message) failed)
    else
      {
        inherit config;
        inherit (system) options;
        units =
          lib.mapAttrs' (
            name: unit: lib.nameValuePair "${name}.service" (toUnit unit "Service" unit.serviceConfig)
          ) config.systemd.services
          // lib.mapAttrs' (
            name: unit:
            lib.nameValuePair "${name}.socket" (
              toUnit unit "Socket" (unit.socketConfig // { ListenStream = unit.listenStreams; })
            )
          ) config.systemd.sockets;
      };
}
