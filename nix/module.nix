# services.rotera: the NixOS module. Works from the flake and as a plain import.
#
# Files that are true elsewhere as well are read: the service and its socket are those of ../systemd/rotera.service and
# rotera.socket, and the server's options, with their types and descriptions, are those of ../systemd/config.schema.json.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib)
    literalExpression
    mkEnableOption
    mkIf
    mkMerge
    mkOption
    optional
    optionals
    types
    ;

  cfg = config.services.rotera;
  dataDir = toString cfg.dataDir;

  stateRoot = "/var/lib/";
  # Below /var/lib systemd makes the directory itself.
  inStateRoot = lib.hasPrefix stateRoot dataDir;
  # Places that the service does not see, or that are not kept.
  unusableRoots = [
    "/boot"
    "/dev"
    "/etc"
    "/home"
    "/nix"
    "/proc"
    "/root"
    "/run"
    "/sys"
    "/tmp"
    "/usr"
    "/var/tmp"
  ];
  isBelow = directory: root: directory == root || lib.hasPrefix "${root}/" directory;

  isLoopback = lib.hasPrefix "127." cfg.host || cfg.host == "::1" || cfg.host == "localhost";
  bracketed = if lib.hasInfix ":" cfg.host then "[${cfg.host}]" else cfg.host;

  schema = (lib.importJSON ../systemd/config.schema.json).properties;
  queueSchema = schema.queues.additionalProperties.properties;
  isQueueName = name: builtins.match schema.queues.propertyNames.pattern name != null;

  # The type that a JSON schema describes, as far as config.schema.json goes. Whether it can be null is for `toOption`.
  typeOf =
    value:
    if value ? enum then
      types.enum value.enum
    else if value ? anyOf then
      typeOf (lib.head value.anyOf)
    else if value.type == "integer" then
      types.ints.between value.minimum value.maximum
    else if value.type == "boolean" then
      types.bool
    else if value.type == "array" then
      types.listOf (typeOf value.items)
    else
      types.strMatching (value.pattern or ".+");

  # `null` leaves the option to the server.
  toOption =
    name: value:
    mkOption {
      type = types.nullOr (typeOf value);
      default = null;
      description =
        value.description
        + lib.optionalString (value ? default) " `null` leaves it to the server: ${builtins.toJSON value.default}.";
    };
  queueOptions.options = lib.mapAttrs toOption queueSchema;
  withoutNull = lib.filterAttrs (_: value: value != null);

  # [ 13 "jobs" { name = "big"; maxBytes = 1; } ] means the same as { "13" = { }; jobs = { }; big.maxBytes = 1; }.
  listedQueue = types.oneOf [
    types.ints.unsigned
    types.str
    (types.attrsOf types.anything)
  ];
  toQueue =
    entry:
    if builtins.isAttrs entry then
      let
        nameless = throw "services.rotera.rotFiles: an entry written as a set needs `name`: ${builtins.toJSON entry}";
      in
      { ${toString (entry.name or nameless)} = removeAttrs entry [ "name" ]; }
    else if builtins.isInt entry || builtins.isString entry then
      { ${toString entry} = { }; }
    else
      throw "services.rotera.rotFiles: neither a number, a string nor a set: ${builtins.toJSON entry}";
  queuesFromList = list: lib.zipAttrsWith (_: mkMerge) (map toQueue list);

  # What the options of this module say of the configuration file. Secrets come as credentials, and the service's only
  # socket is the one that it is given.
  ownSettings = {
    inherit (cfg)
      host
      port
      logLevel
      allowAnonymous
      ;
    dir = dataDir;
    queues = lib.mapAttrs (_: queue: withoutNull cfg.queueDefaults // withoutNull queue) cfg.rotFiles;
    "$schema" = null;
    socket = null;
    tokensFile = null;
    tlsCert = null;
    tlsKey = null;
  };
  # A section of a unit for other systems, as attributes; a directive that is there twice is a list.
  plainSection =
    file: name:
    let
      text = builtins.readFile file;
      section = lib.head (lib.splitString "[Install]\n" (lib.last (lib.splitString "[${name}]\n" text)));
      directives = lib.filter (line: line != "" && !(lib.hasPrefix "#" line)) (lib.splitString "\n" section);
      toPair =
        line:
        let
          words = lib.splitString "=" line;
        in
        { ${lib.head words} = lib.concatStringsSep "=" (lib.tail words); };
    in
    lib.zipAttrsWith (_: values: if lib.length values == 1 then lib.head values else values) (map toPair directives);
  plainService = plainSection ../systemd/rotera.service "Service";
  plainSocket = plainSection ../systemd/rotera.socket "Socket";

  credentials =
    optional (cfg.tokensFile != null) "tokens:${cfg.tokensFile}"
    ++ optional (cfg.tls.certificateFile != null) "tls-certificate:${cfg.tls.certificateFile}"
    ++ optional (cfg.tls.keyFile != null) "tls-key:${cfg.tls.keyFile}";

  secretFile =
    what:
    mkOption {
      # Not types.path: a path literal would copy the secret into the world-readable store.
      type = types.nullOr (types.strMatching "/[^:]+");
      default = null;
      description = "${what}. Read by systemd as root and handed over as a credential, so the rotera user needs no access to it.";
    };
in
{
  imports =
    let
      option = name: [
        "services"
        "rotera"
        name
      ];
      default = name: [
        "services"
        "rotera"
        "queueDefaults"
        name
      ];
    in
    [
      # Names of the Haskell rotera's module.
      (lib.mkRenamedOptionModule (option "entries") (default "maxMessages"))
      (lib.mkRenamedOptionModule (option "dataSectionSize") (default "maxBytes"))
      (lib.mkRemovedOptionModule (option "expirations") "The server batches expiration by itself.")
      (lib.mkRemovedOptionModule (option "clear") "Delete the rot files by hand while the service is stopped.")
    ];

  options.services.rotera = {
    enable = mkEnableOption "rotera, a persistent rotating queue server";

    package = mkOption {
      type = types.package;
      default = pkgs.callPackage ./package.nix { };
      defaultText = literalExpression "pkgs.callPackage ./package.nix { }";
      description = "The rotera package to run.";
    };

    rotFiles = mkOption {
      type = types.coercedTo (types.listOf listedQueue) queuesFromList (types.attrsOf (types.submodule queueOptions));
      default = { };
      example = literalExpression "[ 13 17 ]";
      description = ''
        Queues that exist when the service is up, each one file `NAME.rot` in {option}`services.rotera.dataDir`.
        Missing ones are created at start; one taken off this list is kept and still served. The limits of a queue are
        fixed when it is created: other limits here are an error at start.

        A list of names or numbers, or a set when a queue needs limits of its own:
        `{ "13" = { }; jobs.maxBytes = 1048576; }`.
      '';
    };

    queueDefaults = mkOption {
      type = types.submodule queueOptions;
      default = { };
      description = "Limits of the queues that do not set their own.";
    };

    dataDir = mkOption {
      type = types.path;
      default = "/var/lib/rotera";
      description = "Directory of the rot files.";
    };

    host = mkOption {
      type = types.strMatching "[0-9A-Za-z.:-]+";
      default = "127.0.0.1";
      example = "0.0.0.0";
      description = "Address to listen on.";
    };

    port = mkOption {
      type = types.ints.between 1 65535;
      default = 8245;
      description = "TCP port to listen on.";
    };

    openFirewall = mkOption {
      type = types.bool;
      default = false;
      description = "Whether to open {option}`services.rotera.port` in the firewall.";
    };

    socketActivation = mkOption {
      type = types.bool;
      default = true;
      description = ''
        Whether systemd holds the port. Then a restart refuses no connection, and the service itself runs without a network.
      '';
    };

    tokensFile = secretFile "File of the tokens that clients must have";

    tls = {
      certificateFile = secretFile "PEM certificate chain, for HTTPS";
      keyFile = secretFile "PEM private key of the certificate";
    };

    allowAnonymous = mkOption {
      type = types.bool;
      default = false;
      description = "Whether to serve everyone, without tokens, on a {option}`services.rotera.host` that is not loopback.";
    };

    user = mkOption {
      type = types.str;
      default = "rotera";
      description = "User the service runs as. The default one is created.";
    };

    group = mkOption {
      type = types.str;
      default = "rotera";
      description = "Group the service runs as. The default one is created.";
    };

    logLevel = mkOption {
      type = typeOf schema.logLevel;
      default = "info";
      description = "Least severe messages that reach the journal.";
    };

    settings = mkOption {
      type = types.submodule { options = lib.mapAttrs toOption (removeAttrs schema (lib.attrNames ownSettings)); };
      default = { };
      example = literalExpression ''{ allowedHosts = [ "queue.example.org" ]; }'';
      description = "What else the server's configuration file says.";
    };

    configFile = mkOption {
      type = types.path;
      readOnly = true;
      default = (pkgs.formats.json { }).generate "rotera.json" (withoutNull (cfg.settings // ownSettings));
      defaultText = "made of the other options";
      description = "The server's configuration file, as the service reads it.";
    };
  };

  config = mkIf cfg.enable {
    assertions = [
      {
        assertion = lib.all isQueueName (lib.attrNames cfg.rotFiles);
        message =
          "services.rotera.rotFiles: not a queue name: "
          + lib.concatStringsSep ", " (lib.filter (name: !isQueueName name) (lib.attrNames cfg.rotFiles));
      }
      {
        assertion = builtins.match "(/[A-Za-z0-9_][A-Za-z0-9._-]*)+" dataDir != null && "${dataDir}/" != stateRoot;
        message = "services.rotera.dataDir is not a plain path to a directory of its own: ${dataDir}";
      }
      {
        assertion = !(lib.any (isBelow dataDir) unusableRoots);
        message = "services.rotera.dataDir must not lie in ${lib.concatStringsSep ", " unusableRoots}: ${dataDir}";
      }
      {
        assertion = lib.all (file: file == null || !(lib.hasPrefix builtins.storeDir file)) [
          cfg.tokensFile
          cfg.tls.keyFile
        ];
        message = "services.rotera: tokensFile and tls.keyFile must not be in the Nix store, which everyone can read.";
      }
      {
        assertion = (cfg.tls.certificateFile == null) == (cfg.tls.keyFile == null);
        message = "services.rotera.tls: certificateFile and keyFile belong together.";
      }
      {
        assertion = cfg.openFirewall -> !isLoopback;
        message = "services.rotera.openFirewall needs a services.rotera.host that is not loopback (${cfg.host}).";
      }
      {
        assertion = cfg.socketActivation -> builtins.match "[0-9.]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*" cfg.host != null;
        message = "services.rotera.host must be an address when services.rotera.socketActivation is on (${cfg.host}).";
      }
      {
        assertion = isLoopback || cfg.tokensFile != null || cfg.allowAnonymous;
        message = ''
          services.rotera listens on ${cfg.host}: set services.rotera.tokensFile, or let whoever reaches the port use every
          queue with services.rotera.allowAnonymous = true.
        '';
      }
    ];

    environment.systemPackages = [ cfg.package ];

    networking.firewall.allowedTCPPorts = mkIf cfg.openFirewall [ cfg.port ];

    users.users.rotera = mkIf (cfg.user == "rotera") {
      isSystemUser = true;
      group = cfg.group;
      description = "rotera queue server";
      home = dataDir;
    };
    users.groups.rotera = mkIf (cfg.group == "rotera") { };

    systemd.tmpfiles.settings.rotera = mkIf (!inStateRoot) {
      ${dataDir}.d = {
        inherit (cfg) user group;
        mode = "0700";
      };
    };

    systemd.sockets.rotera = mkIf cfg.socketActivation {
      description = "rotera listening socket";
      wantedBy = [ "sockets.target" ];
      listenStreams = [ "${bracketed}:${toString cfg.port}" ];
      socketConfig = mkMerge [
        (lib.mapAttrs (_: lib.mkDefault) (removeAttrs plainSocket [ "ListenStream" ]))
        {
          # An address that comes up late does not stop the socket.
          FreeBind = true;
          IPAddressDeny = mkIf isLoopback "any";
          IPAddressAllow = mkIf isLoopback "localhost";
        }
      ];
    };

    systemd.services.rotera = {
      description = "rotera persistent rotating queue server";
      wantedBy = [ "multi-user.target" ];
      after = [ "network.target" ] ++ optional cfg.socketActivation "rotera.socket";
      requires = optional cfg.socketActivation "rotera.socket";
      # A changed unit is restarted in one step; the socket stays open meanwhile.
      notSocketActivated = true;
      stopIfChanged = false;
      unitConfig.RequiresMountsFor = dataDir;
      startLimitIntervalSec = 0;

      serviceConfig = mkMerge [
        (lib.mapAttrs (_: lib.mkDefault) (
          removeAttrs plainService [
            "ConfigurationDirectory"
            "ExecReload"
            "StateDirectory"
            "StateDirectoryMode"
            "IPAddressDeny"
            "IPAddressAllow"
          ]
        ))
        {
          # NixOS has systemd 253 and later.
          Type = "notify-reload";
          NotifyAccess = "main";
          ExecStart = "${cfg.package}/bin/rotera-server --config ${cfg.configFile}";
          User = cfg.user;
          Group = cfg.group;
          WorkingDirectory = dataDir;
          LoadCredential = mkIf (credentials != [ ]) credentials;
          NoExecPaths = [
            "/"
            dataDir
            "/tmp"
            "/var/tmp"
          ];
          ExecPaths = [ builtins.storeDir ];
        }
        (
          if cfg.socketActivation then
            {
              PrivateNetwork = true;
              RestrictAddressFamilies = "none";
              IPAddressDeny = "any";
            }
          else
            {
              RestrictAddressFamilies = [
                "AF_INET"
                "AF_INET6"
              ];
              SocketBindDeny = "any";
              SocketBindAllow = "tcp:${toString cfg.port}";
              IPAddressDeny = mkIf isLoopback "any";
              IPAddressAllow = mkIf isLoopback "localhost";
            }
        )
        # A port below 1024 needs a capability, and the user that has it.
        (mkIf (!cfg.socketActivation && cfg.port < 1024) {
          PrivateUsers = false;
          CapabilityBoundingSet = "CAP_NET_BIND_SERVICE";
          AmbientCapabilities = "CAP_NET_BIND_SERVICE";
        })
        (
          if inStateRoot then
            {
              StateDirectory = lib.removePrefix stateRoot dataDir;
              StateDirectoryMode = "0700";
            }
          else
            { ReadWritePaths = [ dataDir ]; }
        )
      ];
    };
  };

  meta.maintainers = [ ];
}
