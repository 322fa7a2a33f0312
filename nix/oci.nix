# From docker-archives to what is published: an OCI layout for each image, its SBOM, digests, and one index for both
# architectures. Everything here is a function of its inputs' bytes.
{
  lib,
  runCommand,
  closureInfo,
  writeText,
  gnutar,
  gzip,
  jq,
  version,
  revision,
}:
let
  crates = import ./sbom.nix { inherit lib; };

  sbom =
    image:
    runCommand "dragoman-${image.name}.spdx.json"
      {
        nativeBuildInputs = [ jq ];
        closure = closureInfo { rootPaths = image.contents; };
        crates = writeText "crates.json" (builtins.toJSON (crates image.programs));
      }
      ''
        jq --null-input --sort-keys --from-file ${./oci/sbom.jq} \
          --arg name dragoman-${image.name} --arg version ${version} --arg revision ${revision} \
          --rawfile registration $closure/registration --slurpfile crates $crates >$out
      '';

  layout =
    image:
    runCommand "dragoman-${image.name}-oci" {
      nativeBuildInputs = [
        gnutar
        gzip
        jq
      ];
    } ''bash ${./oci/layout.sh} ${image} ${version} $out'';
in
{
  # One directory: layouts/<image>, archives/<image>.tar.gz, sbom/<image>.spdx.json, digests.json.
  collect =
    name: images:
    runCommand "dragoman-${name}-${version}"
      {
        nativeBuildInputs = [ jq ];
        passthru = { inherit images; };
      }
      ''
        mkdir -p $out/layouts $out/archives $out/sbom
        ${lib.concatStrings (
          lib.mapAttrsToList (name: image: ''
            cp -r --no-preserve=mode ${layout image} $out/layouts/${name}
            cp ${image} $out/archives/${name}.tar.gz
            cp ${sbom image} $out/sbom/${name}.spdx.json
          '') images
        )}
        bash ${./oci/digests.sh} $out ${version} ${revision} >$out/digests.json
      '';

  # One index for each image, out of one `collect` for each architecture.
  join =
    { amd64, arm64 }:
    runCommand "dragoman-image-index-${version}" { nativeBuildInputs = [ jq ]; } ''
      bash ${./oci/join.sh} $out ${amd64} ${arm64}
    '';
}
