# The crates behind some of our programs: what Cargo.lock reaches from their packages. The lock file does not say which
# features are on, so a crate that is only used by tests or on another system is in the list too.
{ lib }:
let
  locked = (lib.importTOML ../Cargo.lock).package;
  # "name", or "name version" where there are several, or with the source behind.
  word = n: text: builtins.elemAt (lib.splitString " " text) n;
  matches =
    dependency: package:
    package.name == word 0 dependency
    && (!(lib.hasInfix " " dependency) || package.version == word 1 dependency);
  key = package: "${package.name} ${package.version}";
  byName = lib.groupBy (package: package.name) locked;
  reached =
    roots:
    map (entry: entry.package) (
      builtins.genericClosure {
        startSet = map (package: {
          key = key package;
          inherit package;
        }) roots;
        operator =
          { package, ... }:
          map
            (dependency: rec {
              key = "${package.name} ${package.version}";
              package = lib.findFirst (matches dependency) (throw "no ${dependency} in Cargo.lock") (
                byName.${word 0 dependency}
              );
            })
            (package.dependencies or [ ]);
      }
    );
  ours = program: byName.${program.meta.mainProgram} or [ ];
in
programs:
lib.sort (a: b: key a < key b) (
  map (package: {
    inherit (package) name version;
    checksum = package.checksum or null;
  }) (reached (lib.concatMap ours programs))
)
