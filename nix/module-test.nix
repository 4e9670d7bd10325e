# Evaluates the module with configurations that are good and others that are to be refused: see check-module.sh.
#
# Answers `results`, one { name, ok } for each, and the texts of the units of some, for systemd to judge.
{ lib }:
let
  inherit (import ./stub.nix { inherit lib; }) evaluate;

  evaluated = config: evaluate [ ./module.nix { services.rotera = { enable = true; } // config; } ];
  # More modules at once, as a system has them.
  merged = configs: evaluate ([ ./module.nix { services.rotera.enable = true; } ] ++ map (c: { services.rotera = c; }) configs);

  service = system: system.config.systemd.services.rotera.serviceConfig;
  socket = system: system.config.systemd.sockets.rotera;
  file = system: builtins.fromJSON system.config.services.rotera.configFile.text;
  hasNoSocket = system: !(system.config.systemd.sockets ? rotera);

  seed = evaluated {
    rotFiles = [
      13
      17
    ];
  };
  ownSocket = evaluated {
    rotFiles = [ 13 ];
    socketActivation = false;
  };
  guarded = evaluated {
    host = "0.0.0.0";
    openFirewall = true;
    tokensFile = "/etc/rotera/tokens";
    tls.certificateFile = "/etc/rotera/certificate.pem";
    tls.keyFile = "/etc/rotera/key.pem";
  };
  # The plain unit's directives that NixOS has otherwise: paths, the newer systemd, the socket.
  differences = [
    "ConfigurationDirectory"
    "ExecPaths"
    "ExecReload"
    "ExecStart"
    "IPAddressAllow"
    "IPAddressDeny"
    "NoExecPaths"
    "NotifyAccess"
    "RestrictAddressFamilies"
    "Type"
  ];
  # Whether a unit has all that the plain one's section says, but for these directives.
  sameSection =
    {
      file,
      section,
      except,
      least,
    }:
    text:
    let
      plain = lib.head (lib.splitString "[Install]\n" (lib.last (lib.splitString "[${section}]\n" (builtins.readFile file))));
      directives = lib.filter (line: builtins.match "[A-Z][A-Za-z]*=.*" line != null) (lib.splitString "\n" plain);
      lines = lib.splitString "\n" text;
      isExcepted = line: lib.elem (lib.head (lib.splitString "=" line)) except;
    in
    lib.length directives >= least && lib.all (line: isExcepted line || lib.elem line lines) directives;
  sameAsPlainUnit =
    system:
    sameSection {
      file = ../systemd/rotera.service;
      section = "Service";
      except = differences;
      least = 50;
    } system.units."rotera.service";
  sameAsPlainSocket =
    system:
    sameSection {
      file = ../systemd/rotera.socket;
      section = "Socket";
      except = [ "ListenStream" ];
      least = 5;
    } system.units."rotera.socket";

  good = {
    "the configuration of docs/deploy.md makes the service and both rot files" =
      (file seed).queues == {
        "13" = { };
        "17" = { };
      }
      && (file seed).dir == "/var/lib/rotera"
      && (socket seed).listenStreams == [ "127.0.0.1:8245" ]
      && (service seed).User == "rotera"
      && seed.config.users.users.rotera.isSystemUser
      && seed.config.systemd.services.rotera.wantedBy == [ "multi-user.target" ];
    "the service is as hardened as the plain unit" = sameAsPlainUnit seed && sameAsPlainUnit ownSocket;
    "the socket is that of the plain unit" = sameAsPlainSocket seed;
    "with the socket of systemd it has no network" =
      (service seed).PrivateNetwork && (service seed).RestrictAddressFamilies == "none";
    "with a socket of its own it has one" =
      hasNoSocket ownSocket && !(service ownSocket ? PrivateNetwork) && (service ownSocket).SocketBindAllow == "tcp:8245";
    "no queues are fine" = (file (evaluated { })).queues == { };
    "names" =
      lib.attrNames
        (file (evaluated {
          rotFiles = [
            "jobs"
            "a.b-c_d"
            55
          ];
        })).queues == [
        "55"
        "a.b-c_d"
        "jobs"
      ];
    "sets in a list, with their own limits" =
      (file (evaluated {
        rotFiles = [
          13
          {
            name = "jobs";
            maxBytes = 1048576;
            maxAgeSeconds = 60;
          }
        ];
      })).queues == {
        "13" = { };
        jobs = {
          maxBytes = 1048576;
          maxAgeSeconds = 60;
        };
      };
    "an attribute set" =
      (file (evaluated {
        rotFiles."13" = { };
        rotFiles.jobs.maxMessages = 5;
      })).queues.jobs == {
        maxMessages = 5;
      };
    "queues of several modules come together" =
      lib.attrNames
        (file (merged [
          { rotFiles = [ 13 ]; }
          { rotFiles = [ 17 ]; }
          { rotFiles.jobs.maxBytes = 1; }
        ])).queues == [
        "13"
        "17"
        "jobs"
      ];
    "defaults hold for queues that do not say otherwise" =
      (file (evaluated {
        queueDefaults.maxBytes = 10;
        queueDefaults.reserve = false;
        rotFiles = {
          a = { };
          b.maxBytes = 20;
        };
      })).queues == {
        a = {
          maxBytes = 10;
          reserve = false;
        };
        b = {
          maxBytes = 20;
          reserve = false;
        };
      };
    "the names of the 2019 module" =
      (file (evaluated {
        entries = 1024;
        dataSectionSize = 1048576;
        rotFiles = [ 55 ];
      })).queues."55" == {
        maxMessages = 1024;
        maxBytes = 1048576;
      };
    "another directory below /var/lib" =
      (service (evaluated { dataDir = "/var/lib/queues/rots"; })).StateDirectory == "queues/rots";
    "a directory elsewhere" =
      let
        system = evaluated { dataDir = "/srv/rots"; };
      in
      (service system).ReadWritePaths == [ "/srv/rots" ]
      && !(service system ? StateDirectory)
      && system.config.systemd.tmpfiles.settings.rotera."/srv/rots".d.mode == "0700";
    "tokens and TLS on every address, through the firewall" =
      let
        system = evaluated {
          host = "::";
          port = 443;
          openFirewall = true;
          tokensFile = "/run/keys/tokens";
          tls.certificateFile = "/var/lib/acme/cert.pem";
          tls.keyFile = "/var/lib/acme/key.pem";
        };
      in
      (service system).LoadCredential == [
        "tokens:/run/keys/tokens"
        "tls-certificate:/var/lib/acme/cert.pem"
        "tls-key:/var/lib/acme/key.pem"
      ]
      && (socket system).listenStreams == [ "[::]:443" ]
      && system.config.networking.firewall.allowedTCPPorts == [ 443 ];
    "everyone, when that is said" =
      (file (evaluated {
        host = "0.0.0.0";
        allowAnonymous = true;
      })).allowAnonymous;
    "a low port of its own" =
      (service (evaluated {
        port = 80;
        socketActivation = false;
      })).AmbientCapabilities == "CAP_NET_BIND_SERVICE";
    "a user that is there already" =
      let
        system = evaluated {
          user = "queues";
          group = "queues";
        };
      in
      (service system).User == "queues" && system.config.users.users == { } && system.config.users.groups == { };
    "other settings of the server" =
      (file (evaluated { settings.allowedHosts = [ "queues.example.org" ]; })).allowedHosts == [ "queues.example.org" ];
    "a directive that the administrator changes" =
      (service (
        evaluate [
          ./module.nix
          {
            services.rotera.enable = true;
            systemd.services.rotera.serviceConfig.WatchdogSec = "10s";
          }
        ]
      )).WatchdogSec == "10s";
    "nothing, when it is not enabled" = (evaluate [ ./module.nix ]).units == { };
    "every option is described" = lib.all (option: option.description or null != null) (
      lib.filter (option: lib.hasPrefix "services.rotera." option.name && option.visible) (
        lib.optionAttrSetToDocList seed.options
      )
    );
  };

  bad = {
    "a name with a slash" = { rotFiles = [ "a/b" ]; };
    "a name that begins with a dot" = { rotFiles = [ ".hidden" ]; };
    "a negative number" = { rotFiles = [ (-1) ]; };
    "a name of 129 characters" = { rotFiles = [ (lib.concatStrings (lib.genList (_: "a") 129)) ]; };
    "a set without a name" = { rotFiles = [ { maxBytes = 1; } ]; };
    "a list in the list" = { rotFiles = [ [ 13 ] ]; };
    "a limit that does not exist" = { rotFiles.jobs.maxByte = 1; };
    "a limit of nothing" = { rotFiles.jobs.maxBytes = 0; };
    "a limit that is text" = { rotFiles.jobs.maxMessages = "many"; };
    "messages that are too large" = {
      queueDefaults.maxMessageBytes = 16777217;
      rotFiles = [ 13 ];
    };
    "an option that does not exist" = { rotfiles = [ 13 ]; };
    "a setting that does not exist" = { settings.prot = 1; };
    "a setting that has an option" = { settings.port = 1; };
    "a setting of the wrong type" = { settings.allowedHosts = "queues.example.org"; };
    "a port beyond the last" = { port = 65536; };
    "a port of the system's choice" = { port = 0; };
    "a log level that does not exist" = { logLevel = "loud"; };
    "every address without tokens" = { host = "0.0.0.0"; };
    "an open firewall for loopback" = { openFirewall = true; };
    "a host name for the socket" = { host = "localhost"; };
    "a certificate without its key" = { tls.certificateFile = "/var/lib/acme/cert.pem"; };
    "tokens in the store" = { tokensFile = "${builtins.storeDir}/tokens"; };
    "tokens at a relative path" = { tokensFile = "tokens"; };
    "a directory that is no path" = { dataDir = "rots"; };
    "a directory in /home" = { dataDir = "/home/queues"; };
    "the directory of all services" = { dataDir = "/var/lib"; };
    "a directory above" = { dataDir = "/var/lib/rotera/../other"; };
    "a directory with a space" = { dataDir = "/srv/rot files"; };
    "an option of the 2019 module that is gone" = { clear = true; };
  };

  # Whether a value can be had in full: what is thrown on the way refuses it.
  refuses = system: !(builtins.tryEval (builtins.deepSeq (lib.attrValues system.units ++ [ (file system) ]) true)).success;
  passes = result: (builtins.tryEval result) == { success = true; value = true; };
in
{
  results =
    lib.mapAttrsToList (name: result: {
      name = "accepted: ${name}";
      ok = passes result;
    }) good
    ++ lib.mapAttrsToList (name: config: {
      name = "refused: ${name}";
      ok = refuses (evaluated config);
    }) bad;

  units = {
    activated = seed.units;
    own-socket = ownSocket.units;
    guarded = guarded.units;
  };
  configuration = seed.config.services.rotera.configFile.text;
}
